/** The functions of ets that put objects into tables, look them up, change and take them (ets(3)). */
import type { Value } from '../../../term/values.ts';
import { Tuple } from '../../../term/values.ts';
import { copied } from '../../kernel/copy.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, isList, isTuple } from '../../kernel/values.ts';
import { reach } from './access.ts';
import { add, integerOf } from './arithmetic.ts';
import type { Row } from './rows.ts';
import type { Table } from './table.ts';
import { badarg, isExactly, order, words } from './terms.ts';

/** Copies of objects, so that whoever looks them up cannot change the table. */
export function copies(rows: readonly Row[]): readonly Value[] {
  return rows.map((row) => copied(row));
}

function rowOf(table: Table, object: unknown): Row {
  if (!isTuple(object)) throw badarg();
  table.keyOf(object);
  const copy = copied(object);
  if (!isTuple(copy)) throw badarg();
  return copy;
}

/** One object or a list of them, copied; `badarg` before anything is done when one of them is no object of this table. */
function objectsOf(table: Table, given: Value): readonly Row[] {
  if (isTuple(given)) return [rowOf(table, given)];
  if (!isList(given)) throw badarg();
  const rows = given.map((object) => rowOf(table, object));
  // A list comes into a bag from its end.
  return table.options.type === 'bag' ? rows.reverse() : rows;
}

function insertRow(table: Table, row: Row): void {
  const key = table.keyOf(row);
  if (table.isSet) {
    table.put(key, [row]);
    return;
  }
  if (table.options.type === 'bag' && table.rows.under(key).some((other) => isExactly(other, row))) return;
  table.append(key, row);
}

/** `ets:insert/2` */
export function insert(self: Self, table: Value, objects: Value): true {
  const into = reach(self, table, 'write');
  for (const row of objectsOf(into, objects)) insertRow(into, row);
  return true;
}

/** `ets:insert_new/2`: false, and nothing inserted, when one of the keys is there. */
export function insertNew(self: Self, table: Value, objects: Value): boolean {
  const into = reach(self, table, 'write');
  const rows = objectsOf(into, objects);
  if (rows.some((row) => into.rows.under(into.keyOf(row)).length > 0)) return false;
  for (const row of rows) insertRow(into, row);
  return true;
}

/** `ets:lookup/2` */
export function lookup(self: Self, table: Value, key: Value): readonly Value[] {
  return copies(reach(self, table, 'read').rows.under(key));
}

/** `ets:lookup_element/3`: of a set the element itself, of a bag those of all objects; `badarg` where there is none. */
export function lookupElement(self: Self, table: Value, key: Value, position: Value): Value {
  const from = reach(self, table, 'read');
  const rows = from.rows.under(key);
  if (rows.length === 0 || typeof position !== 'number' || position < 1) throw badarg();
  const elements = rows.map((row) => {
    if (position > row.elements.length) throw badarg();
    return copied(asValue(row.elements[position - 1]));
  });
  return from.isSet ? elements[0] : elements;
}

/** `ets:member/2` */
export function member(self: Self, table: Value, key: Value): boolean {
  return reach(self, table, 'read').rows.under(key).length > 0;
}

/** `ets:delete/2` */
export function deleteKey(self: Self, table: Value, key: Value): true {
  reach(self, table, 'write').put(key, []);
  return true;
}

/** `ets:delete_object/2`: also of a duplicate_bag all that are the same. */
export function deleteObject(self: Self, table: Value, object: Value): true {
  const from = reach(self, table, 'write');
  if (!isTuple(object)) throw badarg();
  const key = from.keyOf(object);
  removeRows(from, key, (row) => isExactly(row, object));
  return true;
}

/** Takes those objects of a key out; answers how many. */
export function removeRows(table: Table, key: Value, isGone: (row: Row) => boolean): number {
  const there = table.rows.under(key);
  const rest = there.filter((row) => !isGone(row));
  if (rest.length < there.length) table.put(key, rest);
  return there.length - rest.length;
}

/** `ets:delete_all_objects/1` */
export function deleteAllObjects(self: Self, table: Value): true {
  reach(self, table, 'write').clear();
  return true;
}

/** `ets:take/2` */
export function take(self: Self, table: Value, key: Value): readonly Value[] {
  const from = reach(self, table, 'write');
  const rows = from.rows.under(key);
  if (rows.length > 0) from.put(key, []);
  return copies(rows);
}

/** `ets:tab2list/1` */
export function tab2list(self: Self, table: Value): readonly Value[] {
  return [...reach(self, table, 'read').groups()].flatMap(({ rows }) => copies(rows));
}

