/** What OTP's supervisor_SUITE works with: its helper modules (supervisor_1 to supervisor_4 and others), and its ways to end and to look. */
import type { Value } from '../../../term/values.ts';
import { a, Pid, Tuple, tup } from '../../../term/values.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { ErrorException, ExitException } from '../../kernel/exceptions.ts';
import type { Flow } from '../../kernel/flow.ts';
import { receive, sleep, timedOut } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { atoms, elementsOf, isList, samePid, tagged } from '../../kernel/values.ts';
import { inProcess, shown, testCluster, testModule } from '../../testKit.ts';
import type { Server } from '../gen.ts';
import { asValue, valueAt } from '../gen.ts';
import type { ServerModule, Step } from '../genServer.ts';
import { noreply, reply, startedPid, startServer, stop } from '../genServer.ts';
import { changeCode, resume, suspend } from '../sys.ts';
import { countChildren, startChild, startSupervisor, whichChildren } from '../supervisor.ts';

/** supervisor_1: traps exits; ends by `die` (died), `stop` (normal) and shutdowns; sleeps when told. */
const first: ServerModule<null> = {
  module: 'supervisor_1',
  init(self, argument) {
    if (argument !== atoms.normal) return self.error(a('function_clause'));
    self.trapExit(true);
    return { is: 'ok', state: null };
  },
  *handleInfo(_self, message, state): Flow<Step<null>> {
    if (message === a('die')) return stop(a('died'), state);
    if (message === a('stop')) return stop(atoms.normal, state);
    const exit = tagged(message, atoms.exit, 3);
    const reason = exit === null ? null : valueAt(exit, 2);
    if (reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null) return stop(reason, state);
    const pause = tagged(message, a('sleep'), 2);
    if (pause !== null) yield* sleep(Number(pause[1]));
    return noreply(state);
  },
  show: (state) => state,
};

function* startFirst(self: Self, how: Value): Flow<Value> {
  const start = (argument: Value = atoms.normal): Flow<Value> => startServer(self, first, argument);
  const answer = tagged(how, a('return'), 2);
  if (answer !== null) return valueAt(answer, 1);
  if (how === atoms.ignore || how === atoms.error) {
    const before = self.get(how);
    self.put(how, true);
    if (how === atoms.ignore) return before === true ? yield* start() : atoms.ignore;
    return yield* start(before === true ? atoms.error : atoms.normal);
  }
  return tup(atoms.ok, startedPid(yield* start()), how);
}

/** supervisor_2: takes its time (ms) to terminate. */
const second: ServerModule<number> = {
  module: 'supervisor_2',
  init: (self, argument) => {
    self.trapExit(true);
    return { is: 'ok', state: Number(argument) };
  },
  handleInfo: (_self, _message, state) => noreply(state),
  *terminate(_self, _reason, state) {
    yield* sleep(state);
  },
  show: (state) => state,
};

/** supervisor_3: its start asks the test, which answers `{Result, Caller}`: `{ok, _}` or `{stop, Reason}`. */
const third: ServerModule<null> = {
  module: 'supervisor_3',
  *init(self, argument) {
    const [name, caller] = isList(argument) ? argument.map(asValue) : [];
    if (!(caller instanceof Pid)) return self.error(atoms.badarg);
    self.send(caller, tup(name, self.pid));
    const message = yield* receive({ match: (one) => elementsOf(one)?.[1] === caller });
    const result = message === timedOut ? null : valueAt(elementsOf(message) ?? [], 0);
    const stopped = tagged(result, a('stop'), 2);
    if (stopped !== null) return { is: 'stop', reason: valueAt(stopped, 1) };
    return result === atoms.ignore ? { is: 'ignore' } : { is: 'ok', state: null };
  },
  show: (state) => state,
};

/** supervisor_4: traps exits, and terminates with the reason it was given, whatever it is asked. */
const fourth: ServerModule<Value> = {
  module: 'supervisor_4',
  init: (self, argument) => {
    self.trapExit(true);
    return { is: 'ok', state: argument };
  },
  handleInfo: (_self, message, state) => (message === a('stop') ? stop(atoms.normal, state) : noreply(state)),
  terminate(self, _reason, state) {
    const reason = elementsOf(state);
    if (reason !== null) self.exit(valueAt(reason, 0));
  },
  show: (state) => state,
};

/** supervisor_deadlock: once `failStart` is set, its start takes 2 s and fails. */
export const deadlock = { failStart: false };
const deadlocked: ServerModule<null> = {
  module: 'supervisor_deadlock',
  *init() {
    if (!deadlock.failStart) return { is: 'ok', state: null };
    yield* sleep(2000);
    return { is: 'stop', reason: atoms.error };
  },
  handleCast: (_self, message, state) => (message === a('restart') ? stop(atoms.error, state) : noreply(state)),
  show: (state) => state,
};

