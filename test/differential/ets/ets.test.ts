/**
 * The simulated runtime's `ets` against what the `ets` of a real OTP 25 answered in the same scenarios. `npm run prove` compares all that
 * is recorded, `npm test` the first. Recorded anew by `npm run differential -- record ets`.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { difference } from './etsCompare.ts';
import { fingerprint, readGolden, recordedCount } from './etsGolden.ts';
import { runOurs } from './etsOurs.ts';
import { etsScenario } from './etsScenarios.ts';

const all = process.env['ARSENAL_PROVE'] === '1';
const shortly = 300;

it(
  'answers every call as OTP does',
  async () => {
    const recorded = await readGolden(path.join(import.meta.dirname, '..'));
    expect(recorded).toHaveLength(recordedCount);
    const different: unknown[] = [];
    for (const [at, { fingerprint: expected, answers }] of recorded.slice(0, all ? undefined : shortly).entries()) {
      const scenario = etsScenario(at + 1);
      expect(fingerprint(scenario), 'The maker of scenarios has changed: record anew.').toBe(expected);
      different.push(...[difference(scenario, answers, runOurs(scenario))].filter((found) => found !== null));
    }
    expect(different).toEqual([]);
  },
  all ? 600_000 : 120_000,
);
