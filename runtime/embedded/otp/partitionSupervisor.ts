/** Elixir's PartitionSupervisor (1.14): the same child several times, found by a key. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, tagged, partsOf } from '../kernel/values.ts';
import { hashOf } from './keyHash.ts';
import type { Flags, Spec } from './childSpec.ts';
import { flags, startValue } from './childSpec.ts';
import { readStart } from './checkSpec.ts';
import { startSupervisor } from './supervisor.ts';

const moduleName = 'Elixir.PartitionSupervisor';

export type PartitionOptions = {
  readonly name: Atom;
  /** The child of each partition; its id is the partition's number. */
  readonly child: Spec;
  /** 1 when left out: as many as there are schedulers. */
  readonly partitions?: number;
  /** The arguments of each partition's start function, from those of the specification. */
  readonly withArguments?: (args: readonly Value[], partition: number) => readonly Value[];
  readonly flags?: Partial<Pick<Flags, 'strategy' | 'intensity' | 'periodSeconds'>>;
};

/** Of a node, by the supervisor's name: how many partitions, and who serves them. */
type Table = { readonly partitions: number; readonly pids: Map<number, Pid> };
const tables = new WeakMap<object, Map<string, Table>>();
function tablesOf(self: Self): Map<string, Table> {
  const known = tables.get(self.home);
  if (known !== undefined) return known;
  const made = new Map<string, Table>();
  tables.set(self.home, made);
  return made;
}

/** `PartitionSupervisor.start_link/1`: `{:ok, pid}` or `{:error, reason}`. */
export function startPartitionSupervisor(self: Self, options: PartitionOptions): Flow<Value> {
  const { name, child, partitions = 1, withArguments = (args: readonly Value[]) => args } = options;
  if (!Number.isInteger(partitions) || partitions < 1) throw new ErrorException(atoms.badarg);
  const children = Array.from({ length: partitions }, (_none, partition): Spec => {
    const args = withArguments(child.start.args ?? [], partition);
    const start = startValue({ ...child.start, args });
    const wrapped = { module: moduleName, function: 'start_child', args: [start, name, partition] };
    return { ...child, id: partition, start: wrapped };
  });
  const module = {
    module: moduleName,
    init(own: Self) {
      tablesOf(own).set(name.name, { partitions, pids: new Map() });
      return { flags: flags({ intensity: 3, ...options.flags }), children };
    },
  };
  return startSupervisor(self, module, tup(name, partitions), { name });
}

/** `PartitionSupervisor.partitions/1`; exits with `noproc` when there is no such supervisor on this node. */
export function partitionsOf(self: Self, name: Atom): number {
  return tableOf(self, name).partitions;
}

/** The process that serves a key: what `{:via, PartitionSupervisor, {name, key}}` means; null while it restarts. */
export function partitionFor(self: Self, name: Atom, key: Value): Pid | null {
  const { partitions, pids } = tableOf(self, name);
  const at = typeof key === 'number' ? Math.abs(key) % partitions : hashOf(key, partitions);
  return pids.get(at) ?? null;
}

function tableOf(self: Self, name: Atom): Table {
  const table = self.whereis(name) === null ? undefined : tablesOf(self).get(name.name);
  if (table !== undefined) return table;
  throw new ExitException(tup(atoms.noproc, tup(a(moduleName), a('partitions'), [name])));
}

/** Starts the child of a partition, and notes who serves it. */
function* startChild(self: Self, start: Value, name: Value, partition: Value): Flow<Value> {
  const call = readStart(start);
  if (call === null || !(name instanceof Atom)) throw new ErrorException(atoms.badarg);
  const outcome = yield* self.apply(call.module, call.function, call.args ?? []);
  const pid = (tagged(outcome, atoms.ok, 2) ?? tagged(outcome, atoms.ok, 3))?.[1];
  if (pid instanceof Pid) tablesOf(self).get(name.name)?.pids.set(Number(partition), pid);
  return outcome;
}

/** `{name, key}` */
function viaKey(value: Value): readonly [Atom, Value] {
  const [name, key, ...more] = partsOf(value);
  if (name instanceof Atom && more.length === 0) return [name, asValue(key)];
  throw new ErrorException(atoms.badarg);
}

export const partitionSupervisorModule: CodeModule = {
  name: moduleName,
  functions: {
    'start_child/3': startChild,
    'whereis_name/1': (self, via) => partitionFor(self, ...viaKey(via)) ?? undefined,
    'send/2': (self, via, message) => {
      const pid = partitionFor(self, ...viaKey(via));
      if (pid === null) throw new ErrorException(atoms.badarg);
      self.send(pid, message);
      return message;
    },
    'register_name/2': (self) => self.error(atoms.badarg),
    'unregister_name/1': (self) => self.error(atoms.badarg),
  },
};
