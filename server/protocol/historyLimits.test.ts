import { describe, expect, it } from 'vitest';
import { defaultHistoryLimits, readHistoryLimits } from './operation.ts';

describe('limits of the history, as settings say them', () => {
  const before = { entries: 500, days: 7, resultMinutes: 5, statsDays: 14 };

  it('are taken; what is not said is the default', () => {
    const said = { entries: 200, resultMinutes: 0 };
    expect(readHistoryLimits(said, before)).toEqual({
      limits: { ...defaultHistoryLimits, ...said },
      problems: new Map(),
    });
  });

  it.each(['200', 99, 100_001, 100.5, null, true, [200], Number.NaN])(
    'are told where they are wrong (%j), and hold on',
    (entries) => {
      const { limits, problems } = readHistoryLimits({ ...before, entries, days: 8 }, before);
      expect(limits).toEqual({ ...before, days: 8 });
      expect([...problems]).toEqual([['entries', 'must be a whole number from 100 to 100000; 500 holds on']]);
    },
  );
});
