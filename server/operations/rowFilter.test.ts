import { describe, expect, it } from 'vitest';
import { isLike } from '../../runtime/processQuery.ts';
import { filteredFields, passes } from './rowFilter.ts';

const row = { name: 'Shop.Cart.Worker', size: 7, idle: true, label: null };

describe('a filter', () => {
  it.each([
    ['equal to one of several', { name: { in: ['a', 'Shop.Cart.Worker'] } }, true],
    ['equal to null or to one', { label: { in: [null, 'x'] } }, true],
    ['equal to none of several', { size: { in: [1, 2] } }, false],
    ['like a pattern', { name: { like: 'Shop.*.Worker' } }, true],
    ['like a pattern that fits a part only', { name: { like: 'Shop.Cart' } }, false],
    ['never like anything when it is null', { label: { like: '*' } }, false],
    ['with all of several', { size: { gt: 5, le: 7 }, idle: { eq: true } }, true],
    ['with one of them missing', { size: { gt: 5, lt: 7 }, idle: { eq: true } }, false],
    ['in one of the alternatives', { any: [{ size: { gt: 100 } }, { idle: { eq: true }, size: { ge: 7 } }] }, true],
    ['in none of the alternatives', { any: [{ size: { gt: 100 } }, { idle: { eq: true }, size: { ge: 8 } }] }, false],
    ['left out by all that `not` asks', { not: { size: { ge: 7 }, idle: { eq: true } } }, false],
    ['not left out by a part of it', { not: { size: { ge: 7 }, idle: { eq: false } } }, true],
    ['there, though a field it has not is asked for', { other: { eq: null } }, true],
  ])('takes rows that are %s', (_what, filter, expected) => {
    expect(passes(row, filter)).toBe(expected);
  });

  it('says which fields it looks at, in alternatives and exceptions too', () => {
    const filter = {
      size: { gt: 1 },
      any: [{ name: { like: 'x' } }, { size: { eq: 1 } }],
      not: { idle: { eq: true } },
    };
    expect(filteredFields(filter)).toEqual(['size', 'name', 'idle']);
    expect(filteredFields(undefined)).toEqual([]);
  });
});

describe('a pattern', () => {
  it.each([
    ['', '', true],
    ['a', '', false],
    ['', '*', true],
    ['abc', 'a*c', true],
    ['abc', 'a*b', false],
    ['aa', 'a*a', true],
    ['a', 'a*a', false],
    ['abab', '*ab*ab', true],
    ['ab', '*ab*ab', false],
    ['axbxc', 'a*b*c', true],
    ['ab.', 'ab?', false],
    ['a*b', 'a*b', true],
  ])('of %j by %j: %s', (text, pattern, expected) => {
    expect(isLike(text, pattern)).toBe(expected);
  });

  it('takes a time that grows no faster than the texts', () => {
    // What a backtracking matcher would take years for.
    expect(isLike('a'.repeat(5_000), `${'a*'.repeat(500)}b`)).toBe(false);
  });
});
