/** How tables compare terms: as hash keys, exactly (`=:=`), and in Erlang's order as OTP 25 has it. */
import { compareTerms } from '../../../term/order.ts';
import type { Comparison } from '../../../term/order.ts';
import type { Term } from '../../../term/term.ts';
import { atom, termKey } from '../../../term/term.ts';
import type { Value } from '../../../term/values.ts';
import { a, Atom, toTerm, toValue } from '../../../term/values.ts';
import { deepestTerm } from '../../kernel/copy.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import { asValue, atoms, isList, isTuple } from '../../kernel/values.ts';

export function badarg(): ErrorException {
  return new ErrorException(atoms.badarg);
}

/** The term of a value; `badarg` where it has none (it contains itself, or a JavaScript function). */
export function termOf(value: Value): Term {
  const term = toTerm(value, { maxDepth: deepestTerm });
  if (!term.ok) throw badarg();
  return term.value;
}

/** The same for two values exactly when a hash table of OTP 25 takes them for the same key: `=:=`, and there `0.0 =:= -0.0`. */
export function hashKey(value: Value): unknown {
  if (typeof value === 'string') return `s${value}`;
  if (value instanceof Atom || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  const term = termOf(value);
  if (term.t === 'text') return `s${term.v}`;
  if (term.t === 'int') return term.v;
  return `t${termKey(term).replaceAll('{"t":"float","v":"-0"}', '{"t":"float","v":0}')}`;
}

/** How OTP 25 orders two values. */
export function order(one: Value, other: Value, how: Comparison = 'arithmetic_before_27'): number {
  if (typeof one === 'number' && typeof other === 'number' && how === 'arithmetic_before_27') return one - other;
  return compareTerms(termOf(one), termOf(other), how);
}

/** Whether a value matches a term of a pattern: `=:=`, where even OTP 25 tells 0.0 from -0.0. */
export function matchesTerm(one: Value, other: Value): boolean {
  if (Object.is(one, other)) return true;
  if (one instanceof Atom || other instanceof Atom || typeof one !== typeof other) {
    // A bigint can be a small integer, and bytes a string.
    if (one instanceof Atom || other instanceof Atom || isSimple(one) || isSimple(other)) return false;
  } else if (typeof one === 'string' || typeof one === 'boolean') return false;
  return compareTerms(termOf(one), termOf(other), 'exact') === 0;
}
function isSimple(value: Value): boolean {
  return value === null || value === undefined || typeof value === 'boolean';
}

/** `=:=` of OTP 25. */
export function isExactly(one: Value, other: Value): boolean {
  return Object.is(one, other) || compareTerms(termOf(one), termOf(other), 'exact_before_27') === 0;
}

/** The keys and values of a map; null for what is none. */
export function mapEntries(value: Value): readonly (readonly [Value, Value])[] | null {
  if (value instanceof Map) return [...value].map(([key, held]) => [asValue(key), asValue(held)] as const);
  if (typeof value !== 'object' || value === null || isList(value) || isTuple(value)) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return null;
  return Object.entries(value).map(([name, held]) => [toValue(atom(name)), asValue(held)] as const);
}

/** The map of these entries; of equal keys the last. */
export function mapOf(entries: readonly (readonly [Value, Value])[]): Value {
  const byKey = new Map(entries.map(([key, held]) => [hashKey(key), [key, held] as const]));
  const terms = [...byKey.values()].map(([key, held]) => [key, held] as const);
  return new Map(terms);
}

export const words = {
  endOfTable: a('$end_of_table'),
  exit: a('EXIT'),
  transfer: a('ETS-TRANSFER'),
} as const;
