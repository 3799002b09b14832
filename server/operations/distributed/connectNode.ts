import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeResult, nodeRow } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const connectNode = defineOperation({
  name: 'connect_node',
  title: 'Connect Node',
  description:
    "Opens Arsenal's own link to a node, so that it is looked at directly. The cluster's links stay as they are.",
  category: 'distributed',
  severity: 'change',
  idempotent: true,
  needs: ['cluster.nodes', 'cluster.connect', 'cluster.disconnect'],
  params: Type.Object({
    node: nodeParam,
    address: Type.Optional(
      Type.Object(
        {
          host: Type.String({ minLength: 1, maxLength: 255 }),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
        },
        { description: 'Where it listens, when it is in no EPMD.' },
      ),
    ),
  }),
  result: Type.Object(nodeResult),
  route: { method: 'POST', path: '/cluster/nodes/:node/connect' },
  examples: [{ title: 'A node of the cluster', params: { node: 'demo2@sim' } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async plan(context, { node, address }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    if (!nodes.ok) return nodes;
    const isDirect = nodes.value.nodes.some((known) => known.node === node && known.reach.via === 'direct');
    return ok({
      summary: isDirect ? `${node} is connected already` : `Connect to ${node}`,
      touches: [{ node, what: 'one hidden link of ours' }],
      severity: 'change',
      undo: 'yes',
      steps: { node, address: address ?? null, isDirect },
    });
  },
  async apply(context, { steps: { node, address } }) {
    const connected = await context.port.cluster.connect(
      { node, ...(address !== null && { address }) },
      context.options(),
    );
    return connected.ok ? ok(nodeRow(connected.value)) : connected;
  },
  // The link was one of the process that opened it, and ended with it.
  probe: () => Promise.resolve('none'),
  async compensate(context, { steps: { node, isDirect } }) {
    if (isDirect) return ok(null);
    const closed = await context.port.cluster.disconnect({ node }, context.options());
    return closed.ok ? ok(null) : closed;
  },
});
