/** The topics that are the backend's own: its connections, its catalogue, what has happened. */
import { WatchSource } from '../../runtime/watch.ts';
import type { WatchFeed } from '../../runtime/watch.ts';
import type { Registry } from '../core/registry.ts';
import type { Events } from '../services/events.ts';
import { mostEvents } from '../services/events.ts';
import type { Connections } from './connections.ts';

export class Topics {
  readonly #sources = {
    connections: new WatchSource({ fidelity: { is: 'exact' } }),
    catalogue: new WatchSource({ fidelity: { is: 'exact' } }),
    events: new WatchSource({ fidelity: { is: 'exact' } }),
  } as const;
  readonly #listening: readonly { dispose(): void }[];
  readonly #followEvents: () => { dispose(): void };
  #followingEvents: { dispose(): void } | null = null;

  constructor(connections: Connections, registry: Registry, events: Events) {
    const { connections: ofConnections, catalogue, events: ofEvents } = this.#sources;
    const showConnections = () => ofConnections.set(connections.list().map((info) => [info.id, info]));
    const showCatalogue = () => catalogue.set(registry.list().map((entry) => [entry.name, entry]));
    this.#followEvents = () => {
      ofEvents.set(events.all().map((event) => [String(event.seq), event]));
      return events.onEvent((event) => ofEvents.patch([[String(event.seq), event]], [String(event.seq - mostEvents)]));
    };
    showConnections();
    showCatalogue();
    this.#listening = [connections.onChange(showConnections), registry.onChange(showCatalogue)];
  }

  source(of: 'connections' | 'catalogue' | 'events'): WatchFeed {
    // Every call ends in an event: they are rows only once somebody has asked for them.
    if (of === 'events') this.#followingEvents ??= this.#followEvents();
    return this.#sources[of];
  }

  close(): void {
    for (const listening of this.#listening) listening.dispose();
    this.#followingEvents?.dispose();
    for (const source of Object.values(this.#sources)) source.close();
  }
}
