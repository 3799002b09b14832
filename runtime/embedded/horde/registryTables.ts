/** The tables of a Horde.Registry on one node, which every process there may read. Only the registry's own process changes them. */
import type { Pid, Value } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { ValueMap } from '../kernel/valueKey.ts';
import type { Member } from './options.ts';
import { argumentError, memberKey, pidKey } from './options.ts';

export type Registration = { readonly member: Member; readonly pid: Pid; readonly value: Value };

export class RegistryTables {
  readonly name: string;
  /** The process that keeps them. */
  readonly pid: Pid;
  readonly keys = new ValueMap<Registration>();
  readonly meta = new ValueMap<Value>();
  readonly members = new Map<string, Member>();
  /** The keys of each process, by {@link pidKey}, newest first. */
  readonly pids = new Map<string, readonly Value[]>();

  constructor(name: string, pid: Pid) {
    this.name = name;
    this.pid = pid;
  }

  hasMember(member: Member): boolean {
    return this.members.has(memberKey(member));
  }
  keysOf(pid: Pid): readonly Value[] {
    return this.pids.get(pidKey(pid)) ?? [];
  }
}

const registries = new WeakMap<object, Map<string, RegistryTables>>();

/** The registries that run on a node (`Self.home`), by name. Nothing is asked of them. */
export function registriesOn(node: object): ReadonlyMap<string, RegistryTables> {
  return registries.get(node) ?? new Map<string, RegistryTables>();
}
export function openTables(self: Self, tables: RegistryTables): void {
  const known = registries.get(self.home) ?? new Map<string, RegistryTables>();
  registries.set(self.home, known.set(tables.name, tables));
}

/** The tables of a registry of this node; the error of a table that is not there otherwise. */
export function tablesOf(self: Self, name: string): RegistryTables {
  const tables = registriesOn(self.home).get(name);
  // A table ends with the process that made it.
  if (tables !== undefined && self.isAlive(tables.pid)) return tables;
  throw argumentError(
    `errors were found at the given arguments: the table identifier does not refer to an existing ETS table`,
  );
}
