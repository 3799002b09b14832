/**
 * The loop of a gen_server: messages, time-outs, hibernation, system messages, and its end. Follows stdlib's `gen_server` of OTP 25.
 * What comes while nothing else is wanted is handled without a generator; the rest waits as OTP's `receive … after` does.
 */
import type { Pid, Value } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import { ErrorException, ExitException, undef } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, settle, timedOut } from '../kernel/flow.ts';
import { applyFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, tagged } from '../kernel/values.ts';
import { caught, crashReport, isOrderly } from './crashReport.ts';
import type { StatusFormat } from './formatStatus.ts';
import type { From } from './gen.ts';
import { fromOf, genAtoms, reply as sendReply, valueAt } from './gen.ts';
import type { Shown } from './genServerReport.ts';
import { reportEnd, reportUnhandled, serverStatus } from './genServerReport.ts';
import type { CallStep, ServerModule, Then } from './serverModule.ts';
import { noreply } from './serverModule.ts';
import type { DebugOptions } from './sysDebug.ts';
import { debugOptions, handleDebug } from './sysDebug.ts';
import type { Mode, SystemView } from './systemMessages.ts';
import { isParentExit, serveSystem } from './systemMessages.ts';
import { printed } from './text.ts';

export const loopAt = 'gen_server:loop/7';
const hibernateAt = 'erlang:hibernate/3';
const continueTag = a('continue');

export type LoopOptions = {
  /** As `{debug, Options}`: `trace`, `log`, `{log, N}`, `statistics`, `{install, _}`. */
  readonly debug?: readonly Value[];
  /** Hibernates when no message came for so long. */
  readonly hibernateAfterMs?: number;
};
export type ServerIdentity = LoopOptions & {
  /** As reports and debug lines know it. */
  readonly name: Value;
  readonly parent: Pid;
};

/** Why a server ends, and what of: the exit or error, the message that was handled, and who asked. */
type End = {
  readonly thrown: ErrorException | ExitException;
  /** Where a callback failed; null when the server stops by itself. */
  readonly stacktrace: readonly Value[] | null;
  readonly message: Value;
  readonly from: From | null;
};
/** What is being handled: the message as reports show it, who asked, and the callback that has it. */
type Handled = {
  readonly message: Value;
  readonly from: From | null;
  readonly callback: string;
  readonly arity: number;
};

export class ServerLoop<S> implements SystemView {
  readonly module = 'gen_server';
  readonly parent: Pid;
  debug: DebugOptions;
  readonly #module: ServerModule<S>;
  readonly #name: Value;
  readonly #hibernateAfterMs: number | null;
  #state: S;

  constructor(self: Self, module: ServerModule<S>, state: S, identity: ServerIdentity) {
    this.#module = module;
    this.#state = state;
    this.#name = identity.name;
    this.parent = identity.parent;
    this.#hibernateAfterMs = identity.hibernateAfterMs ?? null;
    this.debug = identity.debug === undefined ? [] : debugOptions(self, identity.debug);
  }

  /** The state as a value. */
  get shown(): Value {
    return this.#module.show(this.#state);
  }

  // ------------------------------------------------------------------------------------------------------- messages

  /** One message that came while the server waited without a limit of time. */
  handle(self: Self, message: Value): void | Flow<void> {
    if (this.debug.length > 0) return this.#loop(self, this.#decode(self, message, null));
    const elements: readonly unknown[] | null = message instanceof Tuple ? message.elements : null;
    const tag = elements?.[0];
    if (elements?.length === 3) {
      if (tag === genAtoms.system) return this.#loop(self, this.#decode(self, message, null));
      if (tag === atoms.exit && elements[1] === this.parent) return this.#parentExit(self, message);
    }
    const from = tag === genAtoms.call && elements?.length === 3 ? fromOf(elements[1]) : null;
    let answer: CallStep<S> | Flow<CallStep<S>>;
    try {
      answer = this.#dispatch(self, message, elements, from);
    } catch (thrown) {
      return this.#fail(self, thrown, this.#handled(message, elements, from));
    }
    if (
      isStep(answer) &&
      (answer.is === 'reply' || answer.is === 'noreply') &&
      answer.then === undefined &&
      this.#hibernateAfterMs === null
    ) {
      this.#state = answer.state;
      if (answer.is === 'reply' && from !== null) sendReply(self, from, answer.reply);
      return;
    }
    return this.#loop(self, this.#finish(self, answer, this.#handled(message, elements, from)));
  }

