/**
 * Horde.ProcessesSupervisor (0.10): what runs a Horde's children on one node. It is Elixir's DynamicSupervisor with ids, which tells
 * the Horde of what becomes of its children.
 */
import type { Value, Atom } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { Self } from '../kernel/self.ts';
import { valueKey } from '../kernel/valueKey.ts';
import { asValue, atoms, elementsOf, errorTuple, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import type { Flags, Spec } from '../otp/childSpec.ts';
import { startDynamic, startedBy } from '../otp/dynamicStart.ts';
import { modulesValue, shutdownValue, startValue } from '../otp/childSpec.ts';
import { readDynamicSpec } from '../otp/dynamicState.ts';
import { call, cast, valueAt } from '../otp/gen.ts';
import type { CallStep, Init, ServerModule, Step } from '../otp/genServer.ts';
import { isOrderly, noreply, reply, startServer, stop } from '../otp/genServer.ts';
import type { Server } from '../otp/names.ts';
import { isDown, isExitOf } from '../otp/shutdown.ts';
import type { ReportedError } from '../otp/supervisorReport.ts';
import { reportChild } from '../otp/supervisorReport.ts';
import { countRestart, isRestarted } from '../otp/supervisorRestart.ts';
import { changed } from '../otp/supervisorStart.ts';
import type { Child, SupervisorView } from '../otp/supervisorState.ts';
import { countOf, forgetSupervisor, knowSupervisor } from '../otp/supervisorState.ts';
import { atomOption, option, pidKey } from './options.ts';

const words = {
  startChild: a('start_child'),
  terminateById: a('terminate_child_by_id'),
  terminateChild: a('terminate_child'),
  sendExit: a('send_exit_signal'),
  which: a('which_children'),
  count: a('count_children'),
  restart: a('$gen_restart'),
  redistribution: a('process_redistribution'),
} as const;

/** As it stands on one node. Only its own process changes it. */
class ProcessesState implements SupervisorView {
  readonly kind = 'horde_supervisor';
  readonly module = 'Elixir.Horde.ProcessesSupervisor';
  readonly simple = false;
  readonly template = null;
  readonly pid: Pid;
  readonly name: Atom;
  /** The Horde whose children these are. */
  readonly root: Atom;
  readonly flags: Flags;
  readonly maxChildren: number;
  readonly extraArguments: readonly Value[];
  restarts: readonly number[] = [];
  readonly #children = new Map<string, Child>();
  readonly #ids = new Map<unknown, Child>();

  constructor(pid: Pid, options: Value) {
    const number = (key: string, otherwise: number): number => {
      const value = option(options, key);
      return typeof value === 'number' ? value : otherwise;
    };
    this.pid = pid;
    this.name = atomOption(options, 'name');
    this.root = atomOption(options, 'root_name');
    const intensity = number('max_restarts', 3);
    this.flags = { strategy: 'one_for_one', intensity, periodSeconds: number('max_seconds', 5), autoShutdown: 'never' };
    this.maxChildren = number('max_children', Infinity);
    const extra = option(options, 'extra_arguments');
    this.extraArguments = itemsOf(extra);
  }

  get children(): readonly Child[] {
    return [...this.#children.values()];
  }
  get size(): number {
    return this.#children.size;
  }
  byPid(pid: Value): Child | undefined {
    return pid instanceof Pid ? this.#children.get(pidKey(pid)) : undefined;
  }
  byId(id: Value): Child | undefined {
    return this.#ids.get(valueKey(id));
  }
  add(spec: Spec, pid: Pid): void {
    // A temporary child is never started again, so what it was started with is not kept.
    const kept = spec.restart === 'temporary' ? { ...spec, start: { ...spec.start, args: undefined } } : spec;
    const child: Child = { spec: kept, pid, restartingFrom: null };
    this.#children.set(pidKey(pid), child);
    this.#ids.set(valueKey(spec.id), child);
  }
  remove(child: Child): void {
    const pid = processOf(child);
    if (pid !== null) this.#children.delete(pidKey(pid));
    if (this.byId(child.spec.id) === child) this.#ids.delete(valueKey(child.spec.id));
  }

  show(): Value {
    const { intensity, periodSeconds } = this.flags;
    return {
      __struct__: a(this.module),
      name: tup(a('local'), this.name),
      root_name: this.root,
      strategy: a('one_for_one'),
      max_restarts: intensity,
      max_seconds: periodSeconds,
      max_children: this.maxChildren === Infinity ? atoms.infinity : this.maxChildren,
      extra_arguments: this.extraArguments,
      children: new Map<Value, Value>(this.children.map((child) => [processOf(child), shownChild(child)])),
    };
  }
}

/** The process a child is held under: its own, or the one that ended before its restart. */
function processOf({ pid, restartingFrom }: Child): Pid | null {
  return pid instanceof Pid ? pid : restartingFrom;
}
function shownChild({ spec, pid }: Child): Value {
  const { id, start, restart, shutdown, type } = spec;
  const shown = tup(id, startValue(start), a(restart), shutdownValue(shutdown), a(type), modulesValue(spec));
  return pid === 'restarting' ? tup(a('restarting'), shown) : shown;
}

const server: ServerModule<ProcessesState> = {
  module: 'Elixir.Horde.ProcessesSupervisor',

  init(self, options): Init<ProcessesState> {
    self.trapExit(true);
    const state = new ProcessesState(self.pid, options);
    knowSupervisor(state);
    changed(self);
    return { is: 'ok', state };
  },

  *handleCall(self, request, _from, state): Flow<CallStep<ProcessesState>> {
    if (request === words.which) return reply(state.children.map(row), state);
    if (request === words.count) {
      const counts = countOf(state, () => true);
      return reply(
        Object.entries(counts).map(([name, count]) => tup(a(name), count)),
        state,
      );
    }
    const parts = partsOf(request);
    const [what] = parts;
    const [first, second] = parts.slice(1).map(asValue);
    if (what === words.sendExit && first instanceof Pid) {
      self.sendExit(first, second);
      return reply(atoms.ok, state);
    }
    if (what === words.terminateById) return reply(yield* terminate(self, state, state.byId(first)), state);
    if (what === words.terminateChild) return reply(yield* terminate(self, state, state.byPid(first)), state);
    if (what !== words.startChild) return self.error(a('function_clause'));
    if (state.size >= state.maxChildren) return reply(errorTuple(a('max_children')), state);
    const spec = specOf(first);
    if (spec === null) return self.error(a('function_clause'));
    const outcome = yield* startDynamic(self, spec.start, state.extraArguments);
    const pid = startedBy(outcome);
    if (pid !== null) {
      state.add(spec, pid);
      changed(self);
    }
    return reply(outcome, state);
  },

  handleCast: (_self, _message, state) => noreply(state),

  *handleInfo(self, message, state): Flow<Step<ProcessesState>> {
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
    if (child?.pid !== 'restarting') return noreply(state);
    return after(yield* restart(self, state, child, a('restarting')), state);
  },

  *terminate(self, _reason, state): Flow<void> {
    // What ends here is the Horde's again, one by one, so that what ends soon need not wait for what ends late.
    yield* stopAll(self, state, state.children, (child) =>
      tellRoot(self, state, tup(a('relinquish_child_process'), child.spec.id)),
    );
    forgetSupervisor(self.pid);
  },

  show: (state) => state.show(),
};

function row({ spec, pid }: Child): Value {
  return tup(spec.id, pid instanceof Pid ? pid : a('restarting'), a(spec.type), modulesValue(spec));
}

function after(verdict: 'go on' | 'shutdown', state: ProcessesState): Step<ProcessesState> {
  return verdict === 'shutdown' ? stop(atoms.shutdown, state) : noreply(state);
}

function tellRoot(self: Self, { root }: ProcessesState, message: Value): void {
  cast(self, root, message);
}

/** `{id, start, restart, shutdown, type, modules}` as {@link startProcess} sends it. */
function specOf(term: Value): Spec | null {
  const read = readDynamicSpec(term);
  return read.ok ? { ...read.is, id: asValue(elementsOf(term)?.[0]) } : null;
}

// ------------------------------------------------------------------------------------------------------------- restart

function* childEnded(self: Self, state: ProcessesState, child: Child, reason: Value): Flow<'go on' | 'shutdown'> {
  const { spec } = child;
  if (tagged(reason, atoms.shutdown, 2)?.[1] === words.redistribution) {
    tellRoot(self, state, tup(a('relinquish_child_process'), spec.id));
    drop(self, state, child);
    return 'go on';
  }
  const isAgain = isRestarted(spec.restart, reason);
  if (isAgain || !isOrderly(reason)) report(self, state, 'child_terminated', reason, spec, processOf(child));
  if (isAgain) return yield* restart(self, state, child, reason);
  tellRoot(self, state, tup(a('disown_child_process'), spec.id));
  drop(self, state, child);
  return 'go on';
}

function drop(self: Self, state: ProcessesState, child: Child): void {
  state.remove(child);
  changed(self);
}

function* restart(self: Self, state: ProcessesState, child: Child, reason: Value): Flow<'go on' | 'shutdown'> {
  const { spec } = child;
  state.restarts = countRestart(state.restarts, self.nowMs, state.flags.periodSeconds);
  if (state.restarts.length > state.flags.intensity) {
    report(self, state, 'shutdown', a('reached_max_restart_intensity'), spec, processOf(child));
    drop(self, state, child);
    return 'shutdown';
  }
  self.emit({ is: 'restart', supervisor: self.pid, childId: spec.id, reason, count: state.restarts.length });
  const outcome = yield* startDynamic(self, spec.start, state.extraArguments);
  const error = tagged(outcome, atoms.error, 2);
  const pid = startedBy(outcome);
  if (error === null) {
    state.remove(child);
    if (pid === null) tellRoot(self, state, tup(a('disown_child_process'), spec.id));
    else {
      state.add(spec, pid);
      tellRoot(self, state, tup(a('update_child_pid'), spec.id, pid));
    }
  } else {
    const from = processOf(child);
    report(self, state, 'start_error', valueAt(error, 1), spec, tup(a('restarting'), from));
    child.pid = 'restarting';
    child.restartingFrom = from;
    self.send(self.pid, tup(words.restart, from));
  }
  changed(self);
  return 'go on';
}

function report(
  self: Self,
  state: ProcessesState,
  error: ReportedError,
  reason: Value,
  { id, start, restart: type, shutdown, type: kind }: Spec,
  pid: Value,
): void {
  const args = start.args === undefined ? undefined : [...state.extraArguments, ...start.args];
  const spec = { id, start: { ...start, args }, restart: type, shutdown, type: kind };
  reportChild(self, tup(a('local'), state.name), error, reason, spec, { pid });
}

// ---------------------------------------------------------------------------------------------------------------- stop

function* terminate(self: Self, state: ProcessesState, child: Child | undefined): Flow<Value> {
  if (child === undefined) return errorTuple(a('not_found'));
  yield* stopAll(self, state, [child], () => undefined);
  drop(self, state, child);
  return atoms.ok;
}

type Stopping = { readonly child: Child; readonly pid: Pid; untilMs: number };

/** Stops children all at once, each within its own time; `onEnd` is called as each ends. */
function* stopAll(
  self: Self,
  state: ProcessesState,
  children: readonly Child[],
  onEnd: (child: Child) => void,
): Flow<void> {
  const waiting = new Map<unknown, Stopping>();
  for (const child of children) {
    const { pid, spec } = child;
    if (!(pid instanceof Pid)) continue;
    const ref = self.monitor(pid);
    self.unlink(pid);
    const exit = yield* receive({ match: (message) => isExitOf(message, pid), afterMs: 0 });
    if (exit !== timedOut) {
      self.demonitor(ref, { flush: true });
      const reason = valueAt(partsOf(exit), 2);
      const isFine = reason === atoms.normal && spec.restart !== 'permanent';
      if (!isFine) report(self, state, 'shutdown_error', reason, spec, pid);
      continue;
    }
    self.sendExit(pid, spec.shutdown === 'brutal_kill' ? atoms.kill : atoms.shutdown);
    const untilMs = typeof spec.shutdown === 'number' ? self.nowMs + spec.shutdown : Infinity;
    waiting.set(ref, { child, pid, untilMs });
  }
  while (waiting.size > 0) {
    const nextMs = [...waiting.values()].reduce((soonest, { untilMs }) => Math.min(soonest, untilMs), Infinity);
    const down = yield* receive({
      match: (message) => isDown(message) && waiting.has(message.elements[1]),
      afterMs: nextMs === Infinity ? null : Math.max(0, nextMs - self.nowMs),
      at: "'Elixir.Horde.ProcessesSupervisor':wait_children/6",
    });
    if (down === timedOut) killLate(self, [...waiting.values()]);
    else if (isDown(down)) {
      const stopped = waiting.get(down.elements[1]);
      waiting.delete(down.elements[1]);
      if (stopped === undefined) continue;
      const reason = valueAt(down.elements, 4);
      if (!isExpected(reason, stopped.child.spec)) {
        report(self, state, 'shutdown_error', reason, stopped.child.spec, stopped.pid);
      }
      onEnd(stopped.child);
    }
  }
}

function killLate(self: Self, waiting: readonly Stopping[]): void {
  for (const late of waiting) {
    if (late.untilMs > self.nowMs) continue;
    self.sendExit(late.pid, atoms.kill);
    late.untilMs = Infinity;
  }
}

function isExpected(reason: Value, { shutdown, restart: type }: Spec): boolean {
  if (shutdown === 'brutal_kill') return reason === atoms.killed;
  if (reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null) return true;
  return reason === atoms.normal && type !== 'permanent';
}

// ----------------------------------------------------------------------------------------------------------- functions

/** `start_child/2` with a specification that has an id: `{ok, Pid}`, `ignore` or `{error, Reason}`. */
export function* startProcess(self: Self, supervisor: Server, childSpec: Value): Flow<Value> {
  const read = readDynamicSpec(childSpec);
  if (!read.ok) return errorTuple(read.bad);
  const { start, restart: type, shutdown, type: kind } = read.is;
  const id = idOf(childSpec);
  const term = tup(id, startValue(start), a(type), shutdownValue(shutdown), a(kind), modulesValue(read.is));
  return yield* call(self, supervisor, tup(words.startChild, term), null);
}
function idOf(childSpec: Value): Value {
  if (childSpec instanceof Map) return asValue(childSpec.get(a('id')));
  if (typeof childSpec !== 'object' || childSpec === null || !('id' in childSpec)) return undefined;
  return asValue(childSpec.id);
}
/** `terminate_child_by_id/2`: `ok` or `{error, not_found}`. */
export function terminateById(self: Self, supervisor: Server, id: Value): Flow<Value> {
  return call(self, supervisor, tup(words.terminateById, id), null);
}
export function sendExitSignal(self: Self, supervisor: Server, pid: Pid, reason: Value): Flow<Value> {
  return call(self, supervisor, tup(words.sendExit, pid, reason));
}

export const processesSupervisorModule: CodeModule = {
  name: server.module,
  behaviours: ['supervisor'],
  functions: {
    'start_link/1': (self, options) =>
      startServer(self, server, options, {
        name: atomOption(options, 'name'),
        initialModule: { module: 'supervisor', function: server.module },
      }),
  },
};
