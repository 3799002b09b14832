/**
 * Abort signals of many short waits. Listening to a signal costs microseconds, a tenth of a call, and nearly every call is over before
 * anybody could give it up; so for its first moments a wait is only looked at now and then.
 */
import { onAbort } from './abort.ts';

export interface Abortable {
  readonly signal: AbortSignal;
  /** Whether it has ended, so that its signal is of no interest any more. */
  readonly isOver: boolean;
  abort(): void;
  /** What is called when it ends, from when its signal is listened to. */
  ignoreAbort: (() => void) | null;
}

/** An abort in the first moments is seen after so long at most. */
const firstLookMs = 2;

export class AbortWatch {
  #young: Abortable[] = [];
  #timer: NodeJS.Timeout | undefined;

  add(wait: Abortable): void {
    this.#young.push(wait);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#look();
    }, firstLookMs);
    // The link keeps the program alive.
    this.#timer.unref();
  }

  #look(): void {
    this.#timer = undefined;
    const young = this.#young;
    this.#young = [];
    for (const wait of young) {
      if (wait.isOver) continue;
      if (wait.signal.aborted) wait.abort();
      else wait.ignoreAbort = onAbort(wait.signal, () => wait.abort());
    }
  }

  /** Nothing waits any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#young = [];
  }
}
