/**
 * Supervisors: stdlib's `supervisor` of OTP 25 (restart strategies, intensity in whole monotonic seconds, shutdown, significant
 * children), as the callback module of a gen_server.
 */
import type { Atom, Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { reasonOf } from '../kernel/exceptions.ts';
import { atoms, errorTuple, isList, okTuple, sameValue, tagged } from '../kernel/values.ts';
import type { Flags, Spec } from './childSpec.ts';
import { flagsFault, modulesValue, readSpec, specFault, specValue } from './childSpec.ts';
import type { Server } from './gen.ts';
import { asValue, call, cast, valueAt } from './gen.ts';
import type { CallStep, Init, ServerModule, Step } from './genServer.ts';
import { isOrderly, noreply, reply, startServer } from './genServer.ts';
import { stopChild, stopTogether } from './shutdown.ts';

/** A supervisor's callback module. */
export type SupervisorModule = {
  readonly module: string;
  init(self: Self, argument: Value): SupervisorInit | Flow<SupervisorInit>;
};
export type SupervisorInit = { readonly flags: Flags; readonly children: readonly Spec[] } | 'ignore';

/** Where a child is: `restarting` after a failed restart that will be tried again; `undefined` not running. */
export type ChildPid = Pid | 'restarting' | 'undefined';
export type Child = {
  readonly spec: Spec;
  pid: ChildPid;
};

/** A supervisor as it stands. Only its own process changes it; observers of the kernel may read it. */
export class SupervisorState {
  readonly pid: Pid;
  readonly module: string;
  readonly name: string | null;
  readonly flags: Flags;
  /** In start order. Of a simple_one_for_one supervisor: its running children, each with the arguments it was started with. */
  children: Child[] = [];
  /** What simple_one_for_one starts its children from. */
  template: Spec | null = null;
  /** Whole seconds at which children were restarted, newest first, within the period. */
  restarts: number[] = [];

  constructor(pid: Pid, module: string, name: string | null, supervisorFlags: Flags) {
    this.pid = pid;
    this.module = module;
    this.name = name;
    this.flags = supervisorFlags;
  }

  get simple(): boolean {
    return this.flags.strategy === 'simple_one_for_one';
  }
  byPid(pid: Value): Child | undefined {
    return this.children.find((child) => child.pid === pid);
  }
  byId(id: Value): Child | undefined {
    return this.children.find((child) => sameValue(child.spec.id, id));
  }
  remove(child: Child): void {
    const at = this.children.indexOf(child);
    if (at >= 0) this.children.splice(at, 1);
  }
}

const supervisors = new WeakMap<Pid, SupervisorState>();

/** The state of the supervisor with this pid (the kernel's own pid object); null when it is none. Nothing is asked of it. */
export function supervisorAt(pid: Pid): SupervisorState | null {
  return supervisors.get(pid) ?? null;
}

const words = {
  startChild: a('start_child'),
  terminateChild: a('terminate_child'),
  restartChild: a('restart_child'),
  deleteChild: a('delete_child'),
  getChildSpec: a('get_childspec'),
  whichChildren: a('which_children'),
  countChildren: a('count_children'),
  tryAgain: a('try_again_restart'),
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
  options: { readonly name?: Atom } = {},
): Flow<Value> {
  return startServer(self, new SupervisorServer(module, options.name?.name ?? null), argument, {
    ...options,
    initialModule: { module: 'supervisor', function: module.module },
  });
}

/** `supervisor:start_child/2`: a specification's map, or for simple_one_for_one the list of further arguments. */
export function startChild(self: Self, supervisor: Server, what: Value): Flow<Value> {
  return call(self, supervisor, tup(words.startChild, what), null);
}
/** `supervisor:terminate_child/2` */
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
/** `supervisor:which_children/1` */
export function whichChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.whichChildren, null);
}
/** `supervisor:count_children/1` */
export function countChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.countChildren, null);
}

type Started = { readonly pid: Pid | 'undefined'; readonly outcome: Value } | { readonly failed: Value };

class SupervisorServer implements ServerModule<SupervisorState> {
  /** The callback module's own name: what messages and reports speak of. */
  readonly module: string;
  readonly #callback: SupervisorModule;
  readonly #name: string | null;

