import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { coverageResult, nodeFilterParam } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const getAllocatorInfo = defineOperation({
  name: 'get_allocator_info',
  title: 'Get Allocator Information',
  description:
    'The memory of each node as its allocators hold it: carriers are what the operating system gave, blocks what is in use of them. A low usage of large carriers is fragmentation.',
  category: 'system',
  severity: 'read',
  idempotent: true,
  needs: ['cluster.nodes', 'system.allocators'],
  params: Type.Object({ node: nodeFilterParam }),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        carrierBytes: Type.Number(),
        blockBytes: Type.Number(),
        usage: Type.Number({ description: '0 to 1: blocks of carriers.' }),
        allocators: Type.Array(
          Type.Object({
            name: Type.String(),
            instances: Type.Integer(),
            carrierBytes: Type.Number(),
            blockBytes: Type.Number(),
            usage: Type.Number(),
          }),
        ),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/system/allocators' },
  examples: [{ title: 'Of all nodes', params: {} }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context, { node }) {
    const asked = await eachNode(context, node, (name) =>
      context.port.system.allocators({ node: name }, context.options()),
    );
    if (!asked.ok) return asked;
    const items = asked.value.answers.map(({ node: name, value: { allocators } }) => {
      const carrierBytes = allocators.reduce((sum, one) => sum + one.carrierBytes, 0);
      const blockBytes = allocators.reduce((sum, one) => sum + one.blockBytes, 0);
      const usage = (blocks: number, carriers: number) => (carriers === 0 ? 1 : blocks / carriers);
      return {
        node: name,
        carrierBytes,
        blockBytes,
        usage: usage(blockBytes, carrierBytes),
        allocators: allocators
          .map((one) => ({ ...one, usage: usage(one.blockBytes, one.carrierBytes) }))
          .toSorted((a, b) => b.carrierBytes - a.carrierBytes),
      };
    });
    return ok({ items, total: items.length, next: null, nodes: asked.value.nodes });
  },
});
