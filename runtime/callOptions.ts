/**
 * What travels beside every call: the time left, the signal and the correlation id.
 *
 * Time is a budget, measured by whoever holds it on a monotonic clock: no absolute time crosses a hop, because two clocks never
 * agree, and a wall clock can jump.
 */
import { Listeners } from './listeners.ts';
import type { CallOptions, Cancellation } from './port.ts';

/** As long as a timer can wait (24 days). A budget of this or more has no deadline: a watch lives as long as its view. */
export const longestMs = 2_147_483_647;

/**
 * Options for a call that begins now. `remainingMs` of what is answered shrinks as time passes, so the same object can be handed
 * to every call made on the way. A budget that is not a number counts as none left.
 */
export function callOptions(
  remainingMs: number,
  signal: AbortSignal = new AbortController().signal,
  correlationId: string = crypto.randomUUID(),
): CallOptions {
  return new SignalledOptions(remainingMs, signal, correlationId);
}

/** Options for a part of the call `parent`: at most `capMs` of what it has left, and its signal unless another is given. */
export function childOptions(parent: CallOptions, capMs: number = longestMs, signal?: AbortSignal): CallOptions {
  if (signal !== undefined) {
    return new SignalledOptions(Math.min(remainingNow(parent), capMs), signal, parent.correlationId);
  }
  return capMs >= longestMs ? new SameOptions(parent) : new PartOptions(parent, capMs);
}

class Budget {
  readonly correlationId: string;
  readonly #budgetMs: number;
  readonly #startedAt = performance.now();

  constructor(budgetMs: number, correlationId: string) {
    this.#budgetMs = Number.isNaN(budgetMs) ? 0 : Math.min(budgetMs, longestMs);
    this.correlationId = correlationId;
  }

  get remainingMs(): number {
    if (this.#budgetMs === longestMs) return longestMs;
    return Math.max(0, this.#budgetMs - (performance.now() - this.#startedAt));
  }
}

class SignalledOptions extends Budget implements CallOptions {
  readonly signal: AbortSignal;

  constructor(budgetMs: number, signal: AbortSignal, correlationId: string) {
    super(budgetMs, correlationId);
    this.signal = signal;
  }
}

/** All that its parent has left. Asks it for its signal only when somebody wants it: it may have to be made. */
class SameOptions implements CallOptions {
  readonly correlationId: string;
  readonly #parent: CallOptions;

  constructor(parent: CallOptions) {
    this.correlationId = parent.correlationId;
    this.#parent = parent;
  }

  get remainingMs(): number {
    return remainingNow(this.#parent);
  }

  get signal(): AbortSignal {
    return this.#parent.signal;
  }

  get cancellation(): Cancellation {
    return cancellationOf(this.#parent);
  }
}

/** A part of that. */
class PartOptions extends SameOptions {
  readonly #cap: Budget;

  constructor(parent: CallOptions, capMs: number) {
    super(parent);
    this.#cap = new Budget(capMs, parent.correlationId);
  }

  override get remainingMs(): number {
    return Math.min(super.remainingMs, this.#cap.remainingMs);
  }
}

/** Whether the call is to stop, without having a signal made. */
export function isCancelled(options: CallOptions): boolean {
  return options.cancellation?.isRequested ?? options.signal.aborted;
}

/** Calls `listener` once when the call is to stop, which it is not yet; answers how to stop waiting for it. */
export function onCancelled(options: CallOptions, listener: () => void): () => void {
  return options.cancellation?.onRequested(listener) ?? onAbort(options.signal, listener);
}

function cancellationOf(options: CallOptions): Cancellation {
  return options.cancellation ?? new SignalCancellation(options.signal);
}

class SignalCancellation implements Cancellation {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get isRequested(): boolean {
    return this.#signal.aborted;
  }

  onRequested(listener: () => void): () => void {
    return onAbort(this.#signal, listener);
  }
}

/**
 * Who waits for a signal to abort. One listener of the signal's serves all: adding one to it takes longer the more it has. It is there as
 * long as somebody waits, since a signal made of others (`AbortSignal.any`) is kept by them as long as it has one; of the signal that was
 * waited for last it stays until another is: call after call of the same caller waits for the same one, and a listener of the engine's
 * costs a call more than all else it does to be told.
 */
class Aborting {
  static #left: Aborting | null = null;
  readonly #signal: AbortSignal;
  readonly #listeners = new Listeners();
  #isListening = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** What the signal calls: itself an event listener, so that none is made for it. */
  handleEvent(): void {
    this.#isListening = false;
    this.#listeners.tell();
  }

  add(listener: () => void): () => void {
    if (!this.#isListening) {
      this.#isListening = true;
      this.#signal.addEventListener('abort', this, { once: true });
    }
    const remove = this.#listeners.add(listener);
    return () => {
      remove();
      if (this.#listeners.isEmpty) this.#leave();
    };
  }

  #leave(): void {
    const before = Aborting.#left;
    if (before === this) return;
    Aborting.#left = this;
    if (before !== null) before.#dropIfLeft();
  }

  #dropIfLeft(): void {
    if (!this.#listeners.isEmpty || !this.#isListening) return;
    this.#isListening = false;
    this.#signal.removeEventListener('abort', this);
  }
}

const waiting = Symbol('waiting');

function abortingOf(signal: AbortSignal): Aborting {
  const known: unknown = Reflect.get(signal, waiting);
  if (known instanceof Aborting) return known;
  const aborting = new Aborting(signal);
  // On the signal itself: a WeakMap of all of them costs each of them more than the rest of it.
  Reflect.set(signal, waiting, aborting);
  return aborting;
}

/** Calls `listener` once when `signal` aborts, which it has not yet; answers how to stop waiting for it. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  return abortingOf(signal).add(listener);
}

/** Milliseconds left now: never negative, never not a number; {@link longestMs} means there is no deadline. */
export function remainingNow(options: CallOptions): number {
  const left = options.remainingMs;
  return left > 0 ? Math.min(left, longestMs) : 0;
}
