/**
 * The deadlines of many waits with one timer: nearly every wait ends long before its own, so that a timer for each would be made and
 * taken away for nothing.
 */

/** Something that waits. `deadlineMs` is on the clock of performance.now(). */
export type Timed = { readonly deadlineMs: number; readonly expire: () => void };

/** Deadlines that pass so shortly one after the other are served at once, so that thousands cost a few rounds. */
const grainMs = 5;
/** As long as a timer can wait. */
const longestMs = 2_147_483_647;

/** Watches over what `pending` holds at the time: who ends takes itself away from there, and the timer is not told. */
export class Deadlines {
  readonly #pending: () => Iterable<Timed>;
  #timer: NodeJS.Timeout | undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;

  constructor(pending: () => Iterable<Timed>) {
    this.#pending = pending;
  }

  /** Says that something with this deadline is pending now. It is called `expire` at most {@link grainMs} after that. */
  add(deadlineMs: number): void {
    if (deadlineMs < this.#firesAtMs) this.#fireAt(deadlineMs);
  }

  /** Nothing is pending any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = Number.POSITIVE_INFINITY;
  }

  #fireAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = atMs;
    const waitMs = Math.min(Math.max(1, Math.ceil(atMs - performance.now())), longestMs);
    this.#timer = setTimeout(() => {
      this.#fire();
    }, waitMs);
    // The link keeps the program alive, and no wait outlives it.
    this.#timer.unref();
  }

  #fire(): void {
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    let next = Number.POSITIVE_INFINITY;
    const expired: Timed[] = [];
    for (const one of this.#pending()) {
      if (one.deadlineMs <= nowMs) expired.push(one);
      else if (one.deadlineMs < next) next = one.deadlineMs;
    }
    for (const one of expired) one.expire();
    // Who expired may have brought new ones along.
    if (next < this.#firesAtMs) this.#fireAt(Math.max(next, nowMs + grainMs));
  }
}
