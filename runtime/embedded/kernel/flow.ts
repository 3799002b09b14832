/** How process code waits: as a generator that yields what it waits for and is resumed with what came. */
import type { Ref, Value } from '../../term/values.ts';

/** Given to a waiting process when its time ran out. A symbol, because every other value can be a message. */
export const timedOut: unique symbol = Symbol('timed out');
export type Received = Value | typeof timedOut;

/**
 * `receive … after`: the oldest message that `match` accepts (null: any), in order of arrival; those that it refuses stay.
 * `marker` is a reference made after which only messages can match that hold it, so that a call does not look through a long
 * mailbox. `reply` waits for what answers one reference, which costs the least. `turn` gives the rest of the process' turn to others (`erlang:yield/0`),
 * `point` only if it is over: code of OTP's that can be long has such points, where the BEAM would stop it anywhere.
 */
export type Wait =
  | {
      readonly is: 'receive';
      readonly match: ((message: Value) => boolean) | null;
      readonly afterMs: number | null;
      readonly marker: Ref | null;
      /** Where the process is meanwhile, as its current function. */
      readonly at: string | null;
    }
  /** The `DOWN` of a monitor, or a tuple that begins with `ref` or with `[alias | ref]`: nothing else wakes the process. */
  | { readonly is: 'reply'; readonly ref: Ref; readonly afterMs: number | null; readonly at: string | null }
  /** Any message, which stays in the mailbox. */
  | { readonly is: 'message'; readonly at: string | null }
  | { readonly is: 'turn' }
  | { readonly is: 'point' };

/** Process code that may wait, and answers a `T`. */
export type Flow<T> = Generator<Wait, T, Received>;

type ReceiveOptions = {
  readonly match?: (message: Value) => boolean;
  readonly afterMs?: number | null;
  readonly marker?: Ref;
  readonly at?: string;
};

/** Waits for a message; {@link timedOut} when `afterMs` have passed (0: only looks). Without `afterMs` it waits for ever. */
export function* receive(options: ReceiveOptions = {}): Flow<Received> {
  const received = yield {
    is: 'receive',
    match: options.match ?? null,
    afterMs: options.afterMs ?? null,
    marker: options.marker ?? null,
    at: options.at ?? null,
  };
  return received;
}

/** Waits `ms` without looking at the mailbox (`timer:sleep/1`). */
export function* sleep(ms: number): Flow<void> {
  yield { is: 'receive', match: () => false, afterMs: ms, marker: null, at: 'timer:sleep/1' };
}

/** Waits until there is a message, and leaves it in the mailbox (the first half of `erlang:hibernate/3`). */
export function* hibernate(): Flow<void> {
  yield { is: 'message', at: 'erlang:hibernate/3' };
}

/** Lets the others run first (`erlang:yield/0`). */
export function* yieldTurn(): Flow<void> {
  yield { is: 'turn' };
}

const point: Wait = { is: 'point' };
/** Lets the others run first if this process has had its turn: for loops that call what may not wait by itself. */
export function* mayGiveWay(): Flow<void> {
  yield point;
}

/** True for what a generator function answers, as against a plain value. */
export function isFlow<T>(answer: T | Flow<T>): answer is Flow<T> {
  return isGenerator(answer);
}

/** What a generator function answered; null for anything else. */
export function flowOf(answer: unknown): Flow<unknown> | null {
  return isGenerator(answer) ? answer : null;
}

function isGenerator(answer: unknown): answer is Flow<unknown> {
  return typeof answer === 'object' && answer !== null && 'next' in answer && typeof answer.next === 'function';
}

/** The answer of code that may or may not be a generator. */
export function* settle<T>(answer: T | Flow<T>): Flow<T> {
  return isFlow(answer) ? yield* answer : answer;
}
