/** What a cluster file has come by itself: the surroundings it begins in, faults, and surroundings that change. */
import type { Cluster } from '../cluster/cluster.ts';
import type { CheckedDefinition, ScheduledFault } from './definition.ts';
import { changeSurroundings } from './surroundings.ts';

/** Makes the surroundings, and sets each fault to come, and to go, at its time from now. */
export function scheduleFaults(
  cluster: Cluster,
  { surroundings, faults }: Pick<CheckedDefinition, 'surroundings' | 'faults'>,
): void {
  if (surroundings !== undefined) changeSurroundings(cluster, surroundings);
  for (const scheduled of faults) {
    const comesAtMs = cluster.nowMs + scheduled.atMs;
    cluster.timers.set(comesAtMs, () => {
      const end = begin(cluster, scheduled);
      if (scheduled.forMs !== undefined) cluster.timers.set(comesAtMs + scheduled.forMs, end);
    });
  }
}

/** Lets it come; what is answered lets it go. */
function begin(cluster: Cluster, scheduled: ScheduledFault): () => void {
  if ('fault' in scheduled) {
    cluster.network.break(scheduled.fault);
    return () => cluster.network.mend(scheduled.fault);
  }
  if ('hang' in scheduled) {
    cluster.hangNode(scheduled.hang);
    return () => cluster.resumeNode(scheduled.hang);
  }
  if ('surroundings' in scheduled) return changeSurroundings(cluster, scheduled.surroundings);
  cluster.crashNode(scheduled.crash);
  return () => cluster.startNode(scheduled.crash);
}
