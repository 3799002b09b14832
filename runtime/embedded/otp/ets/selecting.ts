/** The functions of ets that look for objects by patterns and match specifications, whole or in portions (ets(3)). */
import type { Value } from '../../../term/values.ts';
import { Ref, tup } from '../../../term/values.ts';
import { copied } from '../../kernel/copy.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList, isTuple } from '../../kernel/values.ts';
import { reach } from './access.ts';
import { integerOf } from './arithmetic.ts';
import type { CompiledSpec } from './matchSpec.ts';
import { compileSpec, keepsKey, keyInHead, noMatch, runSpec, specOf } from './matchSpec.ts';
import { removeRows } from './objects.ts';
import type { Group, Row } from './rows.ts';
import type { Table } from './table.ts';
import { badarg, hashKey, order, words } from './terms.ts';

/** Compiled specifications, by the references that processes have of them. */
const compiled = new WeakMap<Ref, CompiledSpec>();

function refFor(self: Self, spec: CompiledSpec): Ref {
  const ref = self.makeRef();
  compiled.set(ref, spec);
  return ref;
}

/** The groups of the keys that a specification looks for; null unless each of its clauses says one. */
function groupsOfKeys(table: Table, { clauses }: CompiledSpec): readonly Group[] | null {
  const keys = clauses.map(({ head }) => keyInHead(head, table.options.keyPosition));
  const known = new Map<unknown, Value>();
  for (const key of keys) {
    if (key === noMatch) return null;
    const isThere = table.options.type === 'ordered_set' && [...known.values()].some((one) => order(one, key) === 0);
    if (!isThere) known.set(hashKey(key), key);
  }
  return [...known.values()].map((key) => ({ key, rows: table.rows.under(key) }));
}

/** The groups that it can find objects in. */
function groupsFor(table: Table, spec: CompiledSpec): readonly Group[] {
  return groupsOfKeys(table, spec) ?? [...table.groups()];
}

function results(self: Self, spec: CompiledSpec, rows: readonly Row[]): readonly Value[] {
  return rows.flatMap((row) => {
    const result = runSpec(self, spec, row);
    return result === noMatch ? [] : [copied(result)];
  });
}

/** `ets:select/2` */
export function select(self: Self, table: Value, spec: Value): readonly Value[] {
  const from = reach(self, table, 'read');
  const run = compileSpec(spec);
  return groupsFor(from, run).flatMap(({ rows }) => results(self, run, rows));
}

/** `ets:select_reverse/2`: from the end of an ordered table; of others as select/2. */
export function selectReverse(self: Self, table: Value, spec: Value): readonly Value[] {
  const found = select(self, table, spec);
  return isOrdered(self, table) ? found.toReversed() : found;
}
function isOrdered(self: Self, table: Value): boolean {
  return reach(self, table, 'read').options.type === 'ordered_set';
}

/** `ets:match/2` */
export function match(self: Self, table: Value, pattern: Value): readonly Value[] {
  return select(self, table, specOf(pattern, '$$'));
}
/** `ets:match_object/2` */
export function matchObject(self: Self, table: Value, pattern: Value): readonly Value[] {
  return select(self, table, specOf(pattern, '$_'));
}

// --------------------------------------------------------------------------------------------------------- portions

/** Where a portion ended, as a continuation `{Table, {Key, Number}, Direction, Limit, SpecRef, Rest}` holds it. */
type Continuation = {
  readonly from: Group | null;
  readonly rest: readonly Value[];
  readonly limit: number;
  readonly backwards: boolean;
};

function portion(
  self: Self,
  table: Table,
  spec: CompiledSpec,
  { from, rest, limit, backwards }: Continuation,
  ref: Ref,
): Value {
  const found = [...rest];
  let group = from;
  let before: Group | null = null;
  while (group !== null && found.length < limit) {
    for (const result of results(self, spec, group.rows)) found.push(result);
    before = group;
    group = table.rows.from(table.rows.place(group), backwards);
  }
  if (found.length < limit) return found.length === 0 ? words.endOfTable : tup(found, words.endOfTable);
  // Where all came of what was left, the place is before the group that is next.
  const place = before === null ? null : table.rows.place(before);
  const where = place === null ? (from === null ? [] : [copied(from.key)]) : tup(copied(place.key), place.number);
  const more = tup(table.identifier, where, backwards, limit, ref, found.slice(limit));
  return tup(found.slice(0, limit), more);
}

/** `ets:select/3`: `{Results, Continuation}`, or `'$end_of_table'`. */
export function selectPortion(self: Self, table: Value, spec: Value, limit: Value): Value {
  return begin(self, table, spec, limit, false);
}
/** `ets:select_reverse/3` */
export function selectReversePortion(self: Self, table: Value, spec: Value, limit: Value): Value {
  return begin(self, table, spec, limit, isOrdered(self, table));
}
/** `ets:match/3` */
export function matchPortion(self: Self, table: Value, pattern: Value, limit: Value): Value {
  return begin(self, table, specOf(pattern, '$$'), limit, false);
}
/** `ets:match_object/3` */
export function matchObjectPortion(self: Self, table: Value, pattern: Value, limit: Value): Value {
  return begin(self, table, specOf(pattern, '$_'), limit, false);
}

