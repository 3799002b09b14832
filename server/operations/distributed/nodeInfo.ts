import { Type } from 'typebox';
import { nodeNotFound, nodeUnavailable } from '../../../runtime/errors.ts';
import { fail, ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeResult, nodeRow } from '../nodeRows.ts';
import { nodeParam, nullable, statsResult } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const nodeInfo = defineOperation({
  name: 'node_info',
  title: 'Node Info',
  description: 'One node: its release, load, memory by kind, running applications, and whom it is connected to.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'cluster.links', 'system.stats', 'system.memory', 'system.applications'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({
    ...nodeResult,
    stats: statsResult,
    memoryBytes: Type.Unsafe<{ readonly [kind: string]: number }>({
      type: 'object',
      additionalProperties: { type: 'number' },
      description: 'By kind.',
    }),
    applications: Type.Array(
      Type.Object({
        name: Type.String(),
        description: Type.String(),
        version: Type.String(),
        running: Type.Boolean(),
      }),
    ),
    sees: nullable(Type.Array(Type.String(), { description: 'The nodes it is connected to, as it says itself.' })),
  }),
  route: { method: 'GET', path: '/cluster/nodes/:node' },
  examples: [{ title: 'A node of the simulated cluster', params: { node: 'demo1@sim' } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context, { node }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    if (!nodes.ok) return nodes;
    const info = nodes.value.nodes.find((known) => known.node === node);
    if (info === undefined) return nodeNotFound(node);
    const row = nodeRow(info);
    if (row.status !== 'up')
      return fail({ ...nodeUnavailable(node).error, details: { status: row.status, reach: info.reach } });
    const [stats, memory, applications, links] = await Promise.all([
      context.port.system.stats({ node }, context.options()),
      context.port.system.memory({ node }, context.options()),
      context.port.system.applications({ node }, context.options()),
      context.port.cluster.links({}, context.options()),
    ]);
    if (!stats.ok) return stats;
    if (!memory.ok) return memory;
    if (!applications.ok) return applications;
    const sees = links.ok ? links.value.links.find((sight) => sight.node === node)?.sees : undefined;
    return ok({
      ...row,
      stats: stats.value,
      memoryBytes: memory.value.bytes,
      applications: applications.value.applications.map(({ name, description, version, running }) => ({
        name,
        description,
        version,
        running,
      })),
      sees: sees === undefined ? null : [...sees],
    });
  },
});
