/**
 * What the page knows: the connection it shows and the rows of its nodes. Messages come in, a picture goes out; nothing here knows a
 * document, so that it is tested without one.
 */
import type { ArsenalError, NodeRow } from '../../runtime/model.ts';
import { realTimers } from '../../runtime/watch.ts';
import type { Timers } from '../../runtime/watch.ts';
import { WatchSubscriber } from '../../runtime/watchChannel.ts';
import type { WatchSubscription } from '../../runtime/watchChannel.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { FromWebview, ShownConnection, ToWebview } from '../../server/protocol/webview.ts';
import { clusterView, readNodeRows } from '../../server/protocol/clusterView.ts';
import type { ClusterView } from '../../server/protocol/clusterView.ts';

export type ClusterPicture = {
  /** `unknown` until the editor has answered. */
  readonly connection: ShownConnection | null | 'unknown';
  readonly view: ClusterView;
  /** `waiting`: no rows yet. `stale`: rows of before the connection was lost. */
  readonly rows: 'waiting' | 'live' | 'stale';
  /** When the last rows came; null before the first. */
  readonly updatedAt: number | null;
  /** Why the watch ended, if it did by an error. */
  readonly problem: ArsenalError | null;
  /** Nodes whose restart was seen a moment ago. */
  readonly restarted: ReadonlySet<string>;
  /** Since when the cluster is in parts, if that was seen to begin. */
  readonly inPartsSince: number | null;
  readonly unreadableRows: number;
};

export type StoreOptions = {
  readonly post: (message: FromWebview) => void;
  /** Called after the picture has changed, at most once a {@link paintEveryMs}. */
  readonly onPicture: (picture: ClusterPicture, transitions: readonly string[]) => void;
  readonly now?: () => number;
  readonly timers?: Timers;
};

/** Figures change all the time: twice a second is as much as one can read. */
export const paintEveryMs = 500;
/** How long one who has left is still shown. */
export const ghostMs = 30_000;
/** How long a node counts as just restarted: longer than a paint may wait, so that the flash is seen. */
export const flashMs = 1_500;
const watchEveryMs = 1_000;

