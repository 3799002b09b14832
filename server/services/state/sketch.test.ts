import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relativeError, Sketch } from './sketch.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 300 });

function sketchOf(numbers: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const number of numbers) sketch.add(number);
  return sketch;
}

describe('a sketch', () => {
  // @row AN-04
  it('answers every quantile within its relative error of the value that is there', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, q) => {
        const exact = numbers.toSorted((a, b) => a - b)[Math.floor(q * (numbers.length - 1))] ?? NaN;
        const said = sketchOf(numbers).quantile(q) ?? NaN;
        // A hair more than stated: logarithms are rounded.
        expect(Math.abs(said - exact)).toBeLessThanOrEqual(exact * (relativeError + 1e-9));
      }),
      { numRuns: 500 },
    );
  });

  it('adds up: of two is what one of all their values is', () => {
    fc.assert(
      fc.property(values, values, (some, others) => {
        const merged = sketchOf(some);
        merged.merge(sketchOf(others));
        const all = sketchOf([...some, ...others]);
        for (const q of [0, 0.5, 0.9, 0.99, 1]) expect(merged.quantile(q)).toBe(all.quantile(q));
        expect(merged.count).toBe(all.count);
      }),
    );
  });

  it('is read as it was written, and nothing else is read', () => {
    fc.assert(
      fc.property(values, (numbers) => {
        const written: unknown = JSON.parse(JSON.stringify(sketchOf([0, ...numbers]).data()));
        const read = Sketch.from(written);
        expect(read?.count).toBe(numbers.length + 1);
        expect(read?.quantile(0.5)).toBe(sketchOf([0, ...numbers]).quantile(0.5));
      }),
    );
    for (const bad of [null, {}, [], [1, 2], [0.5], ['1'], [0, 1, -1]]) expect(Sketch.from(bad)).toBe(null);
  });

  it('knows no number less than none and none beyond all', () => {
    expect(new Sketch().quantile(0.5)).toBe(null);
    expect(sketchOf([-5, Number.NaN, 0]).quantile(1)).toBe(0);
    expect(sketchOf([Infinity]).quantile(1)).toBeCloseTo(1e12, -11);
  });
});
