/**
 * Match specifications of tables (erts user's guide, "Match Specifications in Erlang"), as far as `Registry.select/2` and its like use
 * them: patterns with `_` and `$N`, the guards that compare and tell types, and bodies that build terms.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Float, Pid, Tuple, toTerm, tup } from '../../term/values.ts';
import { compareTerms } from '../../term/order.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import { fieldsOf } from '../otp/checkSpec.ts';
import { asValue, atoms, elementsOf, isList, isTuple, itemsOf, partsOf } from '../kernel/values.ts';

type Bindings = ReadonlyMap<string, Value>;

/** The results of `ets:select/2` over these rows; `badarg` where the specification is none. */
export function select(rows: readonly Value[], spec: Value): readonly Value[] {
  const clauses = itemsOf(spec).map((clause) => {
    const [head, guards, body, ...more] = partsOf(clause);
    if (!isList(guards) || !isList(body) || body.length === 0 || more.length > 0)
      throw new ErrorException(atoms.badarg);
    return { head: asValue(head), guards: guards.map(asValue), body: body.map(asValue) };
  });
  if (clauses.length === 0) throw new ErrorException(atoms.badarg);
  return rows.flatMap((row) => {
    for (const { head, guards, body } of clauses) {
      const bound = new Map<string, Value>([['$_', row]]);
      if (!matches(head, row, bound) || !guards.every((guard) => passes(guard, bound))) continue;
      return [evaluated(body[body.length - 1], bound)];
    }
    return [];
  });
}

const variable = /^\$\d+$/;

/** Whether a term matches; binds the variables of the pattern. */
function matches(pattern: Value, term: Value, bound: Map<string, Value>): boolean {
  if (pattern instanceof Atom) {
    if (pattern.name === '_') return true;
    if (!variable.test(pattern.name)) return pattern === term;
    if (bound.has(pattern.name)) return isSame(bound.get(pattern.name), term);
    bound.set(pattern.name, term);
    return true;
  }
  if (isTuple(pattern)) return isTuple(term) && matchAll(pattern.elements, term.elements, bound);
  if (isList(pattern)) return isList(term) && matchAll(pattern, term, bound);
  const fields = pattern instanceof Pid ? null : entriesOf(pattern);
  if (fields === null) return isSame(pattern, term);
  const held = entriesOf(term);
  return (
    held !== null &&
    fields.every(([key, value]) => {
      const there = held.find(([other]) => isSame(other, key));
      return there !== undefined && matches(value, there[1], bound);
    })
  );
}
function matchAll(patterns: readonly unknown[], terms: readonly unknown[], bound: Map<string, Value>): boolean {
  return (
    patterns.length === terms.length &&
    patterns.every((pattern, at) => matches(asValue(pattern), asValue(terms[at]), bound))
  );
}
function entriesOf(value: Value): readonly (readonly [Value, Value])[] | null {
  if (value instanceof Map) return [...value].map(([key, held]) => [asValue(key), asValue(held)] as const);
  const fields = fieldsOf(value);
  return fields === null ? null : [...fields].map(([name, held]) => [a(name), held] as const);
}

/** `=:=` */
function isSame(one: Value, other: Value): boolean {
  return order(one, other, 'exact') === 0;
}
function order(one: Value, other: Value, how: 'exact' | 'arithmetic'): number {
  const [left, right] = [toTerm(one), toTerm(other)];
  if (!left.ok || !right.ok) return Object.is(one, other) ? 0 : 1;
  return compareTerms(left.value, right.value, how);
}

/** A guard that fails, for whatever reason, does not match. */
function passes(guard: Value, bound: Bindings): boolean {
  try {
    return evaluated(guard, bound) === true;
  } catch (thrown) {
    if (thrown instanceof ErrorException) return false;
    throw thrown;
  }
}

const comparisons: { readonly [operator: string]: (order: number) => boolean } = {
  '>': (by) => by > 0,
  '<': (by) => by < 0,
  '>=': (by) => by >= 0,
  '=<': (by) => by <= 0,
  '==': (by) => by === 0,
  '/=': (by) => by !== 0,
  '=:=': (by) => by === 0,
  '=/=': (by) => by !== 0,
};
const isInteger = (value: Value): boolean =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
const isAtomValue = (value: Value): boolean =>
  value instanceof Atom || typeof value === 'boolean' || value === null || value === undefined;
const types: { readonly [test: string]: (value: Value) => boolean } = {
  is_atom: isAtomValue,
  is_binary: (value) => typeof value === 'string' || value instanceof Uint8Array,
  is_float: (value) => value instanceof Float || (typeof value === 'number' && !Number.isInteger(value)),
  is_integer: isInteger,
  is_list: isList,
  is_map: (value) => !isAtomValue(value) && entriesOf(value) !== null,
  is_number: (value) => isInteger(value) || typeof value === 'number' || value instanceof Float,
  is_pid: (value) => value instanceof Pid,
  is_tuple: isTuple,
};

/** The value of a term of a guard or a body. */
function evaluated(term: Value, bound: Bindings): Value {
  if (term instanceof Atom && bound.has(term.name)) return bound.get(term.name);
  if (isList(term)) return term.map((part) => evaluated(asValue(part), bound));
  if (!isTuple(term)) return term;
  const [operator, ...rest] = term.elements.map(asValue);
  // `{{…}}` is the tuple itself.
  if (operator instanceof Tuple && rest.length === 0) {
    return tup(...operator.elements.map((part) => evaluated(asValue(part), bound)));
  }
  if (!(operator instanceof Atom)) throw new ErrorException(atoms.badarg);
  if (operator.name === 'const') return rest[0];
  const values = rest.map((part) => evaluated(part, bound));
  const [first, second] = values;
  const compared = comparisons[operator.name];
  if (compared !== undefined) {
    const how = operator.name === '=:=' || operator.name === '=/=' ? 'exact' : 'arithmetic';
    return compared(order(first, second, how));
  }
  const test = types[operator.name];
  if (test !== undefined) return test(first);
  switch (operator.name) {
    case 'element': {
      const elements = elementsOf(second);
      if (typeof first !== 'number' || elements === null || first < 1 || first > elements.length) {
        throw new ErrorException(atoms.badarg);
      }
      return asValue(elements[first - 1]);
    }
    case 'not':
      return first !== true;
    case 'and':
    case 'andalso':
      return values.every((value) => value === true);
    case 'or':
    case 'orelse':
      return values.some((value) => value === true);
    default:
      throw new ErrorException(atoms.badarg);
  }
}
