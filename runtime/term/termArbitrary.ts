/** Random terms in canonical form, for property tests here and against live nodes. */
import fc from 'fast-check';
import { base64FromBytes, binary, bitstring } from './binary.ts';
import { compareTerms, map } from './order.ts';
import type { FunTerm, PidTerm, RefTerm, Term } from './term.ts';
import { atom, integer, list, nil, text, tuple } from './term.ts';
import { TermWriter } from './write.ts';

/** Code points of any plane, without halves of surrogate pairs. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 });

const awkwardNames = [
  ...['', 'ok', 'true', 'false', 'nil', 'undefined', 'Elixir', 'Elixir.Foo', 'Elixir.Foo.Bar', 'Elixir.Elixir.Foo'],
  ...['__struct__', '__proto__', 'constructor', 'begin', 'maybe', 'Foo', 'foo bar', 'foo?', 'foo@bar', '+', '==', '{}'],
  ...[
    "it's",
    'say "hi"',
    '\\',
    '#{x}',
    '\u202etxt',
    'é',
    '日本',
    '\u{1f600}',
    'a\nb',
    'x'.repeat(255),
    '𝄞'.repeat(255),
  ],
];

const atomName = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...awkwardNames) },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/) },
  { weight: 1, arbitrary: anyText },
);

export const atomArbitrary: fc.Arbitrary<Term> = atomName.map(atom);

const edges = [0, 1, 7, 8, 31, 32, 52, 53, 59, 60, 63, 64, 127, 2039, 2040, 2047].flatMap((bits) =>
  [-1n, 0n, 1n].flatMap((by) => [(1n << BigInt(bits)) + by, -((1n << BigInt(bits)) + by)]),
);

const integerArbitrary: fc.Arbitrary<Term> = fc
  .oneof(
    fc.integer({ min: -300, max: 300 }).map(BigInt),
    fc.integer().map(BigInt),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
    fc.bigInt({ min: -(2n ** 3000n), max: 2n ** 3000n }),
    fc.constantFrom(...edges),
  )
  .map(integer);

const floatArbitrary: fc.Arbitrary<Term> = fc
  .oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -100, max: 100 }),
    fc.constantFrom(0, -0, 1e22, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 2 ** 53),
  )
  .map((value) => ({ t: 'float', v: Object.is(value, -0) ? '-0' : value }));

const binaryArbitrary: fc.Arbitrary<Term> = fc.oneof(
  anyText.map(text),
  fc.stringMatching(/^[ -~]{0,70}$/).map(text),
  fc.uint8Array({ maxLength: 40 }).map(binary),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 8 }))
    .map((bits) => bitstring(...bits)),
);

const byteListArbitrary: fc.Arbitrary<Term> = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => list(Array.from(bytes, integer))),
  fc.stringMatching(/^[ -~\n]{0,20}$/).map((chars) => list(Array.from(chars, (c) => integer(c.charCodeAt(0))))),
);

const node = fc.constantFrom('a@localhost', 'app@host.example.com', 'nöde@127.0.0.1', 'nonode@nohost');
const creation = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 4, max: 0xffffffff }));
const uint32 = fc.integer({ min: 0, max: 0xffffffff });

export const pidArbitrary: fc.Arbitrary<PidTerm> = fc
  .tuple(node, creation, fc.integer({ min: 0, max: 0xfffffff }), fc.integer({ min: 0, max: 0x1fff }))
  .map(([home, era, id, serial]) => ({ t: 'pid', node: home, creation: era, id, serial }));

export const refArbitrary: fc.Arbitrary<RefTerm> = fc
  .tuple(node, creation, fc.integer({ min: 0, max: 0x3ffff }), fc.array(uint32, { maxLength: 4 }))
  .map(([home, era, first, rest]) => ({ t: 'ref', node: home, creation: era, ids: [first, ...rest] }));

const portArbitrary: fc.Arbitrary<Term> = fc
  .tuple(node, creation, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(([home, era, id]) => ({ t: 'port', node: home, creation: era, id: id.toString() }));

const exportArbitrary: fc.Arbitrary<Term> = fc
  .tuple(atomName, atomName, fc.integer({ min: 0, max: 255 }))
  .map(([module, name, arity]) => ({ t: 'export', module, function: name, arity }));

/** An opaque fun as a node would send it, closed over `variables`. */
export function funTerm(
  scope: string,
  module: string,
  variables: readonly Term[],
  numbers: readonly number[],
): FunTerm {
  const [arity = 0, index = 0, oldIndex = 0, oldUnique = 0] = numbers;
  const writer = new TermWriter(64, () => true);
  const pid: PidTerm = { t: 'pid', node: 'a@localhost', creation: 5, id: 9, serial: 0 };
  const unique = new Uint8Array(16).fill(arity);
  const refused = writer.fun({ scope, arity, unique, index, module, oldIndex, oldUnique, pid, variables });
  if (refused !== null) throw new Error(refused.message);
  const token = base64FromBytes(writer.written());
  return { t: 'fun', module, arity, label: `${oldIndex}.${oldUnique}`, scope, token };
}

