/**
 * The deadlines of many calls with one timer: nearly every call ends long before its own, so that a timer for each would be made and taken
 * away for nothing. Like those, it keeps the program alive while somebody waits.
 */
import { callEach, nothing } from './listeners.ts';

/** A class for the same reason as a link of {@link Listeners}. */
class Wait {
  readonly dueMs: number;
  expire: () => void;
  before: Wait | null = null;
  after: Wait | null;
  isIn = true;

  constructor(dueMs: number, expire: () => void, after: Wait | null) {
    this.dueMs = dueMs;
    this.expire = expire;
    this.after = after;
  }
}

/** As long as a timer can wait. */
const longestMs = 2_147_483_647;
/** Deadlines this close are one: the timer is not set anew for them. */
const grainMs = 1;

export class Deadlines {
  #first: Wait | null = null;
  #timer: NodeJS.Timeout | null = null;
  #firesAtMs = Number.POSITIVE_INFINITY;

  /** Calls `expire` once `delayMs` from now, or as soon after as the program is free; answers how to take that back. */
  after(delayMs: number, expire: () => void): () => void {
    const dueMs = performance.now() + Math.max(0, delayMs);
    const wait = new Wait(dueMs, expire, this.#first);
    if (this.#first === null) this.#timer?.ref();
    else this.#first.before = wait;
    this.#first = wait;
    if (dueMs + grainMs < this.#firesAtMs) this.#fireAt(dueMs + grainMs);
    return () => this.#remove(wait);
  }

  #remove(wait: Wait): void {
    if (!wait.isIn) return;
    wait.isIn = false;
    const { before, after } = wait;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after !== null) after.before = before;
    wait.before = null;
    wait.after = null;
    wait.expire = nothing;
    if (this.#first === null) this.#timer?.unref();
  }

  #fireAt(atMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#firesAtMs = atMs;
    this.#timer = setTimeout(() => this.#fire(), Math.min(Math.max(1, Math.ceil(atMs - performance.now())), longestMs));
  }

  #fire(): void {
    this.#timer = null;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    const due: Wait[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (let wait = this.#first; wait !== null; wait = wait.after) {
      if (wait.dueMs <= nowMs) due.push(wait);
      else nextMs = Math.min(nextMs, wait.dueMs);
    }
    try {
      callEach(this.#taken(due));
    } finally {
      // Of those that were left, who expired may have ended the last: nobody waits then, and nothing keeps the program alive.
      if (this.#first !== null && nextMs + grainMs < this.#firesAtMs) this.#fireAt(nextMs + grainMs);
    }
  }

  /** The earliest first, as timers would; who expires may end others. */
  *#taken(due: readonly Wait[]): Generator<() => void> {
    for (const wait of due.toSorted((a, b) => a.dueMs - b.dueMs)) {
      if (!wait.isIn) continue;
      const { expire } = wait;
      this.#remove(wait);
      yield expire;
    }
  }
}

/** Those of all calls of this program. */
export const deadlines = new Deadlines();
