import { describe, expect, it } from 'vitest';
import { seededPrng } from './prng.ts';

function draw(seed: number, count: number): number[] {
  const prng = seededPrng(seed);
  return Array.from({ length: count }, () => prng.next());
}

describe('seededPrng', () => {
  it('draws the same numbers for the same seed, others for another', () => {
    expect(draw(7, 100)).toEqual(draw(7, 100));
    expect(draw(7, 100)).not.toEqual(draw(8, 100));
  });

  it('draws evenly within its range', () => {
    const prng = seededPrng(3);
    const counts = new Array<number>(10).fill(0);
    for (let at = 0; at < 10_000; at += 1) {
      const drawn = prng.below(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('splits into streams that do not disturb each other', () => {
    const prng = seededPrng(7);
    const faults = prng.split('faults');
    faults.next();
    expect(prng.next()).toBe(seededPrng(7).next());
    expect(prng.split('faults').next()).toBe(seededPrng(7).split('faults').next());
    expect(prng.split('latency').next()).not.toBe(prng.split('faults').next());
  });
});
