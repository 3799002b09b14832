import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { timeResult, timeRow } from './timeRows.ts';
import { known } from '../knownErrors.ts';

export const pauseTime = defineOperation({
  name: 'pause_time',
  title: 'Pause Time',
  description:
    'Lets the time of the cluster stand still: nothing runs until resume_time or step_time. Only on simulated clusters.',
  category: 'faults',
  severity: 'change',
  idempotent: true,
  needs: ['clock.state', 'clock.pause', 'clock.run'],
  params: Type.Object({}),
  result: Type.Object(timeResult),
  route: { method: 'POST', path: '/cluster/time/pause' },
  examples: [{ title: 'Stand still', params: {} }],
  errors: [known.notHere],
  async plan(context) {
    const state = await context.port.clock.state({}, context.options());
    if (!state.ok) return state;
    const { paused, speed } = state.value;
    return ok({
      summary: paused ? 'Time stands still already' : 'Let time stand still',
      touches: [],
      severity: 'change',
      undo: 'yes',
      steps: { wasPaused: paused, speed: speed ?? 1 },
    });
  },
  async apply(context) {
    const state = await context.port.clock.pause({}, context.options());
    return state.ok ? ok(timeRow(state.value)) : state;
  },
  async compensate(context, { steps }) {
    if (steps.wasPaused) return ok(null);
    const state = await context.port.clock.run({ speed: steps.speed }, context.options());
    return state.ok ? ok(null) : state;
  },
  async probe(context) {
    const state = await context.port.clock.state({}, context.options());
    if (!state.ok) return 'unknown';
    return state.value.paused ? 'applied' : 'none';
  },
});