  constructor(callback: SupervisorModule, name: string | null) {
    this.module = 'supervisor';
    this.#callback = callback;
    this.#name = name;
  }

  *init(self: Self, argument: Value): Flow<Init<SupervisorState>> {
    self.trapExit(true);
    const init = yield* settle(this.#callback.init(self, argument));
    if (init === 'ignore') return { is: 'ignore' };
    const fault = flagsFault(init.flags) ?? firstFault(init);
    if (fault !== null) return { is: 'stop', reason: tup(a('supervisor_data'), fault) };
    const state = new SupervisorState(self.pid, this.#callback.module, this.#name, init.flags);
    supervisors.set(self.pid, state);
    this.#changed(self);
    if (state.simple) {
      state.template = init.children[0] ?? null;
      return { is: 'ok', state };
    }
    state.children = init.children.map((spec) => ({ spec, pid: 'undefined' }));
    const failed = yield* this.#startAll(self, state, [...state.children]);
    if (failed === null) return { is: 'ok', state };
    yield* this.#stopAll(self, state, state.children);
    supervisors.delete(self.pid);
    return { is: 'stop', reason: tup(atoms.shutdown, failedToStart(failed.child, failed.reason)) };
  }

  *handleCall(self: Self, request: Value, _from: unknown, state: SupervisorState): Flow<CallStep<SupervisorState>> {
    if (request === words.whichChildren) return reply(this.#which(state), state);
    if (request === words.countChildren) return reply(count(self, state), state);
    const [operation, argument] = operationOf(request);
    switch (operation) {
      case words.startChild: {
        const outcome = yield* state.simple
          ? this.#startSimple(self, state, argument)
          : this.#add(self, state, argument);
        return reply(outcome, state);
      }
      case words.terminateChild:
        return reply(yield* this.#terminateChild(self, state, argument), state);
      case words.restartChild:
        return reply(yield* this.#restartChild(self, state, argument), state);
      case words.deleteChild:
        return reply(this.#deleteChild(self, state, argument), state);
      case words.getChildSpec: {
        const child = argument instanceof Pid ? state.byPid(argument) : state.byId(argument);
        const spec = state.simple && argument instanceof Pid && child !== undefined ? state.template : child?.spec;
        return reply(
          spec === undefined || spec === null ? errorTuple(words.notFound) : okTuple(specValue(spec)),
          state,
        );
      }
      default:
        return reply(errorTuple(a('unknown_request')), state);
    }
  }

  *handleCast(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const again = tagged(message, words.tryAgain, 2);
    const id = again === null ? null : valueAt(again, 1);
    const child = state.children.find((one) => one.pid === 'restarting' && sameValue(one.spec.id, id));
    if (child === undefined) return noreply(state);
    return yield* this.#restart(self, state, child, words.restarting);
  }

  *handleInfo(self: Self, message: Value, state: SupervisorState): Flow<Step<SupervisorState>> {
    const exit = tagged(message, atoms.exit, 3);
    const child = exit === null ? undefined : state.byPid(valueAt(exit, 1));
    if (exit === null || child === undefined) return noreply(state);
    return yield* this.#childEnded(self, state, child, valueAt(exit, 2));
  }

  *terminate(self: Self, _reason: Value, state: SupervisorState): Flow<void> {
    yield* this.#stopAll(self, state, state.children);
    supervisors.delete(self.pid);
  }

  /** The record of OTP 25: `{state, Name, Strategy, {Ids, Children}, …}`. */
  show(state: SupervisorState): Value {
    const name = state.name === null ? tup(state.pid, a(state.module)) : tup(a('local'), a(state.name));
    const { strategy, intensity, periodSeconds, autoShutdown } = state.flags;
    const children = new Map<Value, Value>(
      state.children.map(({ spec, pid }) => [state.simple ? pidValue(pid) : spec.id, childValue(spec, pid)]),
    );
    const ids = state.children.map(({ spec, pid }) => (state.simple ? pidValue(pid) : spec.id)).reverse();
    return tup(
      a('state'),
      name,
      a(strategy),
      tup(ids, children),
      a('undefined'),
      intensity,
      periodSeconds,
      state.restarts,
      state.restarts.length,
      a(autoShutdown),
      a(state.module),
      [],
    );
  }

  // ------------------------------------------------------------------------------------------------------ starting

  *#start(self: Self, spec: Spec): Flow<Started> {
    let outcome: Value;
    try {
      outcome = yield* self.apply(spec.start.module, spec.start.function, spec.start.args);
    } catch (thrown) {
      return { failed: tup(atoms.exit, reasonOf(thrown)) };
    }
    if (outcome === atoms.ignore) return { pid: 'undefined', outcome: okTuple(a('undefined')) };
    const two = tagged(outcome, atoms.ok, 2) ?? tagged(outcome, atoms.ok, 3);
    if (two !== null && two[1] instanceof Pid) return { pid: two[1], outcome };
    const error = tagged(outcome, atoms.error, 2);
    return { failed: error === null ? outcome : valueAt(error, 1) };
  }

  /** Starts children in order; stops at the first that fails. Temporary ones that answer `ignore` are forgotten. */
  *#startAll(
    self: Self,
    state: SupervisorState,
    children: readonly Child[],
  ): Flow<{ readonly child: Child; readonly reason: Value } | null> {
    for (const child of children) {
      const started = yield* this.#start(self, child.spec);
      if ('failed' in started) {
        this.#report(self, 'start_error', child, started.failed);
        return { child, reason: started.failed };
      }
      child.pid = started.pid;
      if (started.pid === 'undefined' && child.spec.restart === 'temporary') state.remove(child);
      this.#changed(self);
    }
    return null;
  }

  *#add(self: Self, state: SupervisorState, argument: Value): Flow<Value> {
    const read = readSpec(argument);
    if ('bad' in read) return errorTuple(read.bad);
    const { spec } = read;
    const fault = specFault(spec, state.flags);
    if (fault !== null) return errorTuple(fault);
    const known = state.byId(spec.id);
    if (known !== undefined) {
      return errorTuple(known.pid instanceof Pid ? tup(a('already_started'), known.pid) : a('already_present'));
    }
    const started = yield* this.#start(self, spec);
    if ('failed' in started) {
      const already = tagged(started.failed, a('already_started'), 2);
      return errorTuple(already === null ? tup(started.failed, childValue(spec, 'undefined')) : started.failed);
    }
    if (started.pid !== 'undefined' || spec.restart !== 'temporary') {
      state.children.push({ spec, pid: started.pid });
      this.#changed(self);
    }
    return started.outcome;
  }

  *#startSimple(self: Self, state: SupervisorState, further: Value): Flow<Value> {
    const { template } = state;
    if (template === null || !isList(further)) return errorTuple(atoms.badarg);
    const args: readonly Value[] = [...template.start.args, ...further.map(asValue)];
    const spec: Spec = { ...template, start: { ...template.start, args } };
    const started = yield* this.#start(self, spec);
    if ('failed' in started) return errorTuple(started.failed);
    if (started.pid !== 'undefined') {
      state.children.push({ spec, pid: started.pid });
      this.#changed(self);
    }
    return started.outcome;
  }

  // ---------------------------------------------------------------------------------------------- asked by callers

  *#terminateChild(self: Self, state: SupervisorState, which: Value): Flow<Value> {
    if (state.simple && !(which instanceof Pid)) return errorTuple(words.simple);
    const child = which instanceof Pid && state.simple ? state.byPid(which) : state.byId(which);
    if (child === undefined) return errorTuple(words.notFound);
    yield* this.#stopAll(self, state, [child]);
    if (state.simple || child.spec.restart === 'temporary') state.remove(child);
    this.#changed(self);
    return atoms.ok;
  }

  *#restartChild(self: Self, state: SupervisorState, id: Value): Flow<Value> {
    const refusal = this.#idle(state, id);
    if (!('child' in refusal)) return errorTuple(refusal.error);
    const started = yield* this.#start(self, refusal.child.spec);
    if ('failed' in started) return errorTuple(started.failed);
    refusal.child.pid = started.pid;
    this.#changed(self);
    return started.outcome;
  }

