/**
 * application_master (kernel of OTP 25): the process that is an application, group leader of all its processes; and the process
 * beneath it that starts the root supervisor and is its parent.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, Tuple, tup } from '../../term/values.ts';
import { ErrorException, reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut, yieldTurn } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, itemsOf, okTuple, partsOf, tagged } from '../kernel/values.ts';
import type { Application } from './applicationTable.ts';
import { applicationsOf } from './applicationTable.ts';
import { valueAt } from './gen.ts';
import { logReport } from './logger.ts';
import { initAck, startLink } from './procLib.ts';
import { isDown } from './shutdown.ts';

const module = 'application_master';
const words = { stop: a('stop'), terminate: a('terminate'), getChild: a('get_child'), started: a('started') } as const;

/** `application_master:start_link/2`: `{ok, Pid}` when the application runs, else `{error, Reason}`. */
export function startMaster(self: Self, controller: Pid, application: Application): Flow<Value> {
  const args = [controller, self.pid, a(application.name), atoms.normal];
  return startLink(self, { module, function: 'init', args });
}

/** `application_master:stop/1`: `ok` when its tree has stopped. */
export function stopMaster(self: Self, master: Pid): Flow<Value> {
  return callMaster(self, master, words.stop);
}

/** `application_master:get_child/1`: `{Root, Module}`; `error` or `ok` when there is none any more. */
export function masterChild(self: Self, master: Pid): Flow<Value> {
  return callMaster(self, master, words.getChild);
}

function* callMaster(self: Self, master: Pid, request: Value): Flow<Value> {
  const tag = self.makeRef();
  const watch = self.monitor(master);
  self.send(master, tup(request, tag, self.pid));
  const message = yield* receive({
    match: (one) => (isDown(one) && one.elements[1] === watch) || isReply(one, tag),
    at: 'application_master:call/2',
  });
  if (message === timedOut || isDown(message)) return atoms.ok;
  self.demonitor(watch, { flush: true });
  return valueAt(partsOf(message), 1);
}
function isReply(message: unknown, tag: unknown): boolean {
  return elementsOf(message)?.[0] === tag;
}

// ---------------------------------------------------------------------------------------------------------- the master

export const applicationMasterModule: CodeModule = {
  name: module,
  functions: {
    'init/4': (self, controller, starter, name) => {
      const application = name instanceof Atom ? applicationsOf(self).loaded.get(name.name) : undefined;
      if (!(controller instanceof Pid) || !(starter instanceof Pid) || application === undefined) {
        return self.error(atoms.badarg);
      }
      return runMaster(self, controller, starter, application);
    },
  },
};

function* runMaster(self: Self, controller: Pid, starter: Pid, application: Application): Flow<Value> {
  self.link(controller);
  self.trapExit(true);
  self.setGroupLeader(self.pid);
  const tag = self.makeRef();
  const mfa = { module, function: 'start_it', arity: 4 };
  const body = { is: 'flow', run: (own: Self) => runStarter(own, self.pid, tag, application) } as const;
  const child = self.spawnBody(body, mfa, { link: true });
  const outcome = yield* awaitStart(self, child, tag);
  const error = tagged(outcome, atoms.error, 2);
  if (error !== null) return self.exit(valueAt(error, 1));
  if (tagged(outcome, atoms.ok, 2) === null) return self.exit(outcome);
  if (application.maxTimeMs !== undefined)
    self.sendAfter(application.maxTimeMs, self.pid, tup(atoms.exit, null, atoms.timeout));
  self.unlink(starter);
  initAck(self, okTuple(self.pid), starter);
  return yield* mainLoop(self, controller, child);
}

function* awaitStart(self: Self, child: Pid, tag: Value): Flow<Value> {
  for (;;) {
    const message = yield* receive({ at: 'application_master:init_loop/4' });
    if (message === timedOut) continue;
    if (isReply(message, tag)) return valueAt(partsOf(message), 1);
    const exit = tagged(message, atoms.exit, 3);
    if (exit !== null && exit[1] === child) return errorTuple(valueAt(exit, 2));
    relay(self, message);
  }
}

