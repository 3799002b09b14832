/**
 * What `global` of one node knows: the names, who locks what, and how far it is with each other node. Follows kernel's `global` of
 * OTP 25, whose ETS tables and process dictionary this is. Only its server changes it; everybody may read it.
 */
import type { Pid, Ref, Value } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { ValueMap } from '../kernel/valueKey.ts';

export type GlobalName = { readonly pid: Pid; readonly method: Value; readonly ref: Ref };
/** Who holds a lock; several processes may, under the same requester. */
export type GlobalLock = {
  readonly requester: Value;
  readonly holders: readonly { readonly pid: Pid; readonly ref: Ref }[];
};

/** The exchange with a node that is being met; a field is left out until it is known. */
export type Meeting = {
  myTag?: number;
  hisTag?: number;
  /** He began before this node heard of him. */
  preConnect?: { readonly hisTag: number; readonly version: number; readonly locker: Value };
  lockId?: Value;
  /** Which of lock and names came first. */
  waitLock?: 'lock_is_set' | { readonly names: Value };
  /** Our operations, or his answer that came before them. */
  ops?:
    { readonly is: 'ours'; readonly ops: Value } | { readonly is: 'his'; readonly known: Value; readonly ops: Value };
};

export class GlobalTables {
  readonly names = new ValueMap<GlobalName>();
  readonly locks = new ValueMap<GlobalLock>();
  /** By the monitor of its process: a name, or what is locked. */
  readonly nameOf = new Map<Ref, Value>();
  readonly lockOf = new Map<Ref, Value>();
  /** The nodes that names are shared with, and the version of their protocol. */
  readonly known = new Map<string, number>();
  /** Being met: the first messages have been exchanged. */
  readonly pending = new Map<string, number>();
  /** Given up by this node, which is not told again when their connection ends. */
  readonly removing = new Set<string>();
  readonly meetings = new Map<string, Meeting>();
  synced: readonly string[] = [];

  meeting(node: string): Meeting {
    const known = this.meetings.get(node);
    if (known !== undefined) return known;
    const meeting: Meeting = {};
    this.meetings.set(node, meeting);
    return meeting;
  }

  /** The names of a process. */
  namesOf(pid: Pid): readonly Value[] {
    return [...this.names.entries()].filter(([, held]) => held.pid === pid).map(([name]) => name);
  }
}

const tables = new WeakMap<object, GlobalTables>();

/** What `global` of a node (`Self.home`) knows; null where it does not run. */
export function globalTables(home: object): GlobalTables | null {
  return tables.get(home) ?? null;
}
export function setGlobalTables(home: object, table: GlobalTables | null): void {
  if (table === null) tables.delete(home);
  else tables.set(home, table);
}

/** `global:whereis_name/1`: of this node a living process only; null for nobody. */
export function globalWhereis(self: Self, name: Value): Pid | null {
  const held = globalTables(self.home)?.names.get(name);
  if (held === undefined) return null;
  return held.pid.node === self.node && !self.isAlive(held.pid) ? null : held.pid;
}

/** Who has the lock already, when `requester` may have it; null when somebody else has. */
export function lockable(self: Self, resource: Value, requester: Value): GlobalLock['holders'] | null {
  const lock = globalTables(self.home)?.locks.get(resource);
  if (lock === undefined) return [];
  return sameKey(lock.requester, requester) ? lock.holders : null;
}

function sameKey(one: Value, other: Value): boolean {
  const probe = new ValueMap<true>();
  probe.set(one, true);
  return probe.has(other);
}
export { sameKey as sameTerm };