function begin(self: Self, table: Value, given: Value, most: Value, backwards: boolean): Value {
  const from = reach(self, table, 'read');
  const spec = compileSpec(given);
  const limit = integerOf(most);
  if (limit === null || limit < 1) throw badarg();
  const ref = refFor(self, spec);
  const groups = groupsOfKeys(from, spec);
  const all = { rest: [], limit: Number(limit), backwards };
  if (groups === null) {
    return portion(self, from, spec, { ...all, from: backwards ? from.rows.last() : from.rows.first() }, ref);
  }
  // Where the keys are known, their objects are found at once.
  const found = groups.flatMap(({ rows }) => results(self, spec, rows));
  if (found.length === 0) return words.endOfTable;
  if (found.length <= all.limit) return tup(found, words.endOfTable);
  return portion(self, from, spec, { ...all, from: null, rest: found }, ref);
}

/** `ets:select/1`, `select_reverse/1`, `match/1`, `match_object/1`: the next portion; `'$end_of_table'` where there is none. */
export function nextPortion(self: Self, continuation: Value): Value {
  if (continuation === words.endOfTable) return words.endOfTable;
  const [table, where, backwards, limit, ref, rest] = (elementsOf(continuation) ?? []).map(asValue);
  const spec = ref instanceof Ref ? compiled.get(ref) : undefined;
  if (!(ref instanceof Ref) || spec === undefined || typeof limit !== 'number' || !isList(rest)) throw badarg();
  if (typeof backwards !== 'boolean') throw badarg();
  const from = reach(self, table, 'read');
  return portion(
    self,
    from,
    spec,
    { from: groupAt(from, where, backwards), rest: rest.map(asValue), limit, backwards },
    ref,
  );
}

/** The group where a continuation goes on. */
function groupAt(table: Table, where: Value, backwards: boolean): Group | null {
  if (isTuple(where)) {
    const [key, number] = where.elements.map(asValue);
    if (typeof number !== 'number') throw badarg();
    return table.rows.from({ key, number }, backwards);
  }
  const [key, ...more] = isList(where) ? where : [];
  return key === undefined || more.length > 0 ? null : { key: asValue(key), rows: table.rows.under(asValue(key)) };
}

/** `ets:repair_continuation/2`: the continuation with a specification that is compiled here. */
export function repairContinuation(self: Self, continuation: Value, spec: Value): Value {
  if (continuation === words.endOfTable) return words.endOfTable;
  const parts = (elementsOf(continuation) ?? []).map(asValue);
  if (parts.length !== 6) throw badarg();
  const [ref] = parts.slice(4);
  if (ref instanceof Ref && compiled.has(ref)) return continuation;
  return tup(...parts.slice(0, 4), refFor(self, compileSpec(spec)), parts[5]);
}

// ------------------------------------------------------------------------------------------------- what changes the table

/** `ets:select_count/2`: how many objects a clause makes `true` of. */
export function selectCount(self: Self, table: Value, spec: Value): number {
  return select(self, table, spec).filter((result) => result === true).length;
}

/** `ets:select_delete/2` */
export function selectDelete(self: Self, table: Value, spec: Value): number {
  const from = reach(self, table, 'write');
  const run = compileSpec(spec);
  let deleted = 0;
  for (const { key } of groupsFor(from, run)) {
    deleted += removeRows(from, key, (row) => runSpec(self, run, row) === true);
  }
  return deleted;
}

/** `ets:match_delete/2` */
export function matchDelete(self: Self, table: Value, pattern: Value): true {
  selectDelete(self, table, specOf(pattern, true));
  return true;
}

/** `ets:select_replace/2`: `badarg` for a bag, and for a clause that does not surely keep the key. */
export function selectReplace(self: Self, table: Value, spec: Value): number {
  const into = reach(self, table, 'write');
  if (into.options.type === 'bag') throw badarg();
  const run = compileSpec(spec);
  if (!run.clauses.every((clause) => keepsKey(clause, into.options.keyPosition))) throw badarg();
  let replaced = 0;
  for (const { key, rows } of groupsFor(into, run)) {
    const changes = rows.map((row) => ({ row, result: runSpec(self, run, row) }));
    const changed = changes.filter(({ result }) => isTuple(result)).length;
    if (changed > 0)
      into.put(
        key,
        changes.map(({ row, result }) => (isTuple(result) ? result : row)),
      );
    replaced += changed;
  }
  return replaced;
}

// --------------------------------------------------------------------------------------------------- apart from tables

/** `ets:match_spec_compile/1` */
export function matchSpecCompile(self: Self, spec: Value): Ref {
  return refFor(self, compileSpec(spec));
}
/** `ets:is_compiled_ms/1` */
export function isCompiledMs(spec: Value): boolean {
  return spec instanceof Ref && compiled.has(spec);
}
/** `ets:match_spec_run/2`: what a compiled specification makes of a list. */
export function matchSpecRun(self: Self, list: Value, spec: Value): readonly Value[] {
  const run = spec instanceof Ref ? compiled.get(spec) : undefined;
  if (run === undefined || !isList(list)) throw badarg();
  return list.flatMap((object) => {
    const result = runSpec(self, run, asValue(object));
    return result === noMatch ? [] : [result];
  });
}