function* mainLoop(self: Self, controller: Pid, child: Pid): Flow<never> {
  for (;;) {
    const message = yield* receive({ at: 'application_master:main_loop/2' });
    if (message === timedOut) continue;
    const exit = tagged(message, atoms.exit, 3);
    if (exit !== null) {
      const reason = valueAt(exit, 2);
      if (exit[1] === controller) return yield* terminate(self, child, reason);
      if (exit[1] === child) return yield* terminate(self, null, reason);
      if (reason === atoms.timeout) return yield* terminate(self, child, atoms.normal);
      continue;
    }
    const [request, tag, from] = partsOf(message);
    if (request === words.stop && from instanceof Pid) {
      yield* stopTree(self, child);
      self.send(from, tup(tag, atoms.ok));
      return self.exit(atoms.normal);
    }
    if (request === words.getChild && from instanceof Pid) {
      if (self.isAlive(child)) self.send(child, tup(self.pid, words.getChild, tup(tag, from)));
      else self.send(from, tup(tag, atoms.error));
    } else relay(self, message);
  }
}

/** What processes of the application print goes to `user`. */
function relay(self: Self, message: Value): void {
  if (!(message instanceof Tuple) || message.elements[0] !== a('io_request')) return;
  if (self.whereis(a('user')) !== null) self.send(a('user'), message);
}

function* terminate(self: Self, child: Pid | null, reason: Value): Flow<never> {
  yield* stopTree(self, child);
  return self.exit(reason);
}

/** Stops the tree, then kills whatever of the application is left. */
function* stopTree(self: Self, child: Pid | null): Flow<void> {
  if (child !== null) {
    self.send(child, tup(self.pid, words.terminate));
    for (;;) {
      const message = yield* receive({ at: 'application_master:terminate_loop/2' });
      if (message === timedOut) continue;
      if (tagged(message, atoms.exit, 3)?.[1] === child) break;
      relay(self, message);
    }
  }
  while (killLeft(self)) yield* yieldTurn();
}
function killLeft(self: Self): boolean {
  const left = self.processes().filter((pid) => pid !== self.pid && self.inspect(pid)?.groupLeader === self.pid);
  for (const pid of left) self.sendExit(pid, atoms.kill);
  return left.length > 0;
}

// ----------------------------------------------------------------------------------------------- the parent of the root

function* runStarter(self: Self, master: Pid, tag: Value, application: Application): Flow<void> {
  self.trapExit(true);
  const start = startOf(application);
  if (start === null) return;
  const started = yield* startRoot(self, start.module, start.argument);
  if ('error' in started) {
    self.send(master, tup(tag, started.error));
    return;
  }
  self.link(started.root);
  const failed = application.startPhases === undefined ? null : yield* runPhases(self, application);
  if (failed !== null) {
    self.unlink(started.root);
    self.send(master, tup(tag, errorTuple(failed)));
    return;
  }
  self.send(master, tup(tag, okTuple(self.pid)));
  yield* loop(self, master, { module: start.module, ...started });
}

/** Who is called to start it; `{application_starter, [Module, Argument]}` also runs the phases of included applications. */
function startOf({ start }: Application) {
  if (start === undefined) return null;
  if (start.module !== 'application_starter') return { ...start, included: false };
  const [module, argument] = itemsOf(start.argument);
  return module instanceof Atom ? { module: module.name, argument: asValue(argument), included: true } : null;
}

type Root = { readonly root: Pid; readonly state: Value };

function* startRoot(self: Self, name: string, argument: Value): Flow<Root | { readonly error: Value }> {
  const call = tup(a(name), a('start'), [atoms.normal, argument]);
  const outcome = yield* caughtCall(self, name, 'start', [atoms.normal, argument]);
  const answer = tagged(outcome, atoms.ok, 2) ?? tagged(outcome, atoms.ok, 3);
  const root = answer?.[1];
  if (root instanceof Pid) return { root, state: answer?.length === 3 ? valueAt(answer, 2) : [] };
  const error = tagged(outcome, atoms.error, 2);
  if (error !== null) return { error: errorTuple(tup(valueAt(error, 1), call)) };
  if (tagged(outcome, atoms.exit, 2)?.[1] === atoms.normal) return { error: errorTuple(tup(outcome, call)) };
  return { error: errorTuple(tup(a('bad_return'), tup(call, outcome))) };
}

