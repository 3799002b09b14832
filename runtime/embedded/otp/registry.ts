/**
 * Elixir's Registry (1.14): processes of this node under keys, unique or duplicate, with listeners and as names
 * (`{:via, Registry, {registry, key}}`). Match specifications are functions here.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, okTuple, samePid, tagged, partsOf } from '../kernel/values.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { childSpec, flags } from './childSpec.ts';
import type { ServerModule } from './genServer.ts';
import { noreply, reply, startServer } from './genServer.ts';
import type { Entry, RegistryKeys } from './registryTable.ts';
import { registriesOf, RegistryTable } from './registryTable.ts';
import { startSupervisor } from './supervisor.ts';

const moduleName = 'Elixir.Registry';
const partitionModule = 'Elixir.Registry.Partition';

export type RegistryOptions = {
  readonly keys: RegistryKeys;
  readonly name: Atom;
  readonly partitions?: number;
  /** Processes by name that are told of each registration. */
  readonly listeners?: readonly Atom[];
  readonly meta?: readonly (readonly [Value, Value])[];
};

/** `Registry.start_link/1`: `{:ok, pid}` or `{:error, reason}`. */
export function startRegistry(self: Self, options: RegistryOptions): Flow<Value> {
  const { keys, name, partitions = 1, listeners = [], meta = [] } = options;
  if (!Number.isInteger(partitions) || partitions < 1) throw new ErrorException(atoms.badarg);
  const names = Array.from({ length: partitions }, (_none, at) => a(`${name.name}.PIDPartition${at}`));
  const module = {
    module: 'Elixir.Registry.Supervisor',
    init(own: Self) {
      const table = new RegistryTable(name, keys, partitions, listeners);
      for (const [key, value] of meta) table.meta.set(valueKey(key), value);
      registriesOf(own).set(name.name, table);
      return {
        // A partition's processes hold keys of all partitions of a unique registry, so all start anew with it.
        flags: flags({ strategy: keys === 'unique' ? 'one_for_all' : 'one_for_one', intensity: 3 }),
        children: names.map((id, at) => childSpec(id, [partitionModule, 'start_link', [id, name, at]])),
      };
    },
  };
  return startSupervisor(self, module, tup(a(keys), name, partitions, listeners), { name });
}

/** The table of a registry that runs; an error, as Elixir's ArgumentError, for a name that is none. */
function tableOf(self: Self, registry: Atom): RegistryTable {
  const table = self.whereis(registry) === null ? undefined : registriesOf(self).get(registry.name);
  if (table !== undefined) return table;
  const message = `unknown registry: ${registry.name}`;
  return self.error({ __struct__: a('Elixir.ArgumentError'), __exception__: true, message });
}

/** Watches over the processes of its partition: the entries of those that end are taken out. */
const partitionServer: ServerModule<{ readonly registry: string; readonly at: number }> = {
  module: partitionModule,
  init(self, argument) {
    const [registry, at] = partsOf(argument);
    const table = registriesOf(self).get(registry instanceof Atom ? registry.name : '');
    if (table === undefined || typeof at !== 'number') return { is: 'stop', reason: atoms.badarg };
    self.trapExit(true);
    table.renew(at, self.pid);
    return { is: 'ok', state: { registry: table.name.name, at } };
  },
  handleCall: (_self, _request, _from, state) => reply(atoms.ok, state),
  handleInfo(self, message, state) {
    const pid = tagged(message, atoms.exit, 3)?.[1];
    const table = registriesOf(self).get(state.registry);
    if (table === undefined || !(pid instanceof Pid)) return noreply(state);
    const held = table.partitions[state.at];
    for (const entry of held?.heldBy(pid) ?? []) {
      table.ofKey(entry.key, pid).remove(entry);
      held?.letGo(entry);
    }
    return noreply(state);
  },
  show: ({ registry, at }) => tup(a(registry), at),
};

// ------------------------------------------------------------------------------------------------- of the calling process

