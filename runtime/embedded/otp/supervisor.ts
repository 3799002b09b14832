/** Supervisors: stdlib's `supervisor` of OTP 25 as the callback module of a gen_server, and the functions to call one. */
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, errorTuple, isList, okTuple, tagged } from '../kernel/values.ts';
import type { Read } from './checkSpec.ts';
import { readFlags, readSpec, readSpecs } from './checkSpec.ts';
import type { Flags, Spec } from './childSpec.ts';
import { flagsValue, modulesValue, specValue } from './childSpec.ts';
import type { Server } from './gen.ts';
import { asValue, call, valueAt } from './gen.ts';
import type { CallStep, Init, ServerModule, ServerStart, Step } from './genServer.ts';
import { noreply, reply, startServer, stop } from './genServer.ts';
import type { Verdict } from './supervisorRestart.ts';
import { childEnded, restart, tryAgainRestart, waitingForRestart } from './supervisorRestart.ts';
import { changed, startAll, startFrom, stopAll, stopDynamic, stopOne } from './supervisorStart.ts';
import type { Child } from './supervisorState.ts';
import { childValue, countOf, forgetSupervisor, knowSupervisor, SupervisorState } from './supervisorState.ts';

/** A supervisor's callback module. */
export type SupervisorModule = {
  readonly module: string;
  init(self: Self, argument: Value): SupervisorInit | Flow<SupervisorInit>;
};
/** What `init/1` answers: typed, or the term `{ok, {Flags, Children}}` or `ignore`; any other term is an error. */
export type SupervisorInit =
  { readonly flags: Flags; readonly children: readonly Spec[] } | 'ignore' | { readonly term: Value };

const words = {
  startChild: a('start_child'),
  terminateChild: a('terminate_child'),
  restartChild: a('restart_child'),
  deleteChild: a('delete_child'),
  getChildSpec: a('get_childspec'),
  whichChildren: a('which_children'),
  countChildren: a('count_children'),
  notFound: a('not_found'),
  simple: a('simple_one_for_one'),
  restarting: a('restarting'),
  running: a('running'),
} as const;

/** `supervisor:start_link/2,3`: `{ok, Pid}`, `{error, Reason}` or `ignore`. */
export function startSupervisor(
  self: Self,
  module: SupervisorModule,
  argument: Value,
  options: Pick<ServerStart, 'name'> = {},
): Flow<Value> {
  return startServer(self, new SupervisorServer(module, options.name), argument, {
    ...options,
    initialModule: { module: 'supervisor', function: module.module },
  });
}

/** `supervisor:start_child/2`: a specification, or for simple_one_for_one the list of further arguments. */
export function startChild(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.startChild, what), null);
}
/** `supervisor:terminate_child/2`: by id, or for simple_one_for_one by pid. */
export function terminateChild(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.terminateChild, what), null);
}
/** `supervisor:restart_child/2` */
export function restartChild(self: Self, supervisor: Server, id: Value): Flow<Value> {
  return call(self, supervisor, tup(words.restartChild, id), null);
}
/** `supervisor:delete_child/2` */
export function deleteChild(self: Self, supervisor: Server, id: Value): Flow<Value> {
  return call(self, supervisor, tup(words.deleteChild, id), null);
}
/** `supervisor:get_childspec/2`: `{ok, Map}` or `{error, not_found}`. */
export function getChildSpec(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.getChildSpec, what), null);
}
/** `supervisor:which_children/1`: `[{Id, Pid, Type, Modules}]`, last started first; of simple_one_for_one by pid. */
export function whichChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.whichChildren, null);
}
/** `supervisor:count_children/1`: `[{specs, N}, {active, N}, {supervisors, N}, {workers, N}]`. */
export function countChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.countChildren, null);
}

class SupervisorServer implements ServerModule<SupervisorState> {
  readonly module = 'supervisor';
  readonly #callback: SupervisorModule;
  readonly #name: Value;

  constructor(callback: SupervisorModule, name: Value) {
    this.#callback = callback;
    this.#name = name;
  }

