/**
 * Watches by sampling: nothing of ours runs on a node, so what is watched is asked for again and again, while somebody wants the
 * next frame, and never otherwise. Those who watch the same share one sampler.
 */
import type { Result } from '../../model.ts';
import type { WatchQuery } from '../../port.ts';
import { callOptions } from '../../callOptions.ts';
import type { CallOptions } from '../../port.ts';
import type { KeyedRow } from '../../watch.ts';
import { WatchSource } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import { Demand } from './demand.ts';

export type Sample = { readonly rows: readonly KeyedRow[]; readonly total?: number };
/** Takes one sample. `gone`: what is watched will not come back, so the watch ends with the error. */
export type Sampler = (options: CallOptions) => Promise<Result<Sample>>;

/** However short an interval is asked for, a node is left alone for so long between two samples. */
export const shortestIntervalMs = 250;
/** A sample that takes longer counts as missed. */
const longestSampleMs = 10_000;
/** A node that does not answer is asked less and less often, up to so many times the interval. */
const mostPatience = 16;

/** One thing that is watched, by however many. */
export class SampledWatch {
  readonly source: WatchSource;
  readonly intervalMs: number;
  readonly #sample: Sampler;
  readonly #isFinal: (code: string) => boolean;
  readonly #demand = new Demand(() => {
    if (this.#demand.isWanted() && !this.#running) void this.#run();
    else this.#wake();
  });
  #running = false;
  #missed = 0;
  #wake: () => void = () => undefined;
  #nudged = false;
  #lastAt = 0;
  readonly #control = new AbortController();

  constructor(
    epoch: string,
    intervalMs: number,
    sample: Sampler,
    /** Whether a failure of this code means that there is nothing left to watch. */
    isFinal: (code: string) => boolean,
  ) {
    this.intervalMs = Math.max(intervalMs, shortestIntervalMs);
    this.source = new WatchSource({ fidelity: { is: 'sampled', everyMs: this.intervalMs }, epoch });
    this.#sample = sample;
    this.#isFinal = isFinal;
  }

  /** The connection is another one now: versions of before mean nothing any more. */
  restart(epoch: string): void {
    this.source.restart({ epoch });
    this.nudge();
  }

  /** Samples at once, whatever the interval: something has changed. */
  nudge(): void {
    this.#nudged = true;
    this.#wake();
  }

  /** The stream of one who watches; while its consumer does not pull, nothing is sampled for it. */
  stream(query: WatchQuery, signal: AbortSignal, left: () => void): AsyncGenerator<WatchStreamItem> {
    return this.#demand.stream(this.source, query, signal, () => {
      this.#control.abort();
      left();
    });
  }

  /** Never rejects: a sampler answers its failures. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#demand.isWanted() && this.source.ended === null) {
      await this.#pause(this.#lastAt + this.intervalMs * Math.min(2 ** this.#missed, mostPatience) - performance.now());
      if (!this.#demand.isWanted()) break;
      this.#nudged = false;
      this.#lastAt = performance.now();
      this.#take(await this.#sample(callOptions(longestSampleMs, this.#control.signal)));
    }
    this.#running = false;
  }

  #take(sample: Result<Sample>): void {
    if (sample.ok) {
      this.#missed = 0;
      this.source.set(sample.value.rows, sample.value.total);
      return;
    }
    this.#missed += 1;
    // Before there was anything to show, an error is the answer; afterwards the last rows stay until there are newer ones.
    if (this.source.state === null || this.#isFinal(sample.error.code)) this.source.close(sample.error);
  }

  async #pause(forMs: number): Promise<void> {
    if (forMs <= 0 || this.#nudged) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.#wake = () => {
        if (this.#demand.isWanted() && !this.#nudged) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}
