/**
 * gen_server: a process with a state, asked by calls, told by casts. Follows stdlib's `gen_server` of OTP 25: names, `continue`,
 * time-outs, stop, exits of the parent, system messages.
 */
import type { Atom, Value } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import { ExitException, reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { isFlow, settle } from '../kernel/flow.ts';
import type { Handler } from '../kernel/process.ts';
import type { Self, TimerRef } from '../kernel/self.ts';
import { atoms, errorTuple, okTuple, tagged } from '../kernel/values.ts';
import type { From, Starter } from './gen.ts';
import { ack, asValue, enter, fromOf, genAtoms, leaveName, reply as sendReply, start, valueAt } from './gen.ts';
import { serveSystem } from './sys.ts';

/** What a callback wants next besides waiting for a message. */
export type Then = { readonly is: 'continue'; readonly with: Value } | { readonly is: 'timeout'; readonly ms: number };
export type Init<S> =
  | { readonly is: 'ok'; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop'; readonly reason: Value }
  | { readonly is: 'ignore' };
export type Step<S> =
  | { readonly is: 'noreply'; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop'; readonly reason: Value; readonly state: S };
export type CallStep<S> =
  | Step<S>
  | { readonly is: 'reply'; readonly reply: Value; readonly state: S; readonly then?: Then }
  | { readonly is: 'stop_reply'; readonly reply: Value; readonly reason: Value; readonly state: S };

type MayWait<T> = T | Flow<T>;

/** A callback module. A callback that has to wait is a generator. */
export type ServerModule<S> = {
  readonly module: string;
  init(self: Self, argument: Value): MayWait<Init<S>>;
  handleCall?(self: Self, request: Value, from: From, state: S): MayWait<CallStep<S>>;
  handleCast?(self: Self, message: Value, state: S): MayWait<Step<S>>;
  handleInfo?(self: Self, message: Value, state: S): MayWait<Step<S>>;
  handleContinue?(self: Self, continuation: Value, state: S): MayWait<Step<S>>;
  terminate?(self: Self, reason: Value, state: S): MayWait<void>;
  /** The state as the value it would be on the BEAM: for `sys:get_state`, for the eye and for measuring. */
  show(state: S): Value;
};

/** `{noreply, State}` */
export function noreply<S>(state: S, then?: Then): Step<S> {
  return { is: 'noreply', state, ...(then !== undefined && { then }) };
}
/** `{reply, Reply, State}` */
export function reply<S>(value: Value, state: S): CallStep<S> {
  return { is: 'reply', reply: value, state };
}
/** `{stop, Reason, State}` */
export function stop<S>(reason: Value, state: S): Step<S> {
  return { is: 'stop', reason, state };
}

export type ServerStart = {
  readonly name?: Atom;
  readonly link?: boolean;
  readonly timeoutMs?: number;
  /** `$initial_call`, where it is not the module's `init/1`. */
  readonly initialModule?: { readonly module: string; readonly function: string };
};

/** `gen_server:start_link/4` (`start/4` with `link: false`): `{ok, Pid}`, `{error, Reason}` or `ignore`. */
export function startServer<S>(
  self: Self,
  module: ServerModule<S>,
  argument: Value,
  options: ServerStart = {},
): Flow<Value> {
  const shown = options.initialModule ?? { module: module.module, function: 'init' };
  return start(self, {
    initialCall: { ...shown, arity: 1 },
    name: options.name ?? null,
    link: options.link ?? true,
    idleAt: 'gen_server:loop/7',
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
    handler: (starter) => new Server(module, argument, starter),
  });
}

const timeoutMark = a('$gen_timeout');

class Server<S> implements Handler {
  readonly #module: ServerModule<S>;
  readonly #argument: Value;
  readonly #starter: Starter;
  #state: { readonly is: S } | null = null;
  #timer: TimerRef | null = null;

  constructor(module: ServerModule<S>, argument: Value, starter: Starter) {
    this.#module = module;
    this.#argument = argument;
    this.#starter = starter;
  }

  state(): Value {
    return this.#state === null ? undefined : this.#module.show(this.#state.is);
  }

  *start(self: Self): Flow<void> {
    if (!enter(self, this.#starter)) self.exit(atoms.normal);
    const init = yield* this.#init(self);
    switch (init.is) {
      case 'ok':
        this.#state = { is: init.state };
        ack(self, this.#starter, okTuple(self.pid));
        yield* this.#then(self, init.then);
        return;
      case 'ignore':
        leaveName(self, this.#starter);
        ack(self, this.#starter, atoms.ignore);
        return self.exit(atoms.normal);
      case 'stop':
        leaveName(self, this.#starter);
        ack(self, this.#starter, errorTuple(init.reason));
        return self.exit(init.reason);
    }
  }

  *#init(self: Self): Flow<Init<S>> {
    try {
      return yield* settle(this.#module.init(self, this.#argument));
    } catch (thrown) {
      return { is: 'stop', reason: reasonOf(thrown) };
    }
  }

  /** Without a generator unless a callback, or what follows it, has to wait: this is the path of nearly every message. */
  handle(self: Self, message: Value): void | Flow<void> {
    if (this.#state === null) return;
    if (this.#timer !== null) {
      const wasDue = message instanceof Tuple && message.elements[0] === timeoutMark;
      if (!wasDue) self.cancelTimer(this.#timer);
      this.#timer = null;
    }
    const system = tagged(message, genAtoms.system, 3);
    if (system !== null) {
      const from = fromOf(system[1]);
      return from === null ? undefined : serveSystem(self, from, valueAt(system, 2), this.#systemView(self));
    }
    const state = this.#state.is;
    const parentExit = this.#parentExit(message);
    if (parentExit !== null) return this.#terminate(self, parentExit.reason, state);
    const asked = tagged(message, genAtoms.call, 3);
    const from = asked === null ? null : fromOf(asked[1]);
    let step: MayWait<CallStep<S>>;
    try {
      step = this.#dispatch(self, message, asked, from, state);
    } catch (thrown) {
      return this.#crash(self, thrown, message, state);
    }
    if (isFlow(step)) return this.#awaited(self, step, message, from, state);
    if (step.is === 'stop' || step.is === 'stop_reply' || step.then !== undefined) return this.#after(self, step, from);
    this.#state = { is: step.state };
    if (step.is === 'reply' && from !== null) sendReply(self, from, step.reply);
  }

  /** A callback that waits, and what follows it. */
  *#awaited(self: Self, waits: Flow<CallStep<S>>, message: Value, from: From | null, state: S): Flow<void> {
    let step: CallStep<S>;
    try {
      step = yield* waits;
    } catch (thrown) {
      return yield* this.#crash(self, thrown, message, state);
    }
    yield* this.#after(self, step, from);
  }

  #dispatch(
    self: Self,
    message: Value,
    asked: readonly unknown[] | null,
    from: From | null,
    state: S,
  ): MayWait<CallStep<S>> {
    const module = this.#module;
    if (asked !== null && from !== null) {
      if (module.handleCall === undefined) return self.error(tup(a('undef'), a('handle_call')));
      return module.handleCall(self, valueAt(asked, 2), from, state);
    }
    const told = tagged(message, genAtoms.cast, 2);
    if (told !== null) {
      if (module.handleCast === undefined) return self.error(tup(a('undef'), a('handle_cast')));
      return module.handleCast(self, valueAt(told, 1), state);
    }
    // Without handle_info OTP logs the message and goes on.
    if (module.handleInfo === undefined) {
      self.emit({ is: 'report', kind: 'unexpected_message', pid: self.pid, report: message });
      return noreply(state);
    }
    const due = tagged(message, timeoutMark, 1) !== null;
    return module.handleInfo(self, due ? atoms.timeout : message, state);
  }

  *#after(self: Self, step: CallStep<S>, from: From | null): Flow<void> {
    this.#state = { is: step.state };
    switch (step.is) {
      case 'reply':
        if (from !== null) sendReply(self, from, step.reply);
        return yield* this.#then(self, step.then);
      case 'noreply':
        return yield* this.#then(self, step.then);
      case 'stop_reply': {
        const { reason, state, reply: answer } = step;
        // The reply goes out when terminate is done, as in OTP.
        return yield* this.#terminate(self, reason, state, () => {
          if (from !== null) sendReply(self, from, answer);
        });
      }
      case 'stop':
        return yield* this.#terminate(self, step.reason, step.state);
    }
  }

  *#then(self: Self, then: Then | undefined): Flow<void> {
    if (then === undefined || this.#state === null) return;
    if (then.is === 'timeout') {
      this.#timer = self.sendAfter(then.ms, self.pid, tup(timeoutMark));
      return;
    }
    const state = this.#state.is;
    let step: Step<S>;
    try {
      if (this.#module.handleContinue === undefined) return self.error(tup(a('undef'), a('handle_continue')));
      step = yield* settle(this.#module.handleContinue(self, then.with, state));
    } catch (thrown) {
      return yield* this.#crash(self, thrown, then.with, state);
    }
    yield* this.#after(self, step, null);
  }

  /** An exit of the parent ends a gen_server even when it traps exits. */
  #parentExit(message: Value): { readonly reason: Value } | null {
    const exit = tagged(message, atoms.exit, 3);
    if (exit === null || !this.#starter.options.link || exit[1] !== this.#starter.pid) return null;
    return { reason: valueAt(exit, 2) };
  }

  *#crash(self: Self, thrown: unknown, message: Value, state: S): Flow<void> {
    const reason = thrown instanceof ThrownValue ? tup(a('bad_return_value'), thrown.value) : reasonOf(thrown);
    yield* this.#terminate(self, reason, state, () => undefined, message);
  }

  *#terminate(self: Self, reason: Value, state: S, last: () => void = () => undefined, message?: Value): Flow<void> {
    try {
      if (this.#module.terminate !== undefined) yield* settle(this.#module.terminate(self, reason, state));
    } catch (thrown) {
      if (thrown instanceof ExitException) throw thrown;
      return self.exit(reasonOf(thrown));
    }
    last();
    if (!isOrderly(reason)) {
      const report = { message, reason, state: this.#module.show(state) };
      self.emit({ is: 'report', kind: 'gen_server_terminating', pid: self.pid, report });
    }
    return self.exit(reason);
  }

  *#stopNow(self: Self, reason: Value): Flow<void> {
    if (this.#state === null) self.exit(reason);
    yield* this.#terminate(self, reason, this.#state.is);
  }

  #systemView(self: Self) {
    return {
      state: () => this.state(),
      module: this.#module.module,
      parentExit: (message: Value) => this.#parentExit(message) !== null,
      terminate: (reason: Value): Flow<void> => this.#stopNow(self, reason),
    };
  }
}

/** Whether a process with this reason ended as it should: `normal`, `shutdown` or `{shutdown, _}`. */
export function isOrderly(reason: Value): boolean {
  return reason === atoms.normal || reason === atoms.shutdown || tagged(reason, atoms.shutdown, 2) !== null;
}

/** The pid of `{ok, Pid}` or `{ok, Pid, Extra}`; null for anything else. */
export function startedPid(outcome: Value): Value {
  if (!(outcome instanceof Tuple) || outcome.elements[0] !== atoms.ok) return null;
  return asValue(outcome.elements[1]);
}
