/**
 * Calls over one link: what was asked and is not answered yet, and how each way of asking begins, ends and is given up.
 */
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw, termOf } from '../../term/cursor.ts';
import type { PidTerm, RefTerm, Term } from '../../term/term.ts';
import { atom, isAtom, list, tuple } from '../../term/term.ts';
import { onAbort } from './abort.ts';
import type { WaitOptions } from './connection.ts';
import type { Outgoing, Target } from './control.ts';
import { demonitor, exit2, monitor, sendMessage, spawnMonitored } from './control.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import { flag } from './flags.ts';
import type { Identities } from './identities.ts';

/** A function to call on the node. */
export type Called = { readonly module: string; readonly fun: string; readonly args: readonly Term[] };

/** How an answer is handed out: `decode` makes it of the bytes, or answers null when they are damaged. */
export type Decode<T> = (raw: RawTerm) => T | null;

type Settle<T> = (result: DistResult<T>) => void;

/** What waits for something that carries our reference. What answers a boolean answers false when the bytes it got are damaged. */
export type Waiting = {
  /** The process started for it was named, or refused. */
  readonly spawned?: (result: PidTerm | string) => void;
  readonly down?: (reason: RawTerm) => boolean;
  readonly replied?: (reply: RawTerm) => boolean;
  readonly lost: (why: DistError) => void;
};

const killed = atom('kill');

/** A term as it is. */
export function decoded(raw: RawTerm): Term | null {
  const term = termOf(raw);
  return term.ok ? term.value : null;
}

/** The bytes of a term, copied, so that they stay as they are. */
export function undecoded(raw: RawTerm): RawTerm {
  return { ...raw, bytes: raw.bytes.slice(raw.at), at: 0 };
}

function exception(kind: 'error' | 'exit' | 'throw', reason: Term, stack: Term | null): DistError {
  return { kind: 'exception', message: `The function called ended with an ${kind}.`, class: kind, reason, stack };
}

/** The process was ended from outside before it was done; erpc calls this a signal. */
function signalled(reason: Term): DistError {
  return exception('exit', tuple(atom('signal'), reason), null);
}

/** `{Ref, return, Value}`, `{Ref, error, Reason, Stack}`, … with which `erpc:execute_call/4` ends; null when it is damaged. */
function erpcResult<T>(reason: RawTerm, isOurs: (ref: RefTerm) => boolean, decode: Decode<T>): DistResult<T> | null {
  const returned = readRaw(reason, (cursor) => {
    if (cursor.kind() !== 'tuple' || cursor.tuple() !== 3) return null;
    if (cursor.kind() !== 'ref' || !isOurs(cursor.refTerm())) return null;
    return cursor.kind() === 'atom' && cursor.atom().v === 'return' ? cursor.rest() : null;
  });
  if (!returned.ok) return null;
  if (returned.value === null) {
    const term = decoded(reason);
    return term === null ? null : failure(erpcFailure(term, isOurs));
  }
  const value = decode(returned.value);
  return value === null ? null : success(value);
}

function erpcFailure(reason: Term, isOurs: (ref: RefTerm) => boolean): DistError {
  const [head, outcome, value, stack] = reason.t === 'tuple' ? reason.e : [];
  if (head?.t !== 'ref' || !isOurs(head) || value === undefined) return signalled(reason);
  if (isAtom(outcome, 'throw')) return exception('throw', value, null);
  if (isAtom(outcome, 'exit')) return exception('exit', value, null);
  return isAtom(outcome, 'error') ? exception('error', value, stack ?? null) : signalled(reason);
}

/** What `rex` answers: the value, or `{badrpc, Reason}`; null when it is damaged. */
function rexResult<T>(reply: RawTerm, decode: Decode<T>): DistResult<T> | null {
  const refused = readRaw(reply, (cursor) => {
    if (cursor.kind() !== 'tuple' || cursor.tuple() !== 2) return null;
    return cursor.kind() === 'atom' && cursor.atom().v === 'badrpc' ? cursor.term() : null;
  });
  if (!refused.ok) return null;
  if (refused.value !== null) return failure(rexFailure(refused.value));
  const value = decode(reply);
  return value === null ? null : success(value);
}

function rexFailure(reason: Term): DistError {
  if (reason.t === 'tuple' && reason.e.length === 2 && isAtom(reason.e[0], 'EXIT')) {
    return exception('error', reason.e[1] ?? reason, null);
  }
  return exception('exit', reason, null);
}

/** What calls need of their link. */
export type CallsLink = {
  readonly flags: bigint;
  readonly identities: Identities;
  /** The process that calls are made from. */
  readonly self: PidTerm;
  /** Null, or why the message was not sent. */
  readonly send: (outgoing: Outgoing, kind?: 'ordinary' | 'duty') => DistError | null;
};

export class Calls {
  readonly #link: CallsLink;
  readonly #waiting = new Map<number, Waiting>();

  constructor(link: CallsLink) {
    this.#link = link;
  }

  // ------------------------------------------------------------------------------------------------------ what waits

  expect(ref: RefTerm, waiting: Waiting): void {
    const key = this.#link.identities.refKey(ref);
    if (key !== null) this.#waiting.set(key, waiting);
  }

  forget(ref: RefTerm): void {
    const key = this.#link.identities.refKey(ref);
    if (key !== null) this.#waiting.delete(key);
  }