const naughty: ServerModule<null> = {
  module: 'naughty_child',
  init(self, supervisor) {
    if (supervisor instanceof Pid) self.unlink(supervisor);
    return { is: 'ok', state: null };
  },
  handleCall: (_self, _request, _from, state) => reply(atoms.ok, state),
  show: (state) => state,
};

const helperModules: readonly CodeModule[] = [
  testModule('supervisor_1', {
    'start_child/0': (self) => startServer(self, first, atoms.normal),
    'start_child/1': startFirst,
  }),
  testModule('supervisor_2', { 'start_child/1': (self, timeMs) => startServer(self, second, timeMs) }),
  testModule('supervisor_3', { 'start_child/2': (self, name, caller) => startServer(self, third, [name, caller]) }),
  testModule('supervisor_4', {
    'start_child/0': (self) => startServer(self, fourth, undefined),
    'start_child/1': (self, reason) => startServer(self, fourth, tup(reason)),
  }),
  testModule('supervisor_deadlock', {
    'start_child/0': (self) => startServer(self, deadlocked, null, { name: a('supervisor_deadlock') }),
    'start_child_noreg/0': (self) => startServer(self, deadlocked, null),
  }),
  testModule('naughty_child', {
    'start_link/1': (self, supervisor) => startServer(self, naughty, supervisor, { name: a('naughty_foo') }),
  }),

  testModule('supervisor_SUITE', { 'init/1': (self, answer) => initOf(self, answer) }),
];

function initOf(self: Self, answer: Value): Value {
  return answer === a('fail') ? self.error(tup(a('badmatch'), 2)) : answer;
}

/** Runs a case in a process that traps exits, on a cluster of one node, for up to `forMs` of virtual time. */
export function inSuite<T>(
  run: (self: Self, cluster: Cluster) => Flow<T>,
  options: { readonly trap?: boolean; readonly modules?: readonly CodeModule[] } = {},
): T {
  deadlock.failStart = false;
  const cluster = testCluster(['one@sim'], { modules: [...helperModules, ...(options.modules ?? [])] });
  return inProcess(
    cluster,
    function* (self) {
      self.trapExit(options.trap ?? true);
      return yield* run(self, cluster);
    },
    4_000_000,
  );
}

export const suite = a('sup_test');

/** `supervisor:start_link({local, sup_test}, ?MODULE, Answer)`: the answer is what init/1 returns. */
export function startLink(self: Self, answer: Value, name: 'sup_test' | null = 'sup_test'): Flow<Value> {
  const callback = { module: 'supervisor_SUITE', init: () => ({ term: initOf(self, answer) }) };
  return startSupervisor(self, callback, answer, name === null ? {} : { name: a(name) });
}

/** A supervisor whose definition {@link upgrade} can change. */
export function* upgradable(self: Self, answer: Value): Flow<Pid> {
  let current = answer;
  const callback = { module: 'supervisor_SUITE', init: () => ({ term: current }) };
  const pid = pidIn(yield* startSupervisor(self, callback, []));
  definitions.set(pid, (next) => {
    current = next;
  });
  return pid;
}
const definitions = new WeakMap<Pid, (next: Value) => void>();

/** A change of code after which init/1 answers `answer`; what `sys:change_code` answered. */
export function* upgrade(self: Self, supervisor: Pid, answer: Value): Flow<string> {
  yield* suspend(self, supervisor);
  definitions.get(supervisor)?.(answer);
  const outcome = yield* changeCode(self, supervisor, {
    module: a('supervisor_SUITE'),
    oldVersion: a('dummy_vsn'),
    extra: [],
  });
  yield* resume(self, supervisor);
  return shown(outcome);
}

/** `{ok, {Flags, Children}}` */
export function definition(flags: Value, children: readonly Value[] = []): Value {
  return tup(atoms.ok, tup(flags, children));
}
export function tupleFlags(strategy: string, intensity: number, periodSeconds: number): Value {
  return tup(a(strategy), intensity, periodSeconds);
}

/** A supervisor that has started. */
export function* started(
  self: Self,
  flags: Value,
  children: readonly Value[] = [],
  name: 'sup_test' | null = 'sup_test',
) {
  return pidIn(yield* startLink(self, definition(flags, children), name));
}
/** A child of `supervisor` that has started. */
export function* child(self: Self, what: Value, supervisor: Server = suite): Flow<Pid> {
  return pidIn(yield* startChild(self, supervisor, what));
}
export function pidIn(outcome: Value): Pid {
  const pid = startedPid(outcome);
  if (pid instanceof Pid) return pid;
  throw new Error(shown(outcome));
}

