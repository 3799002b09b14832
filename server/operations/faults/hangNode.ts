import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { heldResult, heldRow, lingerParam, probeFault, releaseFault } from './heldFault.ts';
import { nodeAt, peerTouches, plannedNode, whatRunsOn } from './nodeAt.ts';
import { known } from '../knownErrors.ts';

export const hangNode = defineOperation({
  name: 'hang_node',
  title: 'Hang Node',
  description:
    'Stops a node where it stands: connected, and silent, until heal_cluster lets it go on. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: false,
  needs: ['cluster.nodes', 'faults.hangNode', 'holdings.list', 'holdings.release'],
  mayUse: ['system.stats', 'cluster.links'],
  params: Type.Object({ node: nodeParam, lingerMs: lingerParam }),
  result: Type.Object({ node: Type.String(), ...heldResult }),
  route: { method: 'POST', path: '/cluster/nodes/:node/hang' },
  examples: [{ title: 'One node', params: { node: 'demo3@sim' } }],
  errors: [known.notHere, known.nodeNotFound],
  async plan(context, { node, lingerMs }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return found;
    const runs = await whatRunsOn(context, node);
    return ok({
      summary: `Hang ${node}`,
      touches: [
        { node, what: `${runs.processes} on it stand still` },
        ...peerTouches(node, runs.peers, 'falls silent'),
      ],
      severity: 'destroy',
      undo: 'yes',
      steps: { node, creation: found.value.creation, lingerMs, owner: context.owner },
    });
  },
  async apply(context, { steps }) {
    const planned = await plannedNode(context, steps);
    if (!planned.ok) return planned;
    const { node, lingerMs, owner } = steps;
    const held = await context.port.faults.hangNode({ node, lingerMs, owner }, context.options());
    return held.ok ? ok({ node, ...heldRow(held.value) }) : held;
  },
  compensate: (context, _plan, done) => releaseFault(context, done),
  probe: (context, { steps }) => probeFault(context, steps.owner),
});
