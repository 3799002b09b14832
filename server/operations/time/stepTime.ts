import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { timeResult, timeRow } from './timeRows.ts';
import { known } from '../knownErrors.ts';

export const stepTime = defineOperation({
  name: 'step_time',
  title: 'Step Time',
  description:
    'Lets a stretch of the cluster’s time pass at once, or goes to the next thing that happens, and stands still then. Only on simulated clusters.',
  category: 'faults',
  severity: 'change',
  idempotent: false,
  needs: ['clock.state', 'clock.step'],
  params: Type.Object({
    ms: Type.Optional(
      Type.Number({
        minimum: 0.001,
        maximum: 86_400_000,
        description: 'How much time; without it, to the next timer or message that arrives.',
      }),
    ),
  }),
  result: Type.Object({
    ...timeResult,
    passedMs: Type.Number({ description: 'How much of the cluster’s time has passed.' }),
  }),
  route: { method: 'POST', path: '/cluster/time/step' },
  examples: [
    { title: 'To the next thing that happens', params: {} },
    { title: 'A second', params: { ms: 1000 } },
  ],
  errors: [known.notHere],
  async plan(context, { ms }) {
    const state = await context.port.clock.state({}, context.options());
    if (!state.ok) return state;
    return ok({
      summary: ms === undefined ? 'Go to the next thing that happens' : `Let ${ms} ms pass at once`,
      touches: [],
      severity: 'change',
      undo: 'no',
      steps: { ms: ms ?? null, fromMs: state.value.nowMs },
    });
  },
  async apply(context, { steps }) {
    const state = await context.port.clock.step({ ms: steps.ms }, context.options());
    if (!state.ok) return state;
    return ok({ ...timeRow(state.value), passedMs: state.value.nowMs - steps.fromMs });
  },
  /** By what the clock says, while time stands still since; where somebody else let time pass nobody knows. */
  async probe(context, { steps: { ms, fromMs } }) {
    const state = await context.port.clock.state({}, context.options());
    if (!state.ok || !state.value.paused) return 'unknown';
    const passedMs = state.value.nowMs - fromMs;
    if (passedMs === 0) return 'none';
    // Without a stretch it went to the next thing that happens, wherever that was.
    return ms !== null && Math.abs(passedMs - ms) < 0.001 ? 'applied' : 'unknown';
  },
});
