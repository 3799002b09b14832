/** The time and the signal of one call, made so that a call that needs neither pays for neither. */
import { longestMs, onAbort } from '../../runtime/callOptions.ts';
import { Listeners } from '../../runtime/listeners.ts';
import type { CallOptions, Cancellation } from '../../runtime/port.ts';
import type { Stop } from './stop.ts';

/**
 * What is left of a call's time, and whether it is to stop: because its caller says so (whose signal many calls may share), because
 * somebody else does, or because nobody waits for it any longer. Its signal is made when it is first asked for.
 */
export class CallBudget implements CallOptions, Cancellation {
  readonly correlationId: string;
  readonly #follows: AbortSignal;
  readonly #stop: Stop | null;
  readonly #limitMs: number;
  readonly #startedMs: number;
  #control: AbortController | null = null;
  /** Who waits to be told; null until somebody does. */
  #listeners: Listeners | null = null;
  #unfollow: (() => void) | null = null;
  #ended = false;

  /** `startedMs`: by `performance.now()`. */
  constructor(
    limitMs: number,
    startedMs: number,
    follows: AbortSignal,
    correlationId: string,
    stop: Stop | null = null,
  ) {
    this.#limitMs = Math.min(limitMs, longestMs);
    this.#startedMs = startedMs;
    this.#follows = follows;
    this.#stop = stop;
    this.correlationId = correlationId;
  }

  get remainingMs(): number {
    return Math.max(0, this.#limitMs - (performance.now() - this.#startedMs));
  }

  get cancellation(): Cancellation {
    return this;
  }

  get isRequested(): boolean {
    return this.#ended || this.#follows.aborted || this.#stop?.isAsked === true;
  }

  onRequested(listener: () => void): () => void {
    return this.#listened().add(listener);
  }

  get signal(): AbortSignal {
    if (this.#control !== null) return this.#control.signal;
    const control = new AbortController();
    this.#control = control;
    if (this.isRequested) control.abort();
    else this.onRequested(() => control.abort());
    return control.signal;
  }

  /** Nobody waits any longer: tells what the call still does to stop. */
  end(): void {
    this.release();
    if (this.#ended) return;
    this.#ended = true;
    this.#listeners?.tell();
  }

  /** The call is answered: it listens to its caller no longer. */
  release(): void {
    this.#unfollow?.();
    this.#unfollow = null;
    this.#stop?.onAsked(null);
  }

  #listened(): Listeners {
    if (this.#listeners !== null) return this.#listeners;
    const listeners = new Listeners();
    this.#listeners = listeners;
    if (!this.isRequested) {
      const tell = () => listeners.tell();
      this.#unfollow = onAbort(this.#follows, tell);
      this.#stop?.onAsked(tell);
    }
    return listeners;
  }
}
