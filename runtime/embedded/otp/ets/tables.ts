/** The functions of ets that make tables, say what is known of them, and hand them on (ets(3)). */
import type { Value } from '../../../term/values.ts';
import { Atom, Pid, Ref, a, tup } from '../../../term/values.ts';
import { copied } from '../../kernel/copy.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList } from '../../kernel/values.ts';
import { reach } from './access.ts';
import { heirOf, isProtection, tableOptions } from './options.ts';
import type { AtomValue } from './table.ts';
import { isAtomValue, isTableReference, none, Table, tablesOf } from './table.ts';
import { badarg, words } from './terms.ts';

/** `ets:new/2`: the table's name where it is a named one, else its reference. */
export function newTable(self: Self, name: Value, options: Value): AtomValue | Ref {
  self.bumpReductions(1);
  if (!isAtomValue(name)) throw badarg();
  const table = new Table(self.makeRef(), name, self.pid, tableOptions(self, options));
  tablesOf(self).add(table);
  return table.identifier;
}

/** `ets:delete/1` */
export function deleteTable(self: Self, table: Value): true {
  tablesOf(self).remove(reach(self, table, 'write'));
  return true;
}

/** `ets:rename/2`: `badarg` when a named table's new name is taken. */
export function rename(self: Self, table: Value, name: Value): Value {
  const renamed = reach(self, table, 'write');
  if (!isAtomValue(name)) throw badarg();
  tablesOf(self).rename(renamed, name);
  return renamed.identifier;
}

/** `ets:give_away/3`: another process of this node owns the table, and is told by `{'ETS-TRANSFER', Table, From, Data}`. */
export function giveAway(self: Self, table: Value, pid: Value, data: Value): true {
  const given = reach(self, table, 'own');
  const owner = pid instanceof Pid ? self.inspect(pid) : null;
  if (owner === null || !owner.alive || owner.pid === self.pid) throw badarg();
  tablesOf(self).give(given, owner.pid);
  self.send(owner.pid, tup(words.transfer, given.identifier, self.pid, data));
  return true;
}

/** `ets:setopts/2`: who inherits the table, and (as OTP takes it, too) who may use it. */
export function setopts(self: Self, table: Value, given: Value): true {
  const changed = reach(self, table, 'own');
  const options = isList(given) ? given : [given];
  let [heir, protection] = [changed.heir, changed.protection];
  const seen = new Set<unknown>();
  for (const option of options) {
    const parts = elementsOf(option) ?? [];
    const [name, value] = parts;
    if (!(name instanceof Atom) || seen.has(name)) throw badarg();
    seen.add(name);
    if (name.name === 'heir') heir = heirOf(self, parts);
    else if (name.name === 'protection' && parts.length === 2 && value instanceof Atom && isProtection(value.name)) {
      protection = value.name;
    } else throw badarg();
  }
  changed.heir = heir;
  changed.protection = protection;
  return true;
}

/** `ets:safe_fixtable/2`: keys that are deleted meanwhile can still be gone on from. */
export function safeFixtable(self: Self, table: Value, fix: Value): true {
  if (typeof fix !== 'boolean') throw badarg();
  const fixed = reach(self, table, 'read');
  if (fix) tablesOf(self).fix(fixed, self.pid, self.nowMs);
  else tablesOf(self).release(fixed, self.pid);
  return true;
}

/** `ets:whereis/1`: the reference of a named table, or `undefined`. */
export function whereisTable(self: Self, name: Value): Ref | undefined {
  self.bumpReductions(1);
  if (!isAtomValue(name)) throw badarg();
  return tablesOf(self).find(name)?.id;
}

/** `ets:all/0` */
export function all(self: Self): readonly (AtomValue | Ref)[] {
  self.bumpReductions(1);
  return tablesOf(self)
    .all()
    .map(({ identifier }) => identifier);
}

// ------------------------------------------------------------------------------------------------------------- facts

const facts: { readonly [item: string]: (self: Self, table: Table) => Value } = {
  id: (_self, { id }) => id,
  decentralized_counters: (_self, { options }) => options.decentralizedCounters,
  read_concurrency: (_self, { options }) => options.readConcurrency,
  write_concurrency: (_self, { options: { writeConcurrency } }) =>
    writeConcurrency === 'auto' ? a('auto') : writeConcurrency,
  compressed: (_self, { options }) => options.isCompressed,
  memory: (_self, table) => table.words,
  owner: (_self, { owner }) => owner,
  heir: (_self, { heir }) => heir?.pid ?? none,
  name: (_self, { name }) => name,
  size: (_self, { rows }) => rows.size,
  node: (self) => a(self.node),
  named_table: (_self, { options }) => options.isNamed,
  type: (_self, { options }) => a(options.type),
  keypos: (_self, { options }) => options.keyPosition,
  protection: (_self, { protection }) => a(protection),
};
/** What `ets:info/2` knows besides what `ets:info/1` lists. */
const moreFacts: typeof facts = {
  fixed: (_self, { fixations }) => fixations.size > 0,
  safe_fixed_monotonic_time: (_self, table) => safeFixed(table, Math.round(table.fixedSinceMs * 1_000_000)),
  safe_fixed: (_self, table) => {
    const seconds = Math.floor(table.fixedSinceMs / 1000);
    const microseconds = Math.round((table.fixedSinceMs - seconds * 1000) * 1000);
    return safeFixed(table, tup(Math.floor(seconds / 1_000_000), seconds % 1_000_000, microseconds));
  },
};

function safeFixed({ fixations }: Table, since: Value): Value {
  return fixations.size === 0
    ? false
    : tup(
        since,
        [...fixations].map(([pid, count]) => tup(pid, count)),
      );
}

/** A table for everybody's eyes; null where there was one with this reference, or none with this name. */
function known(self: Self, table: Value): Table | null {
  self.bumpReductions(1);
  if (!isAtomValue(table) && !(table instanceof Ref)) throw badarg();
  const found = tablesOf(self).find(table);
  if (found === null && table instanceof Ref && !isTableReference(table)) throw badarg();
  return found;
}

/** `ets:info/1`; `undefined` of a table that is not there. */
export function info(self: Self, table: Value): Value {
  const found = known(self, table);
  if (found === null) return undefined;
  return Object.entries(facts).map(([item, fact]) => tup(a(item), fact(self, found)));
}

/** `ets:info/2`: `badarg` for an item that there is not. */
export function infoItem(self: Self, table: Value, item: Value): Value {
  const found = known(self, table);
  if (!(item instanceof Atom)) throw badarg();
  if (found === null) return undefined;
  const fact = facts[item.name] ?? moreFacts[item.name];
  if (fact === undefined) throw badarg();
  return copied(asValue(fact(self, found)));
}
