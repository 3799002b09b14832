/**
 * The machine of gen_statem: events that are handled, postponed, inserted and timed; states that are entered; its end. Follows stdlib's
 * `gen_statem` of OTP 25.
 */
import type { Pid, Value } from '../../term/values.ts';
import { a, Atom, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, elementsOf, okTuple, sameValue, tagged } from '../kernel/values.ts';
import { returned } from './callbackModule.ts';
import { caught, crashReport, isOrderly } from './crashReport.ts';
import { fromOf, genAtoms, reply, valueAt } from './gen.ts';
import type { LoopOptions } from './genServerLoop.ts';
import type { Action, StatemEvent, TimeoutAction } from './statemActions.ts';
import { actionOf, isBarredOnEnter, listOf, stateResult } from './statemActions.ts';
import type { MachineShown } from './statemReport.ts';
import { machineStatus, printMachineEvent, reportMachineEnd } from './statemReport.ts';
import { StatemTimers } from './statemTimers.ts';
import type { DebugOptions } from './sysDebug.ts';
import { debugOptions, getLog, handleDebug } from './sysDebug.ts';
import type { Mode, SystemView } from './systemMessages.ts';
import { isParentExit, serveSystem } from './systemMessages.ts';
import { printed } from './text.ts';

export const idleAt = 'gen_statem:loop_receive/3';

/** What one event, and the entering of a state after it, adds up to. */
type Transition = {
  state: Value;
  data: Value;
  hibernate: boolean;
  postpone: boolean;
  readonly inserted: StatemEvent[];
  readonly timeouts: TimeoutAction[];
};

/** A machine that runs in a process: `enter` first, then `handle` for each message. */
export class Machine implements SystemView {
  readonly module = 'gen_statem';
  readonly parent: Pid;
  debug: DebugOptions;
  readonly #name: Value;
  readonly #hibernateAfterMs: number | null;
  readonly #timers = new StatemTimers();
  #modules: readonly string[];
  #callbackMode: Value = a('undefined');
  #stateEnter = false;
  #state: Value;
  #data: Value;
  #postponed: readonly StatemEvent[] = [];
  #hibernate = false;

  constructor(
    self: Self,
    module: string,
    { state, data }: { readonly state: Value; readonly data: Value },
    identity: LoopOptions & { readonly name: Value; readonly parent: Pid },
  ) {
    this.#modules = [module];
    this.#state = state;
    this.#data = data;
    this.#name = identity.name;
    this.parent = identity.parent;
    this.#hibernateAfterMs = identity.hibernateAfterMs ?? null;
    this.debug = debugOptions(self, identity.debug ?? []);
  }

  /** The first state is entered, and the first actions done. */
  *enter(self: Self, actions: readonly Value[]): Flow<void> {
    const queue = [{ type: a('internal'), content: a('init_state') }];
    yield* this.#loadMode(self, this.#modules, queue);
    yield* this.#note(self, tup(a('enter'), a(this.#modules[0] ?? ''), this.#state));
    const change = this.#newTransition();
    yield* this.#do(self, change, [...actions, tup(a('postpone'), false)], true, queue);
    yield* this.#entered(self, change, true, queue);
    yield* this.#run(self, yield* this.#finish(self, change, queue));
    yield* this.#wait(self);
  }

  *handle(self: Self, message: Value): Flow<void> {
    yield* this.#take(self, message);
    yield* this.#wait(self);
  }

  /** Goes on while it hibernates, or would after a while. */
  *#wait(self: Self): Flow<void> {
    while (this.#hibernate || this.#hibernateAfterMs !== null) {
      const received: Value | typeof timedOut = yield* this.#hibernate
        ? receive({ at: 'erlang:hibernate/3' })
        : receive({ at: idleAt, afterMs: this.#hibernateAfterMs });
      if (received === timedOut) {
        const message = yield* receive({ at: 'erlang:hibernate/3' });
        if (message !== timedOut) yield* this.#take(self, message);
      } else yield* this.#take(self, received);
    }
  }

  *#take(self: Self, message: Value): Flow<void> {
    const system = tagged(message, genAtoms.system, 3);
    if (system !== null) {
      const asker = fromOf(system[1]);
      if (asker !== null) yield* serveSystem(self, asker, valueAt(system, 2), this, this.#hibernate);
      return;
    }
    if (isParentExit(message, this.parent)) yield* this.terminate(self, asValue(elementsOf(message)?.[2]));
    const event = this.#eventOf(message);
    yield* this.#noteIn(self, event, this.#state);
    yield* this.#run(self, [event]);
  }

  #eventOf(message: Value): StatemEvent {
    const asked = tagged(message, genAtoms.call, 3);
    const from = asked === null ? null : fromOf(asked[1]);
    if (asked !== null && from !== null) return { type: tup(a('call'), from), content: valueAt(asked, 2) };
    const told = tagged(message, genAtoms.cast, 2);
    if (told !== null) return { type: a('cast'), content: valueAt(told, 1) };
    const timeout = tagged(message, atoms.timeout, 3);
    const fired = timeout === null ? null : this.#timers.fired(timeout[1], asValue(timeout[2]));
    return fired ?? { type: a('info'), content: message };
  }

