import { Type } from 'typebox';
import { nodeNotFound } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { statusOf } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';

export const crashNode = defineOperation({
  name: 'crash_node',
  title: 'Crash Node',
  description: 'Takes a node down at once, as a power cut does. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: true,
  needs: ['cluster.nodes', 'faults.crashNode'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object({ node: Type.String(), wasUp: Type.Boolean() }),
  route: { method: 'POST', path: '/cluster/nodes/:node/crash' },
  examples: [{ title: 'A node of the simulated cluster', params: { node: 'demo3@sim' } }],
  async plan(context, { node }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    if (!nodes.ok) return nodes;
    const info = nodes.value.nodes.find((known) => known.node === node);
    if (info === undefined) return nodeNotFound(node);
    const isUp = statusOf(info.reach) === 'up';
    return ok({
      summary: isUp ? `Crash ${node} with everything that runs on it` : `${node} is down already`,
      touches: [{ node, what: 'every process on it ends' }],
      severity: 'destroy',
      undo: 'no',
      steps: { node, creation: info.creation },
    });
  },
  async apply(context, { steps: { node } }) {
    const crashed = await context.port.faults.crashNode({ node }, context.options());
    return crashed.ok ? ok({ node, wasUp: crashed.value.wasUp }) : crashed;
  },
  async probe(context, { steps: { node, creation } }) {
    const nodes = await context.port.cluster.nodes({}, context.options());
    const info = nodes.ok ? nodes.value.nodes.find((known) => known.node === node) : undefined;
    if (info === undefined) return 'unknown';
    return info.creation === creation && statusOf(info.reach) === 'up' ? 'none' : 'applied';
  },
});