/** `Registry.register/3`: `{:ok, partition's process}` or `{:error, {:already_registered, pid}}`. */
export function registerKey(self: Self, registry: Atom, key: Value, value: Value): Value {
  const table = tableOf(self, registry);
  const partition = table.ofKey(key, self.pid);
  const own = table.ofPid(self.pid);
  if (own.server !== null) self.link(own.server);
  if (table.keys === 'unique') {
    const [holder] = partition.under(key);
    if (holder !== undefined && self.isAlive(holder.pid)) {
      if (!samePid(holder.pid, self.pid)) unlinkIfNone(self, table);
      return errorTuple(tup(a('already_registered'), holder.pid));
    }
    if (holder !== undefined) partition.remove(holder);
  }
  const entry: Entry = { key, pid: self.pid, value };
  partition.add(entry);
  own.hold(entry);
  tell(self, table, tup(a('register'), registry, key, self.pid, value));
  return okTuple(own.server ?? undefined);
}

/** `Registry.unregister/2`: takes out what this process has under the key. */
export function unregisterKey(self: Self, registry: Atom, key: Value): Value {
  const table = tableOf(self, registry);
  removeEntries(self, table, ownUnder(self, table, key));
  unlinkIfNone(self, table);
  tell(self, table, tup(a('unregister'), registry, key, self.pid));
  return atoms.ok;
}

/** `Registry.unregister_match/4`: takes out what this process has under the key and `matches`. */
export function unregisterMatch(self: Self, registry: Atom, key: Value, matches: (value: Value) => boolean): Value {
  const table = tableOf(self, registry);
  const own = ownUnder(self, table, key);
  const chosen = own.filter(({ value }) => matches(value));
  removeEntries(self, table, chosen);
  if (chosen.length > 0 && chosen.length === own.length) {
    unlinkIfNone(self, table);
    tell(self, table, tup(a('unregister'), registry, key, self.pid));
  }
  return atoms.ok;
}

/** `Registry.update_value/3`: `{new, old}`, or `:error` when this process does not have the key. Unique registries only. */
export function updateValue(self: Self, registry: Atom, key: Value, change: (value: Value) => Value): Value {
  const table = tableOf(self, registry);
  if (table.keys !== 'unique') return self.error({ __struct__: a('Elixir.ArgumentError'), __exception__: true });
  const [entry] = ownUnder(self, table, key);
  if (entry === undefined) return atoms.error;
  const next: Entry = { ...entry, value: change(entry.value) };
  table.ofKey(key, self.pid).replace(entry, next);
  table.ofPid(self.pid).letGo(entry);
  table.ofPid(self.pid).hold(next);
  return tup(next.value, entry.value);
}

function ownUnder(self: Self, table: RegistryTable, key: Value): readonly Entry[] {
  return table
    .ofKey(key, self.pid)
    .under(key)
    .filter(({ pid }) => pid === self.pid);
}
function removeEntries(self: Self, table: RegistryTable, entries: readonly Entry[]): void {
  for (const entry of entries) {
    table.ofKey(entry.key, self.pid).remove(entry);
    table.ofPid(self.pid).letGo(entry);
  }
}
function unlinkIfNone(self: Self, table: RegistryTable): void {
  const own = table.ofPid(self.pid);
  if (own.server !== null && own.heldBy(self.pid).length === 0) self.unlink(own.server);
}
function tell(self: Self, { listeners }: RegistryTable, message: Value): void {
  for (const listener of listeners) self.send(listener, message);
}

// ----------------------------------------------------------------------------------------------------- of any process

