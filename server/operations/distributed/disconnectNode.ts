import { Type } from 'typebox';
import { nodeNotFound } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { known } from '../knownErrors.ts';

export const disconnectNode = defineOperation({
  name: 'disconnect_node',
  title: 'Disconnect Node',
  description: "Closes Arsenal's own link to a node. The cluster's links stay as they are.",
  category: 'distributed',
  severity: 'change',
  idempotent: true,
  needs: ['cluster.nodes', 'cluster.connect', 'cluster.disconnect'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({ node: Type.String(), wasConnected: Type.Boolean() }),
  route: { method: 'POST', path: '/cluster/nodes/:node/disconnect' },
  examples: [{ title: 'A node of the cluster', params: { node: 'demo2@sim' } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async plan(context, { node }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    if (!nodes.ok) return nodes;
    const info = nodes.value.nodes.find((known) => known.node === node);
    if (info === undefined) return nodeNotFound(node);
    const wasDirect = info.reach.via === 'direct';
    return ok({
      summary: wasDirect ? `Close our link to ${node}` : `There is no link of ours to ${node}`,
      touches: [{ node, what: 'our own link' }],
      severity: 'change',
      undo: 'yes',
      steps: { node, wasDirect },
    });
  },
  async apply(context, { steps: { node } }) {
    const closed = await context.port.cluster.disconnect({ node }, context.options());
    return closed.ok ? ok({ node, wasConnected: closed.value.wasConnected }) : closed;
  },
  // The link was one of the process that was to close it, and ended with it.
  probe: () => Promise.resolve('applied'),
  async compensate(context, { steps: { node, wasDirect } }) {
    if (!wasDirect) return ok(null);
    const connected = await context.port.cluster.connect({ node }, context.options());
    return connected.ok ? ok(null) : connected;
  },
});
