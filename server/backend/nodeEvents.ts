/** Tells of nodes that come and go: while somebody watches them, and no longer, because watching costs the target something. */
import type { ConnectionId } from '../../runtime/model.ts';
import type { WatchFeed } from '../../runtime/watch.ts';
import type { ArsenalEvent } from '../protocol/connection.ts';

type NodeEvent = Extract<ArsenalEvent['what'], { readonly is: 'node_up' | 'node_down' }>;

export class NodeEvents {
  readonly #publish: (connection: ConnectionId, what: NodeEvent) => void;
  /** Whether each node was up when it was last seen, by connection. */
  readonly #seen = new Map<ConnectionId, Map<string, boolean>>();
  /** The one feed of a connection that is believed: a slower one beside it would tell old news. */
  readonly #followed = new Map<ConnectionId, WatchFeed>();

  constructor(publish: (connection: ConnectionId, what: NodeEvent) => void) {
    this.#publish = publish;
  }

  /** Follows a feed of the watch `nodes` to its end. The first rows of a connection are no news. */
  follow(connection: ConnectionId, feed: WatchFeed): void {
    const listening = feed.watch((event) => {
      if (event.is !== 'ended') this.#compare(connection, feed);
      else {
        listening.dispose();
        if (this.#followed.get(connection) === feed) this.#followed.delete(connection);
      }
    });
    this.#compare(connection, feed);
  }

  forget(connection: ConnectionId): void {
    this.#seen.delete(connection);
    this.#followed.delete(connection);
  }

  #compare(connection: ConnectionId, feed: WatchFeed): void {
    const followed = this.#followed.get(connection) ?? feed;
    if (feed.state === null || followed !== feed) return;
    this.#followed.set(connection, feed);
    const now = new Map([...feed.state.rows].map(([node, row]) => [node, row['status'] === 'up']));
    const before = this.#seen.get(connection);
    this.#seen.set(connection, now);
    if (before === undefined) return;
    for (const node of new Set([...before.keys(), ...now.keys()])) {
      const [was, is] = [before.get(node) === true, now.get(node) === true];
      if (was !== is) this.#publish(connection, { is: is ? 'node_up' : 'node_down', node });
    }
  }
}
