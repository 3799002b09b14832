/**
 * Erlang's order of terms (Reference Manual, "Term Comparisons"):
 * number < atom < reference < fun < port < pid < tuple < map < nil < list < bitstring.
 */
import { binaryBytes } from './binary.ts';
import type { Term } from './term.ts';
import { nil } from './term.ts';

/**
 * `arithmetic` is what `==` and `<` do: 1 equals 1.0. `exact` is the order of map keys: every integer before every float, so two
 * terms are equal in it only when they are `=:=`. The two `before_27` are these orders in OTP 26 and earlier, where 0.0 and -0.0 are
 * one, also as keys of maps.
 */
export type Comparison = 'arithmetic' | 'arithmetic_before_27' | 'exact' | 'exact_before_27';

/** The order in which map keys are compared within another. */
const orderOfKeys = {
  arithmetic: 'exact',
  arithmetic_before_27: 'exact_before_27',
  exact: 'exact',
  exact_before_27: 'exact_before_27',
} as const satisfies Record<Comparison, Comparison>;

const ranks: { readonly [T in Term['t']]: number } = {
  int: 0,
  big: 0,
  float: 0,
  atom: 1,
  ref: 2,
  fun: 3,
  export: 4,
  port: 5,
  pid: 6,
  tuple: 7,
  map: 8,
  list: 10,
  bytelist: 10,
  text: 11,
  bits: 11,
  elided: 12,
};
const nilRank = 9;

