/**
 * Calls over one link: what was asked and is not answered yet, and how each way of asking begins, ends and is given up.
 */
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw } from '../../term/cursor.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, list, tuple } from '../../term/term.ts';
import type { Abortable } from './abortWatch.ts';
import { AbortWatch } from './abortWatch.ts';
import { CallFrames } from './callFrame.ts';
import type { Decode } from './callResult.ts';
import { decoded, erpcResult, rexResult } from './callResult.ts';
import type { WaitOptions } from './connection.ts';
import type { Called, Framing, Outgoing, Target } from './control.ts';
import { demonitor, exit2, monitor, sendMessage } from './control.ts';
import type { Timed } from './deadlines.ts';
import { Deadlines } from './deadlines.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import { flag } from './flags.ts';
import type { Identities } from './identities.ts';
import type { Lane } from './outbox.ts';

/** What waits for something that carries our reference. What answers a boolean answers false when the bytes it got are damaged. */
export interface Waiting {
  /** The process started for it was named, or refused. */
  spawned?(result: PidTerm | string): void;
  down?(reason: RawTerm): boolean;
  replied?(reply: RawTerm): boolean;
  lost(why: DistError): void;
}

const killed = atom('kill');

/** What calls need of their link. */
export type CallsLink = {
  readonly flags: bigint;
  readonly framing: Framing;
  readonly identities: Identities;
  /** The process that calls are made from. */
  readonly self: PidTerm;
  /** Null, or why the message was not sent. */
  readonly send: (outgoing: Outgoing, lane?: Lane) => DistError | null;
};

/** A wait for one answer: until it comes, the link is lost, time runs out or the caller gives up. */
abstract class Wait<T> implements Waiting, Timed, Abortable {
  readonly ref: RefTerm;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  isOver = false;
  ignoreAbort: (() => void) | null = null;
  readonly #timeoutMs: number;
  readonly #resolve: (result: DistResult<T>) => void;
  readonly #forget: (ref: RefTerm) => void;

  constructor(
    ref: RefTerm,
    { timeoutMs, signal }: WaitOptions,
    forget: (ref: RefTerm) => void,
    resolve: (result: DistResult<T>) => void,
  ) {
    this.ref = ref;
    this.#timeoutMs = timeoutMs;
    this.deadlineMs = performance.now() + timeoutMs;
    this.#forget = forget;
    this.#resolve = resolve;
    this.signal = signal;
  }

  /** Called when the wait is over before the thing is. */
  protected abstract abandon(): void;

  settle(result: DistResult<T>): void {
    this.isOver = true;
    this.ignoreAbort?.();
    this.#forget(this.ref);
    this.#resolve(result);
  }

  /** False when there is no result, because what came is damaged. */
  protected settleIf(result: DistResult<T> | null): boolean {
    if (result !== null) this.settle(result);
    return result !== null;
  }

  lost(why: DistError): void {
    this.settle(failure(why));
  }

  expire(): void {
    this.#giveUp(late(this.#timeoutMs));
  }

  abort(): void {
    this.#giveUp(cancelled());
  }

  #giveUp(error: DistError): void {
    this.settle(failure(error));
    this.abandon();
  }
}

function late(timeoutMs: number): DistError {
  return { kind: 'timeout', message: 'The node did not answer in time.', timeoutMs: Math.ceil(timeoutMs) };
}

/** A call in a process of its own, whose end brings the result. */
class ErpcWait<T> extends Wait<T> {
  #process: PidTerm | null = null;
  readonly #decode: Decode<T>;
  readonly #calls: Calls;

  constructor(
    calls: Calls,
    ref: RefTerm,
    options: WaitOptions,
    decode: Decode<T>,
    resolve: (result: DistResult<T>) => void,
  ) {
    super(ref, options, calls.forget, resolve);
    this.#calls = calls;
    this.#decode = decode;
  }

