/** Elixir's DynamicSupervisor (1.14): children that come and go at run time, each restarted for itself. */
import type { Atom, Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { settle } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, errorTuple, tagged, partsOf } from '../kernel/values.ts';
import { fieldsOf } from './checkSpec.ts';
import type { Spec } from './childSpec.ts';
import { modulesValue, specValue } from './childSpec.ts';
import type { DynamicFlags } from './dynamicState.ts';
import { startDynamic, startedBy } from './dynamicStart.ts';
import { dynamicFlagsValue, DynamicState, keyOf, readDynamicFlags, readDynamicSpec } from './dynamicState.ts';
import { stopDynamicChildren } from './dynamicStop.ts';
import type { Server } from './gen.ts';
import { call, valueAt } from './gen.ts';
import type { CallStep, Changed, Init, ServerModule, ServerStart, Step } from './genServer.ts';
import { isOrderly, noreply, reply, startServer, stop } from './genServer.ts';
import { chars } from './text.ts';
import type { ReportedError } from './supervisorReport.ts';
import { reportChild } from './supervisorReport.ts';
import type { Verdict } from './supervisorRestart.ts';
import { countRestart, isRestarted } from './supervisorRestart.ts';
import { changed } from './supervisorStart.ts';
import type { Child } from './supervisorState.ts';
import { countOf, forgetSupervisor, knowSupervisor } from './supervisorState.ts';

/** A DynamicSupervisor's callback module. */
export type DynamicModule = {
  readonly module: string;
  init(self: Self, argument: Value): DynamicInit | Flow<DynamicInit>;
};
/** What `init/1` answers: typed, or the term `{:ok, flags}` or `:ignore`; any other term is an error. */
export type DynamicInit = { readonly flags: DynamicFlags } | 'ignore' | { readonly term: Value };

const words = {
  startChild: a('start_child'),
  startTask: a('start_task'),
  terminateChild: a('terminate_child'),
  which: a('which_children'),
  count: a('count_children'),
  restart: a('$gen_restart'),
  maxChildren: a('max_children'),
} as const;

/** What a Task.Supervisor gives its tasks that say nothing else: `{Restart, Shutdown}` in its dictionary. */
export const taskDefaults = a('Elixir.Task.Supervisor');

/** `DynamicSupervisor.start_link/2,3`: `{:ok, pid}`, `{:error, reason}` or `:ignore`. */
export function startDynamicSupervisor(
  self: Self,
  module: DynamicModule,
  argument: Value,
  options: Pick<ServerStart, 'name'> = {},
): Flow<Value> {
  return startServer(self, new DynamicServer(module, options.name), argument, {
    ...options,
    initialModule: { module: 'supervisor', function: module.module },
  });
}

/** `DynamicSupervisor.start_child/2`: `{:ok, pid}`, `{:ok, pid, info}`, `:ignore` or `{:error, reason}`. */
export function* startDynamicChild(self: Self, supervisor: Server, spec: Spec | { readonly term: Value }): Flow<Value> {
  const read = readDynamicSpec('term' in spec ? spec.term : specValue(spec));
  if (!read.ok) return errorTuple(read.bad);
  return yield* call(self, supervisor, tup(words.startChild, childTerm(read.is)), null);
}
/** `DynamicSupervisor.terminate_child/2`: `:ok` or `{:error, :not_found}`. */
export function terminateDynamicChild(self: Self, supervisor: Server, pid: Pid): Flow<Value> {
  return call(self, supervisor, tup(words.terminateChild, pid), null);
}
/** `DynamicSupervisor.which_children/1`: `[{:undefined, pid | :restarting, type, modules}]`. */
export function dynamicChildren(self: Self, supervisor: Server): Flow<Value> {
  return call(self, supervisor, words.which, null);
}
/** `DynamicSupervisor.count_children/1`: `%{specs: _, active: _, supervisors: _, workers: _}`. */
export function* countDynamicChildren(self: Self, supervisor: Server): Flow<Value> {
  const counts = yield* call(self, supervisor, words.count, null);
  return Object.fromEntries((Array.isArray(counts) ? counts : []).map((row) => countEntry(row)));
}
function countEntry(row: unknown): readonly [string, Value] {
  const [name, count]: readonly unknown[] = partsOf(row);
  return [String(name), asValue(count)];
}