  /** Goes on from `first` until the server waits without a limit of time. */
  *run(self: Self, first: Then | null): Flow<void> {
    let then = first;
    for (;;) {
      switch (then?.is) {
        case 'continue': {
          const handled = { message: tup(continueTag, then.with), from: null, callback: 'handle_continue', arity: 2 };
          if (this.debug.length > 0) yield* this.#note(self, handled.message);
          then = yield* this.#finish(self, this.#continue(self, then.with), handled);
          break;
        }
        case 'timeout': {
          const received: Value | typeof timedOut = yield* receive({ afterMs: then.ms, at: loopAt });
          then = yield* this.#decode(self, received === timedOut ? atoms.timeout : received, then);
          break;
        }
        case 'hibernate': {
          const received: Value | typeof timedOut = yield* receive({ at: hibernateAt });
          if (received !== timedOut) then = yield* this.#decode(self, received, then);
          break;
        }
        case undefined: {
          if (this.#hibernateAfterMs === null) return;
          const received: Value | typeof timedOut = yield* receive({ afterMs: this.#hibernateAfterMs, at: loopAt });
          then = received === timedOut ? { is: 'hibernate' } : yield* this.#decode(self, received, null);
        }
      }
    }
  }

  *#loop(self: Self, first: Flow<Then | null>): Flow<void> {
    yield* this.run(self, yield* first);
  }

  /** Any message; `then` is what the server waited in, which a system message does not change. */
  *#decode(self: Self, message: Value, then: Then | null): Flow<Then | null> {
    const system = tagged(message, genAtoms.system, 3);
    if (system !== null) {
      const asker = fromOf(system[1]);
      if (asker !== null) yield* serveSystem(self, asker, valueAt(system, 2), this, then?.is === 'hibernate');
      return then;
    }
    if (isParentExit(message, this.parent)) yield* this.#parentExit(self, message);
    if (this.debug.length > 0) yield* this.#note(self, tup(a('in'), message));
    const elements: readonly unknown[] | null = message instanceof Tuple ? message.elements : null;
    const from = elements?.[0] === genAtoms.call && elements.length === 3 ? fromOf(elements[1]) : null;
    const handled = this.#handled(message, elements, from);
    let answer: CallStep<S> | Flow<CallStep<S>>;
    try {
      answer = this.#dispatch(self, message, elements, from);
    } catch (thrown) {
      yield* this.#fail(self, thrown, handled);
      return null;
    }
    return yield* this.#finish(self, answer, handled);
  }

  #dispatch(
    self: Self,
    message: Value,
    elements: readonly unknown[] | null,
    from: From | null,
  ): CallStep<S> | Flow<CallStep<S>> {
    const module = this.#module;
    if (elements !== null) {
      if (from !== null) {
        const request = valueAt(elements, 2);
        if (module.handleCall === undefined) throw this.#missing('handle_call', [request, from, this.shown]);
        if (self.isCallTraced) self.called(module.module, 'handle_call', [request, from, this.shown]);
        return module.handleCall(self, request, from, this.#state);
      }
      if (elements[0] === genAtoms.cast && elements.length === 2) {
        const told = valueAt(elements, 1);
        if (module.handleCast === undefined) throw this.#missing('handle_cast', [told, this.shown]);
        if (self.isCallTraced) self.called(module.module, 'handle_cast', [told, this.shown]);
        return module.handleCast(self, told, this.#state);
      }
    }
    if (module.handleInfo !== undefined) {
      if (self.isCallTraced) self.called(module.module, 'handle_info', [message, this.shown]);
      return module.handleInfo(self, message, this.#state);
    }
    // Without handle_info OTP logs the message and goes on.
    reportUnhandled(self, 'gen_server', module.module, message);
    return noreply(this.#state);
  }

  *#continue(self: Self, continuation: Value): Flow<CallStep<S>> {
    if (this.#module.handleContinue === undefined) throw this.#missing('handle_continue', [continuation, this.shown]);
    return yield* settle(this.#module.handleContinue(self, continuation, this.#state));
  }

  #missing(callback: string, args: readonly Value[]): ErrorException {
    return undef(this.#module.module, callback, args);
  }

  #handled(message: Value, elements: readonly unknown[] | null, from: From | null): Handled {
    if (from !== null && elements !== null) {
      return { message: valueAt(elements, 2), from, callback: 'handle_call', arity: 3 };
    }
    const isCast = elements?.length === 2 && elements[0] === genAtoms.cast;
    return { message, from: null, callback: isCast ? 'handle_cast' : 'handle_info', arity: 2 };
  }

  /** Waits for the callback's answer, and does what it says. */
  *#finish(self: Self, answer: CallStep<S> | Flow<CallStep<S>>, handled: Handled): Flow<Then | null> {
    let step: CallStep<S>;
    try {
      step = yield* settle(answer);
    } catch (thrown) {
      yield* this.#fail(self, thrown, handled);
      return null;
    }
    return yield* this.#after(self, step, handled);
  }

  *#after(self: Self, step: CallStep<S>, handled: Handled): Flow<Then | null> {
    const { from } = handled;
    switch (step.is) {
      case 'reply':
        this.#state = step.state;
        if (from !== null) yield* this.#reply(self, from, step.reply);
        return step.then ?? null;
      case 'noreply':
        this.#state = step.state;
        if (this.debug.length > 0) yield* this.#note(self, tup(a('noreply'), this.shown));
        return step.then ?? null;
      case 'stop_reply': {
        this.#state = step.state;
        try {
          yield* this.#stop(self, step.reason, handled);
        } finally {
          // The reply goes out when terminate is done, whatever became of it.
          if (from !== null) sendReply(self, from, step.reply);
        }
        return null;
      }
      case 'stop':
        this.#state = step.state;
        yield* this.#stop(self, step.reason, handled);
        return null;
      case 'bad_return':
        yield* this.#stop(self, badReturn(step.value), handled);
        return null;
    }
  }

  *#reply(self: Self, from: From, answer: Value): Flow<void> {
    sendReply(self, from, answer);
    if (this.debug.length > 0) yield* this.#note(self, tup(a('out'), answer, from, this.shown));
  }

  *#note(self: Self, event: Value): Flow<void> {
    this.debug = yield* handleDebug(self, this.debug, printEvent, this.#name, event);
  }

  // ------------------------------------------------------------------------------------------------------------ end

  #parentExit(self: Self, message: Value): Flow<void> {
    const exit = tagged(message, atoms.exit, 3);
    const reason = exit === null ? atoms.normal : valueAt(exit, 2);
    return this.#stop(self, reason, { message, from: null });
  }

