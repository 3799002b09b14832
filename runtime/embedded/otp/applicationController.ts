/** application_controller (kernel of OTP 25): loads, starts and stops the applications of a node, and is the node's life. */
import type { Value } from '../../term/values.ts';
import { a, Atom, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, isList, itemsOf, okTuple, partsOf, tagged } from '../kernel/values.ts';
import { masterChild, startMaster, stopMaster } from './applicationMaster.ts';
import type { Application, Applications, StartType } from './applicationTable.ts';
import { applicationsOf, rowOf, useApplications } from './applicationTable.ts';
import { changeData, runningEnvironments, tellOfChanges } from './applicationConfig.ts';
import { readApplication } from './applicationFile.ts';
import type { From } from './gen.ts';
import { cast, reply as answer, valueAt } from './gen.ts';
import type { CallStep, ServerModule, Step } from './genServer.ts';
import { noreply, reply, startServer, stop } from './genServer.ts';
import { logReport } from './logger.ts';
import { formatLog } from './otpReports.ts';
import { isDown } from './shutdown.ts';
import { formatDepth, printed } from './text.ts';

export const controllerName = a('application_controller');
const startTypes: readonly StartType[] = ['permanent', 'transient', 'temporary'];

/** Starts the node's application controller, linked to the caller. */
export function startController(self: Self, applications: Applications): Flow<Value> {
  useApplications(self, applications);
  const initialModule = { module: 'application_controller', function: 'start' };
  return startServer(self, controller, null, { name: controllerName, initialModule });
}

const controller: ServerModule<Applications> = {
  module: 'application_controller',
  init(self) {
    self.trapExit(true);
    const applications = applicationsOf(self);
    const kernel = applications.known.find(({ name }) => name === 'kernel');
    if (kernel !== undefined) applications.load(kernel);
    return { is: 'ok', state: applications };
  },
  *handleCall(self, request, from, state): Flow<CallStep<Applications>> {
    if (request === a('which_applications')) {
      return reply([...state.running.values()].map(({ application }) => rowOf(application)).reverse(), state);
    }
    if (request === a('info')) return reply(info(state), state);
    if (request === a('prep_config_change')) return reply(runningEnvironments(state), state);
    const [operation, ...args] = partsOf(request);
    const name = args[0] instanceof Atom ? args[0].name : '';
    switch (operation instanceof Atom ? operation.name : '') {
      case 'load_application':
        return reply(load(state, args[0]), state);
      case 'unload_application':
        return reply(unload(state, name), state);
      case 'start_application':
        return start(self, state, name, args[1], from);
      case 'stop_application':
        return reply(yield* stopOne(self, state, name), state);
      case 'config_change':
        return reply(yield* tellOfChanges(self, state, args[0]), state);
      case 'change_application_data':
        return reply(changeData(state, args[0], args[1]), state);
      case 'is_running':
        return reply(state.running.has(name), state);
      case 'set_env':
        return reply(setEnv(state, args), state);
      case 'unset_env':
        state.unsetEnv(name, args[1] instanceof Atom ? args[1].name : '', isPersistent(args[2]));
        return reply(atoms.ok, state);
      default:
        return self.error(a('function_clause'));
    }
  },
  *handleCast(self, message, state): Flow<Step<Applications>> {
    const told = tagged(message, a('application_started'), 3);
    const name = told?.[1];
    if (told === null || !(name instanceof Atom)) return noreply(state);
    return yield* afterStart(self, state, name.name, valueAt(told, 2));
  },
  handleInfo(self, message, state): Step<Applications> {
    const exit = tagged(message, atoms.exit, 3);
    const name = exit?.[1] instanceof Pid ? state.ofMaster(exit[1]) : null;
    if (exit === null || name === null) return noreply(state);
    const reason = valueAt(exit, 2);
    const type = state.started.get(name) ?? 'temporary';
    gone(self, state, name);
    if (reason !== atoms.normal) state.failed.set(name, reason);
    exited(self, name, reason, type);
    if (type === 'temporary' || (type === 'transient' && reason === atoms.normal)) return noreply(state);
    return stop(asText(tup(a('application_terminated'), a(name), reason)), state);
  },
  *terminate(self, reason, state): Flow<void> {
    yield* shutDown(self, state, reason);
  },
  show: (state) => tup(a('state'), info(state)),
};

// ------------------------------------------------------------------------------------------------------------- loading

