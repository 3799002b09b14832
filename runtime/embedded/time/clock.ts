/**
 * Who gives a simulated cluster its time. In `live` mode it is the wall's, paused or faster if somebody wants that; in
 * `deterministic` mode it passes only while a call from outside waits, or step by step, so that the same calls in the same order
 * find the same cluster.
 */
import type { ClockState } from '../../model.ts';
import type { MethodName } from '../../port.ts';
import type { Answered, Recorder } from '../record/recorder.ts';

export interface Clock {
  readonly state: ClockState;
  /** Something from outside has touched the cluster, or it has something to run. */
  wake(): void;
  /** Somebody outside has his answer: whoever runs the cluster lets it go out before anything else runs. */
  answered(): void;
  /** Time stands still, and nothing runs, until `run` or `step`. */
  pause(): void;
  /** Time passes again, `speed` times as fast as on the wall (live mode). */
  run(speed: number): void;
  /** Lets `ms` pass at once; null: to the next thing that happens. Answers when it has, or at once when `signal` aborts. */
  step(ms: number | null, signal: AbortSignal): Promise<void>;
  /** A call from outside begins; what is answered ends it. */
  attend(name: MethodName, params: unknown): Answered;
  /** What was called since the start; null where that does not fix the run. */
  readonly recorder: Recorder | null;
  onChange(listener: () => void): { dispose(): void };
  /** For good. */
  stop(): void;
}

/** Tells whoever listens. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }
  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
