import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinkCondition } from './condition.ts';
import { combined, isSilent, isUntouched, occupiedMs, openLink, transitMs } from './condition.ts';

const condition: fc.Arbitrary<LinkCondition> = fc.record({
  passage: fc.constantFrom('open' as const, 'cut' as const, 'blackhole' as const),
  delayMs: fc.nat(1_000),
  jitterMs: fc.nat(1_000),
  lossRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  bytesPerSecond: fc.option(fc.integer({ min: 1, max: 1_000_000 })),
});

describe('several faults on one link', () => {
  it('do the same in any order, and an open link adds nothing', () => {
    fc.assert(
      fc.property(condition, condition, (one, other) => {
        const forth = combined(one, other);
        const back = combined(other, one);
        expect(forth).toEqual({ ...back, lossRatio: forth.lossRatio });
        expect(forth.lossRatio).toBeCloseTo(back.lossRatio, 10);
        expect(combined(one, openLink)).toEqual({ ...one, lossRatio: combined(one, openLink).lossRatio });
        expect(combined(one, openLink).lossRatio).toBeCloseTo(one.lossRatio, 10);
      }),
    );
  });

  it('are never milder together than one alone', () => {
    fc.assert(
      fc.property(condition, condition, (one, other) => {
        const both = combined(one, other);
        expect(isSilent(both) || !isSilent(one)).toBe(true);
        expect(both.delayMs).toBeGreaterThanOrEqual(one.delayMs);
        expect(both.lossRatio).toBeGreaterThanOrEqual(one.lossRatio - 1e-12);
        expect(occupiedMs(both, 1_000)).toBeGreaterThanOrEqual(occupiedMs(one, 1_000));
        expect(isUntouched(both)).toBe(isUntouched(one) && isUntouched(other));
      }),
    );
  });
});

describe('the time on the way', () => {
  it('is the delay and a part of the jitter', () => {
    const link = { ...openLink, delayMs: 20, jitterMs: 10 };
    expect(transitMs(link, 100, () => 0)).toBe(20);
    expect(transitMs(link, 100, () => 0.5)).toBe(25);
  });

  it('grows by TCP’s waits for what is lost, doubled for what is lost again', () => {
    const link = { ...openLink, lossRatio: 0.5 };
    expect(transitMs(link, 100, () => 0.9)).toBe(0);
    const once = [0.1, 0.9];
    expect(transitMs(link, 100, () => once.shift() ?? 1)).toBe(200);
    const twice = [0.1, 0.1, 0.9];
    expect(transitMs(link, 100, () => twice.shift() ?? 1)).toBe(600);
  });

  it('is longer for more bytes on a narrow link', () => {
    expect(occupiedMs({ ...openLink, bytesPerSecond: 1_000 }, 500)).toBe(500);
    expect(occupiedMs(openLink, 500)).toBe(0);
  });
});
