/** What the operations on a cluster's time answer. */
import { Type } from 'typebox';
import type { ClockState } from '../../../runtime/model.ts';

export const timeResult = {
  mode: Type.Enum(['live', 'deterministic'], {
    description: 'live: with the time of the wall; deterministic: while a call waits, the same for the same calls.',
  }),
  paused: Type.Boolean(),
  speed: Type.Union([Type.Number(), Type.Null()], {
    description: 'How many times as fast as on the wall; null where that has no meaning.',
  }),
  nowMs: Type.Number({ description: 'Milliseconds of the cluster’s own clock.' }),
};

export function timeRow({ mode, paused, speed, nowMs }: ClockState): ClockState {
  return { mode, paused, speed, nowMs };
}
