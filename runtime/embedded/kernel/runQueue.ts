/**
 * Which process runs next. By priority as on the BEAM (erlang:process_flag/2): `max` before `high` before `normal` and `low`, and of
 * those two, `low` when its turn has come eight times. Before all of them what works for somebody outside, so that he need not wait behind a
 * cluster that is never idle: OTP promises no order between processes. Unlike on the BEAM nobody starves by any of it.
 */
import type { Process } from './process.ts';
import { Ring } from './ring.ts';

/** Classes of the run queue; those with a smaller number run first. */
export const rank = { urgent: 0, max: 1, high: 2, normal: 3, low: 4 } as const;
export type Rank = (typeof rank)[keyof typeof rank];

/** So many turns a class takes in a row while any behind it waits. */
export const mostTurnsInARow = 8;
/** Each so many times that its turn comes, a process of priority `low` has it (as the BEAM's RESCHEDULE_LOW). */
export const turnsPerLowTurn = 8;

class Class {
  readonly waiting = new Ring<Process>();
  /** Turns since any of a class behind this had one. */
  inARow = 0;
}

export class RunQueue {
  /** Urgent, max, high: hardly ever is there any of them. */
  readonly #first: readonly Class[] = [new Class(), new Class(), new Class()];
  /** Of `normal` and `low`. */
  readonly #ordinary = new Ring<Process>();
  /** How many wait in {@link #first}. */
  #ahead = 0;
  /** Whether any class has taken turns in a row. */
  #counts = false;

  get length(): number {
    return this.#ahead + this.#ordinary.length;
  }
  /** How many may be drawn: those of the first class that has any. */
  get drawable(): number {
    return this.#drawn().length;
  }

  push(process: Process): void {
    const own = process.rank;
    if (own >= rank.normal) {
      this.#ordinary.push(process);
      return;
    }
    this.#first[own]?.waiting.push(process);
    this.#ahead += 1;
  }

  /** Takes the next one out; undefined when there is none. */
  shift(): Process | undefined {
    if (this.#ahead === 0) {
      if (this.#counts) this.#oneBehindRuns(this.#first.length);
      return this.#shiftOrdinary();
    }
    let behind = this.length;
    for (const [at, own] of this.#first.entries()) {
      const { waiting } = own;
      if (waiting.length === 0) continue;
      behind -= waiting.length;
      if (own.inARow >= mostTurnsInARow && behind > 0) continue;
      this.#oneBehindRuns(at);
      own.inARow += 1;
      this.#counts = true;
      this.#ahead -= 1;
      return waiting.shift();
    }
    this.#oneBehindRuns(this.#first.length);
    return this.#shiftOrdinary();
  }

  /** Takes out the one at `index` below {@link drawable}; the oldest takes its place, so that it costs the same however many wait. */
  draw(index: number): Process | undefined {
    const waiting = this.#drawn();
    if (index >= waiting.length) return undefined;
    if (waiting !== this.#ordinary) this.#ahead -= 1;
    return index === 0 ? waiting.shift() : waiting.takeAt(waiting.start + index);
  }

  /** Takes out one that waits, wherever; false when it does not. Costs a look at all that wait. */
  remove(process: Process): boolean {
    for (const waiting of [...this.#first.map((own) => own.waiting), this.#ordinary]) {
      for (let at = waiting.start; at < waiting.end; at += 1) {
        if (waiting.at(at) !== process) continue;
        waiting.removeAt(at);
        if (waiting !== this.#ordinary) this.#ahead -= 1;
        return true;
      }
    }
    return false;
  }

  clear(): void {
    while (this.shift() !== undefined);
  }

  #drawn(): Ring<Process> {
    if (this.#ahead === 0) return this.#ordinary;
    return this.#first.find(({ waiting }) => waiting.length > 0)?.waiting ?? this.#ordinary;
  }

  #oneBehindRuns(classes: number): void {
    for (let at = 0; at < classes; at += 1) {
      const own = this.#first[at];
      if (own !== undefined) own.inARow = 0;
    }
    if (classes === this.#first.length) this.#counts = false;
  }

  #shiftOrdinary(): Process | undefined {
    for (;;) {
      const process = this.#ordinary.shift();
      if (process === undefined || process.rank === rank.normal) return process;
      if (process.comesUp() >= turnsPerLowTurn || this.#ordinary.length === 0) {
        process.hasTurn();
        return process;
      }
      this.#ordinary.push(process);
    }
  }
}
