/**
 * Gives a cluster real time: slices of at most 2 ms, the event loop in between, and sleep until the next timer when there is
 * nothing to run. Never `setTimeout(0)`, whose least delay is a millisecond.
 */
import type { Cluster } from './cluster/cluster.ts';

const sliceMs = 2;
/** The longest that a timer of Node can wait is far more; this keeps the clock near real time while nothing happens. */
const longestSleepMs = 60_000;

export type LiveDriver = {
  /** There is something to do: call after anything from outside has touched the cluster. */
  readonly wake: () => void;
  readonly stop: () => void;
};

/** Starts driving `cluster` with `nowMs`, a monotonic clock in milliseconds. */
export function driveLive(cluster: Cluster, nowMs: () => number): LiveDriver {
  const origin = nowMs() - cluster.nowMs;
  let stopped = false;
  let immediate: NodeJS.Immediate | null = null;
  let sleeping: NodeJS.Timeout | null = null;

  const slice = (): void => {
    immediate = null;
    if (stopped) return;
    cluster.advance(nowMs() - origin);
    const until = nowMs() + sliceMs;
    const outcome = cluster.run(() => nowMs() >= until);
    if (outcome === 'more') wake();
    else sleep();
  };
  const sleep = (): void => {
    const next = cluster.timers.nextAtMs;
    if (next === null) return;
    const delayMs = Math.min(Math.ceil(next - (nowMs() - origin)), longestSleepMs);
    if (delayMs <= 0) {
      wake();
      return;
    }
    sleeping = setTimeout(() => {
      sleeping = null;
      wake();
    }, delayMs);
  };
  const wake = (): void => {
    if (stopped || immediate !== null) return;
    if (sleeping !== null) clearTimeout(sleeping);
    sleeping = null;
    immediate = setImmediate(slice);
  };
  wake();
  return {
    wake,
    stop: () => {
      stopped = true;
      if (immediate !== null) clearImmediate(immediate);
      if (sleeping !== null) clearTimeout(sleeping);
    },
  };
}
