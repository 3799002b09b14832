import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { coverageResult, nodeFilterParam } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const getMemoryInfo = defineOperation({
  name: 'get_memory_info',
  title: 'Get Memory Information',
  description: 'The memory of one node or of every node, by kind (erlang:memory/0), in bytes.',
  category: 'system',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'system.memory'],
  params: Type.Object({ node: nodeFilterParam }),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        bytes: Type.Unsafe<{ readonly [kind: string]: number }>({
          type: 'object',
          additionalProperties: { type: 'number' },
          description: 'By kind.',
        }),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/system/memory' },
  examples: [{ title: 'Of all nodes', params: {} }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context, { node }) {
    const asked = await eachNode(context, node, (name) =>
      context.port.system.memory({ node: name }, context.options()),
    );
    if (!asked.ok) return asked;
    const items = asked.value.answers.map(({ node: name, value }) => ({ node: name, bytes: value.bytes }));
    return ok({ items, total: items.length, next: null, nodes: asked.value.nodes });
  },
});
