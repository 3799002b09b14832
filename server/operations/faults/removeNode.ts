import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { statusOf } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';
import { nodeAt, peerTouches, plannedNode, whatRunsOn } from './nodeAt.ts';

export const removeNode = defineOperation({
  name: 'remove_node',
  title: 'Remove Node',
  description: 'Ends a node for good: it is no part of the cluster afterwards. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: true,
  needs: ['cluster.nodes', 'faults.removeNode'],
  mayUse: ['system.stats', 'cluster.links'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({ node: Type.String(), wasUp: Type.Boolean() }),
  route: { method: 'DELETE', path: '/cluster/nodes/:node' },
  examples: [{ title: 'The last one', params: { node: 'demo3@sim' } }],
  errors: [{ code: 'node.restarted', remedy: 'Look at the node, and run it again if you still want it.' }],
  async plan(context, { node }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return found;
    const runs = statusOf(found.value.reach) === 'up' ? await whatRunsOn(context, node) : null;
    return ok({
      summary: `Remove ${node} from the cluster${runs === null ? '' : `, with ${runs.processes} on it`}`,
      touches: [
        { node, what: runs === null ? 'is no part of the cluster any more' : `${runs.processes} on it end` },
        ...peerTouches(node, runs?.peers ?? [], 'closes'),
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { node, creation: found.value.creation },
    });
  },
  async apply(context, { steps }) {
    const planned = await plannedNode(context, steps);
    if (!planned.ok) return planned;
    const removed = await context.port.faults.removeNode({ node: steps.node }, context.options());
    return removed.ok ? ok({ node: steps.node, wasUp: removed.value.wasUp }) : removed;
  },
  async probe(context, { steps }) {
    const found = await nodeAt(context, steps.node);
    if (found.ok) return 'none';
    return found.error.class === 'not_found' ? 'applied' : 'unknown';
  },
});
