/**
 * Tables of terms that processes of one node share: OTP 25's `ets` (ets(3)), for code that runs in processes. Each function takes the
 * process first. What goes in and what comes out is copied. Bad arguments, and tables that a process may not use, are `badarg`.
 */
import type { Pid, Ref, Tuple, Value } from '../../../term/values.ts';
import { a } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { Self } from '../../kernel/self.ts';
import { foldl, foldr } from './folding.ts';
import * as objects from './objects.ts';
import * as selecting from './selecting.ts';
import type { AtomValue } from './table.ts';
import * as tables from './tables.ts';

/** A table: the name of a named one, or a reference. */
export type TableId = AtomValue | Ref;
type Object = Tuple<readonly unknown[]>;

/** `ets:Function(...)`, under the names that they have there; the arities of one name are one function. */
export const ets = {
  /** `options` as Erlang has them; atoms may be given as text: `['named_table', 'public', tuple(atom('keypos'), 2)]`. */
  new: (self: Self, name: AtomValue | string, options: readonly (Value | string)[] = []): TableId =>
    tables.newTable(
      self,
      typeof name === 'string' ? a(name) : name,
      options.map((option) => (typeof option === 'string' ? a(option) : option)),
    ),
  insert: (self: Self, table: TableId, object: Object | readonly Object[]): true => objects.insert(self, table, object),
  insertNew: (self: Self, table: TableId, object: Object | readonly Object[]): boolean =>
    objects.insertNew(self, table, object),
  lookup: (self: Self, table: TableId, key: Value): readonly Value[] => objects.lookup(self, table, key),
  lookupElement: (self: Self, table: TableId, key: Value, position: number): Value =>
    objects.lookupElement(self, table, key, position),
  member: (self: Self, table: TableId, key: Value): boolean => objects.member(self, table, key),
  take: (self: Self, table: TableId, key: Value): readonly Value[] => objects.take(self, table, key),
  /** Without a key the table itself. */
  delete: (self: Self, table: TableId, ...key: readonly [] | readonly [Value]): true =>
    key.length === 0 ? tables.deleteTable(self, table) : objects.deleteKey(self, table, key[0]),
  deleteObject: (self: Self, table: TableId, object: Object): true => objects.deleteObject(self, table, object),
  deleteAllObjects: (self: Self, table: TableId): true => objects.deleteAllObjects(self, table),
  /** `operation`: an increment, `{Position, Increment}`, `{Position, Increment, Threshold, SetValue}`, or a list of these. */
  updateCounter: (
    self: Self,
    table: TableId,
    key: Value,
    operation: Value,
    ...fallback: readonly [] | readonly [Object]
  ): Value => objects.updateCounter(self, table, key, operation, ...fallback),
  updateElement: (self: Self, table: TableId, key: Value, changes: Object | readonly Object[]): boolean =>
    objects.updateElement(self, table, key, changes),
  first: (self: Self, table: TableId): Value => objects.first(self, table),
  last: (self: Self, table: TableId): Value => objects.last(self, table),
  next: (self: Self, table: TableId, key: Value): Value => objects.next(self, table, key),
  prev: (self: Self, table: TableId, key: Value): Value => objects.prev(self, table, key),
  tab2list: (self: Self, table: TableId): readonly Value[] => objects.tab2list(self, table),
  foldl: (self: Self, fun: Value, initial: Value, table: TableId): Flow<Value> => foldl(self, fun, initial, table),
  foldr: (self: Self, fun: Value, initial: Value, table: TableId): Flow<Value> => foldr(self, fun, initial, table),
  match: (self: Self, table: TableId, pattern: Value): readonly Value[] => selecting.match(self, table, pattern),
  matchObject: (self: Self, table: TableId, pattern: Value): readonly Value[] =>
    selecting.matchObject(self, table, pattern),
  matchDelete: (self: Self, table: TableId, pattern: Value): true => selecting.matchDelete(self, table, pattern),
  select: (self: Self, table: TableId, spec: Value): readonly Value[] => selecting.select(self, table, spec),
  /** `{Results, Continuation}` or `'$end_of_table'`; {@link ets.continue} goes on. */
  selectPortion: (self: Self, table: TableId, spec: Value, limit: number): Value =>
    selecting.selectPortion(self, table, spec, limit),
  /** `ets:select/1` */
  continue: (self: Self, continuation: Value): Value => selecting.nextPortion(self, continuation),
  selectReverse: (self: Self, table: TableId, spec: Value): readonly Value[] =>
    selecting.selectReverse(self, table, spec),
  selectCount: (self: Self, table: TableId, spec: Value): number => selecting.selectCount(self, table, spec),
  selectDelete: (self: Self, table: TableId, spec: Value): number => selecting.selectDelete(self, table, spec),
  selectReplace: (self: Self, table: TableId, spec: Value): number => selecting.selectReplace(self, table, spec),
  safeFixtable: (self: Self, table: TableId, fix: boolean): true => tables.safeFixtable(self, table, fix),
  /** Without an item, the list of all; `undefined` of a table that is not there. */
  info: (self: Self, table: TableId, item?: string): Value =>
    item === undefined ? tables.info(self, table) : tables.infoItem(self, table, a(item)),
  rename: (self: Self, table: TableId, name: string): Value => tables.rename(self, table, a(name)),
  giveAway: (self: Self, table: TableId, pid: Pid, data: Value): true => tables.giveAway(self, table, pid, data),
  setopts: (self: Self, table: TableId, options: Value): true => tables.setopts(self, table, options),
  whereis: (self: Self, name: string): Ref | undefined => tables.whereisTable(self, a(name)),
  all: (self: Self): readonly TableId[] => tables.all(self),
} as const;
