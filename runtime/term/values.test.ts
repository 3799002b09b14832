import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binary } from './binary.ts';
import { map } from './order.ts';
import type { Term } from './term.ts';
import { atom, charlist, integer, list, nil, termKey, text, tuple } from './term.ts';
import { funTerm, termArbitrary } from './termArbitrary.ts';
import {
  a,
  Atom,
  Bits,
  Elided,
  Export,
  Float,
  Fun,
  ImproperList,
  Pid,
  PortId,
  Ref,
  toTerm,
  toValue,
  tup,
  Tuple,
} from './values.ts';

function termOf(value: unknown): Term {
  const converted = toTerm(value);
  if (!converted.ok) throw new Error(`${converted.error.code} at ${converted.error.path.join('/')}`);
  return converted.value;
}

const fun = funTerm('x', 'mod', [], [1, 2, 3, 4]);

describe('the table', () => {
  const rows: readonly (readonly [string, unknown, Term])[] = [
    ['string', 'hé', text('hé')],
    ['safe integer', -5, integer(-5)],
    ['fraction', 1.5, { t: 'float', v: 1.5 }],
    ['integral float', new Float(1), { t: 'float', v: 1 }],
    ['negative zero', new Float(-0), { t: 'float', v: '-0' }],
    ['bigint', 2n ** 60n, { t: 'big', v: '1152921504606846976' }],
    ['true', true, atom('true')],
    ['false', false, atom('false')],
    ['null', null, atom('nil')],
    ['undefined', undefined, atom('undefined')],
    ['Atom', a('ok'), atom('ok')],
    ['empty array', [], nil],
    ['array', [1000, 'x'], list([integer(1000), text('x')])],
    ['array of bytes', [97, 98], charlist('ab')],
    ['ImproperList', new ImproperList([1], 2), { t: 'list', e: [integer(1)], tail: integer(2) }],
    ['Tuple', tup(a('ok'), 1), tuple(atom('ok'), integer(1))],
    [
      'plain object',
      { b: 1, a: null },
      map([
        [atom('a'), atom('nil')],
        [atom('b'), integer(1)],
      ]),
    ],
    ['empty object', {}, map([])],
    ['Map', new Map([[1, 'x']]), map([[integer(1), text('x')]])],
    ['Uint8Array', Uint8Array.of(255), binary(Uint8Array.of(255))],
    ['Bits', new Bits(Uint8Array.of(0xe0), 3), { t: 'bits', base64: '4A==', lastBits: 3 }],
    ['Pid', new Pid('n@h', 3, 1, 2), { t: 'pid', node: 'n@h', creation: 3, id: 1, serial: 2 }],
    ['Ref', new Ref('n@h', 3, [1, 2]), { t: 'ref', node: 'n@h', creation: 3, ids: [1, 2] }],
    ['PortId', new PortId('n@h', 3, 9n), { t: 'port', node: 'n@h', creation: 3, id: '9' }],
    ['Export', new Export('m', 'f', 1), { t: 'export', module: 'm', function: 'f', arity: 1 }],
    ['Fun', new Fun(fun), fun],
    ['Elided', new Elided('list', 5), { t: 'elided', was: 'list', size: 5 }],
  ];
  it.each(rows)('%s, both ways', (_name, value, term) => {
    expect(termOf(value)).toEqual(term);
    const back = toValue(term);
    expect(termOf(back)).toEqual(term);
    expect(back).toEqual(value);
  });

  it('a term makes a value that makes the same term', () => {
    fc.assert(
      fc.property(termArbitrary({ scope: 'x' }), (term) => {
        expect(termKey(termOf(toValue(term)))).toBe(termKey(term));
      }),
      { numRuns: 1500 },
    );
  });

  it('values with a plainer form come back in it', () => {
    expect(toValue(termOf(a('true')))).toBe(true);
    expect(toValue(termOf(a('nil')))).toBeNull();
    expect(toValue(termOf(5n))).toBe(5);
    expect(toValue(termOf(-0))).toBe(0);
    expect(toValue(termOf(new TextEncoder().encode('hi')))).toBe('hi');
    expect(toValue(termOf(new ImproperList([1], [2])))).toEqual([1, 2]);
    expect(toValue(termOf(new ImproperList([1000], new ImproperList([2], 3))))).toEqual(new ImproperList([1000, 2], 3));
    expect(toValue(termOf(new ImproperList([1000], [2000])))).toEqual([1000, 2000]);
    expect(toValue(termOf(new ImproperList([], 5)))).toBe(5);
    expect(toValue(termOf(new Map([[a('k'), 1]])))).toEqual({ k: 1 });
  });

  it('an atom is one object for a name', () => {
    expect(Atom.of('ok')).toBe(a('ok'));
    expect(toValue(atom('ok'))).toBe(a('ok'));
    expect(String(a('ok'))).toBe('ok');
  });

  it('keys that mean something to JavaScript are keys like any other', () => {
    const hostile = map(
      ['__proto__', 'constructor', 'toString', '1'].map((key): [Term, Term] => [atom(key), integer(1)]),
    );
    const value = toValue(hostile);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(termOf(value)).toEqual(hostile);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('what has no term', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = [cyclic];
  const shared = { x: 1 };
  let deep: unknown = 1;
  for (let level = 0; level < 1000; level++) deep = [deep];
  const cases: readonly (readonly [string, unknown, string, readonly (string | number)[]])[] = [
    ['a cycle', cyclic, 'cycle', ['self', 0]],
    ['NaN', [Number.NaN], 'not_finite', [0]],
    ['infinity', new Float(Number.POSITIVE_INFINITY), 'not_finite', []],
    ['an integer that is not exact', { n: 2 ** 60 }, 'unsafe_integer', ['n']],
    ['half a surrogate pair', tup(1, '\ud800'), 'lone_surrogate', [1]],
    ['half a surrogate pair in an atom', a('\ud800'), 'lone_surrogate', []],
    ['an atom of 256 characters', { ['x'.repeat(256)]: 1 }, 'atom_too_long', []],
    ['a symbol', [Symbol('x')], 'symbol', [0]],
    ['a key that is a symbol', { [Symbol('x')]: 1 }, 'symbol', []],
    ['a function', { f: () => 1 }, 'unsupported_type', ['f']],
    ['an object of a class', new Date(0), 'unsupported_type', []],
    [
      'two keys that are one term',
      new Map<unknown, unknown>([
        [tup(1), 1],
        [tup(1), 2],
      ]),
      'duplicate_key',
      [],
    ],
    ['a value in a Map', new Map([[1, Number.NaN]]), 'not_finite', ['value 0']],
    ['a key in a Map', new Map([[Number.NaN, 1]]), 'not_finite', ['key 0']],
    ['the tail of an ImproperList', new ImproperList([1], Number.NaN), 'not_finite', ['tail']],
    ['a pid out of range', new Pid('n@h', -1, 0, 0), 'out_of_range', []],
    ['a port out of range', new PortId('n@h', 1, -1n), 'out_of_range', []],
    ['a reference without words', new Ref('n@h', 1, []), 'out_of_range', []],
    ['an arity out of range', new Export('m', 'f', 256), 'out_of_range', []],
    ['bits out of range', new Bits(Uint8Array.of(1), 9), 'out_of_range', []],
    ['bits of nothing', new Bits(new Uint8Array(), 3), 'out_of_range', []],
  ];
  it.each(cases)('%s is an error with its path', (_name, value, code, path) => {
    expect(toTerm(value)).toMatchObject({ ok: false, error: { code, path } });
  });

  it('what is too deep, too large or cannot be read is an error', () => {
    expect(toTerm(deep)).toMatchObject({ ok: false, error: { code: 'too_deep' } });
    expect(toTerm(new Array(2 ** 32 - 1))).toMatchObject({ ok: false, error: { code: 'too_large' } });
    expect(toTerm([1, 2, 3], { maxParts: 2 })).toMatchObject({ ok: false, error: { code: 'too_large' } });
    const throwing = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(toTerm(throwing)).toMatchObject({ ok: false, error: { code: 'unreadable' } });
  });

  it('a part used twice is no cycle', () => {
    expect(toTerm([shared, shared]).ok).toBe(true);
  });

  it('a function is the fun that is leased for it', () => {
    const lease = (value: object): typeof fun | null => (typeof value === 'function' ? fun : null);
    expect(toTerm([() => 1], { lease })).toEqual({ ok: true, value: list([fun]) });
    expect(toTerm(new Date(0), { lease })).toMatchObject({ ok: false, error: { code: 'unsupported_type' } });
  });
});

it('a tuple keeps what it was made of', () => {
  expect(new Tuple([1, 'x']).elements).toEqual([1, 'x']);
  expect(String(new Pid('n@h', 1, 2, 3))).toBe('#PID<n@h.2.3>');
  expect(String(new Ref('n@h', 1, [1, 2]))).toBe('#Reference<n@h.2.1>');
});