  spawned(result: PidTerm | string): void {
    if (typeof result !== 'string') this.#process = result;
    else this.settle(failure({ kind: 'spawn_failed', message: 'The node started no process.', reason: result }));
  }

  down(reason: RawTerm): boolean {
    return this.settleIf(erpcResult(reason, (other) => this.#calls.isSame(other, this.ref), this.#decode));
  }

  protected abandon(): void {
    if (this.#process === null) this.#calls.expect(this.ref, new Orphan(this.#calls, this.ref));
    else this.#calls.kill(this.#process, this.ref);
  }
}

/** A process that nobody waits for any more and that has no name yet: it is killed as soon as it has. */
class Orphan implements Waiting {
  readonly #calls: Calls;
  readonly #ref: RefTerm;

  constructor(calls: Calls, ref: RefTerm) {
    this.#calls = calls;
    this.#ref = ref;
  }

  spawned(result: PidTerm | string): void {
    this.#calls.forget(this.#ref);
    if (typeof result !== 'string') this.#calls.kill(result, this.#ref);
  }

  down(): boolean {
    this.#calls.forget(this.#ref);
    return true;
  }

  lost(): void {
    // With the link the node ends what was started over it, or nobody can.
  }
}

/** A call that `rex` carries out, where the node starts no processes for us. What it began goes on when the wait ends. */
class RexWait<T> extends Wait<T> {
  readonly #decode: Decode<T>;

  constructor(
    calls: Calls,
    ref: RefTerm,
    options: WaitOptions,
    decode: Decode<T>,
    resolve: (result: DistResult<T>) => void,
  ) {
    super(ref, options, calls.forget, resolve);
    this.#decode = decode;
  }

  replied(reply: RawTerm): boolean {
    return this.settleIf(rexResult(reply, this.#decode));
  }

  protected abandon(): void {
    // There is nobody to tell.
  }
}

/** A question to a server, which is monitored meanwhile. */
class ServerWait<T> extends Wait<T> {
  readonly #decode: Decode<T>;
  readonly #release: () => void;

  constructor(
    calls: Calls,
    ref: RefTerm,
    options: WaitOptions,
    how: { readonly decode: Decode<T>; readonly release: () => void },
    resolve: (result: DistResult<T>) => void,
  ) {
    super(ref, options, calls.forget, resolve);
    this.#decode = how.decode;
    this.#release = how.release;
  }

  replied(reply: RawTerm): boolean {
    const value = this.#decode(reply);
    if (value === null) return false;
    this.#release();
    this.settle(success(value));
    return true;
  }

  down(raw: RawTerm): boolean {
    const reason = decoded(raw);
    if (reason === null) return false;
    this.settle(failure({ kind: 'down', message: 'The process ended before it answered.', reason }));
    return true;
  }

  protected abandon(): void {
    this.#release();
  }
}

export class Calls {
  readonly #link: CallsLink;
  readonly #frames: CallFrames;
  readonly #waiting = new Map<number, Waiting>();
  readonly #deadlines: Deadlines;
  readonly #aborts = new AbortWatch();

  constructor(link: CallsLink) {
    this.#link = link;
    this.#frames = new CallFrames(link.framing, link.self);
    this.#deadlines = new Deadlines(() => this.#timed());
  }

  *#timed(): Generator<Timed> {
    for (const waiting of this.#waiting.values()) if (waiting instanceof Wait) yield waiting;
  }

  // ------------------------------------------------------------------------------------------------------ what waits

  readonly expect = (ref: RefTerm, waiting: Waiting): void => {
    const key = this.#link.identities.refKey(ref);
    if (key !== null) this.#waiting.set(key, waiting);
  };

  readonly forget = (ref: RefTerm): void => {
    const key = this.#link.identities.refKey(ref);
    if (key !== null) this.#waiting.delete(key);
  };

  waitingFor(ref: RefTerm): Waiting | undefined {
    const key = this.#link.identities.refKey(ref);
    return key === null ? undefined : this.#waiting.get(key);
  }

  /** Whether `other` is `ours`, one of our references. */
  isSame(other: RefTerm, ours: RefTerm): boolean {
    const key = this.#link.identities.refKey(other);
    return key !== null && key === this.#link.identities.refKey(ours);
  }

  /** The link is gone: all that waits is told. */
  lost(why: DistError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#deadlines.clear();
    this.#aborts.clear();
    for (const one of waiting) one.lost(why);
  }

  /**
   * A message to the process that calls are made from: `{Ref, Reply}`. Replies that nobody waits for any more are dropped. False when
   * it is damaged.
   */
  reply(message: RawTerm): boolean {
    const found = readRaw(message, (cursor) => {
      if (cursor.kind() !== 'tuple' || cursor.tuple() !== 2 || cursor.kind() !== 'ref') return null;
      return { ref: cursor.refTerm(), reply: cursor.rest() };
    });
    if (!found.ok) return false;
    if (found.value === null) return true;
    return this.waitingFor(found.value.ref)?.replied?.(found.value.reply) ?? true;
  }

  // ------------------------------------------------------------------------------------------------------------- calls

  /** Calls a function; its process has the group leader `leader`. */
  call<T>(leader: PidTerm, called: Called, options: WaitOptions, decode: Decode<T>): Promise<DistResult<T>> {
    const { flags, self } = this.#link;
    if ((flags & flag.spawn) !== 0n) {
      return this.#wait(
        options,
        (ref, resolve) => new ErpcWait(this, ref, options, decode, resolve),
        (ref) => this.#link.send(this.#frames.request(ref, leader, called), 'apart'),
      );
    }
    return this.#wait(
      options,
      (ref, resolve) => new RexWait(this, ref, options, decode, resolve),
      (ref) => {
        const request = tuple(atom('call'), atom(called.module), atom(called.fun), list(called.args), leader);
        return this.#link.send(sendMessage(flags, self, 'rex', tuple(atom('$gen_call'), tuple(self, ref), request)));
      },
    );
  }

  /** Ends the process of a call that was given up. */
  kill(process: PidTerm, ref: RefTerm): void {
    const { flags, self, send } = this.#link;
    send(demonitor(self, process, ref), 'duty');
    send(exit2(flags, self, process, killed), 'duty');
  }

  /** `{'$gen_call', From, Request}` to a process or a registered name, monitored meanwhile. */
  genCall<T>(server: Target, request: Term, options: WaitOptions, decode: Decode<T>): Promise<DistResult<T>> {
    const { flags, self, send } = this.#link;
    return this.#wait(
      options,
      (ref, resolve) => {
        const release = (): void => {
          send(demonitor(self, server, ref), 'duty');
        };
        return new ServerWait(this, ref, options, { decode, release }, resolve);
      },
      (ref) => {
        const refused = send(monitor(self, server, ref));
        if (refused !== null) return refused;
        const asked = tuple(atom('$gen_call'), tuple(self, ref), request);
        const error = send(sendMessage(flags, self, server, asked));
        if (error !== null) send(demonitor(self, server, ref), 'duty');
        return error;
      },
    );
  }

  /** Sends what begins something, and waits for its end. */
  #wait<T>(
    options: WaitOptions,
    make: (ref: RefTerm, resolve: (result: DistResult<T>) => void) => Wait<T>,
    send: (ref: RefTerm) => DistError | null,
  ): Promise<DistResult<T>> {
    const { timeoutMs, signal } = options;
    if (signal.aborted) return Promise.resolve(failure(cancelled()));
    if (!(timeoutMs > 0)) return Promise.resolve(failure(late(timeoutMs)));
    return new Promise((resolve) => {
      const ref = this.#link.identities.newRef();
      const wait = make(ref, resolve);
      this.expect(ref, wait);
      this.#deadlines.add(wait.deadlineMs);
      this.#aborts.add(wait);
      const error = send(ref);
      if (error !== null) wait.settle(failure(error));
    });
  }
}
