import { expect, it } from 'vitest';
import { makeEvents, runEventsHere } from './events.ts';
import type { Kind } from './golden.ts';
import { digest, golden, recordedSeeds } from './golden.ts';
import { makeScenario, runHere } from './scenarios.ts';

it.each<[string, Kind, (seed: number) => string]>([
  ['gen_statem runs the recorded machines', 'machines', (seed) => runHere(makeScenario(seed))],
  ['gen_event runs the recorded managers', 'events', (seed) => runEventsHere(makeEvents(seed))],
])(
  '%s as OTP did',
  (_what, kind, run) => {
    const recorded = golden(kind);
    const seeds = recordedSeeds(kind);
    expect(recorded).toHaveLength(seeds.length);
    const different = seeds.flatMap((seed, at) => {
      const here = run(seed);
      return digest(here) === recorded[at] ? [] : [{ seed, here }];
    });
    expect(different.slice(0, 2), `${different.length} differ`).toEqual([]);
  },
  60_000,
);