/** `Registry.lookup/2`: `{pid, value}` of all under the key. */
export function lookup(self: Self, registry: Atom, key: Value): readonly Value[] {
  return entriesUnder(self, registry, key).map(({ pid, value }) => tup(pid, value));
}
/** `Registry.match/4`: those whose value `matches`. */
export function matchKey(self: Self, registry: Atom, key: Value, matches: (value: Value) => boolean): readonly Value[] {
  return entriesUnder(self, registry, key)
    .filter(({ value }) => matches(value))
    .map(({ pid, value }) => tup(pid, value));
}
/** `Registry.values/3`: the values of a process under the key. */
export function valuesOf(self: Self, registry: Atom, key: Value, pid: Pid): readonly Value[] {
  return entriesUnder(self, registry, key)
    .filter((entry) => samePid(entry.pid, pid))
    .map(({ value }) => value);
}
/** `Registry.keys/2`: the keys of a process; of a duplicate registry a key as often as it has it. */
export function keysOf(self: Self, registry: Atom, pid: Pid): readonly Value[] {
  return tableOf(self, registry)
    .ofPid(pid)
    .heldBy(pid)
    .map(({ key }) => key);
}
/** `Registry.count/1` */
export function countKeys(self: Self, registry: Atom): number {
  return tableOf(self, registry).partitions.reduce((sum, partition) => sum + partition.size, 0);
}
/** `Registry.select/2`: what `choose` answers of each entry, where it is not null. */
export function selectKeys(self: Self, registry: Atom, choose: (entry: Entry) => Value): readonly Value[] {
  return tableOf(self, registry)
    .partitions.flatMap((partition) => partition.all())
    .map(choose)
    .filter((chosen) => chosen !== null);
}
/** `Registry.dispatch/4`: calls `deliver` with the entries under the key, for each partition that has any. */
export function* dispatch(
  self: Self,
  registry: Atom,
  key: Value,
  deliver: (entries: readonly Value[]) => Flow<unknown> | undefined,
): Flow<Value> {
  for (const partition of tableOf(self, registry).whereKey(key).toReversed()) {
    const entries = partition.under(key).map(({ pid, value }) => tup(pid, value));
    const work = entries.length === 0 ? undefined : deliver(entries);
    if (work !== undefined) yield* work;
  }
  return atoms.ok;
}

/** `Registry.meta/2` and `Registry.put_meta/3`: what is kept with the registry itself. */
export function registryMeta(self: Self, registry: Atom, key: Value): Value {
  const { meta } = tableOf(self, registry);
  return meta.has(valueKey(key)) ? okTuple(meta.get(valueKey(key))) : atoms.error;
}
export function putRegistryMeta(self: Self, registry: Atom, key: Value, value: Value): Value {
  tableOf(self, registry).meta.set(valueKey(key), value);
  return atoms.ok;
}

function entriesUnder(self: Self, registry: Atom, key: Value): readonly Entry[] {
  return tableOf(self, registry)
    .whereKey(key)
    .flatMap((partition) => partition.under(key));
}

// ------------------------------------------------------------------------------------------------------------ as names

/** `{registry, key}` or `{registry, key, value}` */
function viaOf(name: Value): readonly [registry: Atom, key: Value, value: Value] {
  const [registry, key, value] = partsOf(name);
  if (!(registry instanceof Atom)) throw new ErrorException(atoms.badarg);
  // Without a value it is nil.
  return [registry, asValue(key), elementsOf(name)?.length === 3 ? asValue(value) : null];
}

/** Who has the name; of a unique registry. */
function whereisName(self: Self, name: Value): Pid | null {
  const [registry, key] = viaOf(name);
  if (tableOf(self, registry).keys !== 'unique') return self.error({ __struct__: a('Elixir.ArgumentError') });
  const [entry] = entriesUnder(self, registry, key);
  return entry !== undefined && self.isAlive(entry.pid) ? entry.pid : null;
}

export const registryModules: readonly CodeModule[] = [
  {
    name: partitionModule,
    functions: {
      'start_link/3': (self, id, registry, at) =>
        startServer(self, partitionServer, tup(registry, at), id instanceof Atom ? { name: id } : {}),
    },
  },
  {
    name: moduleName,
    functions: {
      'whereis_name/1': (self, name) => whereisName(self, name) ?? undefined,
      'register_name/2': (self, name, pid) => {
        if (pid !== self.pid) return self.error(atoms.badarg);
        return a(tagged(registerKey(self, ...viaOf(name)), atoms.ok, 2) === null ? 'no' : 'yes');
      },
      'unregister_name/1': (self, name) => {
        const [registry, key] = viaOf(name);
        return unregisterKey(self, registry, key);
      },
      'send/2': (self, name, message) => {
        const pid = whereisName(self, name);
        if (pid === null) return self.error(atoms.badarg);
        self.send(pid, message);
        return message;
      },
    },
  },
];
