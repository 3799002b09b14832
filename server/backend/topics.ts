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

  constructor(connections: Connections, registry: Registry, events: Events) {
    const { connections: ofConnections, catalogue, events: ofEvents } = this.#sources;
    const showConnections = () => ofConnections.set(connections.list().map((info) => [info.id, info]));
    const showCatalogue = () => catalogue.set(registry.list().map((entry) => [entry.name, entry]));
    ofEvents.set(events.all().map((event) => [String(event.seq), event]));
    showConnections();
    showCatalogue();
    this.#listening = [
      connections.onChange(showConnections),
      registry.onChange(showCatalogue),
      events.onEvent((event) => ofEvents.patch([[String(event.seq), event]], [String(event.seq - mostEvents)])),
    ];
  }

  source(of: 'connections' | 'catalogue' | 'events'): WatchFeed {
    return this.#sources[of];
  }

  close(): void {
    for (const listening of this.#listening) listening.dispose();
    for (const source of Object.values(this.#sources)) source.close();
  }
}
