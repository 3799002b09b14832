/**
 * What is to happen at a moment. `sequence` breaks ties in the order of setting, so that a run is the same each time. Only the heap
 * changes it.
 */
export type Timer = {
  atMs: number;
  sequence: number;
  readonly fire: () => void;
  /** Place in the heap; -1 once fired or cancelled. */
  index: number;
};

/** Timers of a whole cluster, by (time, order of setting). Cancelling takes the entry out at once, so nothing piles up. */
export class TimerHeap {
  readonly #heap: Timer[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }
  /** When the next timer is due, in the cluster's milliseconds; null when none is set. */
  get nextAtMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  /** Sets a timer; it fires when {@link TimerHeap.pop} is asked for a time at or after `atMs`. */
  set(atMs: number, fire: () => void): Timer {
    const timer: Timer = { atMs, sequence: 0, fire, index: -1 };
    this.setAgain(timer, atMs);
    return timer;
  }

  /** Sets a timer anew that has fired, or was cancelled. */
  setAgain(timer: Timer, atMs: number): void {
    this.#sequence += 1;
    timer.atMs = atMs;
    timer.sequence = this.#sequence;
    timer.index = this.#heap.length;
    this.#heap.push(timer);
    if (timer.index > 0) this.#up(timer.index);
  }

  /** Takes a timer out; false when it has fired or was cancelled before. */
  cancel(timer: Timer): boolean {
    const at = timer.index;
    if (at < 0) return false;
    timer.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return true;
    this.#heap[at] = last;
    last.index = at;
    this.#up(at);
    this.#down(last.index);
    return true;
  }

  /** Takes the earliest timer that is due at `nowMs`; null when none is. */
  pop(nowMs: number): Timer | null {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return null;
    this.cancel(first);
    return first;
  }

  #up(from: number): void {
    let at = from;
    const timer = this.#heap[at];
    if (timer === undefined) return;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt];
      if (parent === undefined || !earlier(timer, parent)) break;
      this.#place(parent, at);
      at = parentAt;
    }
    this.#place(timer, at);
  }

  #down(from: number): void {
    let at = from;
    const timer = this.#heap[at];
    if (timer === undefined) return;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      const child = left !== undefined && right !== undefined && earlier(right, left) ? right : left;
      if (child === undefined || !earlier(child, timer)) break;
      const next = child.index;
      this.#place(child, at);
      at = next;
    }
    this.#place(timer, at);
  }

  #place(timer: Timer, at: number): void {
    this.#heap[at] = timer;
    timer.index = at;
  }
}

function earlier(one: Timer, other: Timer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