function load(state: Applications, what: Value): Value {
  const read = readApplication(state, what);
  if (!read.ok) return errorTuple(read.bad);
  if (state.load(read.is) === null) return errorTuple(tup(a('already_loaded'), a(read.is.name)));
  return atoms.ok;
}

function unload(state: Applications, name: string): Value {
  if (!state.loaded.has(name)) return errorTuple(tup(a('not_loaded'), a(name)));
  if (state.running.has(name)) return errorTuple(tup(a('running'), a(name)));
  state.unload(name);
  state.failed.delete(name);
  return atoms.ok;
}

/** `{set_env, App, Key, Value, Options}` or `{set_env, Config, Options}`. */
function setEnv(state: Applications, [first, second, value, options]: readonly Value[]): Value {
  if (first instanceof Atom && second instanceof Atom) {
    state.setEnv(first.name, second.name, value, isPersistent(options));
    return atoms.ok;
  }
  for (const section of itemsOf(first)) {
    const [name, entries] = partsOf(section);
    for (const entry of itemsOf(entries)) {
      const [key, held] = partsOf(entry);
      if (name instanceof Atom && key instanceof Atom) {
        state.setEnv(name.name, key.name, asValue(held), isPersistent(second));
      }
    }
  }
  return atoms.ok;
}
function isPersistent(options: Value): boolean {
  return isList(options) && options.some((option) => tagged(option, a('persistent'), 2)?.[1] === true);
}

// ------------------------------------------------------------------------------------------------------------ starting

/** Starts it in a process of its own, so that the controller answers others meanwhile; whoever asks for the same waits, too. */
function start(self: Self, state: Applications, name: string, type: Value, from: From): CallStep<Applications> {
  const starting = state.starting.get(name);
  if (starting !== undefined) {
    starting.waiting.push(from);
    return noreply(state);
  }
  const startType = startTypes.find((one) => type === a(one));
  if (startType === undefined) return reply(errorTuple(tup(a('invalid_restart_type'), type)), state);
  const application = state.loaded.get(name);
  if (application === undefined) return reply(errorTuple(tup(a('not_loaded'), a(name))), state);
  if (state.running.has(name)) return reply(errorTuple(tup(a('already_started'), a(name))), state);
  const missing = needed(application).find((one) => !state.started.has(one));
  if (missing !== undefined) return reply(errorTuple(tup(a('not_started'), a(missing))), state);
  state.starting.set(name, { type: startType, waiting: [from] });
  const mfa = { module: 'application_controller', function: 'init_starter', arity: 4 };
  const controllerPid = self.pid;
  self.spawnBody({ is: 'flow', run: (own) => runStarter(own, controllerPid, application) }, mfa, { link: true });
  return noreply(state);
}

function needed({ applications = [], optionalApplications = [] }: Application): readonly string[] {
  return applications.filter((name) => !optionalApplications.includes(name));
}

function* runStarter(self: Self, controllerPid: Pid, application: Application): Flow<void> {
  self.trapExit(true);
  const outcome = yield* startIt(self, controllerPid, application);
  cast(self, controllerPid, tup(a('application_started'), a(application.name), outcome));
}

function* startIt(self: Self, controllerPid: Pid, application: Application): Flow<Value> {
  if (application.start === undefined) return okTuple(undefined);
  const stopped = needed(application).find((name) => !applicationsOf(self).running.has(name));
  if (stopped !== undefined) return tup(a('info'), tup(a('not_running'), a(stopped)));
  return yield* startMaster(self, controllerPid, application);
}

function* afterStart(self: Self, state: Applications, name: string, outcome: Value): Flow<Step<Applications>> {
  const starting = state.starting.get(name);
  const application = state.loaded.get(name);
  if (starting === undefined || application === undefined) return noreply(state);
  state.starting.delete(name);
  const started = tagged(outcome, atoms.ok, 2);
  const failure = tagged(outcome, atoms.error, 2) ?? tagged(outcome, a('info'), 2);
  if (started !== null) {
    const master = started[1] instanceof Pid ? started[1] : null;
    const root = master === null ? null : yield* rootOf(self, master);
    state.running.set(name, { application, master, root });
    state.started.set(name, starting.type);
    state.failed.delete(name);
    self.emit({ is: 'application', node: self.node, name, state: 'started' });
    for (const from of starting.waiting) answer(self, from, atoms.ok);
    progress(self, name);
    return noreply(state);
  }
  const reason = failure === null ? outcome : valueAt(failure, 1);
  state.failed.set(name, reason);
  for (const from of starting.waiting) answer(self, from, errorTuple(reason));
  if (tagged(outcome, a('info'), 2) === null) exited(self, name, reason, starting.type);
  const calm = starting.type === 'transient' && tagged(elementsOf(reason)?.[0], atoms.exit, 2)?.[1] === atoms.normal;
  if (starting.type === 'temporary' || calm) return noreply(state);
  return stop(asText(tup(a('application_start_failure'), a(name), reason)), state);
}

