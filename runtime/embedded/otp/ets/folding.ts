/** `ets:foldl/3` and `foldr/3`: the table is fixed meanwhile, so that the fun may change it. */
import type { Value } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { applyFun } from '../../kernel/localFun.ts';
import type { Self } from '../../kernel/self.ts';
import { reach } from './access.ts';
import { copies } from './objects.ts';
import { safeFixtable } from './tables.ts';

/** From the first object to the last; of a table without an order in the order of `first` and `next`. */
export function foldl(self: Self, fun: Value, initial: Value, table: Value): Flow<Value> {
  return fold(self, fun, initial, table, false);
}
/** From the last to the first. */
export function foldr(self: Self, fun: Value, initial: Value, table: Value): Flow<Value> {
  return fold(self, fun, initial, table, true);
}

function* fold(self: Self, fun: Value, initial: Value, table: Value, backwards: boolean): Flow<Value> {
  const { rows } = reach(self, table, 'read');
  safeFixtable(self, table, true);
  try {
    let result = initial;
    let group = backwards ? rows.last() : rows.first();
    while (group !== null) {
      const place = rows.place(group);
      const objects = copies(group.rows);
      for (const object of backwards ? objects.toReversed() : objects) {
        result = yield* applyFun(self, fun, [object, result]);
      }
      group = reach(self, table, 'read').rows.from(place, backwards);
    }
    return result;
  } finally {
    release(self, table);
  }
}

/** The fun may have deleted the table. */
function release(self: Self, table: Value): void {
  try {
    safeFixtable(self, table, false);
  } catch (thrown) {
    if (!(thrown instanceof ErrorException)) throw thrown;
  }
}
