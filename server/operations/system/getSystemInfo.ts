import { Type } from 'typebox';
import type { Json } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam, statsResult } from '../parameters.ts';
import { connectedNode } from '../resolve.ts';
import { known } from '../knownErrors.ts';

export const getSystemInfo = defineOperation({
  name: 'get_system_info',
  title: 'Get System Information',
  description: 'What a node says of its emulator (erlang:system_info/1), and its figures of the moment.',
  category: 'system',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'system.info', 'system.stats'],
  params: Type.Object({
    node: Type.Optional(Type.String({ ...nodeParam, description: 'The node; the connected one when absent.' })),
  }),
  result: Type.Object({
    node: Type.String(),
    entries: Type.Unsafe<{ readonly [key: string]: Json }>({ type: 'object' }),
    stats: statsResult,
  }),
  route: { method: 'GET', path: '/system/info' },
  examples: [{ title: 'Of one node', params: { node: 'demo1@sim' } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context, given) {
    const node = given.node === undefined ? await connectedNode(context) : ok(given.node);
    if (!node.ok) return node;
    const info = await context.port.system.info({ node: node.value }, context.options());
    if (!info.ok) return info;
    const stats = await context.port.system.stats({ node: node.value }, context.options());
    return stats.ok ? ok({ node: node.value, entries: info.value.entries, stats: stats.value }) : stats;
  },
});
