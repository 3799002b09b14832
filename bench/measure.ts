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
