import { deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64FromBytes } from './binary.ts';
import type { Decoded, DecodeOptions, Inflate } from './decode.ts';
import { decodeTerm } from './decode.ts';
import { encodeTerm } from './encode.ts';
import type { Term } from './term.ts';
import { atom, charlist, integer, list, nil, termKey, text, tuple } from './term.ts';
import { funTerm, sizeEdges, termArbitrary } from './termArbitrary.ts';

const scope = 'test';

function encoded(term: Term): Uint8Array {
  const result = encodeTerm(term, { scope });
  if (!result.ok) throw new Error(`${result.error.code} at ${result.error.path.join('/')}`);
  return result.bytes;
}

function decoded(bytes: readonly number[] | Uint8Array, options: Partial<DecodeOptions> = {}): Term {
  const result = decodeTerm(Uint8Array.from(bytes), { scope, ...options });
  if (!result.ok) throw new Error(`${result.error.code} at ${result.error.at}: ${result.error.message}`);
  return result.term;
}

function refusal(bytes: readonly number[] | Uint8Array, options: Partial<DecodeOptions> = {}): string {
  const result = decodeTerm(Uint8Array.from(bytes), { scope, ...options });
  return result.ok ? `accepted ${termKey(result.term)}` : `${result.error.code}@${result.error.at}`;
}

const utf8Atom = (name: string): number[] => [119, name.length, ...Buffer.from(name)];

