/** For the scenarios of Horde's own suites: Hordes on simulated nodes, driven by a process as ExUnit drives them. */
import type { Pid, Value } from '../../runtime/term/values.ts';
import { a, Atom, tup } from '../../runtime/term/values.ts';
import type { Cluster, ClusterOptions } from '../../runtime/embedded/cluster/cluster.ts';
import type { HordeMode } from '../../runtime/embedded/horde/modules.ts';
import { hordeModules } from '../../runtime/embedded/horde/modules.ts';
import { keywords } from '../../runtime/embedded/horde/options.ts';
import { registriesOn } from '../../runtime/embedded/horde/registryTables.ts';
import type { HordeSupervisorState } from '../../runtime/embedded/horde/supervisorState.ts';
import { hordeSupervisorsOn } from '../../runtime/embedded/horde/supervisorState.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, sleep, timedOut } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { asValue, atoms, elementsOf, isList } from '../../runtime/embedded/kernel/values.ts';
import { startedBy } from '../../runtime/embedded/otp/dynamicStart.ts';
import type { ServerModule } from '../../runtime/embedded/otp/genServer.ts';
import { noreply, reply, startServer, stop } from '../../runtime/embedded/otp/genServer.ts';
import { inProcess, nodeOf, testCluster } from '../../runtime/embedded/testKit.ts';

/** Tells its parent that it runs, and by `terminate` why it ends; `{Parent, What, DelayMs}`. */
const worker: ServerModule<readonly Value[]> = {
  module: 'Elixir.Worker',
  init(self, argument) {
    self.trapExit(true);
    const [parent, what] = partsOf(argument);
    self.send(pidOf(parent), tup(a('starting'), what, self.pid));
    return { is: 'ok', state: partsOf(argument) };
  },
  handleCall: (_self, request, _from, state) => reply(request, state),
  handleCast: (_self, reason, state) => stop(reason, state),
  *terminate(self, reason, [parent, what, delayMs]): Flow<void> {
    self.send(pidOf(parent), tup(a('stopping'), what, reason));
    if (typeof delayMs === 'number') yield* sleep(delayMs);
  },
  show: (state) => [...state],
};

/** Keeps a name of a Horde.Registry; a second one answers `ignore`, as Horde's IgnoreWorker does. */
const named: ServerModule<null> = {
  module: 'Elixir.IgnoreWorker',
  init: () => ({ is: 'ok', state: null }),
  handleCall: (_self, request, _from, state) => reply(request, state),
  handleInfo: (_self, _message, state) => noreply(state),
  show: (state) => state,
};

const workers: readonly CodeModule[] = [
  {
    name: worker.module,
    behaviours: ['gen_server'],
    functions: {
      'start_link/1': (self, argument) => startServer(self, worker, argument),
      *'start_slow/2'(self, argument, slowMs): Flow<Value> {
        yield* sleep(Number(slowMs));
        return yield* startServer(self, worker, argument);
      },
      'ignore/1': () => atoms.ignore,
      'fail/1': () => tup(atoms.error, a('refused')),
      'child_spec/1': (_self, argument) => workerSpec(argument),
    },
  },
  {
    name: named.module,
    behaviours: ['gen_server'],
    functions: {
      *'start_link/1'(self, name): Flow<Value> {
        const via = tup(a('via'), a('Elixir.Horde.Registry'), name);
        const answer = yield* startServer(self, named, null, { name: via });
        return elementsOf(answer)?.[0] === atoms.error ? atoms.ignore : answer;
      },
    },
  },
  {
    name: 'Elixir.Holder',
    functions: {
      // Registers a key, tells so, and lives for a while.
      *'hold/5'(self, parent, registry, key, value, forMs): Flow<Value> {
        const answer = yield* self.apply('Elixir.Horde.Registry', 'register', [registry, key, value]);
        self.send(pidOf(parent), tup(a('held'), self.pid, answer));
        if (typeof forMs === 'number') yield* sleep(forMs);
        else yield* receive({ match: () => false });
        return atoms.ok;
      },
    },
  },
];

function partsOf(value: Value): readonly Value[] {
  return (elementsOf(value) ?? []).map(asValue);
}
export function pidOf(value: Value): Pid {
  if (typeof value === 'object' && value !== null && 'serial' in value) return value as Pid;
  throw new Error('This is no pid.');
}

/** The specification of a {@link worker}. */
export function workerSpec(argument: Value, options: { readonly [key: string]: Value } = {}): Value {
  return { id: a('worker'), start: tup(a(worker.module), a('start_link'), [argument]), shutdown: 10, ...options };
}

export const one = 'one@sim';
export const two = 'two@sim';
export const three = 'three@sim';

/** A cluster with Horde loaded. */
export function hordeCluster(
  names: readonly string[] = [one],
  options: Partial<ClusterOptions> & {
    readonly seed?: number;
    readonly mode?: HordeMode;
    readonly more?: readonly CodeModule[];
  } = {},
): Cluster {
  const { mode = 'faithful', more = [], ...rest } = options;
  return testCluster(names, { ...rest, modules: [...hordeModules(mode), ...workers, ...more] });
}

/** Runs a scenario in a process of the first node, as a test of ExUnit runs in one. */
export function scenario(run: (self: Self) => Flow<void>, cluster: Cluster = hordeCluster()): void {
  inProcess(cluster, run, 600_000, cluster.names[0]);
}