  #deleteChild(self: Self, state: SupervisorState, id: Value): Value {
    const refusal = this.#idle(state, id);
    if (!('child' in refusal)) return errorTuple(refusal.error);
    state.remove(refusal.child);
    this.#changed(self);
    return atoms.ok;
  }

  /** The child with this id when it is not running. */
  #idle(state: SupervisorState, id: Value): { readonly child: Child } | { readonly error: Value } {
    if (state.simple) return { error: words.simple };
    const child = state.byId(id);
    if (child === undefined) return { error: words.notFound };
    if (child.pid === 'undefined') return { child };
    return { error: child.pid === 'restarting' ? words.restarting : words.running };
  }

  #which(state: SupervisorState): Value {
    return state.children
      .map(({ spec, pid }) => {
        const id = state.simple ? a('undefined') : spec.id;
        return tup(id, pidValue(pid), a(spec.type), modulesValue(spec));
      })
      .reverse();
  }

  // ----------------------------------------------------------------------------------------------------- restarts

  *#childEnded(self: Self, state: SupervisorState, child: Child, reason: Value): Flow<Step<SupervisorState>> {
    const { restart } = child.spec;
    const orderly = isOrderly(reason);
    if (restart === 'permanent' || !orderly) this.#report(self, 'child_terminated', child, reason);
    if (restart === 'permanent' || (restart === 'transient' && !orderly)) {
      return yield* this.#restart(self, state, child, reason);
    }
    this.#forget(self, state, child);
    return this.#autoShutdown(state, child) ? { is: 'stop', reason: atoms.shutdown, state } : noreply(state);
  }

  #forget(self: Self, state: SupervisorState, child: Child): void {
    child.pid = 'undefined';
    if (state.simple || child.spec.restart === 'temporary') state.remove(child);
    this.#changed(self);
  }

  #autoShutdown(state: SupervisorState, ended: Child): boolean {
    if (!ended.spec.significant) return false;
    if (state.flags.autoShutdown === 'any_significant') return true;
    if (state.flags.autoShutdown === 'never') return false;
    return !state.children.some(({ spec, pid }) => spec.significant && pid instanceof Pid);
  }

  *#restart(self: Self, state: SupervisorState, child: Child, reason: Value): Flow<Step<SupervisorState>> {
    if (!this.#mayRestart(self, state)) {
      this.#report(self, 'shutdown', child, a('reached_max_restart_intensity'));
      this.#forget(self, state, child);
      return { is: 'stop', reason: atoms.shutdown, state };
    }
    const restarts = state.restarts.length;
    const childId = state.simple ? a('undefined') : child.spec.id;
    self.emit({ is: 'restart', supervisor: self.pid, childId, reason, count: restarts });
    const failed = yield* this.#startAgain(self, state, child);
    if (failed === null) {
      this.#changed(self);
      return noreply(state);
    }
    failed.pid = 'restarting';
    this.#changed(self);
    // Tried again by a message to itself, so that calls are answered in between; each try counts.
    cast(self, self.pid, tup(words.tryAgain, failed.spec.id));
    return noreply(state);
  }

  /** Restarts what the strategy says; the child whose start failed, or null. */
  *#startAgain(self: Self, state: SupervisorState, child: Child): Flow<Child | null> {
    child.pid = 'undefined';
    const { strategy } = state.flags;
    if (strategy === 'one_for_one' || strategy === 'simple_one_for_one') {
      return (yield* this.#startAll(self, state, [child]))?.child ?? null;
    }
    const from = strategy === 'one_for_all' ? 0 : state.children.indexOf(child);
    const group = state.children.slice(from);
    yield* this.#stopAll(self, state, group);
    // Temporary ones are not started again because a sibling failed.
    for (const other of group) if (other.spec.restart === 'temporary') state.remove(other);
    this.#changed(self);
    const again = group.filter((other) => other.spec.restart !== 'temporary');
    return (yield* this.#startAll(self, state, again))?.child ?? null;
  }

  #mayRestart(self: Self, state: SupervisorState): boolean {
    const now = Math.floor(self.nowMs / 1000);
    const since = now - state.flags.periodSeconds;
    state.restarts = [now, ...state.restarts.filter((at) => at >= since)];
    return state.restarts.length <= state.flags.intensity;
  }

  // ------------------------------------------------------------------------------------------------------ stopping

  /** Stops children in reverse start order, or together where they are alike; their pids are gone afterwards. */
  *#stopAll(self: Self, state: SupervisorState, children: readonly Child[]): Flow<void> {
    const running = children.flatMap((child) => (child.pid instanceof Pid ? [{ child, pid: child.pid }] : []));
    if (state.simple && running.length > 1 && state.template !== null) {
      const pids = running.map(({ pid }) => pid);
      const failed = yield* stopTogether(self, pids, state.template);
      for (const { pid, reason } of failed) {
        const child = state.byPid(pid);
        if (child !== undefined) this.#report(self, 'shutdown_error', child, reason);
      }
    } else {
      for (const { child, pid } of running.reverse()) {
        const outcome = yield* stopChild(self, pid, child.spec);
        if (outcome !== null) this.#report(self, 'shutdown_error', child, outcome.error);
        child.pid = 'undefined';
        this.#changed(self);
      }
    }
    for (const child of children) child.pid = 'undefined';
    this.#changed(self);
  }

  #changed(self: Self): void {
    self.emit({ is: 'children', supervisor: self.pid });
  }

  #report(self: Self, what: string, child: Child, reason: Value): void {
    const offender = childValue(child.spec, child.pid);
    self.emit({ is: 'report', kind: 'supervisor_report', pid: self.pid, report: { error: a(what), reason, offender } });
  }
}

