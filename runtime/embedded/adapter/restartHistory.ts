/** The restarts each supervisor made, as the kernel told them. */
import type { WallTime } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import type { Pid } from '../../term/values.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { termOf } from './context.ts';

type RestartEntry = { readonly at: WallTime; readonly childId: Term; readonly reason: Term; readonly count: number };

/** Kept for each supervisor; older ones make room. */
const mostRestarts = 1000;

export class RestartHistory {
  readonly #since: WallTime;
  readonly #restarts = new WeakMap<Pid, RestartEntry[]>();

  constructor(cluster: Cluster, wallNow: () => WallTime) {
    this.#since = wallNow();
    cluster.listen((event) => {
      if (event.is !== 'restart') return;
      const { childId, reason, count } = event;
      const entry = { at: wallNow(), childId: termOf(childId), reason: termOf(reason), count };
      const known = this.#restarts.get(event.supervisor) ?? [];
      this.#restarts.set(event.supervisor, [...known.slice(1 - mostRestarts), entry]);
    });
  }

  /** The latest restarts of a supervisor, oldest first, and since when they are known: all, or those from the oldest kept on. */
  of(supervisor: Pid, limit: number): { readonly restarts: readonly RestartEntry[]; readonly since: WallTime } {
    const known = this.#restarts.get(supervisor) ?? [];
    const [oldest] = known;
    const since = oldest === undefined || known.length < mostRestarts ? this.#since : oldest.at;
    return { restarts: known.slice(-Math.max(1, limit)), since };
  }
}
