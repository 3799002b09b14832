import { Type } from 'typebox';
import { fail, ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeResult, nodeRow, statusOf } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';
import { nodeAt, peerTouches, plannedNode, whatRunsOn } from './nodeAt.ts';

export const restartNode = defineOperation({
  name: 'restart_node',
  title: 'Restart Node',
  description:
    'Brings a node up as a new incarnation, crashing it first when it is up. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: false,
  needs: ['cluster.nodes', 'faults.crashNode', 'faults.startNode'],
  mayUse: ['system.stats', 'cluster.links'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({ ...nodeResult, wasUp: Type.Boolean() }),
  route: { method: 'POST', path: '/cluster/nodes/:node/restart' },
  examples: [{ title: 'A node of the simulated cluster', params: { node: 'demo3@sim' } }],
  errors: [{ code: 'node.restarted', remedy: 'Look at the node, and run it again if you still want it.' }],
  async plan(context, { node }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return found;
    const { creation, reach } = found.value;
    const isUp = statusOf(reach) === 'up';
    const runs = isUp ? await whatRunsOn(context, node) : null;
    return ok({
      summary: isUp ? `Crash ${node} and bring it up again` : `Bring ${node} up again`,
      touches: [
        {
          node,
          what: runs === null ? 'its applications start' : `${runs.processes} on it end, its applications start anew`,
        },
        ...peerTouches(node, runs?.peers ?? [], 'closes'),
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { node, creation, isUp },
    });
  },
  async apply(context, { steps }) {
    const { node, isUp } = steps;
    const planned = await plannedNode(context, steps);
    if (!planned.ok) return planned;
    const crashed = isUp ? await context.port.faults.crashNode({ node }, context.options()) : ok({ wasUp: false });
    if (!crashed.ok) return crashed;
    const started = await context.port.faults.startNode({ node }, context.options());
    if (started.ok) return ok({ ...nodeRow(started.value), wasUp: crashed.value.wasUp });
    return fail({ ...started.error, effect: crashed.value.wasUp ? 'partial' : started.error.effect });
  },
  async probe(context, { steps: { node, creation } }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return 'unknown';
    // A new incarnation that is up can only have come from a start; down, it may have stopped half way.
    if (statusOf(found.value.reach) !== 'up') return 'unknown';
    return found.value.creation === creation ? 'none' : 'applied';
  },
});
