/** Hashes that OTP 25 gave for the same terms. */
import { describe, expect, it } from 'vitest';
import { phash2 } from './phash2.ts';
import type { Value } from './values.ts';
import { a, Bits, ImproperList, Pid, toTerm, tup } from './values.ts';

/** `erlang:phash2(Term, 1 bsl 32)` on OTP 25.3, from `erl`. */
const fromErl: readonly (readonly [what: string, term: Value, hash: number])[] = [
  ['1', 1, 539485162],
  ['-1', -1, 1117813597],
  ['0', 0, 3175731469],
  ['the first integer that is hashed as a big one', 134217728, 2562491755],
  ['the first below zero', -134217729, 1418916782],
  ['2^32', 4294967296, 2108323275],
  ['2^70', 2n ** 70n, 1070946125],
  ['-(2^70)', -(2n ** 70n), 4181281985],
  ['1.5', 1.5, 2023646235],
  ['-2.25', -2.25, 2254282282],
  ['ok', a('ok'), 1883],
  ['an Elixir module', a('Elixir.Shop.Catalog'), 103150183],
  ['an atom in Latin-1', a('häß'), 30495],
  ['an atom beyond it', a('日本'), 251805804],
  ['<<>>', '', 147926629],
  ['a short binary', 'hello', 1658093459],
  ['a binary of more than two blocks', 'hello world of many bytes', 2417583105],
  ['[]', [], 3468870702],
  ['a string', [1, 2, 3], 4186538188],
  ['a longer string', [1, 2, 3, 4, 5], 3824152778],
  ['a list that ends in bytes', [1000, 2, 3], 1578275701],
  ['a mixed list', [a('a'), [1], 'x'], 1387852190],
  ['{}', tup(), 221703996],
  ['a tuple', tup(a('one@sim'), 17), 4062468071],
  ['a map', { a: 1, b: 'x' }, 1564259713],
  [
    'a map of other keys',
    new Map<Value, Value>([
      [1, 2],
      ['k', [a('v')]],
    ]),
    2632922688,
  ],
  ['an improper list', new ImproperList([1, 2], a('t')), 466036829],
  ['a bitstring', new Bits(new Uint8Array([255, 160]), 3), 2020195068],
  ['a pid', new Pid('nonode@nohost', 0, 100, 0), 734762325],
  ['a shard of a hash ring', tup(tup(a('sup'), a('n1@h')), 128), 1191629193],
  ['[[]]', [[]], 499070068],
];

describe('phash2', () => {
  it.each(fromErl)('of %s is that of OTP 25', (_what, value, hash) => {
    const term = toTerm(value);
    expect(term.ok && phash2(term.value, 2 ** 32)).toBe(hash);
    expect(term.ok && phash2(term.value, 5)).toBe(hash % 5);
  });

  it('has 27 bits unless said otherwise, and does not know of the order of a map', () => {
    const keys = Array.from({ length: 40 }, (_, at) => at);
    const pairs = keys.map((key) => [key, key * 2] as const);
    const one = toTerm(new Map<Value, Value>(pairs));
    const other = toTerm(new Map<Value, Value>(pairs.toReversed()));
    expect(one.ok && other.ok && phash2(one.value) === phash2(other.value)).toBe(true);
    expect(one.ok && phash2(one.value) < 2 ** 27).toBe(true);
  });
});