  waitingFor(ref: RefTerm): Waiting | undefined {
    const key = this.#link.identities.refKey(ref);
    return key === null ? undefined : this.#waiting.get(key);
  }

  /** The link is gone: all that waits is told. */
  lost(why: DistError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
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
    return (this.#link.flags & flag.spawn) === 0n
      ? this.#rex(leader, called, options, decode)
      : this.#erpc(leader, called, options, decode);
  }

  #erpc<T>(
    leader: PidTerm,
    { module, fun, args }: Called,
    options: WaitOptions,
    decode: Decode<T>,
  ): Promise<DistResult<T>> {
    const { identities, self } = this.#link;
    const ref = identities.newRef();
    const key = identities.refKey(ref);
    let process: PidTerm | null = null;
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [
          spawnMonitored(ref, self, leader, 'erpc', 'execute_call', [ref, atom(module), atom(fun), list(args)]),
        ],
        waiting: {
          spawned: (result) => {
            if (typeof result !== 'string') process = result;
            else settle(failure({ kind: 'spawn_failed', message: 'The node started no process.', reason: result }));
          },
          down: (reason) => {
            const result = erpcResult(reason, (other) => identities.refKey(other) === key, decode);
            if (result !== null) settle(result);
            return result !== null;
          },
        },
      }),
      abandon: () => {
        if (process !== null) {
          this.#kill(process, ref);
          return;
        }
        // The process has no name yet: it is killed as soon as it has.
        this.expect(ref, {
          spawned: (result) => {
            this.forget(ref);
            if (typeof result !== 'string') this.#kill(result, ref);
          },
          down: () => {
            this.forget(ref);
            return true;
          },
          lost: () => undefined,
        });
      },
    });
  }

  #kill(process: PidTerm, ref: RefTerm): void {
    const { flags, self, send } = this.#link;
    send(demonitor(self, process, ref), 'duty');
    send(exit2(flags, self, process, killed), 'duty');
  }

  #rex<T>(
    leader: PidTerm,
    { module, fun, args }: Called,
    options: WaitOptions,
    decode: Decode<T>,
  ): Promise<DistResult<T>> {
    const { flags, identities, self } = this.#link;
    const ref = identities.newRef();
    const request = tuple(atom('call'), atom(module), atom(fun), list(args), leader);
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [sendMessage(flags, self, 'rex', tuple(atom('$gen_call'), tuple(self, ref), request))],
        waiting: {
          replied: (reply) => {
            const result = rexResult(reply, decode);
            if (result !== null) settle(result);
            return result !== null;
          },
        },
      }),
      abandon: () => undefined,
    });
  }

  /** `{'$gen_call', From, Request}` to a process or a registered name, monitored meanwhile. */
  genCall<T>(server: Target, request: Term, options: WaitOptions, decode: Decode<T>): Promise<DistResult<T>> {
    const { flags, identities, self, send } = this.#link;
    const ref = identities.newRef();
    const release = (): void => {
      send(demonitor(self, server, ref), 'duty');
    };
    return this.#wait(ref, options, {
      begin: (settle) => ({
        outgoing: [
          monitor(self, server, ref),
          sendMessage(flags, self, server, tuple(atom('$gen_call'), tuple(self, ref), request)),
        ],
        waiting: {
          replied: (reply) => {
            const value = decode(reply);
            if (value === null) return false;
            release();
            settle(success(value));
            return true;
          },
          down: (raw) => {
            const reason = decoded(raw);
            if (reason === null) return false;
            settle(failure({ kind: 'down', message: 'The process ended before it answered.', reason }));
            return true;
          },
        },
      }),
      abandon: release,
    });
  }

  /** Sends what begins something, and waits for its end, for the time given, or for the caller to give up. */
  #wait<T>(
    ref: RefTerm,
    options: WaitOptions,
    steps: {
      readonly begin: (settle: Settle<T>) => {
        readonly outgoing: readonly Outgoing[];
        readonly waiting: Omit<Waiting, 'lost'>;
      };
      /** Called when the wait is over before the thing is. */
      readonly abandon: () => void;
    },
  ): Promise<DistResult<T>> {
    const { timeoutMs, signal } = options;
    if (signal.aborted) return Promise.resolve(failure(cancelled()));
    const late: DistError = {
      kind: 'timeout',
      message: 'The node did not answer in time.',
      timeoutMs: Math.ceil(timeoutMs),
    };
    if (timeoutMs <= 0) return Promise.resolve(failure(late));
    return new Promise((resolve) => {
      const settle: Settle<T> = (result) => {
        clearTimeout(timer);
        ignoreAbort();
        this.forget(ref);
        resolve(result);
      };
      const giveUp = (error: DistError): void => {
        settle(failure(error));
        steps.abandon();
      };
      const abort = (): void => {
        giveUp(cancelled());
      };
      const timer = setTimeout(() => {
        giveUp(late);
      }, timeoutMs);
      const ignoreAbort = onAbort(signal, abort);
      const { outgoing, waiting } = steps.begin(settle);
      this.expect(ref, {
        ...waiting,
        lost: (why) => {
          settle(failure(why));
        },
      });
      for (const [at, message] of outgoing.entries()) {
        const error = this.#link.send(message);
        if (error === null) continue;
        settle(failure(error));
        if (at > 0) steps.abandon();
        return;
      }
    });
  }
}
