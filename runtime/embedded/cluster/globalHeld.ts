/** What `global` holds for processes: names, written on every node, and locks; and what becomes of both when their holder ends. */
import type { Value, Ref } from '../../term/values.ts';
import { Pid } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, elementsOf, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { lockable, sameTerm } from './globalTables.ts';
import type { GlobalState } from './globalState.ts';
import { words } from './globalState.ts';

/** Writes and deletes the names that were found by comparing, or sent by another node. */
export function doOps(
  self: Self,
  state: GlobalState,
  ops: Value,
  by: { readonly node: string; readonly extra: Value },
): void {
  const all = itemsOf(ops).map((op) => partsOf(op));
  for (const [what, entry] of all) {
    const [name, pid, method] = partsOf(entry);
    if (what === words.insert && pid instanceof Pid) insert(self, state, name, pid, method, by);
  }
  for (const [what, name] of all) if (what === words.delete) deleteName(self, state, name);
}

/** Writes a name, and watches its holder; in place of whoever had it. */
export function insert(
  self: Self,
  state: GlobalState,
  name: Value,
  pid: Pid,
  method: Value,
  by: { readonly pid: Pid } | { readonly node: string; readonly extra: Value },
): void {
  deleteName(self, state, name);
  const ref = self.monitor(pid);
  state.tables.names.set(name, { pid, method, ref });
  state.tables.nameOf.set(ref, name);
  self.emit({ is: 'global_names', node: self.node });
  if (!isStillLocked(state, by)) deleteName(self, state, name);
}

/** Whether the lock under which a name was sent still holds: who held it may have died, or be parted, meanwhile. */
function isStillLocked(
  { tables, lockWentDown }: GlobalState,
  by: { readonly pid: Pid } | { readonly node: string; readonly extra: Value },
): boolean {
  const lock = tables.locks.get(words.global);
  if (lock === undefined) return !lockWentDown;
  if ('pid' in by) return lock.holders.some(({ pid }) => pid === by.pid);
  const told = itemsOf(by.extra)
    .map((one) => tagged(one, words.lock, 2))
    .find((one) => one !== null);
  const requester = elementsOf(told?.[1])?.[1];
  return requester !== undefined && sameTerm(asValue(requester), lock.requester);
}

/** Forgets a name, and watches its holder no more. */
export function deleteName(self: Self, { tables }: GlobalState, name: Value): void {
  const held = tables.names.get(name);
  if (held === undefined) return;
  tables.names.delete(name);
  tables.nameOf.delete(held.ref);
  self.demonitor(held.ref, { flush: true });
  self.emit({ is: 'global_names', node: self.node });
}

/** Sets a lock, or takes part in it; false when another requester has it. */
export function setLock(self: Self, { tables }: GlobalState, resource: Value, requester: Value, pid: Pid): boolean {
  const holders = lockable(self, resource, requester);
  if (holders === null) return false;
  if (holders.some((holder) => holder.pid === pid)) return true;
  const ref = self.monitor(pid);
  tables.lockOf.set(ref, resource);
  tables.locks.set(resource, { requester, holders: [{ pid, ref }, ...holders] });
  return true;
}

/** Gives back a part in a lock. */
export function deleteLock(self: Self, state: GlobalState, resource: Value, requester: Value, pid: Pid): void {
  const lock = state.tables.locks.get(resource);
  const holder = lock?.holders.find((one) => one.pid === pid);
  if (lock === undefined || holder === undefined || !sameTerm(lock.requester, requester)) return;
  release(self, state, resource, holder.ref, false);
}

/** One holder less; `isDown`: because it ended. */
function release(self: Self, state: GlobalState, resource: Value, ref: Ref, isDown: boolean): void {
  const { tables } = state;
  const lock = tables.locks.get(resource);
  if (lock === undefined) return;
  self.demonitor(ref, { flush: true });
  tables.lockOf.delete(ref);
  const holders = lock.holders.filter((holder) => holder.ref !== ref);
  if (holders.length > 0) {
    tables.locks.set(resource, { ...lock, holders });
    return;
  }
  tables.locks.delete(resource);
  if (resource === words.global) state.lockWentDown = isDown;
}

/** The holder of a lock, or of a name, is gone. */
export function ended(self: Self, state: GlobalState, ref: Ref): void {
  const { lockOf, nameOf } = state.tables;
  if (lockOf.has(ref)) release(self, state, asValue(lockOf.get(ref)), ref, true);
  if (nameOf.has(ref)) deleteName(self, state, asValue(nameOf.get(ref)));
}
