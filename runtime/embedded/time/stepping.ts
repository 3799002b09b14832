/** Letting the cluster's own time pass at once, without holding up the thread. */
import type { Cluster } from '../cluster/cluster.ts';
import { Instant } from '../cluster/cluster.ts';
import type { Guard } from './guard.ts';

/** How long the thread is kept at a time. */
export const sliceMs = 2;

/**
 * Lets `ms` of the cluster's time pass, or with null runs to the next instant and what it sets off. Gives way to the event loop every
 * {@link sliceMs}; ends early when `signal` aborts. `wallMs` is a monotonic clock.
 */
export async function stepCluster(
  cluster: Cluster,
  guard: Guard,
  ms: number | null,
  wallMs: () => number,
  signal: AbortSignal,
): Promise<void> {
  let instant = await settle(cluster, guard, wallMs, signal);
  const untilMs = ms === null ? instant.nextAtMs : cluster.nowMs + ms;
  if (untilMs === null) return;
  for (;;) {
    const next = instant.nextAtMs;
    if (signal.aborted || next === null || next > untilMs) break;
    cluster.advance(Math.max(next, cluster.nowMs));
    instant = await settle(cluster, guard, wallMs, signal);
    if (ms === null) return;
  }
  if (!signal.aborted) cluster.advance(untilMs);
}

/** Runs what is runnable at this instant, and answers that. */
async function settle(cluster: Cluster, guard: Guard, wallMs: () => number, signal: AbortSignal): Promise<Instant> {
  const instant = new Instant(cluster);
  for (;;) {
    const until = wallMs() + sliceMs;
    const outcome = guard.run(cluster, () => instant.isLong || wallMs() >= until);
    if (outcome === 'idle' || instant.isLong || signal.aborted) return instant;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
