import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam, nullable } from '../parameters.ts';
import { heldResult, heldRow, lingerParam, probeFault, releaseFault } from './heldFault.ts';
import { known } from '../knownErrors.ts';
import { nodesAt } from './nodeAt.ts';

export const dropLink = defineOperation({
  name: 'drop_link',
  title: 'Drop on Link',
  description:
    'Lets a share of what one node sends another be lost on the way, or only so many bytes a second through, until heal_cluster. Nodes talk over TCP, which sends again what is lost: it comes late. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: false,
  needs: ['cluster.nodes', 'faults.dropLink', 'holdings.list', 'holdings.release'],
  params: Type.Object({
    from: Type.String({ ...nodeParam, description: 'The node that sends.' }),
    to: Type.String({ ...nodeParam, description: 'The node it sends to.' }),
    lossRatio: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: '0 to 1: the share that is lost. When absent all of it, or with bytesPerSecond nothing.',
      }),
    ),
    bytesPerSecond: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: 'No more than these.' }),
    ),
    lingerMs: lingerParam,
  }),
  result: Type.Object({
    from: Type.String(),
    to: Type.String(),
    lossRatio: Type.Number(),
    bytesPerSecond: nullable(Type.Integer()),
    ...heldResult,
  }),
  route: { method: 'POST', path: '/cluster/links/losses' },
  examples: [{ title: 'A tenth', params: { from: 'demo1@sim', to: 'demo2@sim', lossRatio: 0.1 } }],
  errors: [known.notHere, known.nodeNotFound],
  async plan(context, { from, to, bytesPerSecond, lossRatio = bytesPerSecond === undefined ? 1 : 0, lingerMs }) {
    const there = await nodesAt(context, [
      { node: from, pointer: '/from' },
      { node: to, pointer: '/to' },
    ]);
    if (!there.ok) return there;
    return ok({
      summary: `Lose ${percent(lossRatio)} of what ${from} sends to ${to}${bytesPerSecond === undefined ? '' : `, let ${String(bytesPerSecond)} bytes a second through`}`,
      touches: [{ node: from, what: `the link to ${to}` }],
      severity: 'destroy',
      undo: 'yes',
      steps: { from, to, lossRatio, bytesPerSecond: bytesPerSecond ?? null, lingerMs, owner: context.owner },
    });
  },
  async apply(context, { steps }) {
    const held = await context.port.faults.dropLink(steps, context.options());
    const { from, to, lossRatio, bytesPerSecond } = steps;
    return held.ok ? ok({ from, to, lossRatio, bytesPerSecond, ...heldRow(held.value) }) : held;
  },
  compensate: (context, _plan, done) => releaseFault(context, done),
  probe: (context, { steps }) => probeFault(context, steps.owner),
});

function percent(ratio: number): string {
  return `${String(Math.round(ratio * 1_000) / 10)} %`;
}