function firstFault(init: Exclude<SupervisorInit, 'ignore'>): Value {
  if (init.flags.strategy === 'simple_one_for_one' && init.children.length !== 1) {
    return tup(a('bad_start_spec'), init.children.length);
  }
  for (const [at, spec] of init.children.entries()) {
    const fault = specFault(spec, init.flags);
    if (fault !== null) return fault;
    if (init.children.slice(0, at).some((before) => sameValue(before.id, spec.id))) {
      return tup(a('duplicate_child_name'), spec.id);
    }
  }
  return null;
}

function failedToStart(child: Child, reason: Value): Value {
  return tup(a('failed_to_start_child'), child.spec.id, reason);
}

function operationOf(request: Value): readonly [Atom | null, Value] {
  for (const word of Object.values(words)) {
    const elements = tagged(request, word, 2);
    if (elements !== null) return [word, valueAt(elements, 1)];
  }
  return [null, undefined];
}

function pidValue(pid: ChildPid): Value {
  return pid instanceof Pid ? pid : a(pid);
}

function childValue(spec: Spec, pid: ChildPid): Value {
  return tup(
    a('child'),
    pidValue(pid),
    spec.id,
    tup(a(spec.start.module), a(spec.start.function), spec.start.args),
    a(spec.restart),
    spec.significant,
    typeof spec.shutdown === 'number' ? spec.shutdown : a(spec.shutdown),
    a(spec.type),
    modulesValue(spec),
  );
}

/** `[{specs, N}, {active, N}, {supervisors, N}, {workers, N}]` */
function count(self: Self, state: SupervisorState): Value {
  const all = countOf(state, (pid) => self.isAlive(pid) || pid.node !== self.node);
  return [
    tup(a('specs'), all.specs),
    tup(a('active'), all.active),
    tup(a('supervisors'), all.supervisors),
    tup(a('workers'), all.workers),
  ];
}

/** The figures of `supervisor:count_children/1`. */
export function countOf(
  state: SupervisorState,
  isAlive: (pid: Pid) => boolean,
): { readonly specs: number; readonly active: number; readonly supervisors: number; readonly workers: number } {
  const active = state.children.filter(({ pid }) => pid instanceof Pid && isAlive(pid)).length;
  const supervisorCount = state.children.filter(({ spec }) => spec.type === 'supervisor').length;
  return {
    specs: state.simple ? 1 : state.children.length,
    active,
    supervisors: supervisorCount,
    workers: state.children.length - supervisorCount,
  };
}
