import { describe, expect, it } from 'vitest';
import { isJson, isJsonObject, isSmall, plainDataProblem, pointerStep, sizeUpTo } from './plainData.ts';

describe('plainDataProblem', () => {
  it('has nothing against JSON', () => {
    expect(plainDataProblem({ a: [1, 'x', null, true, { b: {} }], ['~/']: 0 })).toBeNull();
    expect(isJson(Object.assign(Object.create(null), { a: 1 }))).toBe(true);
  });

  it.each([
    ['a function', { a: { 'x/y': () => 1 } }, '/a/x~1y'],
    ['undefined', [1, undefined], '/1'],
    ['NaN', [Number.NaN], '/0'],
    ['a bigint', 1n, ''],
    ['a symbol', Symbol('x'), ''],
    ['an instance of a class', { at: new Date() }, '/at'],
    ['a Map', new Map(), ''],
  ])('points at %s', (_what, value, pointer) => {
    expect(plainDataProblem(value)).toEqual({ pointer, message: 'is not JSON.' });
    expect(isJson(value)).toBe(false);
  });

  it('refuses a cycle and what is nested beyond reason, without overflowing the stack', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(plainDataProblem(cycle)?.message).toBe('is nested too deep.');
    let deep: unknown = 1;
    for (let level = 0; level < 200_000; level += 1) deep = [deep];
    expect(plainDataProblem(deep)?.message).toBe('is nested too deep.');
  });

  it('refuses what is another thing each time it is looked at', () => {
    let reads = 0;
    const changing = {
      get value() {
        reads += 1;
        return reads === 1 ? undefined : 1;
      },
    };
    expect(plainDataProblem(changing)).toEqual({ pointer: '', message: 'is not JSON.' });
  });

  it.each([
    ['values', Array.from({ length: 200_000 }, () => 0)],
    ['characters', 'x'.repeat(2_000_000)],
    ['characters in names', { ['x'.repeat(2_000_000)]: 1 }],
  ])('refuses too many %s', (_what, value) => {
    expect(plainDataProblem(value)).toEqual({ pointer: '', message: 'is too large.' });
  });
});

describe('pointerStep', () => {
  it('escapes as RFC 6901 says', () => {
    expect(pointerStep('a/b~c')).toBe('/a~1b~0c');
  });
});

describe('isJsonObject', () => {
  it('knows objects from lists and null', () => {
    expect([{}, [], null, 1].map((value) => isJsonObject(value))).toEqual([true, false, false, false]);
  });
});

describe('sizeUpTo', () => {
  it('is about the size as JSON, and stops counting where it is told to', () => {
    for (const value of ['text', 5, null, [1, 'two', [3]], { a: 1, b: { c: ['d'] } }]) {
      const size = sizeUpTo(value, 1_000);
      expect(Math.abs(size - JSON.stringify(value).length)).toBeLessThanOrEqual(2 + size / 2);
    }
    const large = Array.from({ length: 10_000 }, () => ({ name: 'x'.repeat(100) }));
    expect(sizeUpTo(large, 500)).toBeLessThan(1_000);
    expect(sizeUpTo(Object.fromEntries(large.map((part, at) => [`p${at}`, part])), 500)).toBeLessThan(1_000);
    expect([isSmall(large, 500), isSmall(['x'], 500)]).toEqual([false, true]);
  });
});
