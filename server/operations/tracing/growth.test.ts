import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { growthOf } from './growth.ts';

const series = (...values: readonly number[]) => values.map((value, at) => ({ atMs: at * 1_000, value }));

describe('growth', () => {
  it('is told of what rises steadily, with its rate', () => {
    const growth = growthOf(series(100, 200, 300, 400, 500), 10);
    expect(growth).toMatchObject({ from: 100, to: 500, steadiness: 1 });
    expect(growth?.perSecond).toBeCloseTo(100);
  });

  it('is not told of what rises and falls, stands still, falls, is small, or was looked at too seldom', () => {
    expect(growthOf(series(100, 900, 100, 900, 100, 900), 10)).toBeNull();
    expect(growthOf(series(5, 5, 5, 5, 5), 0)).toBeNull();
    expect(growthOf(series(500, 400, 300, 200, 100), 10)).toBeNull();
    expect(growthOf(series(10_000, 10_100, 10_200, 10_300), 10)).toBeNull();
    expect(growthOf(series(1, 2, 3, 4), 10)).toBeNull();
    expect(growthOf(series(100, 200, 300), 10)).toBeNull();
    expect(growthOf([], 0)).toBeNull();
  });

  it('is seen through a saw of garbage collection that keeps rising', () => {
    const saw = Array.from({ length: 20 }, (_, at) => 1_000 + at * 500 + (at % 4) * 300);
    expect(growthOf(series(...saw), 1_000)?.perSecond).toBeGreaterThan(400);
  });

  it('of noise around a level is hardly ever told', () => {
    const noise = fc.array(fc.integer({ min: 900, max: 1_100 }), { minLength: 10, maxLength: 30 });
    let told = 0;
    fc.assert(
      fc.property(noise, (values) => {
        if (growthOf(series(...values), 10) !== null) told += 1;
      }),
      { numRuns: 1_000, seed: 7 },
    );
    expect(told).toBeLessThan(10);
  });
});
