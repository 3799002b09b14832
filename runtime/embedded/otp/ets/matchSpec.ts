/**
 * Match specifications of tables (erts user's guide, "Match Specifications in Erlang"): compiled once, with the errors that OTP
 * finds in compiling, then run on each row.
 */
import type { Value } from '../../../term/values.ts';
import { a, Atom, ImproperList, Tuple, tup } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList, isTuple } from '../../kernel/values.ts';
import { guardFunction } from './guards.ts';
import { badarg, hashKey, isExactly, mapEntries, mapOf, matchesTerm, words } from './terms.ts';

/** What a row gives that no clause takes. */
export const noMatch: unique symbol = Symbol('no match');

type Frame = { readonly self: Self; readonly row: Value; readonly bound: Value[] };
type Pattern = (term: Value, bound: Value[]) => boolean;
type Expression = (frame: Frame) => Value;
type Clause = {
  readonly pattern: Pattern;
  readonly guards: readonly Expression[];
  readonly body: readonly Expression[];
  /** The clause as it was given. */
  readonly head: Value;
  readonly bodyTerms: readonly Value[];
};

export type CompiledSpec = { readonly clauses: readonly Clause[] };

const variable = /^\$(0|[1-9]\d*)$/;
const whole = a('$_');
const variables = a('$$');
const any = a('_');

/** Whether a value holds no variable and no `_`: it can be looked for as it is. */
export function isGround(pattern: Value): boolean {
  if (pattern instanceof Atom) return pattern !== any && !variable.test(pattern.name);
  if (isTuple(pattern)) return pattern.elements.every((part) => isGround(asValue(part)));
  if (isList(pattern)) return pattern.every((part) => isGround(asValue(part)));
  if (pattern instanceof ImproperList) return pattern.items.every(isGround) && isGround(pattern.tail);
  return (mapEntries(pattern) ?? []).every(([key, held]) => isGround(key) && isGround(held));
}

/** One clause: patterns bind its variables in the order in which they are matched. */
class Compiler {
  /** In a body, a call that fails gives `'EXIT'`; in a guard it fails the guard. */
  #isBody = false;
  readonly #slots = new Map<string, number>();

  guard(term: Value): Expression {
    this.#isBody = false;
    return this.#expression(term);
  }
  body(term: Value): Expression {
    this.#isBody = true;
    return this.#expression(term);
  }

  /** The variables by their numbers: `$$`. */
  #inOrder(): readonly number[] {
    return [...this.#slots]
      .toSorted(([one], [other]) => Number(one.slice(1)) - Number(other.slice(1)))
      .map(([, slot]) => slot);
  }

  pattern(pattern: Value): Pattern {
    if (pattern instanceof Atom) return this.#atomPattern(pattern);
    if (isTuple(pattern)) {
      const parts = pattern.elements.map((part) => this.pattern(asValue(part)));
      return (term, bound) =>
        isTuple(term) &&
        term.elements.length === parts.length &&
        parts.every((part, at) => part(asValue(term.elements[at]), bound));
    }
    if (isList(pattern) || pattern instanceof ImproperList) return this.#listPattern(pattern);
    const entries = mapEntries(pattern);
    return entries === null ? (term) => matchesTerm(pattern, term) : this.#mapPattern(entries);
  }

