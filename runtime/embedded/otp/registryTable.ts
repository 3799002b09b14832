/**
 * The tables of Elixir's Registry (1.14): on a node, by the registry's name. On a BEAM they are ETS tables that processes write to
 * themselves; here too, each operation is one step that nobody sees the middle of.
 */
import type { Atom, Value } from '../../term/values.ts';
import type { Pid } from '../../term/values.ts';
import { valueKey } from '../kernel/valueKey.ts';
import type { Self } from '../kernel/self.ts';
import { hashOf } from './keyHash.ts';

export type RegistryKeys = 'unique' | 'duplicate';
export type Entry = { readonly key: Value; readonly pid: Pid; readonly value: Value };

/** The entries of one partition: by key, and by the process they belong to. */
export class RegistryPartition {
  /** The process that watches over the partition's processes; null until it has started. */
  server: Pid | null = null;
  #byKey = new Map<unknown, Entry[]>();
  readonly #byPid = new Map<Pid, Entry[]>();

  get size(): number {
    let size = 0;
    for (const entries of this.#byKey.values()) size += entries.length;
    return size;
  }
  /** In the order in which they were registered. */
  under(key: Value): readonly Entry[] {
    return this.#byKey.get(valueKey(key)) ?? [];
  }
  all(): readonly Entry[] {
    return [...this.#byKey.values()].flat();
  }
  add(entry: Entry): void {
    const key = valueKey(entry.key);
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, [entry]);
    else known.push(entry);
  }
  remove(entry: Entry): void {
    const key = valueKey(entry.key);
    const rest = (this.#byKey.get(key) ?? []).filter((other) => other !== entry);
    if (rest.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, rest);
  }
  replace(entry: Entry, by: Entry): void {
    const entries = this.#byKey.get(valueKey(entry.key));
    const at = entries?.indexOf(entry) ?? -1;
    if (entries !== undefined && at >= 0) entries[at] = by;
  }

  /** What a process holds, by the partition of the process. */
  heldBy(pid: Pid): readonly Entry[] {
    return this.#byPid.get(pid) ?? [];
  }
  hold(entry: Entry): void {
    const held = this.#byPid.get(entry.pid);
    if (held === undefined) this.#byPid.set(entry.pid, [entry]);
    else held.push(entry);
  }
  letGo(entry: Entry): void {
    const rest = this.heldBy(entry.pid).filter((other) => other !== entry);
    if (rest.length === 0) this.#byPid.delete(entry.pid);
    else this.#byPid.set(entry.pid, rest);
  }
}

export class RegistryTable {
  readonly name: Atom;
  readonly keys: RegistryKeys;
  readonly listeners: readonly Atom[];
  readonly meta = new Map<unknown, Value>();
  readonly #partitions: RegistryPartition[];

  constructor(name: Atom, keys: RegistryKeys, partitions: number, listeners: readonly Atom[]) {
    this.name = name;
    this.keys = keys;
    this.listeners = listeners;
    this.#partitions = Array.from({ length: partitions }, () => new RegistryPartition());
  }

  get partitions(): readonly RegistryPartition[] {
    return this.#partitions;
  }
  /** A partition whose process has started anew is empty. */
  renew(at: number, server: Pid): void {
    const partition = new RegistryPartition();
    partition.server = server;
    this.#partitions[at] = partition;
  }
  /** Where a key is held: of duplicate keys with the process that holds it. */
  ofKey(key: Value, pid: Pid): RegistryPartition {
    return this.#at(this.keys === 'unique' ? key : pid);
  }
  /** Where a key of a unique registry is held, or all the places where it may be. */
  whereKey(key: Value): readonly RegistryPartition[] {
    return this.keys === 'unique' ? [this.#at(key)] : this.#partitions;
  }
  ofPid(pid: Pid): RegistryPartition {
    return this.#at(pid);
  }
  #at(hashed: Value): RegistryPartition {
    const partition = this.#partitions[hashOf(hashed, this.#partitions.length)];
    if (partition === undefined) throw new RangeError('A registry has at least one partition.');
    return partition;
  }
}

const tables = new WeakMap<object, Map<string, RegistryTable>>();

/** The registries of the node of this process. */
export function registriesOf(self: Self): Map<string, RegistryTable> {
  const known = tables.get(self.home);
  if (known !== undefined) return known;
  const made = new Map<string, RegistryTable>();
  tables.set(self.home, made);
  return made;
}
