/**
 * Time that passes only while somebody waits for it. While a call from outside is unanswered the cluster runs from instant to
 * instant, without waiting for the wall; when all are answered it stands still. What a call finds is then fixed by the seed and the
 * calls before it, however long they took to come.
 */
import type { ClockState } from '../../model.ts';
import type { MethodName } from '../../port.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Clock } from './clock.ts';
import type { Answered, Recorder } from '../record/recorder.ts';
import { Listeners } from './clock.ts';
import { Guard } from './guard.ts';
import { sliceMs, stepCluster } from './stepping.ts';

/** How many rounds of the scheduler may pass before the event loop has a turn: counted, since the wall's time differs between runs. */
const roundsPerSlice = 1000;

export class OnDemandClock implements Clock {
  readonly #cluster: Cluster;
  readonly recorder: Recorder | null;
  readonly #listeners = new Listeners();
  readonly #ending = new AbortController();
  readonly #guard: Guard;
  #looks = 0;
  #waiting = 0;
  #paused = false;
  #running = false;

  constructor(cluster: Cluster, recorder: Recorder | null = null, guard: Guard = new Guard()) {
    this.#cluster = cluster;
    this.#guard = guard;
    this.recorder = recorder;
  }

  /** Stands for the wall's clock; each look at it is a round of the scheduler. */
  readonly #rounds = (): number => {
    this.#looks += 1;
    return (this.#looks * sliceMs) / roundsPerSlice;
  };

  get state(): ClockState {
    return { mode: 'deterministic', paused: this.#paused, speed: null, nowMs: this.#cluster.nowMs };
  }

  /** What became runnable waits for somebody who waits for it. */
  wake(): void {
    return;
  }

  /** Nobody is served before another here: the round in which a slice ends is part of what is the same in every run. */
  answered(): void {
    return;
  }

  pause(): void {
    this.#paused = true;
    this.#listeners.tell();
  }

  run(): void {
    this.#paused = false;
    this.#listeners.tell();
    void this.#serve();
  }

  async step(ms: number | null, signal: AbortSignal): Promise<void> {
    await stepCluster(this.#cluster, this.#guard, ms, this.#rounds, AbortSignal.any([signal, this.#ending.signal]));
    this.#listeners.tell();
  }

  attend(name: MethodName, params: unknown): Answered {
    const answered = this.recorder?.began(name, params);
    this.#waiting += 1;
    void this.#serve();
    let ended = false;
    return (answer) => {
      if (!ended) {
        this.#waiting -= 1;
        answered?.(answer);
      }
      ended = true;
    };
  }

  onChange(listener: () => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  stop(): void {
    this.#ending.abort();
  }

  async #serve(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      // An answer travels through promises: whoever waits has it before the next instant.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting === 0 || this.#paused || this.#ending.signal.aborted) break;
      const before = this.#cluster.nowMs;
      await stepCluster(this.#cluster, this.#guard, 0, this.#rounds, this.#ending.signal);
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isDone()) break;
      if (this.#cluster.timers.nextAtMs === null && this.#cluster.nowMs === before) {
        // Nothing will ever happen by itself: only the caller's own time limit, on the wall, can end this.
        await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      await stepCluster(this.#cluster, this.#guard, null, this.#rounds, this.#ending.signal);
    }
    this.#running = false;
  }

  #isDone(): boolean {
    return this.#waiting === 0 || this.#paused || this.#ending.signal.aborted;
  }
}
