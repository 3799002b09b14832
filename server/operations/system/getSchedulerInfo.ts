import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import { coverageResult, nodeFilterParam, nullable } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const getSchedulerInfo = defineOperation({
  name: 'get_scheduler_info',
  title: 'Get Scheduler Information',
  description: 'How busy the schedulers of each node were over a moment, and what waits for them.',
  category: 'system',
  severity: 'diagnose',
  idempotent: true,
  needs: ['cluster.nodes', 'system.schedulers'],
  params: Type.Object({
    node: nodeFilterParam,
    forMs: Type.Integer({ minimum: 100, maximum: 30_000, default: 1_000, description: 'How long they are measured.' }),
  }),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        schedulers: Type.Array(
          Type.Object({
            id: Type.Integer(),
            kind: Type.Enum(['normal', 'dirty_cpu', 'dirty_io']),
            utilisation: Type.Number({ description: '0 to 1.' }),
            runQueue: nullable(Type.Integer()),
          }),
        ),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/system/schedulers' },
  examples: [{ title: 'Of all nodes', params: { forMs: 200 } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  timeoutMs: 45_000,
  async execute(context, { node, forMs }) {
    const asked = await eachNode(context, node, (name) =>
      context.port.system.schedulers({ node: name, forMs }, context.options()),
    );
    if (!asked.ok) return asked;
    const items = asked.value.answers.map(({ node: name, value }) => ({
      node: name,
      schedulers: value.schedulers.map((one) => ({ ...one })),
    }));
    return ok({ items, total: items.length, next: null, nodes: asked.value.nodes });
  },
});