  #stop(self: Self, reason: Value, { message, from }: Pick<Handled, 'message' | 'from'>): Flow<void> {
    return this.#end(self, { thrown: new ExitException(reason), stacktrace: null, message, from });
  }

  /** A callback failed. What it threw is its answer in Erlang, and none that a typed callback can give. */
  #fail(self: Self, thrown: unknown, handled: Handled): Flow<void> {
    const { kind, reason, stacktrace } = caught(thrown);
    if (kind === 'throw') return this.#stop(self, badReturn(reason), handled);
    const { message, from, callback, arity } = handled;
    const where = stacktrace.length > 0 ? stacktrace : [tup(a(this.#module.module), a(callback), arity, [])];
    const end = kind === 'error' ? new ErrorException(reason, stacktrace) : new ExitException(reason);
    return this.#end(self, { thrown: end, stacktrace: where, message, from });
  }

  /** `terminate`, then the report unless the end is orderly, then the end. */
  *#end(self: Self, end: End): Flow<void> {
    const { thrown } = end;
    const isError = thrown instanceof ErrorException;
    const told = isError ? tup(thrown.reason, thrown.stacktrace) : thrown.reason;
    try {
      if (this.#module.terminate !== undefined) yield* settle(this.#module.terminate(self, told, this.#state));
    } catch (again) {
      const { kind, reason, stacktrace } = caught(again);
      if (kind !== 'throw') {
        const where = stacktrace.length > 0 ? stacktrace : [tup(a(this.#module.module), a('terminate'), 2, [])];
        yield* this.#report(self, { ...end, stacktrace: where }, reason);
        const last = kind === 'error' ? new ErrorException(reason, stacktrace) : new ExitException(reason);
        return this.#leave(self, last, where);
      }
    }
    if (isError || !isOrderly(thrown.reason)) yield* this.#report(self, end, thrown.reason);
    return this.#leave(self, thrown, end.stacktrace);
  }

  *#report(self: Self, { stacktrace, message, from }: End, reason: Value): Flow<void> {
    yield* reportEnd(self, this.#shownToReports(self), { reason, stacktrace, lastMessage: message, from });
  }

  #leave(self: Self, thrown: ErrorException | ExitException, where: readonly Value[] | null): never {
    crashReport(self, thrown, where ?? []);
    throw thrown;
  }

  // ------------------------------------------------------------------------------------------------- system messages

  getState(): Value {
    return this.shown;
  }

  *replaceState(self: Self, change: Value): Flow<Value> {
    const restore = this.#module.restore?.bind(this.#module);
    if (restore === undefined) throw new ErrorException(tup(a('no_restore'), a(this.#module.module)));
    const replaced = yield* applyFun(self, change, [this.shown]);
    this.#state = restore(replaced);
    return replaced;
  }

  *codeChange(self: Self, _module: Value, oldVersion: Value, extra: Value): Flow<Value> {
    const module = this.#module;
    if (module.codeChange === undefined) throw this.#missing('code_change', [oldVersion, this.shown, extra]);
    const changed = yield* settle(module.codeChange(self, oldVersion, this.#state, extra));
    if (changed.is === 'error') return changed.reason;
    this.#state = changed.state;
    return tup(atoms.ok, this.shown);
  }

  formatStatus(self: Self, mode: Mode): Flow<Value> {
    return serverStatus(self, this.#shownToReports(self), mode, this.parent);
  }

  terminate(self: Self, reason: Value, message: Value): Flow<void> {
    return this.#stop(self, reason, { message, from: null });
  }

  #shownToReports(self: Self): Shown {
    const module = this.#module;
    const format: StatusFormat = module.statusFormat?.(self) ?? {
      module: module.module,
      ...(module.formatStatus !== undefined && { one: module.formatStatus.bind(module) }),
      ...(module.formatStatus2 !== undefined && { two: module.formatStatus2.bind(module) }),
    };
    return { format, name: this.#name, state: this.shown, debug: this.debug };
  }
}

export function badReturn(value: Value): Value {
  return tup(a('bad_return_value'), value);
}

/** `gen_server:print_event/3` */
function printEvent(name: Value, event: Value): string {
  const server = printed(name);
  const received = tagged(event, a('in'), 2);
  if (received !== null) {
    const message = valueAt(received, 1);
    const asked = tagged(message, genAtoms.call, 3);
    const from = asked === null ? null : fromOf(asked[1]);
    if (asked !== null && from !== null) {
      return `*DBG* ${server} got call ${printed(valueAt(asked, 2))} from ${printed(from.elements[0])}\n`;
    }
    const told = tagged(message, genAtoms.cast, 2);
    if (told !== null) return `*DBG* ${server} got cast ${printed(valueAt(told, 1))}\n`;
    return `*DBG* ${server} got ${printed(message)}\n`;
  }
  const sent = tagged(event, a('out'), 4);
  const to = sent === null ? null : fromOf(sent[2]);
  if (sent !== null && to !== null) {
    const state = printed(valueAt(sent, 3));
    return `*DBG* ${server} sent ${printed(valueAt(sent, 1))} to ${printed(to.elements[0])}, new state ${state}\n`;
  }
  const quiet = tagged(event, a('noreply'), 2);
  if (quiet !== null) return `*DBG* ${server} new state ${printed(valueAt(quiet, 1))}\n`;
  return `*DBG* ${server} dbg  ${printed(event)}\n`;
}

/** A plain answer of a callback, which is by far the most usual: no generator has this property. */
function isStep<S>(answer: CallStep<S> | Flow<CallStep<S>>): answer is CallStep<S> {
  return hasIs(answer);
}
// Untyped code may answer anything.
function hasIs(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'is' in answer;
}
