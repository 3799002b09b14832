import { describe, expect, it } from 'vitest';
import { replayDigest } from './replay.ts';

const seeds = process.env['ARSENAL_PROVE'] === '1' ? 10_000 : 150;

describe('a seed', () => {
  it(
    `decides a run: ${seeds} of them give the same events twice, and each other ones than the next`,
    () => {
      const digests = new Set<string>();
      let events = 0;
      for (let seed = 1; seed <= seeds; seed += 1) {
        const first = replayDigest(seed);
        expect(replayDigest(seed), `seed ${seed}`).toEqual(first);
        digests.add(first.digest);
        events += first.events;
      }
      expect(digests.size).toBe(seeds);
      // Runs in which nothing happens would be alike as well.
      expect(events / seeds).toBeGreaterThan(100);
    },
    seeds * 100 + 20_000,
  );
});
