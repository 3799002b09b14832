import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base64FromBytes,
  binary,
  bitstring,
  bytesFromBase64,
  bytesFromLatin1,
  isWellFormed,
  latin1FromBytes,
  textFromUtf8,
} from './binary.ts';
import { compareText, compareTerms, map, mapGet } from './order.ts';
import type { Term } from './term.ts';
import { atom, charlist, integer, list, nil, termKey, text, tuple } from './term.ts';
import { funTerm, termArbitrary } from './termArbitrary.ts';

const float = (v: number): Term => ({ t: 'float', v });
const pid = (id: number, serial: number, node = 'a@h', creation = 1): Term => ({
  t: 'pid',
  node,
  creation,
  id,
  serial,
});

describe('the order of terms', () => {
  it('is that of the reference manual, kind by kind and within each', () => {
    const ascending: readonly Term[] = [
      integer(-(2n ** 70n)),
      integer(-1),
      float(0.5),
      integer(1),
      float(1.5),
      integer(2n ** 70n),
      atom('a'),
      atom('ab'),
      atom('b'),
      atom('\ue000'),
      atom('\u{10000}'),
      { t: 'ref', node: 'a@h', creation: 1, ids: [5, 1] },
      { t: 'ref', node: 'a@h', creation: 1, ids: [1, 2] },
      { t: 'ref', node: 'b@h', creation: 1, ids: [1] },
      funTerm('x', 'a', [], [0, 0, 0, 0]),
      funTerm('x', 'b', [], [0, 0, 0, 0]),
      { t: 'export', module: 'a', function: 'f', arity: 1 },
      { t: 'export', module: 'a', function: 'f', arity: 2 },
      { t: 'export', module: 'a', function: 'g', arity: 0 },
      { t: 'port', node: 'a@h', creation: 1, id: '2' },
      { t: 'port', node: 'a@h', creation: 1, id: '10' },
      pid(2, 0),
      pid(2, 0, 'b@h'),
      pid(1, 1),
      tuple(),
      tuple(integer(9)),
      tuple(integer(1), integer(1)),
      map([]),
      map([[integer(1), integer(9)]]),
      map([[integer(2), integer(1)]]),
      map([[float(1), integer(1)]]),
      map([
        [atom('a'), nil],
        [atom('b'), nil],
      ]),
      nil,
      charlist('a'),
      charlist('ab'),
      { t: 'list', e: [integer(97), atom('x')], tail: atom('y') },
      list([integer(97), atom('x')]),
      list([integer(98)]),
      text(''),
      bitstring(Uint8Array.of(0x40), 2),
      text('A'),
      bitstring(Uint8Array.of(0x41, 0), 1),
      binary(Uint8Array.of(0xff)),
      { t: 'elided', was: 'list', size: 1 },
      { t: 'elided', was: 'map', size: 1 },
      { t: 'elided', was: 'map', size: 2 },
    ];
    for (const [at, term] of ascending.entries()) {
      for (const [otherAt, other] of ascending.entries()) {
        expect([termKey(term), termKey(other), Math.sign(compareTerms(term, other))]).toEqual([
          termKey(term),
          termKey(other),
          Math.sign(at - otherAt),
        ]);
      }
    }
  });

  it('numbers are equal by value in arithmetic, and never across kinds in the order of keys', () => {
    expect(compareTerms(integer(1), float(1))).toBe(0);
    expect(compareTerms(tuple(integer(1)), tuple(float(1)))).toBe(0);
    expect(compareTerms(integer(100), float(1), 'exact')).toBeLessThan(0);
    expect(compareTerms(float(0), { t: 'float', v: '-0' })).toBe(0);
    expect(compareTerms({ t: 'float', v: '-0' }, float(0), 'exact')).toBeLessThan(0);
    expect(compareTerms({ t: 'float', v: '-0' }, float(0), 'exact_before_27')).toBe(0);
    // As keys of maps too: there the entries that follow decide in OTP 26, and the keys themselves from OTP 27 on.
    const [plus, minus] = [map([[float(0), integer(1)]]), map([[{ t: 'float', v: '-0' }, integer(2)]])];
    expect(compareTerms(plus, minus, 'arithmetic_before_27')).toBeLessThan(0);
    expect(compareTerms(plus, minus)).toBeGreaterThan(0);
    expect(compareTerms(integer(2n ** 53n + 1n), float(2 ** 53))).toBeGreaterThan(0);
  });

  it('is total, and zero in the exact order means the same term', () => {
    const term = termArbitrary({ scope: 'x' });
    fc.assert(
      fc.property(term, term, term, (one, two, three) => {
        const [a, b, c] = [one, two, three].toSorted((x, y) => compareTerms(x, y, 'exact'));
        if (a === undefined || b === undefined || c === undefined) throw new Error('Three were given.');
        expect(compareTerms(a, b, 'exact')).toBeLessThanOrEqual(0);
        expect(compareTerms(b, c, 'exact')).toBeLessThanOrEqual(0);
        expect(compareTerms(a, c, 'exact')).toBeLessThanOrEqual(0);
        expect(compareTerms(c, a, 'exact')).toBeGreaterThanOrEqual(0);
        expect(compareTerms(one, two, 'exact') === 0).toBe(termKey(one) === termKey(two));
      }),
      { numRuns: 1500 },
    );
  });

  it('of text is that of its UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, two) => {
        expect(Math.sign(compareText(one, two))).toBe(Buffer.compare(Buffer.from(one), Buffer.from(two)));
      }),
    );
  });
});

describe('maps', () => {
  it('have one form whatever the order of their entries, and the last of equal keys', () => {
    const entries: [Term, Term][] = [
      [atom('b'), integer(1)],
      [integer(1), nil],
      [atom('b'), integer(2)],
      [float(1), nil],
    ];
    const made = map(entries);
    expect(made.e.map(([key]) => key)).toEqual([integer(1), float(1), atom('b')]);
    expect(mapGet(made, atom('b'))).toEqual(integer(2));
    expect(mapGet(made, atom('c'))).toBeUndefined();
    expect(mapGet(nil, atom('c'))).toBeUndefined();
    expect(termKey(map(entries.slice(1).toReversed()))).toBe(termKey(map(entries.slice(1))));
  });
});

describe('bytes', () => {
  it('are base64 as Buffer writes it, and only that is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const base64 = base64FromBytes(bytes);
        expect(base64).toBe(Buffer.from(bytes).toString('base64'));
        expect(bytesFromBase64(base64)).toEqual(bytes);
      }),
    );
    for (const wrong of ['A', 'AA', 'AAA', 'AB==', 'AAB=', '====', 'A===', 'AA=A', 'AA A', 'AAA\u0141', '-_8=']) {
      expect([wrong, bytesFromBase64(wrong)]).toEqual([wrong, null]);
    }
  });

  it('are text exactly when a strict UTF-8 decoder takes them', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .array(
          fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xa0, 0xed, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xf5, 0xff),
          { maxLength: 8 },
        )
        .map((codes) => Uint8Array.from(codes)),
      fc.string({ unit: 'binary', maxLength: 60 }).map((string) => new TextEncoder().encode(string)),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        let expected: string | null;
        try {
          expected = strict.decode(given);
        } catch {
          expected = null;
        }
        expect(textFromUtf8(given)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('are Latin-1 text and back at any length', () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, at) => at % 256);
    expect(bytesFromLatin1(latin1FromBytes(bytes))).toEqual(bytes);
    expect(bytesFromLatin1('\u0100')).toBeNull();
    expect([isWellFormed('𝄞'), isWellFormed('\ud834')]).toEqual([true, false]);
  });
});