  #atomPattern(pattern: Atom): Pattern {
    if (pattern === any) return () => true;
    if (!variable.test(pattern.name)) return (term) => term === pattern;
    const known = this.#slots.get(pattern.name);
    if (known !== undefined) return (term, bound) => isExactly(bound[known], term);
    const slot = this.#slots.size;
    this.#slots.set(pattern.name, slot);
    return (term, bound) => {
      bound[slot] = term;
      return true;
    };
  }

  #listPattern(pattern: readonly unknown[] | ImproperList): Pattern {
    const items = (pattern instanceof ImproperList ? pattern.items : pattern).map((part) =>
      this.pattern(asValue(part)),
    );
    const rest = pattern instanceof ImproperList ? this.pattern(pattern.tail) : null;
    return (term, bound) => {
      const held = term instanceof ImproperList ? term.items : isList(term) ? term : null;
      if (held === null || held.length < items.length || (rest === null && term instanceof ImproperList)) return false;
      if (rest === null && held.length !== items.length) return false;
      if (!items.every((part, at) => part(asValue(held[at]), bound))) return false;
      return rest === null || rest(restOf(term, held, items.length), bound);
    };
  }

  #mapPattern(entries: readonly (readonly [Value, Value])[]): Pattern {
    const parts = entries.map(([key, held]) => {
      if (!isGround(key)) throw badarg();
      return { key: hashKey(key), pattern: this.pattern(held) };
    });
    return (term, bound) => {
      const held = mapEntries(term);
      if (held === null) return false;
      const byKey = new Map(held.map(([key, value]) => [hashKey(key), value]));
      return parts.every(({ key, pattern }) => byKey.has(key) && pattern(byKey.get(key), bound));
    };
  }

  #expression(term: Value): Expression {
    if (term instanceof Atom) return this.#atomExpression(term);
    if (isTuple(term)) {
      const called = this.#call(term.elements.map(asValue));
      return this.#isBody ? (frame) => orExit(called, frame) : called;
    }
    if (isList(term)) return this.#all(term, (values) => values);
    if (term instanceof ImproperList) {
      return this.#all([...term.items, term.tail], (values) => prepended(values.slice(0, -1), values.at(-1)));
    }
    const entries = mapEntries(term);
    if (entries === null) return () => term;
    return this.#all(entries.flat(), (values) =>
      mapOf(entries.map((_entry, at) => [values[at * 2], values[at * 2 + 1]] as const)),
    );
  }

  #all(terms: readonly unknown[], make: (values: readonly Value[]) => Value): Expression {
    const parts = terms.map((part) => this.#expression(asValue(part)));
    return (frame) => make(parts.map((part) => part(frame)));
  }

  #atomExpression(term: Atom): Expression {
    if (term === whole) return ({ row }) => row;
    if (term === variables) {
      const slots = this.#inOrder();
      return ({ bound }) => slots.map((slot) => bound[slot]);
    }
    if (!variable.test(term.name)) return () => term;
    const slot = this.#slots.get(term.name);
    if (slot === undefined) throw badarg();
    return ({ bound }) => bound[slot];
  }

  #call([operator, ...args]: readonly Value[]): Expression {
    // `{{…}}` is the tuple itself.
    if (isTuple(operator) && args.length === 0) return this.#all(operator.elements, (values) => new Tuple(values));
    if (!(operator instanceof Atom)) throw badarg();
    switch (operator.name) {
      case 'const': {
        if (args.length !== 1) throw badarg();
        const [value] = args;
        return () => value;
      }
      case 'and':
      case 'or':
        return this.#logical(args, operator.name === 'and');
      case 'andalso':
      case 'orelse':
        return this.#shortened(args, operator.name === 'andalso');
      default: {
        const called = guardFunction(operator.name, args.length);
        if (called === null) throw badarg();
        const parts = args.map((part) => this.#expression(part));
        return (frame) => called(frame.self, ...parts.map((part) => part(frame)));
      }
    }
  }

  /** `and`, `or` of any number of booleans. */
  #logical(args: readonly Value[], isAnd: boolean): Expression {
    if (args.length === 0) throw badarg();
    const parts = args.map((part) => this.#expression(part));
    return (frame) => {
      const values = parts.map((part) => part(frame));
      if (!values.every((value) => typeof value === 'boolean')) throw badarg();
      return isAnd ? !values.includes(false) : values.includes(true);
    };
  }

  /** `andalso`, `orelse`: what decides ends it, and the last may be any value. */
  #shortened(args: readonly Value[], isAnd: boolean): Expression {
    if (args.length === 0) throw badarg();
    const parts = args.map((part) => this.#expression(part));
    return (frame) => {
      for (const part of parts.slice(0, -1)) {
        const value = part(frame);
        if (typeof value !== 'boolean') throw badarg();
        if (value !== isAnd) return value;
      }
      return parts.at(-1)?.(frame);
    };
  }
}

function restOf(term: Value, items: readonly unknown[], from: number): Value {
  const rest = items.slice(from).map(asValue);
  return term instanceof ImproperList ? prepended(rest, term.tail) : rest;
}
function prepended(items: readonly Value[], rest: Value): Value {
  if (items.length === 0) return rest;
  if (isList(rest)) return [...items, ...rest.map(asValue)];
  if (rest instanceof ImproperList) return new ImproperList([...items, ...rest.items], rest.tail);
  return new ImproperList(items, rest);
}

