/**
 * The embedded runtime against what a real OTP 25 saw in the same scenarios. `npm run prove` compares all that is recorded, `npm test`
 * the first of each kind. Recorded anew by `npm run differential -- record`.
 */
import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';
import { readGolden, recordedCounts } from './golden.ts';
import { makers } from './makers.ts';
import { fingerprint } from './scenario.ts';

const all = process.env['ARSENAL_PROVE'] === '1';
const shortly = { process: 1200, supervisor: 400, server: 400 } as const;

describe('the same scenarios on OTP and here', () => {
  it.each(['process', 'supervisor', 'server'] as const)(
    '%s: every process sees the same',
    async (kind) => {
      const recorded = await readGolden(import.meta.dirname, kind);
      expect(recorded).toHaveLength(recordedCounts[kind]);
      const different: unknown[] = [];
      for (const [at, { fingerprint: expected, log }] of recorded.slice(0, all ? undefined : shortly[kind]).entries()) {
        const scenario = makers.get(kind)!(at + 1);
        expect(fingerprint(scenario), 'The makers of scenarios have changed: record anew.').toBe(expected);
        const verdict = explain(scenario, log);
        if (verdict.is === 'different') different.push({ seed: scenario.seed, ...verdict.difference });
      }
      expect(different).toEqual([]);
    },
    all ? 600_000 : 60_000,
  );
});