describe('round trip', () => {
  it('decoding what was encoded gives the same canonical term, to the last byte', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), (term) => {
        const bytes = encoded(term);
        const result = decodeTerm(bytes, { scope });
        expect(result).toEqual({ ok: true, term, next: bytes.length });
        if (result.ok) expect(termKey(result.term)).toBe(termKey(term));
      }),
      { numRuns: 1000 },
    );
  });

  it('holds where tags change with the size', () => {
    for (const term of sizeEdges()) expect(termKey(decoded(encoded(term)))).toBe(termKey(term));
  });

  it('every truncation of a valid message is an error', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), (term) => {
        const bytes = encoded(term);
        const step = Math.max(1, Math.floor(bytes.length / 100));
        const accepted: number[] = [];
        for (let length = 0; length < bytes.length; length += step) {
          if (decodeTerm(bytes.subarray(0, length), { scope }).ok) accepted.push(length);
        }
        expect(accepted).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('random and damaged bytes give an error or a term that can be sent again, and never throw', () => {
    const decodesCleanly = (bytes: Uint8Array): void => {
      const result: Decoded = decodeTerm(bytes, { scope });
      if (!result.ok) return;
      expect(result.next).toBeLessThanOrEqual(bytes.length);
      const again = encodeTerm(result.term, { scope });
      expect(again.ok).toBe(true);
      if (again.ok) expect(decoded(again.bytes)).toEqual(result.term);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodesCleanly(Uint8Array.of(131, ...bytes));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(termArbitrary({ scope }), fc.nat(), fc.nat(255), (term, place, byte) => {
        const bytes = encoded(term).slice();
        bytes[1 + (place % (bytes.length - 1))] = byte;
        decodesCleanly(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the bytes that are decoded', () => {
  it('stay as they are, in a Buffer too, whose slices are views', () => {
    fc.assert(
      fc.property(termArbitrary({ scope }), (term) => {
        const bytes = encoded(term);
        // As part of a larger one, as Node.js hands out small ones.
        const pool = Buffer.concat([Buffer.alloc(8, 7), bytes]);
        const before = pool.toString('hex');
        expect(decodeTerm(pool.subarray(8), { scope })).toEqual({ ok: true, term, next: bytes.length });
        expect(pool.toString('hex')).toBe(before);
      }),
    );
    const bits = Buffer.of(131, 77, 0, 0, 0, 1, 3, 0xff);
    expect(decodeTerm(bits, { scope })).toMatchObject({ ok: true, term: { t: 'bits', base64: '4A==', lastBits: 3 } });
    expect(bits[7]).toBe(0xff);
  });

  it('are not what a fun keeps', () => {
    const fun = funTerm(scope, 'shop', [atom('kept')], [1, 2, 3, 4]);
    const bytes = Buffer.from(encoded(fun));
    const first = decodeTerm(bytes, { scope });
    bytes.fill(0);
    expect(first).toMatchObject({ ok: true, term: fun });
  });
});

describe('every tag', () => {
  const node = utf8Atom('n@h');
  const cases: readonly (readonly [string, readonly number[], Term])[] = [
    ['SMALL_INTEGER', [97, 255], integer(255)],
    ['INTEGER', [98, 255, 255, 255, 255], integer(-1)],
    ['NEW_FLOAT', [70, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], { t: 'float', v: 1.5 }],
    ['NEW_FLOAT -0.0', [70, 0x80, 0, 0, 0, 0, 0, 0, 0], { t: 'float', v: '-0' }],
    ['FLOAT', [99, ...Buffer.from('1.50000000000000000000e+00'), 0, 0, 0, 0, 0], { t: 'float', v: 1.5 }],
    ['SMALL_BIG', [110, 7, 0, 0, 0, 0, 0, 0, 0, 1], integer(2 ** 48)],
    ['SMALL_BIG beyond 2^53', [110, 7, 1, 0, 0, 0, 0, 0, 0, 0x20], { t: 'big', v: '-9007199254740992' }],
    ['SMALL_BIG with zeros on top', [110, 3, 0, 5, 0, 0], integer(5)],
    ['SMALL_BIG -0', [110, 1, 1, 0], integer(0)],
    ['LARGE_BIG', [111, 0, 0, 0, 1, 1, 7], integer(-7)],
    ['SMALL_ATOM_UTF8', [119, 2, 0xc3, 0xa9], atom('é')],
    ['ATOM_UTF8', [118, 0, 2, 0xc3, 0xa9], atom('é')],
    ['SMALL_ATOM', [115, 1, 0xe9], atom('é')],
    ['ATOM', [100, 0, 1, 0xe9], atom('é')],
    ['SMALL_TUPLE', [104, 1, 97, 1], tuple(integer(1))],
    ['LARGE_TUPLE', [105, 0, 0, 0, 1, 97, 1], tuple(integer(1))],
    ['NIL', [106], nil],
    ['STRING', [107, 0, 2, 97, 98], charlist('ab')],
    ['STRING without bytes', [107, 0, 0], nil],
    ['LIST', [108, 0, 0, 0, 1, 106, 106], list([nil])],
    ['LIST of bytes', [108, 0, 0, 0, 2, 97, 97, 97, 98, 106], charlist('ab')],
    ['LIST with a tail', [108, 0, 0, 0, 1, 97, 1, 97, 2], { t: 'list', e: [integer(1)], tail: integer(2) }],
    ['LIST whose tail is a list', [108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106], charlist('\u0001\u0002')],
    ['LIST whose tail is a string', [108, 0, 0, 0, 1, 106, 107, 0, 1, 65], list([nil, integer(65)])],
    ['LIST of nothing', [108, 0, 0, 0, 0, 97, 2], integer(2)],
    ['BINARY', [109, 0, 0, 0, 2, 0xc3, 0xa9], text('é')],
    ['BINARY with a byte order mark', [109, 0, 0, 0, 3, 0xef, 0xbb, 0xbf], text('\ufeff')],
    ['BINARY that is no UTF-8', [109, 0, 0, 0, 1, 0xff], { t: 'bits', base64: '/w==', lastBits: 8 }],
    ['BIT_BINARY', [77, 0, 0, 0, 1, 3, 0xff], { t: 'bits', base64: '4A==', lastBits: 3 }],
    ['BIT_BINARY of whole bytes', [77, 0, 0, 0, 1, 8, 65], text('A')],
    [
      'MAP',
      [116, 0, 0, 0, 2, ...utf8Atom('b'), 97, 1, ...utf8Atom('a'), 97, 2],
      {
        t: 'map',
        e: [
          [atom('a'), integer(2)],
          [atom('b'), integer(1)],
        ],
      },
    ],
    [
      'NEW_PID',
      [88, ...node, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
      { t: 'pid', node: 'n@h', creation: 3, id: 1, serial: 2 },
    ],
    ['PID', [103, ...node, 0, 0, 0, 1, 0, 0, 0, 2, 3], { t: 'pid', node: 'n@h', creation: 3, id: 1, serial: 2 }],
    [
      'V4_PORT',
      [120, ...node, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
      { t: 'port', node: 'n@h', creation: 3, id: '4294967298' },
    ],
    ['NEW_PORT', [89, ...node, 0, 0, 0, 2, 0, 0, 0, 3], { t: 'port', node: 'n@h', creation: 3, id: '2' }],
    ['PORT', [102, ...node, 0, 0, 0, 2, 3], { t: 'port', node: 'n@h', creation: 3, id: '2' }],
    [
      'NEWER_REFERENCE',
      [90, 0, 2, ...node, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2],
      { t: 'ref', node: 'n@h', creation: 3, ids: [1, 2] },
    ],
    ['NEW_REFERENCE', [114, 0, 1, ...node, 3, 0, 0, 0, 1], { t: 'ref', node: 'n@h', creation: 3, ids: [1] }],
    ['REFERENCE', [101, ...node, 0, 0, 0, 1, 3], { t: 'ref', node: 'n@h', creation: 3, ids: [1] }],
    ['EXPORT', [113, ...utf8Atom('m'), ...utf8Atom('f'), 97, 2], { t: 'export', module: 'm', function: 'f', arity: 2 }],
  ];
  for (const [name, bytes, term] of cases) {
    it(`${name} is read, and cut short it is refused`, () => {
      const result = decodeTerm(Uint8Array.of(131, ...bytes), { scope });
      expect(result).toEqual({ ok: true, term, next: bytes.length + 1 });
      for (let length = 1; length < bytes.length; length++) {
        expect(refusal([131, ...bytes.slice(0, length)])).toMatch(/^truncated/);
      }
    });
  }

  it('NEW_FUN is kept as its own bytes, and only its scope can send it back', () => {
    const fun = funTerm(scope, 'mod', [text('x'), integer(3)], [2, 7, 1, 4242]);
    const bytes = encoded(fun);
    expect(decoded(bytes)).toEqual(fun);
    expect(encodeTerm(fun, { scope: 'other' })).toMatchObject({ ok: false, error: { code: 'foreign_fun' } });
    const forged = { ...fun, token: base64FromBytes(Uint8Array.of(112, 0, 0)) };
    expect(encodeTerm(forged, { scope })).toMatchObject({ ok: false, error: { code: 'malformed' } });
  });

  it('a fun with cache references is written anew, so that it means the same in another message', () => {
    const fun = funTerm(scope, 'mod', [atom('mod')], [2, 7, 1, 4242]);
    const plain = Buffer.from(encoded(fun)).subarray(1);
    const name = Buffer.from(utf8Atom('mod'));
    const parts = plain.toString('latin1').split(name.toString('latin1'));
    const withRefs = Buffer.from(parts.join('R\u0000'), 'latin1');
    expect(decoded(withRefs, { form: 'bare', refs: [atom('mod')] })).toEqual(fun);
  });

  it('ATOM_CACHE_REF is the atom of the message header, also as a node name', () => {
    const refs = [atom('n@h'), atom('x')];
    expect(decoded([104, 2, 82, 1, 82, 0], { form: 'bare', refs })).toEqual(tuple(atom('x'), atom('n@h')));
    const pid = decoded([88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], { form: 'bare', refs });
    expect(pid).toEqual({ t: 'pid', node: 'n@h', creation: 3, id: 1, serial: 2 });
    expect(refusal([82, 2], { form: 'bare', refs })).toBe('malformed@1');
  });
});

describe('what is not trusted', () => {
  it.each([
    ['a list of 2^32-1 elements in a few bytes', [131, 108, 255, 255, 255, 255, 97, 1, 106], 'truncated@6'],
    ['a tuple of 2^32-1', [131, 105, 255, 255, 255, 255, 97, 1], 'truncated@6'],
    ['a map of 2^31 pairs', [131, 116, 128, 0, 0, 0, 97, 1], 'truncated@6'],
    ['a binary of 4 GB', [131, 109, 255, 255, 255, 255, 1], 'truncated@6'],
    ['an integer of 4 GB', [131, 111, 255, 255, 255, 255, 0, 1], 'truncated@7'],
    [
      'a fun of 2^32-1 variables',
      [131, 112, 0, 0, 0, 9, 1, ...new Array<number>(20).fill(0), 255, 255, 255, 255, 1],
      'truncated@31',
    ],
    ['NaN', [131, 70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], 'malformed@2'],
    ['infinity', [131, 70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], 'malformed@2'],
    ['text that is no float', [131, 99, ...Buffer.alloc(31, 'x')], 'malformed@2'],
    ['an atom that is no UTF-8', [131, 119, 1, 0xff], 'malformed@3'],
    ['an atom of 256 characters', [131, 118, 1, 0, ...Buffer.alloc(256, 'x')], 'malformed@4'],
    ['a Latin-1 atom of 256 characters', [131, 100, 1, 0, ...Buffer.alloc(256, 'x')], 'malformed@4'],
    ['a pid whose node is a number', [131, 88, 97, 1, ...Buffer.alloc(12)], 'malformed@2'],
    ['a reference of no words', [131, 90, 0, 0, ...utf8Atom('n'), 0, 0, 0, 1], 'malformed@2'],
    ['a reference of 6 words', [131, 90, 0, 6, ...utf8Atom('n'), ...Buffer.alloc(28)], 'malformed@2'],
    ['a map with a key twice', [131, 116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106], 'duplicate_key@6'],
    ['a bitstring of 9 bits in a byte', [131, 77, 0, 0, 0, 1, 9, 1], 'malformed@2'],
    ['a bitstring of no bytes with bits', [131, 77, 0, 0, 0, 0, 3], 'malformed@2'],
    ['an unknown tag', [131, 121, 0], 'unknown_tag@1'],
    [
      'an unknown tag inside a fun',
      [
        131,
        ...[112, 0, 0, 0, 0, 0],
        ...new Array<number>(20).fill(0),
        0,
        0,
        0,
        1,
        ...utf8Atom('m'),
        97,
        0,
        97,
        0,
        88,
        ...utf8Atom('n'),
        ...new Array<number>(12).fill(0),
        1,
      ],
      'unknown_tag@54',
    ],
    ['another version', [130, 97, 1], 'version@0'],
    ['nothing', [], 'truncated@0'],
    ['a compressed term without a way to inflate it', [131, 80, 0, 0, 0, 1, 1, 2, 3], 'malformed@6'],
    ['a compressed term of 4 GB', [131, 80, 255, 255, 255, 255, 1, 2, 3], 'too_large@2'],
    ['a compressed term cut short', [131, 80, 0], 'truncated@2'],
  ])('%s is refused', (_name, bytes, error) => {
    expect(refusal(bytes)).toBe(error);
  });

  it('an integer of more bits than OTP makes is refused before its decimal text is made', () => {
    const bytes = new Uint8Array(7 + 600_000).fill(1);
    bytes.set([131, 111, 0, 9, 0x27, 0xc0, 0]);
    expect(refusal(bytes)).toBe('too_large@6');
  });

  it('a million levels are read without recursion, and those below the limit are elided', () => {
    const levels = 1_000_000;
    const bytes = new Uint8Array(1 + levels * 2 + 1);
    for (let level = 0; level < levels; level++) bytes.set([104, 1], 1 + level * 2);
    bytes[0] = 131;
    bytes[bytes.length - 1] = 106;
    const term = decoded(bytes, { limits: { maxDepth: 2 } });
    expect(term).toEqual(tuple(tuple({ t: 'elided', was: 'depth', size: (levels - 2) * 2 - 2 + 1 })));
  });

  it('a list made of a million cells, each the tail of the last, is one list', () => {
    const cells = 1_000_000;
    const bytes = new Uint8Array(1 + cells * 6 + 1);
    bytes[0] = 131;
    for (let cell = 0; cell < cells; cell++) bytes.set([108, 0, 0, 0, 1, 106], 1 + cell * 6);
    bytes[bytes.length - 1] = 106;
    const term = decoded(bytes);
    expect(term.t === 'list' && term.e.length).toBe(cells);
  });
});

describe('compressed terms', () => {
  const inflate: Inflate = (compressed, sizeBytes) => {
    const bytes = inflateSync(compressed);
    return bytes.length === sizeBytes ? { bytes, usedBytes: compressed.length } : null;
  };
  const plain = encoded(list([text('x'.repeat(500)), integer(300)])).subarray(1);
  const compressed = (size: number): Uint8Array =>
    Uint8Array.of(131, 80, 0, 0, size >> 8, size & 255, ...deflateSync(plain));

  it('are inflated with what was given', () => {
    const bytes = compressed(plain.length);
    expect(decodeTerm(bytes, { scope, inflate })).toEqual({
      ok: true,
      term: list([text('x'.repeat(500)), integer(300)]),
      next: bytes.length,
    });
  });

  it('are refused when they are of another size than they say, or larger than allowed', () => {
    expect(refusal(compressed(plain.length + 1), { inflate })).toBe('malformed@6');
    expect(refusal(compressed(plain.length), { inflate, limits: { maxInflatedBytes: 100 } })).toBe('too_large@2');
  });
});

describe('what is not sent', () => {
  const pid = { t: 'pid', node: 'n@h', creation: 1, id: 1, serial: 0 } as const;
  const cases: readonly (readonly [string, Term, string, readonly (string | number)[]])[] = [
    ['an elided part', tuple(nil, { t: 'elided', was: 'list', size: 9 }), 'elided', [1]],
    ['a fraction as int', { t: 'int', v: 1.5 }, 'out_of_range', []],
    ['NaN as float', { t: 'float', v: Number.NaN }, 'out_of_range', []],
    ['letters as big', { t: 'big', v: '12x' }, 'malformed', []],
    ['half a surrogate pair', list([text('\ud800')]), 'malformed', [0]],
    ['half a surrogate pair in an atom', atom('\ud800'), 'malformed', []],
    ['an atom of 256 characters', atom('x'.repeat(256)), 'out_of_range', []],
    ['bits that are no base64', { t: 'bits', base64: '****', lastBits: 8 }, 'malformed', []],
    ['a bitstring without bytes', { t: 'bits', base64: '', lastBits: 3 }, 'out_of_range', []],
    ['a byte list above 255', { t: 'bytelist', latin1: '\u0100' }, 'malformed', []],
    ['a pid number above 32 bits', { ...pid, id: 2 ** 32 }, 'out_of_range', []],
    ['a negative creation', { ...pid, creation: -1 }, 'out_of_range', []],
    ['a port above 64 bits', { t: 'port', node: 'n@h', creation: 1, id: String(2n ** 64n) }, 'out_of_range', []],
    ['a reference without words', { t: 'ref', node: 'n@h', creation: 1, ids: [] }, 'out_of_range', []],
    ['an arity of 256', { t: 'export', module: 'm', function: 'f', arity: 256 }, 'out_of_range', []],
    ['a tail without elements', { t: 'list', e: [], tail: integer(1) }, 'malformed', []],
    [
      'a key twice',
      {
        t: 'map',
        e: [
          [integer(1), nil],
          [nil, nil],
          [integer(1), nil],
        ],
      },
      'duplicate_key',
      [],
    ],
    [
      'a bad value deep inside',
      { t: 'map', e: [[atom('k'), list([nil, { ...pid, id: -1 }])]] },
      'out_of_range',
      ['value 0', 1],
    ],
  ];
  it.each(cases)('%s is refused, with the path to it', (_name, term, code, path) => {
    expect(encodeTerm(term, { scope })).toMatchObject({ ok: false, error: { code, path } });
  });

  it('nesting beyond the limit is refused, not overflowed', () => {
    let term: Term = nil;
    for (let level = 0; level < 20_000; level++) term = tuple(term);
    expect(encodeTerm(term, { scope })).toMatchObject({ ok: false, error: { code: 'too_deep' } });
  });
});
