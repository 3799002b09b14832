/**
 * Gives a cluster real time: slices of about a millisecond, the event loop in between, and sleep until the next timer when there is
 * nothing to run. Never `setTimeout(0)`, whose least delay is a millisecond.
 */
import type { ClockState } from '../../model.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Clock } from './clock.ts';
import { Listeners } from './clock.ts';
import { Guard } from './guard.ts';
import { stepCluster } from './stepping.ts';

/** How long the thread is kept at a time: so long a call from outside may wait before it is heard. */
const sliceMs = 1;

/** The longest that a timer of Node can wait is far more; this keeps the clock near real time while nothing happens. */
const longestSleepMs = 60_000;

export class LiveClock implements Clock {
  readonly #cluster: Cluster;
  readonly #wallMs: () => number;
  readonly #guard: Guard;
  readonly #listeners = new Listeners();
  /** The cluster's time was `clusterMs` when the wall's was `wallMs`. */
  #anchor: { readonly wallMs: number; readonly clusterMs: number };
  #speed = 1;
  #standsStill: 'no' | 'paused' | 'stopped' = 'no';
  #answered = false;
  #immediate: NodeJS.Immediate | null = null;
  #sleeping: NodeJS.Timeout | null = null;

  /** Starts at once; `wallMs` is a monotonic clock in milliseconds. */
  constructor(cluster: Cluster, wallMs: () => number) {
    this.#cluster = cluster;
    this.#wallMs = wallMs;
    this.#guard = new Guard(wallMs);
    this.#anchor = { wallMs: wallMs(), clusterMs: cluster.nowMs };
    this.wake();
  }

  get state(): ClockState {
    return {
      mode: 'live',
      paused: this.#standsStill !== 'no',
      speed: this.#speed,
      nowMs: this.#standsStill === 'no' ? Math.max(this.#due(), this.#cluster.nowMs) : this.#cluster.nowMs,
    };
  }

  wake(): void {
    if (this.#standsStill !== 'no' || this.#immediate !== null) return;
    if (this.#sleeping !== null) clearTimeout(this.#sleeping);
    this.#sleeping = null;
    this.#immediate = setImmediate(() => {
      this.#immediate = null;
      this.#slice();
    });
  }

  answered(): void {
    this.#answered = true;
  }

  pause(): void {
    if (this.#standsStill !== 'no') return;
    // What is due up to this moment still happens when time goes on, not before.
    this.#halt('paused');
    this.#listeners.tell();
  }

  run(speed: number): void {
    if (this.#standsStill === 'stopped') return;
    const clusterMs = this.#standsStill === 'no' ? Math.max(this.#due(), this.#cluster.nowMs) : this.#cluster.nowMs;
    this.#anchor = { wallMs: this.#wallMs(), clusterMs };
    this.#speed = speed;
    this.#standsStill = 'no';
    this.wake();
    this.#listeners.tell();
  }

  async step(ms: number | null, signal: AbortSignal): Promise<void> {
    this.pause();
    await stepCluster(this.#cluster, this.#guard, ms, this.#wallMs, signal);
    this.#listeners.tell();
  }

  readonly recorder = null;

  attend(): () => void {
    return () => undefined;
  }

  onChange(listener: () => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  stop(): void {
    this.#halt('stopped');
  }

  #halt(why: 'paused' | 'stopped'): void {
    this.#standsStill = why;
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    if (this.#sleeping !== null) clearTimeout(this.#sleeping);
    this.#immediate = null;
    this.#sleeping = null;
  }

  /** The cluster's time as the wall has it. */
  #due(): number {
    return this.#anchor.clusterMs + (this.#wallMs() - this.#anchor.wallMs) * this.#speed;
  }

  #slice(): void {
    this.#cluster.advance(this.#due());
    const until = this.#wallMs() + sliceMs;
    this.#answered = false;
    const outcome = this.#guard.run(this.#cluster, () => this.#answered || this.#wallMs() >= until);
    if (outcome === 'more') this.wake();
    else this.#sleep();
  }

  #sleep(): void {
    const next = this.#cluster.timers.nextAtMs;
    if (next === null || this.#standsStill !== 'no') return;
    const delayMs = Math.min(Math.ceil((next - this.#due()) / this.#speed), longestSleepMs);
    if (delayMs <= 0) {
      this.wake();
      return;
    }
    this.#sleeping = setTimeout(() => {
      this.#sleeping = null;
      this.wake();
    }, delayMs);
  }
}