type TupleSpec = {
  readonly args?: readonly Value[];
  readonly module?: string;
  readonly start?: string;
  readonly restart?: string;
  readonly shutdown?: number | 'infinity' | 'brutal_kill';
  readonly type?: string;
};
/** `{Id, {supervisor_1, start_child, Args}, permanent, 1000, worker, []}`, or as said. */
export function spec(id: string, options: TupleSpec = {}): Value {
  const { args = [], module = 'supervisor_1', start = 'start_child', restart = 'permanent' } = options;
  const { shutdown = 1000, type = 'worker' } = options;
  const mfa = tup(a(module), a(start), args);
  return tup(a(id), mfa, a(restart), typeof shutdown === 'number' ? shutdown : a(shutdown), a(type), []);
}
/** `#{id => Id, start => {supervisor_1, start_child, []}}` and what else is said. */
export function mapSpec(
  id: string,
  more: { readonly [field: string]: Value } = {},
): { readonly [field: string]: Value } {
  return { id: a(id), start: tup(a('supervisor_1'), a('start_child'), []), ...more };
}

/** `[Specs, Active, Supervisors, Workers]` */
export function* counts(self: Self, supervisor: Server = suite): Flow<readonly Value[]> {
  const rows = yield* countChildren(self, supervisor);
  return isList(rows) ? rows.map((row) => valueAt(elementsOf(row) ?? [], 1)) : [];
}
/** The rows of which_children, as text. */
export function* rows(self: Self, supervisor: Server = suite): Flow<readonly string[]> {
  const listed = yield* whichChildren(self, supervisor);
  return isList(listed) ? listed.map(shown) : [];
}
/** The processes of the children, in the order of which_children; those that do not run are left out. */
export function* pids(self: Self, supervisor: Server = suite): Flow<readonly Pid[]> {
  const listed = yield* whichChildren(self, supervisor);
  if (!isList(listed)) return [];
  return listed.map((row) => elementsOf(row)?.[1]).filter((pid) => pid instanceof Pid);
}
/** The process of the child with this id. */
export function* pidOf(self: Self, id: string, supervisor: Server = suite): Flow<Pid> {
  const listed = yield* whichChildren(self, supervisor);
  for (const row of isList(listed) ? listed : []) {
    const [name, pid] = elementsOf(row) ?? [];
    if (name === a(id) && pid instanceof Pid) return pid;
  }
  throw new Error(`${id} does not run: ${shown(listed)}`);
}

/** Ends a process in one of the suite's ways, and waits until it has ended with the reason that goes with it. */
export function* terminate(self: Self, pid: Pid, how: 'normal' | 'abnormal' | 'kill' | 'shutdown' | Value): Flow<void> {
  const watch = self.monitor(pid);
  const reason = typeof how === 'string' ? endings[how] : how;
  if (how === 'normal') self.send(pid, a('stop'));
  else if (how === 'abnormal') self.send(pid, a('die'));
  else if (how === 'kill') self.sendExit(pid, atoms.kill);
  else self.sendExit(pid, reason);
  const down = yield* receive({ match: (message) => tagged(message, atoms.down, 5)?.[1] === watch });
  const ended = down instanceof Tuple ? shown(down.elements[4]) : 'nothing';
  if (ended !== shown(reason)) throw new Error(`It ended with ${ended} instead of ${shown(reason)}.`);
}
const endings: { readonly [how: string]: Value } = {
  normal: atoms.normal,
  abnormal: a('died'),
  kill: atoms.killed,
  shutdown: atoms.shutdown,
};

/** The reason of the next exit message of this process; `none` when there is none within `afterMs`. */
export function* exitOf(_self: Self, pid: Pid | null, afterMs = 10_000): Flow<string> {
  const message = yield* receive({
    match: (candidate) => {
      const from = tagged(candidate, atoms.exit, 3)?.[1];
      return from instanceof Pid && (pid === null || samePid(from, pid));
    },
    afterMs,
  });
  return message instanceof Tuple ? shown(message.elements[2]) : 'none';
}
/** Waits for the exit messages of all of these; which did not come. */
export function* missingExits(self: Self, ended: readonly Pid[], afterMs = 10_000): Flow<readonly Pid[]> {
  const missing: Pid[] = [];
  for (const pid of ended) if ((yield* exitOf(self, pid, afterMs)) === 'none') missing.push(pid);
  return missing;
}
/** Whether no exit message of this process comes for a second. */
export function* staysUp(self: Self, pid: Pid): Flow<boolean> {
  return (yield* exitOf(self, pid, 1000)) === 'none' && self.isAlive(pid);
}

/** `catch Call`: the reason of an exit as text, else the answer. */
export function* caught(work: Flow<Value>): Flow<string> {
  try {
    return shown(yield* work);
  } catch (thrown) {
    if (thrown instanceof ExitException || thrown instanceof ErrorException) return `{EXIT,${shown(thrown.reason)}}`;
    throw thrown;
  }
}
