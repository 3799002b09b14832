import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { timeResult, timeRow } from './timeRows.ts';
import { known } from '../knownErrors.ts';

export const resumeTime = defineOperation({
  name: 'resume_time',
  title: 'Resume Time',
  description:
    'Lets the time of the cluster pass again, slower or faster than on the wall if asked. Only on simulated clusters.',
  category: 'faults',
  severity: 'change',
  idempotent: true,
  needs: ['clock.state', 'clock.run'],
  params: Type.Object({
    speed: Type.Number({
      minimum: 0.01,
      maximum: 1000,
      default: 1,
      description: 'How many times as fast as on the wall; what the machine cannot keep up with is late.',
    }),
  }),
  result: Type.Object(timeResult),
  route: { method: 'POST', path: '/cluster/time/resume' },
  examples: [
    { title: 'As on the wall', params: {} },
    { title: 'Ten times as fast', params: { speed: 10 } },
  ],
  errors: [known.notHere],
  plan: (_context, { speed }) =>
    Promise.resolve(
      ok({
        summary: speed === 1 ? 'Let time pass' : `Let time pass ${speed} times as fast`,
        touches: [],
        severity: 'change' as const,
        undo: 'no' as const,
        steps: { speed },
      }),
    ),
  async apply(context, { steps }) {
    const state = await context.port.clock.run({ speed: steps.speed }, context.options());
    return state.ok ? ok(timeRow(state.value)) : state;
  },
  async probe(context, { steps }) {
    const state = await context.port.clock.state({}, context.options());
    if (!state.ok) return 'unknown';
    const { paused, speed } = state.value;
    return !paused && (speed === null || speed === steps.speed) ? 'applied' : 'none';
  },
});