/** Options for a fast CRDT, as Horde's tests have them. */
export function quick(syncMs = 20): Value {
  return keywords({ sync_interval: syncMs });
}

export function* startRegistry(self: Self, name: string, options: { readonly [key: string]: Value } = {}): Flow<Value> {
  const given = { name: a(name), keys: a('unique'), delta_crdt_options: quick(), ...options };
  const answer = yield* self.apply('Elixir.Horde.Registry', 'start_link', [keywords(given)]);
  if (startedBy(answer) === null) throw new Error(`The registry ${name} has not started.`);
  return a(name);
}
export function* startSupervisor(self: Self, name: string, options: { readonly [key: string]: Value } = {}): Flow<Pid> {
  const given = { name: a(name), strategy: a('one_for_one'), delta_crdt_options: quick(), ...options };
  const pid = startedBy(yield* self.apply('Elixir.Horde.DynamicSupervisor', 'start_link', [keywords(given)]));
  if (pid === null) throw new Error(`The supervisor ${name} has not started.`);
  return pid;
}

export function registry(self: Self, name: string, ...args: readonly Value[]): Flow<Value> {
  return self.apply('Elixir.Horde.Registry', name, args);
}
export function supervisor(self: Self, name: string, ...args: readonly Value[]): Flow<Value> {
  return self.apply('Elixir.Horde.DynamicSupervisor', name, args);
}
export function setMembers(self: Self, horde: string, members: readonly string[]): Flow<Value> {
  return self.apply('Elixir.Horde.Cluster', 'set_members', [a(horde), members.map(a)]);
}
export function* members(self: Self, horde: string): Flow<readonly Value[]> {
  const found = yield* self.apply('Elixir.Horde.Cluster', 'members', [a(horde)]);
  return isList(found) ? found.map(asValue) : [];
}
export function* startChild(self: Self, horde: string, spec: Value): Flow<Pid> {
  const pid = startedBy(yield* supervisor(self, 'start_child', a(horde), spec));
  if (pid === null) throw new Error('The child has not started.');
  return pid;
}
/** The workers that a Horde counts. */
export function* workersOf(self: Self, horde: Value): Flow<Value> {
  const counts = yield* supervisor(self, 'count_children', horde);
  return typeof counts === 'object' && counts !== null && 'workers' in counts ? asValue(counts.workers) : undefined;
}

/** A process that holds a key of a registry; it is linked to nobody unless said. */
export function* hold(
  self: Self,
  name: Value,
  key: Value,
  options: { readonly value?: Value; readonly forMs?: number; readonly link?: boolean } = {},
): Flow<Pid> {
  const { value = a('value'), forMs, link = false } = options;
  const pid = self.spawn('Elixir.Holder', 'hold', [self.pid, name, key, value, forMs ?? atoms.infinity], { link });
  yield* receive({ match: (message) => elementsOf(message)?.[0] === a('held') && elementsOf(message)?.[1] === pid });
  return pid;
}

/** The next message that begins with this word, within the time; null when none came. */
export function* next(_self: Self, word: string, withinMs = 100): Flow<readonly unknown[] | null> {
  const message = yield* receive({ match: (candidate) => elementsOf(candidate)?.[0] === a(word), afterMs: withinMs });
  return message === timedOut ? null : elementsOf(message);
}

/** What a registry of a node holds: `[Key, Pid, Value]`. */
export function held(self: Self, name: Value): readonly (readonly [Value, Pid, Value])[] {
  const tables = registriesOn(self.home).get(nameText(name));
  return [...(tables?.keys.entries() ?? [])].map(([key, { pid, value }]) => [key, pid, value] as const);
}
export function hordeState(home: object, name: string): HordeSupervisorState {
  const state = hordeSupervisorsOn(home).get(name);
  if (state === undefined) throw new Error(`No Horde ${name} here.`);
  return state;
}
/** The children that a member runs. */
export function running(home: object, name: string): readonly Pid[] {
  const state = hordeState(home, name);
  return [...state.processes.entries()].flatMap(([, { member, pid }]) => (state.isOwn(member) ? [pid] : []));
}
function nameText(name: Value): string {
  return name instanceof Atom ? name.name : '';
}

/** Starts a Horde of each kind on every node: `reg` and `sup`, whose members are all. They live as long as their nodes. */
export function bootHordes(
  cluster: Cluster,
  options: {
    readonly registry?: { readonly [key: string]: Value };
    readonly supervisor?: { readonly [key: string]: Value };
  } = {},
): void {
  for (const name of cluster.names) bootHordesOn(cluster, name, options);
  cluster.runUntil(cluster.nowMs + 1000);
}
export function bootHordesOn(
  cluster: Cluster,
  node: string,
  options: {
    readonly registry?: { readonly [key: string]: Value };
    readonly supervisor?: { readonly [key: string]: Value };
  } = {},
): void {
  const all = (name: string): Value => cluster.names.map((other) => tup(a(name), a(other)));
  nodeOf(cluster, node).spawn({
    parent: null,
    initialCall: { module: 'test', function: 'hordes', arity: 0 },
    body: {
      is: 'flow',
      *run(self) {
        self.trapExit(true);
        yield* startRegistry(self, 'reg', { members: all('reg'), ...options.registry });
        yield* startSupervisor(self, 'sup', { members: all('sup'), ...options.supervisor });
        for (;;) yield* receive({ match: () => false });
      },
    },
  });
}