  *init(self: Self, argument: Value): Flow<Init<SupervisorState>> {
    self.trapExit(true);
    const answer = yield* settle(this.#callback.init(self, argument));
    if (isIgnore(answer)) return { is: 'ignore' };
    const terms = termsOf(answer);
    if (terms === null) {
      return { is: 'stop', reason: tup(a('bad_return'), tup(a(this.#callback.module), a('init'), badReturn(answer))) };
    }
    const flags = readFlags(terms.flags);
    if (!flags.ok) return { is: 'stop', reason: tup(a('supervisor_data'), flags.bad) };
    const simple = flags.is.strategy === 'simple_one_for_one';
    if (simple && (!isList(terms.children) || terms.children.length !== 1)) {
      return { is: 'stop', reason: tup(a('bad_start_spec'), terms.children) };
    }
    const specs = readAll(terms.children, flags.is);
    if (!specs.ok) return { is: 'stop', reason: tup(a('start_spec'), specs.bad) };
    const state = new SupervisorState(self.pid, this.#callback.module, this.#name, argument, flags.is);
    if (simple) state.template = specs.is[0] ?? null;
    else for (const spec of specs.is) state.add(spec, 'undefined');
    knowSupervisor(state);
    changed(self);
    const failed = yield* startAll(self, state, state.simple ? [] : state.children);
    if (failed === null) return { is: 'ok', state };
    yield* stopAll(self, state, state.children);
    forgetSupervisor(self.pid);
    const why = tup(a('failed_to_start_child'), failed.child.spec.id, failed.reason);
    return { is: 'stop', reason: tup(atoms.shutdown, why) };
  }

  *handleCall(self: Self, request: Value, _from: unknown, state: SupervisorState): Flow<CallStep<SupervisorState>> {
    return reply(yield* this.#answer(self, request, state), state);
  }

  #answer(self: Self, request: Value, state: SupervisorState): Flow<Value> {
    if (request === words.whichChildren) return settle(which(state));
    if (request === words.countChildren) return settle(count(self, state));
    const [operation, what, ...more] = elementsOf(request) ?? [];
    const argument = asValue(what);
    if (more.length > 0) return self.error(a('function_clause'));
    switch (operation) {
      case words.startChild:
        return state.simple ? startSimple(self, state, argument) : add(self, state, argument);
      case words.terminateChild:
        return terminate(self, state, argument);
      case words.restartChild:
        return startIdle(self, state, argument);
      case words.deleteChild:
        return settle(deleteIdle(self, state, argument));
      case words.getChildSpec:
        return settle(specOf(self, state, argument));
      default:
        return self.error(a('function_clause'));
    }
  }

  *handleCast(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const again = tagged(message, tryAgainRestart, 2);
    if (again === null) return self.error(a('function_clause'));
    const child = waitingForRestart(state, valueAt(again, 1));
    return child === undefined ? noreply(state) : after(yield* restart(self, state, child, words.restarting), state);
  }

  *handleInfo(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const exit = tagged(message, atoms.exit, 3);
    if (exit === null) {
      self.emit({ is: 'report', kind: 'unexpected_message', pid: self.pid, report: message });
      return noreply(state);
    }
    const child = state.byPid(valueAt(exit, 1));
    return child === undefined ? noreply(state) : after(yield* childEnded(self, state, child, valueAt(exit, 2)), state);
  }

  *terminate(self: Self, _reason: Value, state: SupervisorState): Flow<void> {
    yield* state.simple ? stopDynamic(self, state) : stopAll(self, state, state.children);
    forgetSupervisor(self.pid);
  }

  /** Asks the callback module anew: its flags are taken over, children keep their processes, none is started or stopped. */
  *codeChange(
    self: Self,
    _oldVersion: Value,
    state: SupervisorState,
  ): Flow<{ readonly is: 'ok'; readonly state: SupervisorState } | { readonly is: 'error'; readonly reason: Value }> {
    const answer = yield* settle(this.#callback.init(self, state.argument));
    if (isIgnore(answer)) return { is: 'ok', state };
    const terms = termsOf(answer);
    if (terms === null) return { is: 'error', reason: badReturn(answer) };
    const fault = change(state, terms);
    if (fault !== null) return { is: 'error', reason: errorTuple(fault.bad) };
    changed(self);
    return { is: 'ok', state };
  }

  show(state: SupervisorState): Value {
    return state.show();
  }
}

function after(verdict: Verdict, state: SupervisorState): Step<SupervisorState> {
  return verdict === 'shutdown' ? stop(atoms.shutdown, state) : noreply(state);
}

// ------------------------------------------------------------------------------------------------- what init/1 answers

type Terms = { readonly flags: Value; readonly children: Value };

/** `{ok, {Flags, Children}}`, whichever way it was said; null for anything else. */
function termsOf(answer: SupervisorInit): Terms | null {
  if (answer === 'ignore') return null;
  if ('flags' in answer) return { flags: flagsValue(answer.flags), children: answer.children.map(specValue) };
  const definition = elementsOf(tagged(answer.term, atoms.ok, 2)?.[1]);
  return definition?.length === 2 ? { flags: valueAt(definition, 0), children: valueAt(definition, 1) } : null;
}

function isIgnore(answer: SupervisorInit): boolean {
  return answer === 'ignore' || ('term' in answer && answer.term === atoms.ignore);
}

/** The term that is none of those allowed. */
function badReturn(answer: SupervisorInit): Value {
  return answer !== 'ignore' && 'term' in answer ? answer.term : undefined;
}

function readAll(children: Value, under: Flags): Read<readonly Spec[]> {
  if (!isList(children)) throw new ErrorException(a('function_clause'));
  return readSpecs(children.map(asValue), under.autoShutdown);
}

/** Takes over flags and specifications; what is wrong with them, where something is. Flags stay taken when a child is at fault. */
function change(state: SupervisorState, terms: Terms): { readonly bad: Value } | null {
  const flags = readFlags(terms.flags);
  if (!flags.ok) {
    const type = tagged(flags.bad, a('invalid_type'), 2);
    return { bad: type === null ? flags.bad : tup(a('bad_flags'), valueAt(type, 1)) };
  }
  state.flags = flags.is;
  const specs = readAll(terms.children, flags.is);
  if (!specs.ok) return specs;
  if (!state.simple) {
    changeSpecs(state, specs.is);
    return null;
  }
  const [template, ...more] = specs.is;
  if (template === undefined || more.length > 0) {
    const known = new Map<Value, Value>(specs.is.map((spec) => [spec.id, childValue(spec, undefined)]));
    return {
      bad: okTuple(
        tup(
          specs.is.map(({ id }) => id),
          known,
        ),
      ),
    };
  }
  state.changeTemplate(template);
  return null;
}

/** The new specifications in their order, each with the process it has; what is in them no more stays, after the first. */
function changeSpecs(state: SupervisorState, specs: readonly Spec[]): void {
  const before = new Set(state.children);
  const changedChildren = specs.map((spec): Child => {
    const old = state.byId(spec.id);
    if (old === undefined) return { spec, pid: 'undefined', restartingFrom: null };
    before.delete(old);
    old.spec = spec;
    return old;
  });
  state.replaceAll([...changedChildren, ...before]);
}

// ---------------------------------------------------------------------------------------------------- asked by callers

function* add(self: Self, state: SupervisorState, argument: Value): Flow<Value> {
  const read = readSpec(argument, state.flags.autoShutdown);
  if (!read.ok) return errorTuple(read.bad);
  const spec = read.is;
  const known = state.byId(spec.id);
  if (known !== undefined) {
    return errorTuple(known.pid instanceof Pid ? tup(a('already_started'), known.pid) : a('already_present'));
  }
  const started = yield* startFrom(self, spec.start);
  if (started.is === 'failed') return errorTuple(tup(started.reason, childValue(spec, undefined)));
  const temporary = spec.restart === 'temporary';
  if (started.pid === 'undefined' && temporary) return started.reply;
  // A temporary child is never started again, so what it was started with is not kept.
  state.add(temporary ? { ...spec, start: { ...spec.start, args: undefined } } : spec, started.pid);
  changed(self);
  return started.reply;
}

function* startSimple(self: Self, state: SupervisorState, further: Value): Flow<Value> {
  const { template } = state;
  if (template === null) return self.error(a('function_clause'));
  const args = isList(further) ? [...(template.start.args ?? []), ...further.map(asValue)] : undefined;
  const started = yield* startFrom(self, { ...template.start, args });
  if (started.is === 'failed') return errorTuple(started.reason);
  if (started.pid === 'undefined') return started.reply;
  state.add(state.dynamicSpec(template, args), started.pid);
  changed(self);
  return started.reply;
}

/** The child a caller names: by id, of simple_one_for_one by pid; `dead` for a process that has ended, whoever it was. */
function named(self: Self, state: SupervisorState, name: Value): Child | 'dead' | undefined {
  if (!state.simple || !(name instanceof Pid)) return state.byId(name);
  const child = state.byPid(name) ?? state.restartingFrom(name);
  if (child !== undefined) return child;
  return isAliveHere(self, name) ? undefined : 'dead';
}

function* terminate(self: Self, state: SupervisorState, name: Value): Flow<Value> {
  if (state.simple && !(name instanceof Pid)) return errorTuple(words.simple);
  const child = named(self, state, name);
  if (child === undefined) return errorTuple(words.notFound);
  if (child === 'dead') return atoms.ok;
  yield* stopOne(self, state, child);
  if (state.simple || child.spec.restart === 'temporary') state.remove(child);
  else state.place(child, 'undefined');
  changed(self);
  return atoms.ok;
}

function* startIdle(self: Self, state: SupervisorState, id: Value): Flow<Value> {
  const found = idle(state, id);
  if ('error' in found) return errorTuple(found.error);
  const started = yield* startFrom(self, found.child.spec.start);
  if (started.is === 'failed') return errorTuple(started.reason);
  state.place(found.child, started.pid);
  changed(self);
  return started.reply;
}

function deleteIdle(self: Self, state: SupervisorState, id: Value): Value {
  const found = idle(state, id);
  if ('error' in found) return errorTuple(found.error);
  state.remove(found.child);
  changed(self);
  return atoms.ok;
}

/** The child with this id when it is not running. */
function idle(state: SupervisorState, id: Value): { readonly child: Child } | { readonly error: Value } {
  if (state.simple) return { error: words.simple };
  const child = state.byId(id);
  if (child === undefined) return { error: words.notFound };
  if (child.pid === 'undefined') return { child };
  return { error: child.pid === 'restarting' ? words.restarting : words.running };
}

function specOf(self: Self, state: SupervisorState, name: Value): Value {
  const child = named(self, state, name);
  if (child === undefined) return errorTuple(words.notFound);
  const spec = child === 'dead' || state.simple ? state.template : child.spec;
  return spec === null ? errorTuple(words.notFound) : okTuple(specValue(spec));
}

function which(state: SupervisorState): Value {
  if (state.simple) return whichDynamic(state);
  return state.children.map(({ spec, pid }) => row(spec.id, pid, spec)).reverse();
}

/** In the order of the keys of OTP's map: running ones by pid, then those that are to be restarted. */
function whichDynamic(state: SupervisorState): Value {
  const rank = ({ pid }: Child): number => (pid === 'undefined' ? 0 : pid instanceof Pid ? 1 : 2);
  const order = (child: Child): number => (child.pid instanceof Pid ? child.pid : child.restartingFrom)?.id ?? 0;
  const sorted = state.children.toSorted((one, other) => rank(one) - rank(other) || order(one) - order(other));
  return sorted.map(({ pid }) => row(undefined, pid, state.template ?? { type: 'worker', modules: [] }));
}

function row(id: Value, pid: Child['pid'], { type, modules }: Pick<Spec, 'type' | 'modules'>): Value {
  const where = pid instanceof Pid ? pid : pid === 'restarting' ? words.restarting : undefined;
  return tup(id, where, a(type), modulesValue({ modules }));
}

function count(self: Self, state: SupervisorState): Value {
  const counted = countOf(state, (pid) => state.simple || isAliveHere(self, pid));
  // OTP counts what runs as what there is without what waits for its restart, and does not see such a child being terminated.
  const active = state.simple ? state.size - state.dynamicRestarts : counted.active;
  return [
    tup(a('specs'), counted.specs),
    tup(a('active'), active),
    tup(a('supervisors'), counted.supervisors),
    tup(a('workers'), counted.workers),
  ];
}

/** `erlang:is_process_alive/1`, which takes no process of another node. */
function isAliveHere(self: Self, pid: Pid): boolean {
  return pid.node === self.node ? self.isAlive(pid) : self.error(atoms.badarg);
}