/** The root supervisor, for who looks from outside. */
function* rootOf(self: Self, master: Pid): Flow<Pid | null> {
  const child = elementsOf(yield* masterChild(self, master))?.[0];
  return child instanceof Pid ? child : null;
}

// ------------------------------------------------------------------------------------------------------------ stopping

function* stopOne(self: Self, state: Applications, name: string): Flow<Value> {
  const type = state.started.get(name);
  const running = state.running.get(name);
  if (type === undefined) return errorTuple(tup(a('not_started'), a(name)));
  if (running?.master instanceof Pid) {
    self.unlink(running.master);
    yield* stopMaster(self, running.master);
  }
  if (running !== undefined) exited(self, name, a('stopped'), type);
  gone(self, state, name);
  state.started.delete(name);
  return atoms.ok;
}

function gone(self: Self, state: Applications, name: string): void {
  if (!state.running.delete(name)) return;
  self.emit({ is: 'application', node: self.node, name, state: 'stopped' });
}

/** Ends all applications, last started first, each within kernel's `shutdown_timeout`; before that `shutdown_func` is told. */
function* shutDown(self: Self, state: Applications, reason: Value): Flow<void> {
  const env = state.env.get('kernel');
  const [module, name] = partsOf(env?.get('shutdown_func'));
  if (module instanceof Atom && name instanceof Atom) {
    try {
      yield* self.apply(module.name, name.name, [reason]);
    } catch {
      // Whatever it does, the applications end.
    }
  }
  const within = env?.get('shutdown_timeout');
  for (const { master } of [...state.running.values()].reverse()) {
    if (master === null) continue;
    const watch = self.monitor(master);
    self.unlink(master);
    self.sendExit(master, atoms.shutdown);
    const down = function* (afterMs: number | null): Flow<boolean> {
      const message = yield* receive({
        match: (one) => isDown(one) && one.elements[1] === watch,
        afterMs,
        at: 'application_controller:terminate/2',
      });
      return message !== timedOut;
    };
    if (yield* down(typeof within === 'number' ? within : null)) continue;
    self.sendExit(master, atoms.kill);
    yield* down(null);
  }
}

// ------------------------------------------------------------------------------------------------------------- reports

function progress(self: Self, name: string): void {
  const report = {
    label: tup(a('application_controller'), a('progress')),
    report: [tup(a('application'), a(name)), tup(a('started_at'), a(self.node))],
  };
  logReport(self, {
    level: 'info',
    kind: 'progress',
    module: 'application_controller',
    domain: ['otp', 'sasl'],
    report,
  });
}

function exited(self: Self, name: string, reason: Value, type: StartType): void {
  const report = {
    label: tup(a('application_controller'), a('exit')),
    report: [tup(a('application'), a(name)), tup(a('exited'), reason), tup(a('type'), a(type))],
  };
  logReport(self, { level: 'notice', kind: 'application_exit', module: 'application_controller', report });
}

/** The reason as the text that a node ends with. */
function asText(reason: Value): Value {
  return printed(reason);
}

function info(state: Applications): Value {
  const named = <T>(table: ReadonlyMap<string, T>, value: (held: T) => Value): Value =>
    [...table].map(([name, held]) => tup(a(name), value(held))).reverse();
  return [
    tup(a('loaded'), [...state.loaded.values()].map(rowOf)),
    tup(a('loading'), []),
    tup(
      a('started'),
      named(state.started, (type) => a(type)),
    ),
    tup(a('start_p_false'), []),
    tup(
      a('running'),
      named(state.running, ({ master }) => master ?? undefined),
    ),
    tup(
      a('starting'),
      named(state.starting, ({ type }) => a(type)),
    ),
  ];
}

export const applicationControllerModule: CodeModule = {
  name: 'application_controller',
  functions: {
    *'format_log/1'(self, report) {
      return formatLog(report, yield* formatDepth(self));
    },
  },
};
