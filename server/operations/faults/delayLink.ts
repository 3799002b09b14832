import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { heldResult, heldRow, lingerParam, probeFault, releaseFault } from './heldFault.ts';
import { known } from '../knownErrors.ts';
import { nodesAt } from './nodeAt.ts';

export const delayLink = defineOperation({
  name: 'delay_link',
  title: 'Delay Link',
  description:
    'Lets what one node sends another come later, in its order, until heal_cluster. The other direction is another call. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'change',
  idempotent: false,
  needs: ['cluster.nodes', 'faults.delayLink', 'holdings.list', 'holdings.release'],
  params: Type.Object({
    from: Type.String({ ...nodeParam, description: 'The node that sends.' }),
    to: Type.String({ ...nodeParam, description: 'The node it sends to.' }),
    delayMs: Type.Integer({ minimum: 0, maximum: 60_000, description: 'By so much.' }),
    jitterMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 0,
      description: 'And up to so much more, by chance.',
    }),
    lingerMs: lingerParam,
  }),
  result: Type.Object({ from: Type.String(), to: Type.String(), delayMs: Type.Integer(), ...heldResult }),
  route: { method: 'POST', path: '/cluster/links/delays' },
  examples: [{ title: 'Half a second', params: { from: 'demo1@sim', to: 'demo2@sim', delayMs: 500 } }],
  errors: [known.notHere, known.nodeNotFound],
  async plan(context, { from, to, delayMs, jitterMs, lingerMs }) {
    const there = await nodesAt(context, [
      { node: from, pointer: '/from' },
      { node: to, pointer: '/to' },
    ]);
    if (!there.ok) return there;
    return ok({
      summary: `Delay what ${from} sends to ${to} by ${String(delayMs)} ms`,
      touches: [{ node: from, what: `the link to ${to}` }],
      severity: 'change',
      undo: 'yes',
      steps: { from, to, delayMs, jitterMs, lingerMs, owner: context.owner },
    });
  },
  async apply(context, { steps }) {
    const held = await context.port.faults.delayLink(steps, context.options());
    const { from, to, delayMs } = steps;
    return held.ok ? ok({ from, to, delayMs, ...heldRow(held.value) }) : held;
  },
  compensate: (context, _plan, done) => releaseFault(context, done),
  probe: (context, { steps }) => probeFault(context, steps.owner),
});