  // --------------------------------------------------------------------------------------------------------- events

  /** Handles events until there are none, and no time-outs of zero. */
  *#run(self: Self, first: readonly StatemEvent[]): Flow<void> {
    let queue = first;
    for (;;) {
      if (queue.length === 0) {
        const due = this.#timers.takeDue();
        if (due === null) return;
        yield* this.#noteIn(self, due, this.#state);
        queue = [due];
      }
      const [event] = queue;
      if (event === undefined) return;
      const change = this.#newTransition();
      const enters = yield* this.#ask(self, change, event, true, queue);
      yield* this.#entered(self, change, enters, queue);
      queue = yield* this.#finish(self, change, queue);
    }
  }

  #newTransition(): Transition {
    return { state: this.#state, data: this.#data, hibernate: false, postpone: false, inserted: [], timeouts: [] };
  }

  /** Enters the new state, as often as it asks for it; nothing where the callback module wants no such calls. */
  *#entered(self: Self, change: Transition, first: boolean, queue: readonly StatemEvent[]): Flow<void> {
    let enters = first;
    while (enters && this.#stateEnter) {
      enters = yield* this.#ask(self, change, { type: a('enter'), content: this.#state }, false, queue);
    }
  }

  /** Calls the state function and does what it answers; whether the state is to be entered. */
  *#ask(
    self: Self,
    change: Transition,
    event: StatemEvent,
    isEvent: boolean,
    queue: readonly StatemEvent[],
  ): Flow<boolean> {
    const module = this.#modules[0] ?? '';
    const { state, data } = change;
    let answer: Value;
    try {
      const called =
        this.#callbackMode === a('state_functions')
          ? self.apply(module, state instanceof Atom ? state.name : printed(state), [event.type, event.content, data])
          : self.apply(module, 'handle_event', [event.type, event.content, state, data]);
      answer = yield* returned(called);
    } catch (thrown) {
      return yield* this.#fail(self, thrown, queue);
    }
    const result = stateResult(answer, data);
    if (result.is === 'bad') {
      return yield* this.#bad(self, change, tup(a('bad_return_from_state_function'), answer), queue);
    }
    if (result.is === 'stop') {
      change.data = result.data;
      this.#adopt(change);
      yield* this.#replies(self, result.replies, queue);
      return yield* this.#end(self, new ExitException(result.reason), [], queue);
    }
    const next = result.is === 'next' ? result.state : state;
    const isOther = !sameValue(next, state);
    if (isOther && !isEvent) {
      return yield* this.#bad(self, change, tup(a('bad_state_enter_return_from_state_function'), answer), queue);
    }
    change.state = next;
    change.data = result.data;
    yield* this.#do(self, change, result.actions, isEvent, queue);
    return result.is === 'repeat' || isOther;
  }

  *#do(
    self: Self,
    change: Transition,
    actions: readonly Value[],
    isEvent: boolean,
    queue: readonly StatemEvent[],
  ): Flow<void> {
    for (const value of actions) {
      const action = actionOf(value);
      if (action === null) yield* this.#bad(self, change, tup(a('bad_action_from_state_function'), value), queue);
      else if (!isEvent && isBarredOnEnter(action)) {
        // OTP has its own word for all of these but `{postpone, true}`.
        const isOther = action.is === 'postpone' && value instanceof Tuple;
        const what = isOther ? 'bad_action_from_state_function' : 'bad_state_enter_action_from_state_function';
        yield* this.#bad(self, change, tup(a(what), value), queue);
      } else yield* this.#doOne(self, change, action, value, queue);
    }
  }

  *#doOne(self: Self, change: Transition, action: Action, value: Value, queue: readonly StatemEvent[]): Flow<void> {
    switch (action.is) {
      case 'reply':
        reply(self, action.from, action.reply);
        yield* this.#note(self, tup(a('out'), action.reply, action.from));
        return;
      case 'hibernate':
        change.hibernate = action.on;
        return;
      case 'postpone':
        change.postpone = action.on;
        return;
      case 'next_event':
        yield* this.#noteIn(self, action.event, change.state);
        change.inserted.push(action.event);
        return;
      case 'timeout':
        change.timeouts.push(action.timeout);
        return;
      case 'module': {
        const below = action.how === 'push' ? this.#modules : this.#modules.slice(1);
        return yield* this.#changeModule(self, change, [action.module, ...below], queue);
      }
      case 'pop_module':
        if (this.#modules.length > 1) return yield* this.#changeModule(self, change, this.#modules.slice(1), queue);
        return yield* this.#bad(self, change, tup(a('bad_action_from_state_function'), value), queue);
    }
  }

  *#changeModule(
    self: Self,
    change: Transition,
    modules: readonly string[],
    queue: readonly StatemEvent[],
  ): Flow<void> {
    yield* this.#loadMode(self, modules, queue);
    yield* this.#note(self, tup(a('module'), a(modules[0] ?? ''), change.state));
  }

  /** The change takes place: postponed events come again in a new state, time-outs end or begin. Answers what is left to handle. */
  *#finish(self: Self, change: Transition, queue: readonly StatemEvent[]): Flow<readonly StatemEvent[]> {
    const [event, ...rest] = queue;
    if (event === undefined) return [];
    const isOther = !sameValue(change.state, this.#state);
    const verb = a(change.postpone ? 'postpone' : 'consume');
    yield* this.#note(self, tup(verb, tup(event.type, event.content), this.#state, change.state));
    const postponed = change.postpone ? [...this.#postponed, event] : this.#postponed;
    this.#postponed = isOther ? [] : postponed;
    if (isOther) yield* this.#timers.cancel(self, a('state_timeout'));
    yield* this.#timers.cancel(self, atoms.timeout);
    this.#adopt(change);
    for (const { type, set, content } of this.debug.length > 0 ? change.timeouts : []) {
      const time = typeof set === 'string' ? a(set) : 'ms' in set ? set.ms : set.atMs;
      yield* this.#note(self, tup(a('start_timer'), tup(type, time, content, []), this.#state));
    }
    yield* this.#timers.apply(self, change.timeouts);
    return [...change.inserted, ...(isOther ? postponed : []), ...rest];
  }

  #adopt({ state, data, hibernate }: Transition): void {
    this.#state = state;
    this.#data = data;
    this.#hibernate = hibernate;
  }

  /** Asks the module for its callback mode, and makes it the one that is called. */
  *#loadMode(self: Self, modules: readonly string[], queue: readonly StatemEvent[]): Flow<void> {
    let answer: Value;
    try {
      answer = yield* returned(self.apply(modules[0] ?? '', 'callback_mode', []));
    } catch (thrown) {
      return yield* this.#fail(self, thrown, queue);
    }
    let mode: Value | null = null;
    let enters = false;
    for (const item of listOf(answer)) {
      if (item === a('state_functions') || item === a('handle_event_function')) mode = item;
      else if (item === a('state_enter')) enters = true;
      else mode = null;
    }
    if (mode === null) {
      const bad = new ErrorException(tup(a('bad_return_from_callback_mode'), answer));
      return yield* this.#end(self, bad, [], queue);
    }
    this.#modules = modules;
    this.#callbackMode = mode;
    this.#stateEnter = enters;
  }

  *#note(self: Self, event: Value): Flow<void> {
    if (this.debug.length > 0) this.debug = yield* handleDebug(self, this.debug, printMachineEvent, this.#name, event);
  }
  #noteIn(self: Self, { type, content }: StatemEvent, state: Value): Flow<void> {
    return this.#note(self, tup(a('in'), tup(type, content), state));
  }

  // ------------------------------------------------------------------------------------------------------------ end

  *#replies(self: Self, replies: readonly Value[], queue: readonly StatemEvent[]): Flow<void> {
    for (const value of replies) {
      const action = value instanceof Tuple ? actionOf(value) : null;
      if (action?.is !== 'reply') {
        const bad = new ErrorException(tup(a('bad_reply_action_from_state_function'), value));
        return yield* this.#end(self, bad, [], queue);
      }
      reply(self, action.from, action.reply);
      yield* this.#note(self, tup(a('out'), action.reply, action.from));
    }
  }

  *#bad(self: Self, change: Transition, reason: Value, queue: readonly StatemEvent[]): Flow<never> {
    this.#adopt(change);
    return yield* this.#end(self, new ErrorException(reason), [], queue);
  }

  *#fail(self: Self, thrown: unknown, queue: readonly StatemEvent[]): Flow<never> {
    const { kind, reason, stacktrace } = caught(thrown);
    const end = kind === 'error' ? new ErrorException(reason, stacktrace) : new ExitException(reason);
    const byState = this.#callbackMode === a('state_functions') && this.#state instanceof Atom;
    const called = byState ? this.#state : a('handle_event');
    const frame = tup(a(this.#modules[0] ?? ''), called, byState ? 3 : 4, []);
    return yield* this.#end(self, end, stacktrace.length > 0 ? stacktrace : [frame], queue);
  }

  /** `terminate`, then the report unless the end is orderly, then the end. */
  *#end(
    self: Self,
    thrown: ErrorException | ExitException,
    stacktrace: readonly Value[],
    queue: readonly StatemEvent[],
  ): Flow<never> {
    const module = this.#modules[0] ?? '';
    const { reason } = thrown;
    const kind = thrown instanceof ErrorException ? 'error' : 'exit';
    if (self.exports(module, 'terminate', 3)) {
      try {
        yield* returned(self.apply(module, 'terminate', [reason, this.#state, this.#data]));
      } catch (again) {
        const failed = caught(again);
        const { kind: how, reason: why } = failed;
        const where = failed.stacktrace.length > 0 ? failed.stacktrace : [tup(a(module), a('terminate'), 3, [])];
        const last = { kind: how === 'error' ? 'error' : 'exit', reason: why, stacktrace: where, queue } as const;
        yield* reportMachineEnd(self, this.#shown(), last);
        crashReport(self, again, where);
        throw again;
      }
    }
    if (isOrderly(reason)) yield* this.#note(self, tup(a('terminate'), reason, this.#state));
    else yield* reportMachineEnd(self, this.#shown(), { kind, reason, stacktrace, queue });
    crashReport(self, thrown, stacktrace);
    throw thrown;
  }

  #shown(): MachineShown {
    return {
      name: this.#name,
      modules: this.#modules,
      callbackMode: this.#callbackMode,
      stateEnter: this.#stateEnter,
      state: this.#state,
      data: this.#data,
      postponed: this.#postponed,
      timeouts: this.#timers.list,
      log: getLog(this.debug),
    };
  }

  // ------------------------------------------------------------------------------------------------- system messages

  /** `{State, Data}` */
  getState(): Value {
    return tup(this.#state, this.#data);
  }

  *replaceState(self: Self, change: Value): Flow<Value> {
    const replaced = yield* applyFun(self, change, [this.getState()]);
    const elements = elementsOf(replaced);
    if (elements?.length !== 2) throw new ErrorException(tup(a('badmatch'), replaced));
    this.#state = asValue(elements[0]);
    this.#data = asValue(elements[1]);
    return replaced;
  }

  *codeChange(self: Self, _module: Value, oldVersion: Value, extra: Value): Flow<Value> {
    const args = [oldVersion, this.#state, this.#data, extra];
    const answer = yield* returned(self.apply(this.#modules[0] ?? '', 'code_change', args));
    const changed = tagged(answer, atoms.ok, 3);
    if (changed === null) {
      if (tagged(answer, atoms.ok, 2) !== null) throw new ErrorException(tup(a('case_clause'), answer));
      return answer;
    }
    yield* this.#loadMode(self, this.#modules, []);
    this.#state = valueAt(changed, 1);
    this.#data = valueAt(changed, 2);
    return okTuple(this.getState());
  }

  formatStatus(self: Self, mode: Mode): Flow<Value> {
    return machineStatus(self, this.#shown(), mode, this.parent);
  }

  *terminate(self: Self, reason: Value): Flow<void> {
    yield* this.#end(self, new ExitException(reason), [], []);
  }
}