/** `{start, restart, shutdown, type, modules}`, as it travels to the supervisor. */
function childTerm(spec: Spec): Value {
  const { start, restart, shutdown, type } = specFields(spec);
  return tup(start, restart, shutdown, type, modulesValue(spec));
}
function specFields(spec: Spec): { readonly [field: string]: Value } {
  return Object.fromEntries(fieldsOf(specValue(spec)) ?? []);
}
function specOfTerm(term: Value): Spec | null {
  const fields = elementsOf(term);
  const read = readDynamicSpec(tup(undefined, ...(fields ?? []).map(asValue)));
  return read.ok ? read.is : null;
}

class DynamicServer implements ServerModule<DynamicState> {
  readonly module = 'Elixir.DynamicSupervisor';
  readonly #callback: DynamicModule;
  readonly #name: Value;

  constructor(callback: DynamicModule, name: Value) {
    this.#callback = callback;
    this.#name = name;
  }

  *init(self: Self, argument: Value): Flow<Init<DynamicState>> {
    self.trapExit(true);
    const { module } = this.#callback;
    const answer = yield* settle(this.#callback.init(self, argument));
    if (isIgnore(answer)) return { is: 'ignore' };
    const fields = flagFields(answer);
    if (fields === null) return { is: 'stop', reason: tup(a('bad_return'), tup(a(module), a('init'), termOf(answer))) };
    const flags = readDynamicFlags(fields);
    if (!flags.ok) return { is: 'stop', reason: tup(a('supervisor_data'), flags.bad) };
    const state = new DynamicState(self.pid, { module, name: this.#name, argument, flags: flags.is });
    knowSupervisor(state);
    changed(self);
    return { is: 'ok', state };
  }

  *handleCall(self: Self, request: Value, _from: unknown, state: DynamicState): Flow<CallStep<DynamicState>> {
    if (request === words.which) return reply(which(state), state);
    if (request === words.count) return reply(count(state), state);
    const [operation, ...rest] = partsOf(request);
    const spec = operation === words.startTask ? taskSpec(self, rest) : specOfTerm(rest[0]);
    if (operation === words.terminateChild) return reply(yield* terminate(self, state, rest[0]), state);
    if ((operation !== words.startChild && operation !== words.startTask) || spec === null) {
      return self.error(a('function_clause'));
    }
    if (state.settings.maxChildren !== 'infinity' && state.size >= state.settings.maxChildren) {
      return reply(errorTuple(words.maxChildren), state);
    }
    const outcome = yield* startDynamic(self, spec.start, state.settings.extraArguments);
    const pid = startedBy(outcome);
    if (pid !== null) {
      state.add(spec, pid);
      changed(self);
    }
    return reply(outcome, state);
  }

  handleCast(_self: Self, _message: Value, state: DynamicState): Step<DynamicState> {
    return noreply(state);
  }

  *handleInfo(self: Self, message: Value, state: DynamicState): Flow<Step<DynamicState>> {
    const exit = tagged(message, atoms.exit, 3);
    if (exit !== null) {
      const child = state.byPid(valueAt(exit, 1));
      if (child === undefined || child.pid === 'restarting') return noreply(state);
      return after(yield* childEnded(self, state, child, valueAt(exit, 2)), state);
    }
    const again = tagged(message, words.restart, 2);
    if (again === null) {
      self.emit({ is: 'report', kind: 'unexpected_message', pid: self.pid, report: message });
      return noreply(state);
    }
    const child = state.byPid(valueAt(again, 1));
    return child === undefined ? noreply(state) : after(yield* restart(self, state, child, a('restarting')), state);
  }

  *terminate(self: Self, _reason: Value, state: DynamicState): Flow<void> {
    yield* stopAll(self, state, state.children);
    forgetSupervisor(self.pid);
  }

  /** Takes over the flags of a new `init/1`. */
  *codeChange(self: Self, _oldVersion: Value, state: DynamicState): Flow<Changed<DynamicState>> {
    const answer = yield* settle(this.#callback.init(self, state.argument));
    if (isIgnore(answer)) return { is: 'ok', state };
    const fields = flagFields(answer);
    if (fields === null) return { is: 'error', reason: termOf(answer) };
    const flags = readDynamicFlags(fields);
    if (!flags.ok) return { is: 'error', reason: errorTuple(tup(a('supervisor_data'), flags.bad)) };
    state.settings = flags.is;
    return { is: 'ok', state };
  }

  show(state: DynamicState): Value {
    return state.show();
  }
  formatStatus2(_self: Self, option: Atom, args: readonly Value[]): Value {
    const [, state] = args;
    if (option === a('terminate')) return state;
    const callback = tup(a('supervisor'), [tup(chars('Callback'), a(this.#callback.module))]);
    return [tup(a('data'), [tup(chars('State'), state)]), callback];
  }
}

function after(verdict: Verdict, state: DynamicState): Step<DynamicState> {
  return verdict === 'shutdown' ? stop(atoms.shutdown, state) : noreply(state);
}

function isIgnore(answer: DynamicInit): boolean {
  return answer === 'ignore' || ('term' in answer && answer.term === atoms.ignore);
}
function flagFields(answer: DynamicInit): ReadonlyMap<string, Value> | null {
  if (answer === 'ignore') return null;
  if ('flags' in answer) return fieldsOf(dynamicFlagsValue(answer.flags));
  const okay = tagged(answer.term, atoms.ok, 2);
  return okay === null ? null : fieldsOf(valueAt(okay, 1));
}
function termOf(answer: DynamicInit): Value {
  return answer !== 'ignore' && 'term' in answer ? answer.term : undefined;
}

/** `{:start_task, args, restart, shutdown}`: nil stands for what the Task.Supervisor gives. */
function taskSpec(self: Self, [args, restartType, shutdown]: readonly Value[]): Spec | null {
  const defaults = elementsOf(self.get(taskDefaults)) ?? [a('temporary'), 5000];
  const start = tup(a('Elixir.Task.Supervised'), a('start_link'), args);
  const modules = [a('Elixir.Task.Supervised')];
  return specOfTerm(
    tup(start, restartType ?? asValue(defaults[0]), shutdown ?? asValue(defaults[1]), a('worker'), modules),
  );
}

function* terminate(self: Self, state: DynamicState, pid: Value): Flow<Value> {
  const child = state.byPid(pid);
  if (child === undefined) return errorTuple(a('not_found'));
  yield* stopAll(self, state, [child]);
  state.remove(child);
  changed(self);
  return atoms.ok;
}

function* stopAll(self: Self, state: DynamicState, children: readonly Child[]): Flow<void> {
  for (const { child, pid, reason } of yield* stopDynamicChildren(self, children)) {
    report(self, state, 'shutdown_error', reason, child.spec, pid);
  }
}

function which(state: DynamicState): Value {
  const sorted = state.children.toSorted((one, other) => (keyOf(one)?.id ?? 0) - (keyOf(other)?.id ?? 0));
  return sorted.map(({ pid, spec }) => {
    return tup(undefined, pid instanceof Pid ? pid : a('restarting'), a(spec.type), modulesValue(spec));
  });
}

function count(state: DynamicState): Value {
  const counted = countOf(state, () => true);
  return Object.entries(counted).map(([name, number]) => tup(a(name), number));
}

function* childEnded(self: Self, state: DynamicState, child: Child, reason: Value): Flow<Verdict> {
  const again = isRestarted(child.spec.restart, reason);
  if (again || !isOrderly(reason)) report(self, state, 'child_terminated', reason, child.spec, keyOf(child));
  if (again) return yield* restart(self, state, child, reason);
  state.remove(child);
  changed(self);
  return 'go on';
}

function* restart(self: Self, state: DynamicState, child: Child, reason: Value): Flow<Verdict> {
  state.restarts = countRestart(state.restarts, self.nowMs, state.settings.periodSeconds);
  const counted = state.restarts.length;
  if (counted > state.settings.intensity) {
    report(self, state, 'shutdown', a('reached_max_restart_intensity'), child.spec, keyOf(child));
    state.remove(child);
    changed(self);
    return 'shutdown';
  }
  self.emit({ is: 'restart', supervisor: self.pid, childId: undefined, reason, count: counted });
  const outcome = yield* startDynamic(self, child.spec.start, state.settings.extraArguments);
  const pid = startedBy(outcome);
  const error = tagged(outcome, atoms.error, 2);
  const from = keyOf(child);
  if (error === null) {
    state.remove(child);
    if (pid !== null) state.add(child.spec, pid);
  } else {
    report(self, state, 'start_error', valueAt(error, 1), child.spec, tup(a('restarting'), from));
    state.waits(child);
    self.send(self.pid, tup(words.restart, from));
  }
  changed(self);
  return 'go on';
}

function report(self: Self, state: DynamicState, error: ReportedError, reason: Value, spec: Spec, pid: Value): void {
  const extra = state.settings.extraArguments;
  const args = spec.start.args === undefined ? undefined : [...extra, ...spec.start.args];
  const { id, restart: type, shutdown } = spec;
  const reported = { id, start: { ...spec.start, args }, restart: type, shutdown, type: spec.type };
  reportChild(self, state.name, error, reason, reported, { pid });
}