function funArbitrary(scope: string, variable: fc.Arbitrary<Term>): fc.Arbitrary<Term> {
  return fc
    .tuple(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.array(variable, { maxLength: 3 }),
      fc.tuple(fc.nat(255), uint32, fc.nat(1000), fc.nat(0x7ffffff)),
    )
    .map(([module, variables, numbers]) => funTerm(scope, module, variables, numbers));
}

export type TermKinds = {
  /** Funs are made for this scope; without it there are none. */
  readonly scope?: string;
  /** `none` leaves out pids, ports and references, which no literal can write. */
  readonly identities?: 'none';
};

/** Terms of every kind but elided ones. */
export function termArbitrary(kinds: TermKinds = {}): fc.Arbitrary<Term> {
  const { scope, identities } = kinds;
  const { term } = fc.letrec<{ term: Term; leaf: Term }>((tie) => ({
    leaf: fc.oneof(
      atomArbitrary,
      integerArbitrary,
      floatArbitrary,
      binaryArbitrary,
      byteListArbitrary,
      exportArbitrary,
      fc.constant(nil),
      ...(identities === 'none' ? [] : [pidArbitrary, refArbitrary, portArbitrary]),
    ),
    term: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      { weight: 6, arbitrary: tie('leaf') },
      { weight: 2, arbitrary: fc.array(tie('term'), { maxLength: 6 }).map(list) },
      { weight: 1, arbitrary: fc.array(fc.tuple(atomArbitrary, tie('term')), { maxLength: 4 }).map(pairs) },
      { weight: 1, arbitrary: fc.tuple(fc.array(tie('term'), { maxLength: 4 }), tie('leaf')).map(improper) },
      { weight: 2, arbitrary: fc.array(tie('term'), { maxLength: 6 }).map((elements) => tuple(...elements)) },
      { weight: 2, arbitrary: fc.array(fc.tuple(tie('term'), tie('term')), { maxLength: 5 }).map(mapForAll) },
      { weight: 1, arbitrary: fc.array(fc.tuple(atomArbitrary, tie('term')), { maxLength: 9 }).map(mapForAll) },
      ...(scope === undefined ? [] : [{ weight: 1, arbitrary: funArbitrary(scope, tie('leaf')) }]),
    ),
  }));
  return term;
}

function improper([items, tail]: readonly [readonly Term[], Term]): Term {
  if (items.length === 0 || tail.t === 'list' || tail.t === 'bytelist') return list(items);
  return { t: 'list', e: items, tail };
}

/** Without the keys 0.0 and -0.0 in one map, which only OTP 27 and later can hold. */
function mapForAll(entries: readonly (readonly [Term, Term])[]): Term {
  const sorted = entries.toSorted((a, b) => compareTerms(a[0], b[0], 'exact_before_27'));
  return map(
    sorted.filter(([key], at) => {
      const before = sorted[at - 1];
      return before === undefined || compareTerms(before[0], key, 'exact_before_27') !== 0;
    }),
  );
}

function pairs(of: readonly (readonly [Term, Term])[]): Term {
  return list(of.map((pair) => tuple(...pair)));
}

/** Terms where the format changes tags: lists, tuples, maps, texts and bytes around 2^8 and 2^16 parts, maps above 32 keys. */
export function sizeEdges(): readonly Term[] {
  const of = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
  return [32, 33, 255, 256, 257, 65_535, 65_536, 65_537].flatMap((count): Term[] => [
    tuple(...of(count, integer)),
    list(of(count, integer)),
    list(of(count, (at) => integer(at % 256))),
    list(of(count, () => nil)),
    text('é'.repeat(count)),
    text('x'.repeat(count)),
    binary(new Uint8Array(count).fill(0xff)),
    bitstring(new Uint8Array(count).fill(0xff), 5),
    integer((1n << BigInt(Math.min(count, 20_000) * 8)) - 1n),
    map(of(Math.min(count, 2000), (at): [Term, Term] => [integer(at * 7919), nil])),
    map(of(Math.min(count, 2000), (at): [Term, Term] => [atom(`key${at}`), integer(at)])),
  ]);
}