function rankOf(term: Term): number {
  return term.t === 'list' && term.e.length === 0 && term.tail === undefined ? nilRank : ranks[term.t];
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By code point, which is also the order of the UTF-8 bytes; UTF-16 units alone would put U+10000 before U+E000. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    const leftIsSurrogate = left >= 0xd800 && left <= 0xdfff;
    const rightIsSurrogate = right >= 0xd800 && right <= 0xdfff;
    if (leftIsSurrogate !== rightIsSurrogate && left >= 0xd800 && right >= 0xd800) return leftIsSurrogate ? 1 : -1;
    return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

type NumberTerm = Extract<Term, { readonly t: 'int' | 'big' | 'float' }>;

function valueOf(term: NumberTerm): number | bigint {
  if (term.t === 'big') return BigInt(term.v);
  return term.v === '-0' ? -0 : term.v;
}

function compareNumberTerms(a: NumberTerm, b: NumberTerm, how: Comparison): number {
  const separate = how === 'exact' || how === 'exact_before_27';
  if (separate && (a.t === 'float') !== (b.t === 'float')) return a.t === 'float' ? 1 : -1;
  const order = compareNumbers(valueOf(a), valueOf(b));
  if (order !== 0 || how !== 'exact') return order;
  // -0.0 and 0.0 are different terms from OTP 27 on.
  return Number(a.v !== '-0') - Number(b.v !== '-0');
}

function compareNodes(
  a: { readonly node: string; readonly creation: number },
  b: { readonly node: string; readonly creation: number },
): number {
  return compareText(a.node, b.node) || compareNumbers(a.creation, b.creation);
}

/** From the last word, as one long number with its least significant word first. */
function compareRefIds(a: readonly number[], b: readonly number[]): number {
  for (let at = Math.max(a.length, b.length) - 1; at >= 0; at--) {
    const order = compareNumbers(a[at] ?? 0, b[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const order = (a[at] ?? 0) - (b[at] ?? 0);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const noBytes = new Uint8Array();

type BitsTerm = Extract<Term, { readonly t: 'text' | 'bits' }>;

function compareBits(a: BitsTerm, b: BitsTerm): number {
  if (a.t === 'text' && b.t === 'text') return compareText(a.v, b.v);
  const order = compareBytes(binaryBytes(a) ?? noBytes, binaryBytes(b) ?? noBytes);
  if (order !== 0) return order;
  return (a.t === 'bits' ? a.lastBits : 8) - (b.t === 'bits' ? b.lastBits : 8);
}

type ListTerm = Extract<Term, { readonly t: 'list' | 'bytelist' }>;

function lengthOf(term: ListTerm): number {
  return term.t === 'list' ? term.e.length : term.latin1.length;
}

function elementOf(term: ListTerm, at: number): Term {
  return term.t === 'list' ? (term.e[at] ?? nil) : { t: 'int', v: term.latin1.charCodeAt(at) };
}

function tailOf(term: ListTerm): Term {
  return term.t === 'list' ? (term.tail ?? nil) : nil;
}

/** Cell by cell: where one list ends first, its tail is compared with the rest of the other, which is a list. */
function compareLists(a: ListTerm, b: ListTerm, how: Comparison): number {
  const length = Math.min(lengthOf(a), lengthOf(b));
  for (let at = 0; at < length; at++) {
    const order = compareTerms(elementOf(a, at), elementOf(b, at), how);
    if (order !== 0) return order;
  }
  if (lengthOf(a) === lengthOf(b)) return compareTerms(tailOf(a), tailOf(b), how);
  return lengthOf(a) < lengthOf(b) ? rankOf(tailOf(a)) - ranks.list : ranks.list - rankOf(tailOf(b));
}

function compareSequences(a: readonly Term[], b: readonly Term[], how: Comparison): number {
  for (const [at, element] of a.entries()) {
    const other = b[at];
    const order = other === undefined ? 1 : compareTerms(element, other, how);
    if (order !== 0) return order;
  }
  return 0;
}

type MapTerm = Extract<Term, { readonly t: 'map' }>;

/** By size, then the keys in their own order, then the values. */
function compareMaps(a: MapTerm, b: MapTerm, how: Comparison): number {
  if (a.e.length !== b.e.length) return a.e.length - b.e.length;
  const howKeys = orderOfKeys[how];
  for (const [at, [key]] of a.e.entries()) {
    const other = b.e[at];
    const order = other === undefined ? 1 : compareTerms(key, other[0], howKeys);
    if (order !== 0) return order;
  }
  for (const [at, [, value]] of a.e.entries()) {
    const other = b.e[at];
    const order = other === undefined ? 1 : compareTerms(value, other[1], how);
    if (order !== 0) return order;
  }
  return 0;
}

function isNumber(term: Term): term is NumberTerm {
  return term.t === 'int' || term.t === 'big' || term.t === 'float';
}

function isBits(term: Term): term is BitsTerm {
  return term.t === 'text' || term.t === 'bits';
}

function isList(term: Term): term is ListTerm {
  return term.t === 'list' || term.t === 'bytelist';
}

/**
 * Negative, zero or positive as `a` stands before, with or after `b` in Erlang's order. Maps must have their entries in order, as
 * the canonical form has. Funs of one module are ordered by label and token, which is stable but not the BEAM's order; elided terms
 * come last. Nothing throws; depth of recursion is the depth of the terms.
 */
export function compareTerms(a: Term, b: Term, how: Comparison = 'arithmetic'): number {
  if (a === b) return 0;
  if (isNumber(a) && isNumber(b)) return compareNumberTerms(a, b, how);
  if (a.t === 'atom' && b.t === 'atom') return compareText(a.v, b.v);
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (isBits(a) && isBits(b)) return compareBits(a, b);
  if (isList(a) && isList(b)) return compareLists(a, b, how);
  if (a.t === 'tuple' && b.t === 'tuple') return a.e.length - b.e.length || compareSequences(a.e, b.e, how);
  if (a.t === 'map' && b.t === 'map') return compareMaps(a, b, how);
  if (a.t === 'pid' && b.t === 'pid') return a.serial - b.serial || a.id - b.id || compareNodes(a, b);
  if (a.t === 'port' && b.t === 'port') return compareNodes(a, b) || compareNumbers(BigInt(a.id), BigInt(b.id));
  if (a.t === 'ref' && b.t === 'ref') return compareNodes(a, b) || compareRefIds(a.ids, b.ids);
  if (a.t === 'export' && b.t === 'export') {
    return compareText(a.module, b.module) || compareText(a.function, b.function) || a.arity - b.arity;
  }
  if (a.t === 'fun' && b.t === 'fun') {
    return (
      compareText(a.module, b.module) ||
      compareText(a.label, b.label) ||
      a.arity - b.arity ||
      compareText(a.token, b.token)
    );
  }
  if (a.t === 'elided' && b.t === 'elided') return compareText(a.was, b.was) || a.size - b.size;
  return 0;
}

type Entry = readonly [Term, Term];

/** A map in canonical form. Of entries with the same key the last one stays, as `maps:from_list/1` does. */
export function map(entries: readonly Entry[]): MapTerm {
  let sorted = true;
  for (let at = 1; at < entries.length && sorted; at++) {
    const before = entries[at - 1];
    const here = entries[at];
    sorted = before !== undefined && here !== undefined && compareTerms(before[0], here[0], 'exact') < 0;
  }
  if (sorted) return { t: 'map', e: entries };
  const kept: Entry[] = [];
  for (const entry of entries.toSorted((a, b) => compareTerms(a[0], b[0], 'exact'))) {
    const before = kept.at(-1);
    if (before !== undefined && compareTerms(before[0], entry[0], 'exact') === 0) kept.pop();
    kept.push(entry);
  }
  return { t: 'map', e: kept };
}

/** The value under `key` (compared with `=:=`) in a map term, or undefined. */
export function mapGet(term: Term, key: Term): Term | undefined {
  if (term.t !== 'map') return undefined;
  return term.e.find(([candidate]) => compareTerms(candidate, key, 'exact') === 0)?.[1];
}
