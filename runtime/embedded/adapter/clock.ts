/** The port's `clock.*`: the time of the simulated cluster. */
import { failure, unsupported } from '../../errors.ts';
import type { ClockState, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { MethodTable } from '../../port.ts';
import { fileNameOf, replayTest } from '../record/scenarioFormat.ts';
import type { Clock } from '../time/clock.ts';

const speeds = { least: 0.01, most: 1000 } as const;
const mostStepMs = 86_400_000;

export function clockMethods(clock: Clock): MethodTable {
  const state = (): Promise<Result<ClockState>> => Promise.resolve(ok(clock.state));
  return {
    'clock.state': state,
    'clock.pause': () => {
      clock.pause();
      return state();
    },
    'clock.run': ({ speed }) => {
      if (!(speed >= speeds.least && speed <= speeds.most)) {
        return outOfRange(`A speed is from ${speeds.least} to ${speeds.most}.`, '/speed');
      }
      if (clock.state.mode === 'deterministic' && speed !== 1) {
        const why = 'the time of a deterministic cluster passes as fast as it can.';
        return Promise.resolve(unsupported('A speed', why, 'Leave it out, or step.'));
      }
      clock.run(speed);
      return state();
    },
    'clock.recording': ({ name }) => {
      const { recorder } = clock;
      if (recorder === null) {
        const why = 'the order of events in live time is the wall’s, too.';
        return Promise.resolve(unsupported('A recording', why, 'Start the cluster with a seed.'));
      }
      const file = fileNameOf(name);
      const test = replayTest(`${file}.scenario.json`, null);
      return Promise.resolve(ok({ file, scenario: recorder.scenario(name), test }));
    },
    'clock.step': async ({ ms }, { signal }) => {
      if (ms !== null && !(Number.isFinite(ms) && ms > 0 && ms <= mostStepMs)) {
        return outOfRange(`A step is more than 0 and at most ${mostStepMs} ms.`, '/ms');
      }
      await clock.step(ms, signal);
      return ok(clock.state);
    },
  };
}

function outOfRange(message: string, pointer: string): Promise<Result<never>> {
  const remedy = 'Choose a number in this range.';
  return Promise.resolve(failure('validation', 'clock.out_of_range', message, remedy, { pointer }));
}
