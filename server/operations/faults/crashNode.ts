import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { statusOf } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';
import { nodeAt, peerTouches, plannedNode, whatRunsOn } from './nodeAt.ts';

export const crashNode = defineOperation({
  name: 'crash_node',
  title: 'Crash Node',
  description: 'Takes a node down at once, as a power cut does. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: true,
  needs: ['cluster.nodes', 'faults.crashNode'],
  mayUse: ['system.stats', 'cluster.links'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({ node: Type.String(), wasUp: Type.Boolean() }),
  route: { method: 'POST', path: '/cluster/nodes/:node/crash' },
  examples: [{ title: 'A node of the simulated cluster', params: { node: 'demo3@sim' } }],
  errors: [{ code: 'node.restarted', remedy: 'Look at the node, and run it again if you still want it.' }],
  async plan(context, { node }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return found;
    const { creation, reach } = found.value;
    const isUp = statusOf(reach) === 'up';
    const runs = isUp ? await whatRunsOn(context, node) : null;
    return ok({
      summary: runs === null ? `${node} is down already` : `Crash ${node} with ${runs.processes} on it`,
      touches:
        runs === null
          ? []
          : [{ node, what: `${runs.processes} on it end` }, ...peerTouches(node, runs.peers, 'closes')],
      severity: 'destroy',
      undo: 'no',
      steps: { node, creation },
    });
  },
  async apply(context, { steps }) {
    const { node } = steps;
    const planned = await plannedNode(context, steps);
    if (!planned.ok) return planned;
    const crashed = await context.port.faults.crashNode({ node }, context.options());
    return crashed.ok ? ok({ node, wasUp: crashed.value.wasUp }) : crashed;
  },
  async probe(context, { steps: { node, creation } }) {
    const found = await nodeAt(context, node);
    if (!found.ok) return 'unknown';
    return found.value.creation === creation && statusOf(found.value.reach) === 'up' ? 'none' : 'applied';
  },
});