/** `catch Module:Function(Args)` */
function* caughtCall(self: Self, name: string, called: string, args: readonly Value[]): Flow<Value> {
  try {
    return yield* self.apply(name, called, args);
  } catch (thrown) {
    return thrown instanceof ThrownValue ? thrown.value : tup(atoms.exit, reasonOf(thrown));
  }
}

/** Calls the start phases of the application, with `application_starter` also those of the included ones; why one failed. */
function* runPhases(self: Self, application: Application): Flow<Value> {
  for (const { phase } of application.startPhases ?? []) {
    const failed = yield* runPhase(self, application, phase);
    if (failed !== null) return failed;
  }
  return null;
}

function* runPhase(self: Self, application: Application, phase: string): Flow<Value> {
  const start = startOf(application);
  if (start === null) return null;
  if (application.startPhases === undefined) return tup(a('start_phases_undefined'), a(application.name));
  const own = application.startPhases.find((one) => one.phase === phase);
  if (own !== undefined) {
    const args = [a(phase), atoms.normal, own.argument];
    const call = tup(a(start.module), a('start_phase'), args);
    const outcome = yield* caughtCall(self, start.module, 'start_phase', args);
    const error = tagged(outcome, atoms.error, 2);
    if (error !== null) return tup(valueAt(error, 1), call);
    if (outcome !== atoms.ok) return tup(a('bad_return_value'), tup(call, outcome));
  }
  const applications = applicationsOf(self);
  for (const name of start.included ? (application.includedApplications ?? []) : []) {
    const included = applications.loaded.get(name);
    const failed = included === undefined ? null : yield* runPhase(self, included, phase);
    if (failed !== null) return failed;
  }
  return null;
}

function* loop(self: Self, master: Pid, { root, state, module: name }: Root & { readonly module: string }): Flow<void> {
  for (;;) {
    const message = yield* receive({ at: 'application_master:loop_it/4' });
    if (message === timedOut) continue;
    const exit = tagged(message, atoms.exit, 3);
    if (exit !== null && exit[1] === root) {
      yield* callStop(self, name, yield* prepareStop(self, name, state));
      return self.exit(valueAt(exit, 2));
    }
    const asked = exit !== null && exit[1] === master ? valueAt(exit, 2) : null;
    if (asked !== null || isTerminate(message, master)) {
      const prepared = yield* prepareStop(self, name, state);
      self.sendExit(root, asked ?? atoms.shutdown);
      yield* receive({ match: (one) => tagged(one, atoms.exit, 3)?.[1] === root, at: 'application_master:loop_it/4' });
      yield* callStop(self, name, prepared);
      return self.exit(asked ?? atoms.normal);
    }
    const [from, request, asker] = partsOf(message);
    const [tag, pid] = partsOf(asker);
    if (from === master && request === words.getChild && pid instanceof Pid)
      self.send(pid, tup(tag, tup(root, a(name))));
  }
}
function isTerminate(message: Value, master: Pid): boolean {
  const elements = elementsOf(message);
  return elements?.length === 2 && elements[0] === master && elements[1] === words.terminate;
}

/** `Module:prep_stop(State)`, where there is one; the state for stop/1. */
function* prepareStop(self: Self, name: string, state: Value): Flow<Value> {
  if (!self.exports(name, 'prep_stop', 1)) return state;
  try {
    return yield* self.apply(name, 'prep_stop', [state]);
  } catch (thrown) {
    if (thrown instanceof ThrownValue) return thrown.value;
    const report = [tup(a(module), a('shutdown_error')), tup(a(name), tup(a('prep_stop'), [state])), reasonOf(thrown)];
    logReport(self, { level: 'error', kind: 'error_report', module, report });
    return state;
  }
}

/** `Module:stop(State)`; whatever it does, the application has stopped. */
function* callStop(self: Self, name: string, state: Value): Flow<void> {
  try {
    yield* self.apply(name, 'stop', [state]);
  } catch (thrown) {
    if (!(thrown instanceof ErrorException) && !(thrown instanceof ThrownValue)) return;
  }
}
