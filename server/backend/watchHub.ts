/**
 * Live topics of the runtimes. All who watch the same share one stream from the system; when nobody is left, it is closed, so that
 * nothing runs on the target for nobody. After a reconnect the stream is opened again: a new epoch, told as a new snapshot.
 */
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { ArsenalError, ConnectionId, Result } from '../../runtime/model.ts';
import type { Runtime, WatchQuery } from '../../runtime/port.ts';
import type { Timers, WatchFeed } from '../../runtime/watch.ts';
import { realTimers, WatchView } from '../../runtime/watch.ts';
import { canonicalJson } from '../core/canonicalJson.ts';

export type OpenedWatch = { readonly source: WatchFeed; readonly release: () => void };
type Shared = {
  readonly view: WatchView;
  readonly control: AbortController;
  readonly connection: ConnectionId;
  users: number;
  closing: { dispose(): void } | null;
};
export type HubServices = {
  /** The runtime behind a connection now; an error while there is none. */
  runtime(connection: ConnectionId): Result<Runtime>;
  /** Calls `listener` when the state of any connection has changed. */
  onChange(listener: () => void): { dispose(): void };
  readonly timers?: Timers;
};

/** How long a stream stays open for nobody: a view that is only being moved comes back at once. */
const lingerMs = 500;
const firstPauseMs = 250;
const longestPauseMs = 10_000;

export class WatchHub {
  readonly #services: HubServices;
  readonly #timers: Timers;
  readonly #shared = new Map<string, Shared>();

  constructor(services: HubServices) {
    this.#services = services;
    this.#timers = services.timers ?? realTimers;
  }

  /** Watches. The feed is empty until the system has answered, keeps its last rows while the connection is lost, and ends with it. */
  open(connection: ConnectionId, query: WatchQuery): OpenedWatch & { readonly isNew: boolean } {
    const key = canonicalJson([connection, query]);
    const known = this.#shared.get(key);
    const shared = known ?? this.#start(key, connection, query);
    shared.users += 1;
    shared.closing?.dispose();
    shared.closing = null;
    let isReleased = false;
    return {
      source: shared.view,
      isNew: known === undefined,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        shared.users -= 1;
        if (shared.users === 0) shared.closing = this.#timers.after(lingerMs, () => this.#stop(key, shared));
      },
    };
  }

  /** Streams open now, for those who look after leaks. */
  get size(): number {
    return this.#shared.size;
  }

  /** The connections that somebody watches. */
  watched(): readonly ConnectionId[] {
    return [
      ...new Set([...this.#shared.values()].filter(({ users }) => users > 0).map(({ connection }) => connection)),
    ];
  }

  /** Ends every watch of a connection that is closed. */
  closeConnection(connection: ConnectionId): void {
    for (const [key, shared] of this.#shared) {
      if (shared.connection !== connection) continue;
      this.#stop(key, shared);
      shared.view.end(connectionClosed());
    }
  }

  close(): void {
    for (const [key, shared] of this.#shared) {
      this.#stop(key, shared);
      shared.view.end(connectionClosed());
    }
  }

  #start(key: string, connection: ConnectionId, query: WatchQuery): Shared {
    const shared: Shared = {
      view: new WatchView(),
      control: new AbortController(),
      connection,
      users: 0,
      closing: null,
    };
    this.#shared.set(key, shared);
    void this.#follow(shared, query).then((error) => {
      shared.view.end(error);
      this.#stop(key, shared);
    });
    return shared;
  }

  #stop(key: string, shared: Shared): void {
    shared.closing?.dispose();
    shared.control.abort();
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
  }

  /** Keeps a stream open until its source is gone for good; answers with what it ended. */
  async #follow({ view, control, connection }: Shared, query: WatchQuery): Promise<ArsenalError | null> {
    const { signal } = control;
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      const runtime = this.#services.runtime(connection);
      if (!runtime.ok && runtime.error.class === 'not_found') return runtime.error;
      if (runtime.ok) {
        const version = view.state;
        const ended = await readStream(runtime.value, query, view, signal);
        // A source that is gone in good order may have another in its place (a node that has restarted); if not, the next try says so.
        if (!ended.ok && isFinal(ended.error)) return ended.error;
        // Some rows came: what broke it was new, and is worth an early try.
        if (view.state?.epoch !== version?.epoch) pauseMs = firstPauseMs;
      }
      await this.#pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    return null;
  }

  /** Waits, but not longer than until a connection's state changes. */
  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        timer.dispose();
        listening.dispose();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = this.#timers.after(delayMs, wake);
      const listening = this.#services.onChange(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

async function readStream(
  runtime: Runtime,
  query: WatchQuery,
  view: WatchView,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  for await (const item of runtime.port.watch.open(query, callOptions(longestMs, signal))) {
    if (item.is === 'end') return item.result;
    if (view.apply(item.frame) === 'resync') break;
  }
  return failure('unavailable', 'watch.gap', 'The watch lost a change.', 'It is opened again.');
}

/** What another try would not change. */
function isFinal({ class: errorClass }: ArsenalError): boolean {
  return errorClass !== 'unavailable' && errorClass !== 'timeout' && errorClass !== 'cancelled';
}

function connectionClosed(): ArsenalError {
  return failure('unavailable', 'connection.closed', 'The connection was closed.', 'Connect again.').error;
}
