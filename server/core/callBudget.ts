/** The time and the signal of one call, made so that a call that needs neither pays for neither. */
import { longestMs } from '../../runtime/callOptions.ts';
import type { CallOptions } from '../../runtime/port.ts';

/** Who waits for a signal to abort. One listener of the signal's serves all: adding one to it takes longer the more it has. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `listener` once when `signal` aborts, which it has not yet; answers how to stop waiting for it. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listeners = waiting.get(signal) ?? listenersOf(signal);
  // The same function may wait twice.
  const own = () => listener();
  listeners.add(own);
  return () => void listeners.delete(own);
}

function listenersOf(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>();
  waiting.set(signal, listeners);
  const tell = () => {
    for (const listener of [...listeners]) listener();
    listeners.clear();
  };
  signal.addEventListener('abort', tell, { once: true });
  return listeners;
}

/**
 * What is left of a call's time, and a signal of its own: everything the call does at once listens to that, and the caller's may be
 * shared by many calls. The signal is made when it is first asked for.
 */
export class CallBudget implements CallOptions {
  readonly correlationId: string;
  /** The caller's. */
  readonly follows: AbortSignal;
  readonly #limitMs: number;
  readonly #startedMs: number;
  #control: AbortController | null = null;
  #unfollow: (() => void) | null = null;
  #ended = false;

  /** `startedMs`: by `performance.now()`. */
  constructor(limitMs: number, startedMs: number, follows: AbortSignal, correlationId: string) {
    this.#limitMs = Math.min(limitMs, longestMs);
    this.#startedMs = startedMs;
    this.follows = follows;
    this.correlationId = correlationId;
  }

  get remainingMs(): number {
    return Math.max(0, this.#limitMs - (performance.now() - this.#startedMs));
  }

  get signal(): AbortSignal {
    if (this.#control !== null) return this.#control.signal;
    const control = new AbortController();
    this.#control = control;
    if (this.follows.aborted || this.#ended) control.abort();
    else this.#unfollow = onAbort(this.follows, () => control.abort());
    return control.signal;
  }

  /** Nobody waits any longer: tells what the call still does to stop. */
  end(): void {
    this.#ended = true;
    this.#control?.abort();
    this.release();
  }

  /** The call is answered: it listens to its caller no longer. */
  release(): void {
    this.#unfollow?.();
    this.#unfollow = null;
  }
}
