/**
 * Applications: the application controller, and for each application a master that owns its root supervisor and is the group leader
 * of its processes. Follows kernel's `application_controller` and `application_master`.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { reasonOf } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, errorTuple, tagged } from '../kernel/values.ts';
import { call, genAtoms, valueAt } from './gen.ts';
import type { CallStep, ServerModule, Step } from './genServer.ts';
import { noreply, reply, startedPid, startServer } from './genServer.ts';

/** An application resource file, as far as starting goes. */
export type Application = {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  /** Its start function's module and argument; it is started by `Module:start(normal, Argument)`. */
  readonly start: { readonly module: string; readonly argument: Value };
};

type Running = {
  readonly application: Application;
  readonly master: Pid;
  root: Pid | null;
};

const words = {
  start: a('start_application'),
  stop: a('stop_application'),
  which: a('which_applications'),
  started: a('application_started'),
} as const;

/** The applications of a node: those it knows, and those that run. Only the controller changes it. */
export class Applications {
  readonly known: readonly Application[];
  readonly running = new Map<string, Running>();

  constructor(known: readonly Application[]) {
    this.known = known;
  }
}

/** Starts the node's application controller, linked to the caller. */
export function startController(self: Self, applications: Applications): Flow<Value> {
  return startServer(self, controller(applications), null, { name: a('application_controller') });
}

/** `application:start/1`: `ok` or `{error, Reason}`, when the application's root supervisor is up. */
export function startApplication(self: Self, name: string): Flow<Value> {
  return call(self, a('application_controller'), tup(words.start, a(name)), null);
}
/** `application:stop/1` */
export function stopApplication(self: Self, name: string): Flow<Value> {
  return call(self, a('application_controller'), tup(words.stop, a(name)), null);
}

function controller(applications: Applications): ServerModule<Applications> {
  return {
    module: 'application_controller',
    init(self) {
      self.trapExit(true);
      return { is: 'ok', state: applications };
    },
    *handleCall(self, request, _from, state): Flow<CallStep<Applications>> {
      const start = tagged(request, words.start, 2);
      if (start !== null) return reply(yield* startOne(self, state, String(start[1])), state);
      const stop = tagged(request, words.stop, 2);
      if (stop !== null) return reply(yield* stopOne(self, state, String(stop[1])), state);
      if (request !== words.which) return reply(errorTuple(a('unknown_request')), state);
      const rows = [...state.running.values()].map(({ application: { name, description, version } }) =>
        tup(a(name), description, version),
      );
      return reply(rows, state);
    },
    handleInfo(self, message, state): Step<Applications> {
      const exit = tagged(message, atoms.exit, 3);
      const ended = exit === null ? undefined : [...state.running.values()].find(({ master }) => master === exit[1]);
      if (ended !== undefined) gone(self, state, ended.application.name);
      return noreply(state);
    },
    show: (state) =>
      tup(
        a('state'),
        [...state.running.keys()].map((name) => a(name)),
      ),
  };
}

function* startOne(self: Self, state: Applications, name: string): Flow<Value> {
  const application = state.known.find((known) => known.name === name);
  if (application === undefined) return errorTuple(tup(a('not_loaded'), a(name)));
  if (state.running.has(name)) return errorTuple(tup(a('already_started'), a(name)));
  const marker = self.makeRef();
  const mfa = { module: 'application_master', function: 'init', arity: 4 };
  const master = self.spawnBody({ is: 'flow', run: (own) => runMaster(own, self.pid, application) }, mfa, {
    link: true,
    idleAt: 'application_master:main_loop/2',
  });
  const answer = yield* receive({
    marker,
    match: (message) => {
      const started = tagged(message, words.started, 3) ?? tagged(message, atoms.exit, 3);
      return started !== null && started[1] === master;
    },
    at: 'application_controller:handle_call/3',
  });
  const started = answer === timedOut ? null : tagged(answer, words.started, 3);
  const root = started === null ? null : startedPid(valueAt(started, 2));
  if (!(root instanceof Pid)) {
    const exit = answer === timedOut ? null : tagged(answer, atoms.exit, 3);
    return errorTuple(exit === null ? a('bad_return') : valueAt(exit, 2));
  }
  state.running.set(name, { application, master, root });
  self.emit({ is: 'application', node: self.node, name, state: 'started' });
  return atoms.ok;
}

function* stopOne(self: Self, state: Applications, name: string): Flow<Value> {
  const running = state.running.get(name);
  if (running === undefined) return errorTuple(tup(a('not_started'), a(name)));
  const ref = self.monitor(running.master);
  self.sendExit(running.master, atoms.shutdown);
  yield* receive({
    match: (message) => {
      const down = tagged(message, atoms.down, 5);
      return down !== null && down[1] === ref;
    },
    at: 'application_controller:handle_call/3',
  });
  gone(self, state, name);
  return atoms.ok;
}

function gone(self: Self, state: Applications, name: string): void {
  if (!state.running.delete(name)) return;
  self.emit({ is: 'application', node: self.node, name, state: 'stopped' });
}

/** Starts the root supervisor through a process of its own, which is its parent; ends when either ends. */
function* runMaster(self: Self, controllerPid: Pid, application: Application): Flow<void> {
  self.trapExit(true);
  self.setGroupLeader(self.pid);
  const mfa = { module: 'application_master', function: 'start_it', arity: 4 };
  const starter = self.spawnBody({ is: 'flow', run: (own) => startRoot(own, self.pid, application) }, mfa, {
    link: true,
  });
  for (;;) {
    const message = yield* receive({ at: 'application_master:main_loop/2' });
    if (message === timedOut) continue;
    const started = tagged(message, words.started, 3);
    if (started !== null) self.send(controllerPid, tup(words.started, self.pid, valueAt(started, 2)));
    const exit = tagged(message, atoms.exit, 3);
    if (exit === null) continue;
    const reason = valueAt(exit, 2);
    if (exit[1] === starter) self.exit(reason);
    // Asked to stop: the starter stops the tree, and its end is ours.
    self.sendExit(starter, atoms.shutdown);
  }
}

function* startRoot(self: Self, master: Pid, application: Application): Flow<void> {
  self.trapExit(true);
  self.put(genAtoms.ancestors, [master]);
  let outcome: Value;
  try {
    outcome = yield* self.apply(application.start.module, 'start', [a('normal'), application.start.argument]);
  } catch (thrown) {
    return self.exit(tup(a('bad_return'), reasonOf(thrown)));
  }
  const root = startedPid(outcome);
  if (!(root instanceof Pid)) return self.exit(tup(a('bad_return'), outcome));
  self.send(master, tup(words.started, self.pid, outcome));
  for (;;) {
    const message = yield* receive({ at: 'application_master:loop_it/4' });
    const exit = message === timedOut ? null : tagged(message, atoms.exit, 3);
    if (exit === null) continue;
    if (exit[1] === root) return self.exit(valueAt(exit, 2));
    const ref = self.monitor(root);
    self.sendExit(root, atoms.shutdown);
    yield* receive({
      match: (down) => {
        const elements = tagged(down, atoms.down, 5);
        return elements !== null && elements[1] === ref;
      },
      at: 'application_master:loop_it/4',
    });
    return self.exit(atoms.normal);
  }
}