/** Compiles a specification, `[{MatchHead, [Guard], [Body]}]`; throws `badarg` where it is none. */
export function compileSpec(spec: Value): CompiledSpec {
  if (!isList(spec)) throw badarg();
  const clauses = spec.map((clause): Clause => {
    const parts = elementsOf(clause) ?? [];
    const [head, guards, body] = parts.map(asValue);
    if (parts.length !== 3 || !isList(guards) || !isList(body) || body.length === 0) throw badarg();
    const compiler = new Compiler();
    const pattern = compiler.pattern(head);
    const bodyTerms = body.map(asValue);
    return {
      pattern,
      guards: guards.map((guard) => compiler.guard(asValue(guard))),
      body: bodyTerms.map((part) => compiler.body(part)),
      head,
      bodyTerms,
    };
  });
  return { clauses };
}

/** `[{Pattern, [], [Body]}]`, as the match functions make it. */
export function specOf(pattern: Value, body: '$$' | '$_' | true): Value {
  return [tup(pattern, [], [body === true ? true : a(body)])];
}

/** What the first clause that takes the row makes of it; {@link noMatch} when none does. */
export function runSpec(self: Self, { clauses }: CompiledSpec, row: Value): Value | typeof noMatch {
  for (const { pattern, guards, body } of clauses) {
    const frame: Frame = { self, row, bound: [] };
    if (!pattern(row, frame.bound) || !guards.every((guard) => orExit(guard, frame) === true)) continue;
    let result: Value = undefined;
    for (const part of body) result = part(frame);
    return result;
  }
  return noMatch;
}

/** What fails gives `'EXIT'`, which is not `true`. */
function orExit(expression: Expression, frame: Frame): Value {
  try {
    return expression(frame);
  } catch (thrown) {
    if (thrown instanceof ErrorException) return words.exit;
    throw thrown;
  }
}

/** The results of `ets:select/2` over these rows; `badarg` where the specification is none. */
export function selectFrom(self: Self, rows: readonly Value[], spec: Value): readonly Value[] {
  const compiled = compileSpec(spec);
  return rows.flatMap((row) => {
    const result = runSpec(self, compiled, row);
    return result === noMatch ? [] : [result];
  });
}

/** The key that every row must have which this head takes; {@link noMatch} when it leaves the key open. */
export function keyInHead(head: Value, keyPosition: number): Value | typeof noMatch {
  const elements = elementsOf(head);
  if (elements === null || elements.length < keyPosition) return noMatch;
  const key = asValue(elements[keyPosition - 1]);
  return isGround(key) ? key : noMatch;
}

/** Whether what a clause makes of a row surely has the row's key: `ets:select_replace/2` takes no other. */
export function keepsKey({ head, bodyTerms }: Clause, keyPosition: number): boolean {
  const [body] = bodyTerms;
  if (bodyTerms.length !== 1) return false;
  if (body === whole) return true;
  const parts = elementsOf(body) ?? [];
  const key = asValue(elementsOf(head)?.[keyPosition - 1]);
  if ((elementsOf(head)?.length ?? 0) < keyPosition) return keyOfBody(parts, keyPosition, null);
  return keyOfBody(parts, keyPosition, { key });
}

function keyOfBody(body: readonly unknown[], keyPosition: number, head: { readonly key: Value } | null): boolean {
  if (body.length === 2 && body[0] === a('const')) {
    const elements = elementsOf(body[1]);
    if (elements === null || elements.length < keyPosition || head === null) return false;
    return isGround(head.key) && matchesTerm(asValue(elements[keyPosition - 1]), head.key);
  }
  const made = body.length === 1 ? elementsOf(body[0]) : null;
  if (made === null || made.length < keyPosition) return false;
  const key = asValue(made[keyPosition - 1]);
  const call = elementsOf(key) ?? [];
  if (call.length === 3 && call[0] === a('element') && call[1] === keyPosition && call[2] === whole) return true;
  if (head === null) return false;
  if (call.length === 2 && call[0] === a('const')) {
    return isGround(head.key) && matchesTerm(asValue(call[1]), head.key);
  }
  // A plain tuple in a body is a call, not a term.
  return key !== any && !isTuple(key) && matchesTerm(key, head.key);
}