// -------------------------------------------------------------------------------------------------------- traversal

type Group = { readonly key: Value } | null | 'unknown';

function keyOr(group: Group): Value {
  if (group === 'unknown') throw badarg();
  return group === null ? words.endOfTable : copied(group.key);
}
/** `ets:first/1`: `'$end_of_table'` of an empty table. */
export function first(self: Self, table: Value): Value {
  return keyOr(reach(self, table, 'read').rows.first());
}
/** `ets:last/1` */
export function last(self: Self, table: Value): Value {
  return keyOr(reach(self, table, 'read').rows.last());
}
/** `ets:next/2`: `badarg` when a table without an order does not have the key, unless it is fixed and had it. */
export function next(self: Self, table: Value, key: Value): Value {
  return keyOr(reach(self, table, 'read').rows.next(key));
}
/** `ets:prev/2` */
export function prev(self: Self, table: Value, key: Value): Value {
  return keyOr(reach(self, table, 'read').rows.previous(key));
}

// --------------------------------------------------------------------------------------------------------- elements

type Update = {
  readonly position: number;
  readonly by: Value;
  readonly bound: { readonly threshold: Value; readonly then: Value } | null;
};

function updateOf(table: Table, operation: unknown): Update {
  if (integerOf(asValue(operation)) !== null) {
    return { position: table.options.keyPosition + 1, by: asValue(operation), bound: null };
  }
  const [position, by, threshold, then] = isTuple(operation) ? operation.elements.map(asValue) : [];
  const size = isTuple(operation) ? operation.elements.length : 0;
  if ((size !== 2 && size !== 4) || typeof position !== 'number' || !Number.isSafeInteger(position)) throw badarg();
  if (position < 1 || position === table.options.keyPosition) throw badarg();
  if (size === 4 && (integerOf(threshold) === null || integerOf(then) === null)) throw badarg();
  return { position, by, bound: size === 4 ? { threshold, then } : null };
}

function counted(update: Update, elements: Value[]): Value {
  const { position, by, bound } = update;
  const before = elements[position - 1];
  if (position > elements.length || integerOf(before) === null || integerOf(by) === null) throw badarg();
  let after = add(before, by);
  if (bound !== null) {
    const isOver = order(by, 0) < 0 ? order(after, bound.threshold) < 0 : order(after, bound.threshold) > 0;
    if (isOver) after = bound.then;
  }
  elements[position - 1] = after;
  return after;
}

/**
 * `ets:update_counter/3,4`: the new value, or those of a list of operations. `badarg`, with nothing changed, where an element is no
 * integer, or the key is not there and no default was given.
 */
export function updateCounter(
  self: Self,
  table: Value,
  key: Value,
  operation: Value,
  ...fallback: readonly [] | readonly [Value]
): Value {
  const into = reach(self, table, 'write');
  if (!into.isSet) throw badarg();
  const initial = fallback.length === 0 ? null : rowOf(into, fallback[0]);
  const [there] = into.rows.under(key);
  const row = there ?? initial;
  if (row === null) throw badarg();
  const elements = row.elements.map(asValue);
  if (there === undefined) elements[into.options.keyPosition - 1] = copied(key);
  try {
    const operations = isList(operation) ? operation : [operation];
    const results = operations.map((one) => counted(updateOf(into, one), elements));
    into.put(into.keyOf(new Tuple(elements)), [new Tuple(elements)]);
    return isList(operation) ? results : results[0];
  } catch (thrown) {
    // OTP puts the default in and takes it out again: a fixed table remembers the key.
    if (there === undefined) into.remember(copied(key), row);
    throw thrown;
  }
}

/** `ets:update_element/3`: false when the key is not there. */
export function updateElement(self: Self, table: Value, key: Value, changes: Value): boolean {
  const into = reach(self, table, 'write');
  if (!into.isSet || (!isList(changes) && !isTuple(changes))) throw badarg();
  const [there] = into.rows.under(key);
  if (there === undefined) return false;
  const elements = there.elements.map(asValue);
  for (const change of isList(changes) ? changes : [changes]) {
    const [position, value] = isTuple(change) && change.elements.length === 2 ? change.elements.map(asValue) : [];
    if (typeof position !== 'number' || !Number.isSafeInteger(position)) throw badarg();
    if (position < 1 || position > elements.length || position === into.options.keyPosition) throw badarg();
    elements[position - 1] = copied(value);
  }
  into.put(into.keyOf(there), [new Tuple(elements)]);
  return true;
}
