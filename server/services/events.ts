/** What has happened, for logs, notifications and the event stream: a ring, newest last. */
import { Subscribers } from '../../runtime/listeners.ts';
import type { ConnectionId } from '../../runtime/model.ts';
import type { ArsenalEvent } from '../protocol/connection.ts';

export const mostEvents = 500;

export class Events {
  #events: ArsenalEvent[] = [];
  readonly #listeners = new Subscribers<ArsenalEvent>();
  #seq = 0;

  publish(connection: ConnectionId | null, what: ArsenalEvent['what']): void {
    this.#seq += 1;
    const event: ArsenalEvent = { seq: this.#seq, at: Date.now(), connection, what };
    this.#events.push(event);
    // Many at once: to take the first out of a list moves all the others.
    if (this.#events.length >= mostEvents * 2) this.#events = this.#events.slice(-mostEvents);
    this.#listeners.tell(event);
  }

  /** Those still held, oldest first. */
  all(): readonly ArsenalEvent[] {
    return this.#events.slice(-mostEvents);
  }

  onEvent(listener: (event: ArsenalEvent) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }
}