/** The page's state and its half of the protocol. */
export class ClusterStore {
  readonly #options: StoreOptions;
  readonly #now: () => number;
  readonly #timers: Timers;
  readonly #subscriber: WatchSubscriber<WatchTopic>;
  #connection: ShownConnection | null | 'unknown' = 'unknown';
  #subscription: WatchSubscription | null = null;
  #rows: readonly NodeRow[] = [];
  #unreadable = 0;
  #ghosts = new Map<string, { readonly row: NodeRow; readonly expiry: { dispose(): void } }>();
  #restarted = new Map<string, { dispose(): void }>();
  #updatedAt: number | null = null;
  #inPartsSince: number | null = null;
  #view: ClusterView = clusterView([]);
  #painted: ClusterView | null = null;
  #paint: { dispose(): void } | null = null;
  #lastPaintAt = Number.NEGATIVE_INFINITY;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timers = options.timers ?? realTimers;
    this.#subscriber = new WatchSubscriber<WatchTopic>({
      send: (up) => {
        options.post({ is: 'watch', up });
        return true;
      },
      timers: this.#timers,
    });
  }

  /** Paints what there is to see before the editor has answered. */
  begin(): void {
    this.#changed();
  }

  /** Takes a message of the editor. */
  receive(message: ToWebview): void {
    if (message.is === 'watch') this.#subscriber.receive(message.down);
    else this.#show(message.connection);
  }

  /** Asks again for a watch that has ended. */
  watchAgain(): void {
    if (this.#connection === 'unknown' || this.#connection === null) return;
    this.#subscribe(this.#connection.id);
    this.#changed();
  }

  #show(connection: ShownConnection | null): void {
    const before = this.#connection;
    const sameSystem = before !== 'unknown' && before !== null && connection !== null && before.id === connection.id;
    this.#connection = connection;
    if (connection === null) {
      this.#unsubscribe();
      this.#forget();
    } else if (!sameSystem) {
      this.#subscribe(connection.id);
      this.#forget();
    } else if (connection.state.is === 'ready' && this.#subscription?.status === 'ended') {
      this.#subscribe(connection.id);
    }
    this.#changed();
  }

  #unsubscribe(): void {
    const old = this.#subscription;
    // First nobody's, because it tells its end to whoever listens.
    this.#subscription = null;
    old?.dispose();
  }

  #subscribe(connection: string): void {
    this.#unsubscribe();
    this.#subscription = this.#subscriber.subscribe(
      { of: 'runtime', connection, query: { minIntervalMs: watchEveryMs, of: { rows: 'nodes' } } },
      () => {
        this.#take();
      },
    );
  }

  #take(): void {
    const state = this.#subscription?.view.state ?? null;
    if (state === null) {
      this.#changed();
      return;
    }
    const first = this.#updatedAt === null;
    const before = new Map(this.#rows.map((row) => [row.node, row]));
    const read = readNodeRows(state.rows);
    const now = new Set(read.nodes.map((row) => row.node));
    for (const [node, row] of before) if (!now.has(node)) this.#haunt(node, row);
    for (const row of read.nodes) {
      this.#ghosts.get(row.node)?.expiry.dispose();
      this.#ghosts.delete(row.node);
      const known = before.get(row.node);
      if (known !== undefined && known.creation !== row.creation && row.status === 'up') this.#flash(row.node);
    }
    this.#rows = read.nodes;
    this.#unreadable = read.unreadable;
    this.#updatedAt = this.#now();
    this.#look();
    if (this.#view.islands.length < 2) this.#inPartsSince = null;
    else if (!first) this.#inPartsSince ??= this.#updatedAt;
    this.#changed();
  }

  #haunt(node: string, row: NodeRow): void {
    const expiry = this.#timers.after(ghostMs, () => {
      this.#ghosts.delete(node);
      this.#look();
      this.#changed();
    });
    this.#ghosts.set(node, { row, expiry });
  }

  #flash(node: string): void {
    this.#restarted.get(node)?.dispose();
    this.#restarted.set(
      node,
      this.#timers.after(flashMs, () => {
        this.#restarted.delete(node);
        this.#changed();
      }),
    );
  }

  #forget(): void {
    for (const { expiry } of this.#ghosts.values()) expiry.dispose();
    this.#ghosts.clear();
    for (const flash of this.#restarted.values()) flash.dispose();
    this.#restarted.clear();
    this.#rows = [];
    this.#unreadable = 0;
    this.#updatedAt = null;
    this.#inPartsSince = null;
    this.#painted = null;
    this.#look();
  }

  #look(): void {
    this.#view = clusterView(
      this.#rows,
      [...this.#ghosts.values()].map((ghost) => ghost.row),
    );
  }

  /** Paints now if the last time is long enough ago, else once when it is. */
  #changed(): void {
    if (this.#paint !== null) return;
    const wait = Math.max(0, this.#lastPaintAt + paintEveryMs - this.#now());
    const paint = (): void => {
      this.#paint = null;
      this.#lastPaintAt = this.#now();
      const said = this.#painted === null ? [] : transitions(this.#painted, this.#view);
      if (this.#updatedAt !== null) this.#painted = this.#view;
      this.#options.onPicture(this.#picture(), said);
    };
    if (wait === 0) paint();
    else this.#paint = this.#timers.after(wait, paint);
  }

  #picture(): ClusterPicture {
    const lost = this.#connection !== 'unknown' && this.#connection !== null && this.#connection.state.is === 'lost';
    const status = this.#subscription?.status ?? 'waiting';
    return {
      connection: this.#connection,
      view: this.#view,
      rows: this.#updatedAt === null ? 'waiting' : lost || status !== 'live' ? 'stale' : 'live',
      updatedAt: this.#updatedAt,
      problem: this.#subscription?.view.ended?.error ?? null,
      restarted: new Set(this.#restarted.keys()),
      inPartsSince: this.#inPartsSince,
      unreadableRows: this.#unreadable,
    };
  }
}

const becomes = {
  healthy: 'is healthy',
  degraded: 'is degraded',
  unreachable: 'cannot be reached from here',
  down: 'is down',
  connecting: 'is being connected to',
  gone: 'has left the cluster',
} as const;

/** What a listener should hear of a change: nodes that stand differently now, and the cluster falling apart or healing. */
export function transitions(before: ClusterView, after: ClusterView): readonly string[] {
  const was = new Map(before.nodes.map((node) => [node.name, node.status]));
  const said = after.nodes.flatMap((node) => {
    const old = was.get(node.name);
    if (old === node.status) return [];
    return old === undefined ? [`${node.name} has joined.`] : [`${node.name} ${becomes[node.status]}.`];
  });
  const [parts, partsBefore] = [after.islands.length, before.islands.length];
  if (parts > 1 && parts !== partsBefore) said.push(`The cluster is in ${String(parts)} parts.`);
  if (parts === 1 && partsBefore > 1) said.push('The cluster is whole again.');
  return said;
}
