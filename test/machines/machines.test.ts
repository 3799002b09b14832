import { expect, it } from 'vitest';
import { digest, golden, recordedSeeds } from './golden.ts';
import { makeScenario, runHere } from './scenarios.ts';

it('gen_statem runs 1,000 recorded machines as OTP did', () => {
  const recorded = golden();
  expect(recorded).toHaveLength(recordedSeeds.length);
  const different = recordedSeeds.flatMap((seed, at) => {
    const here = runHere(makeScenario(seed));
    return digest(here) === recorded[at] ? [] : [{ seed, here }];
  });
  expect(different.slice(0, 3), `${different.length} differ`).toEqual([]);
}, 60_000);
