/** Letting the cluster's own time pass at once, without holding up the thread. */
import type { Cluster } from '../cluster/cluster.ts';
import { runGuarded } from './guardedRun.ts';

/** How long the thread is kept at a time. */
export const sliceMs = 2;

/** The time of the next thing that happens: now when something is runnable, else the next timer's; null when there is none. */
function nextAtMs(cluster: Cluster): number | null {
  return cluster.timers.nextAtMs;
}

/**
 * Lets `ms` of the cluster's time pass, or with null runs to the next timer and what it sets off. Gives way to the event loop every
 * {@link sliceMs}; ends early when `signal` aborts. `wallMs` is a monotonic clock.
 */
export async function stepCluster(
  cluster: Cluster,
  ms: number | null,
  wallMs: () => number,
  signal: AbortSignal,
): Promise<void> {
  await settle(cluster, wallMs, signal);
  const untilMs = ms === null ? nextAtMs(cluster) : cluster.nowMs + ms;
  if (untilMs === null) return;
  for (;;) {
    const next = nextAtMs(cluster);
    if (signal.aborted || next === null || next > untilMs) break;
    cluster.advance(Math.max(next, cluster.nowMs));
    await settle(cluster, wallMs, signal);
    if (ms === null) return;
  }
  if (!signal.aborted) cluster.advance(untilMs);
}

/** Runs what is runnable at this instant. */
async function settle(cluster: Cluster, wallMs: () => number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const until = wallMs() + sliceMs;
    if (runGuarded(cluster, () => wallMs() >= until) === 'idle' || signal.aborted) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
