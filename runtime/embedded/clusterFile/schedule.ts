/** Faults that a cluster file has come by themselves. */
import type { Cluster } from '../cluster/cluster.ts';
import type { ScheduledFault } from './definition.ts';

/** Sets each to come, and to go, at its time from now. */
export function scheduleFaults(cluster: Cluster, faults: readonly ScheduledFault[]): void {
  for (const scheduled of faults) {
    const comesAtMs = cluster.nowMs + scheduled.atMs;
    cluster.timers.set(comesAtMs, () => begin(cluster, scheduled));
    if (scheduled.forMs !== undefined) {
      cluster.timers.set(comesAtMs + scheduled.forMs, () => end(cluster, scheduled));
    }
  }
}

function begin(cluster: Cluster, scheduled: ScheduledFault): void {
  if ('fault' in scheduled) cluster.network.break(scheduled.fault);
  else if ('hang' in scheduled) cluster.hangNode(scheduled.hang);
  else cluster.crashNode(scheduled.crash);
}

function end(cluster: Cluster, scheduled: ScheduledFault): void {
  if ('fault' in scheduled) cluster.network.mend(scheduled.fault);
  else if ('hang' in scheduled) cluster.resumeNode(scheduled.hang);
  else cluster.startNode(scheduled.crash);
}
