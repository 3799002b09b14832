/** Times two pieces of work side by side, so that a benchmark states a ratio and not a machine's speed. */
import { performance } from 'node:perf_hooks';

export type Comparison = {
  readonly ourMs: number;
  readonly peerMs: number;
  /** ours to the peer's; 2 means that ours takes twice as long */
  readonly ratio: number;
};

/**
 * Runs both in turns, so that a busy moment of the machine hits both, and compares the medians of the runs.
 * The first third of the runs only warms up.
 */
export function compare(ours: () => unknown, peer: () => unknown, runs = 60): Comparison {
  const ourTimes: number[] = [];
  const peerTimes: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const [our, other] = [time(ours), time(peer)];
    if (run < runs / 3) continue;
    ourTimes.push(our);
    peerTimes.push(other);
  }
  const [ourMs, peerMs] = [median(ourTimes), median(peerTimes)];
  return { ourMs, peerMs, ratio: ourMs / peerMs };
}

/** One line for the run's output. */
export function report(title: string, { ourMs, peerMs, ratio }: Comparison): void {
  console.log(`${title}: ${ourMs.toFixed(3)} ms, peer ${peerMs.toFixed(3)} ms, ratio ${ratio.toFixed(2)}`);
}

function time(work: () => unknown): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds of each of `runs` runs of `work`, one after the other; a tenth more run first to warm up. */
export async function timesOf(runs: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  for (let run = 0; run < runs / 10; run += 1) await work();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** The time below which `share` (0 to 1) of the runs stay; NaN of none. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A table for the run's output: a row per figure. */
export function figures(title: string, rows: { readonly [figure: string]: number }): void {
  const width = Math.max(...Object.keys(rows).map((figure) => figure.length));
  const lines = Object.entries(rows).map(
    ([figure, value]) => `  ${figure.padEnd(width)}  ${value.toFixed(2).padStart(10)}`,
  );
  console.log([title, ...lines].join('\n'));
}
