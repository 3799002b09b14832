/** The connections of a backend: opened, kept under their ids, opened again, closed. */
import path from 'node:path';
import { cancelled, failure, notConnected } from '../../runtime/errors.ts';
import { Subscribers } from '../../runtime/listeners.ts';
import type { ArsenalError, ConnectionId, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Capabilities, ConnectionState, Runtime } from '../../runtime/port.ts';
import { buildCapabilities } from '../../runtime/portFacade.ts';
import type { CallConnection } from '../core/calls.ts';
import type { Caller, CallerWay } from '../core/context.ts';
import type { Access, ConnectionInfo, ConnectSpec } from '../protocol/connection.ts';
import type { OpenRuntime } from './openers.ts';

/** How a connection is told of: opened, its state or access or capabilities changed, closed. */
export type ConnectionChange = {
  readonly id: ConnectionId;
  readonly state: ConnectionState;
  readonly stateChanged: boolean;
};

type Connection = {
  readonly id: ConnectionId;
  readonly spec: ConnectSpec;
  readonly label: string;
  readonly openedBy: CallerWay;
  readonly access: Map<CallerWay, Access>;
  runtime: Runtime | null;
  /** What is said instead of the runtime's own state: before it is there, and when it could not be opened again. */
  stand: ConnectionState | null;
  listening: { dispose(): void } | null;
  toldState: ConnectionState['is'] | null;
};

const notThere: Capabilities = buildCapabilities(
  0,
  {},
  { otherwise: { why: 'it is not connected yet.', remedy: 'Wait until it is connected.' } },
);

export class Connections {
  readonly #open: OpenRuntime;
  readonly #allowWrites: boolean;
  readonly #connections = new Map<ConnectionId, Connection>();
  readonly #listeners = new Subscribers<ConnectionChange>();

  constructor(open: OpenRuntime, options: { readonly allowWrites: boolean }) {
    this.#open = open;
    this.#allowWrites = options.allowWrites;
  }

  /**
   * Connects, and answers once the system is ready. While that lasts the connection is listed as connecting; when it fails, or `signal`
   * aborts, it is gone again and nothing is left open.
   */
  async connect(spec: ConnectSpec, caller: Caller, signal: AbortSignal): Promise<Result<ConnectionInfo>> {
    if (signal.aborted) return cancelled('none');
    const id = this.#freeId(spec);
    const connection: Connection = {
      id,
      spec,
      label: labelOf(spec, id),
      openedBy: caller.via,
      access: new Map(),
      runtime: null,
      stand: { is: 'connecting' },
      listening: null,
      toldState: null,
    };
    this.#connections.set(id, connection);
    this.#tell(connection);
    const opened = await this.#openFor(connection, signal);
    if (opened.ok) return ok(this.#infoOf(connection));
    await this.#drop(connection);
    return opened;
  }

  /** Closes a connection. Error: `connection.not_found`. */
  async disconnect(id: ConnectionId): Promise<Result<null>> {
    const connection = this.#connections.get(id);
    if (connection === undefined) return notFound();
    await this.#drop(connection);
    return ok(null);
  }

  /** Tries a lost connection again now: a new runtime under the same id. One that works is left as it is. */
  async retry(id: ConnectionId, signal: AbortSignal): Promise<Result<ConnectionInfo>> {
    const connection = this.#connections.get(id);
    if (connection === undefined) return notFound();
    const { is } = stateOf(connection);
    if (is === 'ready' || is === 'degraded' || is === 'connecting') return ok(this.#infoOf(connection));
    connection.stand = { is: 'connecting' };
    this.#tell(connection);
    connection.listening?.dispose();
    // First the old one, so that what it leases (its node name) is free for the new one.
    await connection.runtime?.close();
    connection.runtime = null;
    const opened = await this.#openFor(connection, signal);
    if (opened.ok) return ok(this.#infoOf(connection));
    connection.stand = { is: 'lost', since: Date.now(), retryAt: null, error: opened.error };
    this.#tell(connection);
    return opened;
  }

  /** The user's consent to writes, or its withdrawal: for calls that come in the way this one does, and no others. */
  setAccess(id: ConnectionId, access: Access, caller: Caller): Result<ConnectionInfo> {
    const connection = this.#connections.get(id);
    if (connection === undefined) return notFound();
    if (caller.role !== 'admin' || (caller.via !== 'editor' && caller.via !== 'cli')) return notTheirs();
    connection.access.set(caller.via, access);
    this.#tell(connection);
    return ok(this.#infoOf(connection));
  }

  list(): readonly ConnectionInfo[] {
    return [...this.#connections.values()].map((connection) => this.#infoOf(connection));
  }

  /** Whether there is such a connection, ready or not. Error: `connection.not_found`. */
  has(id: ConnectionId): Result<null> {
    return this.#connections.has(id) ? ok(null) : notFound();
  }

  /** The connection for a call. Errors: `connection.not_found`; `connection.lost` while there is no runtime behind it. */
  find(id: ConnectionId): Result<CallConnection> {
    const connection = this.#connections.get(id);
    if (connection === undefined) return notFound();
    const { runtime } = connection;
    if (runtime === null) return notConnected();
    return ok({
      facts: { id, kind: runtime.kind },
      label: connection.label,
      runtime,
      access: (way) => this.#accessOf(connection, way),
    });
  }

  /** The connection to the same system that another process had, if we have one: only a running cluster outlives a process. */
  findSame(kind: string, label: string): CallConnection | null {
    if (kind !== 'beam') return null;
    const same = [...this.#connections.values()].find(({ spec, label: ours }) => spec.kind === kind && ours === label);
    const found = same === undefined ? notFound() : this.find(same.id);
    return found.ok ? found.value : null;
  }

  /** Calls `listener` after a connection came, changed or went (then its state is closed). */
  onChange(listener: (change: ConnectionChange) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => this.#drop(connection)));
  }

  async #openFor(connection: Connection, signal: AbortSignal): Promise<Result<Runtime>> {
    const opened = await this.#openSafely(connection, signal);
    if (!opened.ok) return opened;
    if (signal.aborted || this.#connections.get(connection.id) !== connection) {
      await opened.value.close();
      return cancelled('none');
    }
    connection.runtime = opened.value;
    connection.stand = null;
    connection.listening = opened.value.onChange(() => this.#tell(connection));
    this.#tell(connection);
    return opened;
  }

  async #openSafely({ spec, id }: Connection, signal: AbortSignal): Promise<Result<Runtime>> {
    try {
      return await this.#open(spec, id, signal);
    } catch (thrown) {
      const said = thrown instanceof Error ? thrown.message : String(thrown);
      return failure(
        'system',
        'connection.threw',
        `Connecting failed: ${said}`,
        'This is a bug: please report it with the log.',
      );
    }
  }

  async #drop(connection: Connection): Promise<void> {
    if (this.#connections.get(connection.id) !== connection) return;
    this.#connections.delete(connection.id);
    connection.listening?.dispose();
    connection.stand = { is: 'closed' };
    try {
      this.#tell(connection);
    } finally {
      await connection.runtime?.close();
    }
  }

  #tell(connection: Connection): void {
    const state = stateOf(connection);
    const stateChanged = connection.toldState !== state.is;
    connection.toldState = state.is;
    this.#listeners.tell({ id: connection.id, state, stateChanged });
  }

  #infoOf(connection: Connection): ConnectionInfo {
    const { id, label, spec, runtime, openedBy } = connection;
    return {
      id,
      kind: runtime?.kind ?? spec.kind,
      label,
      access: this.#accessOf(connection, openedBy),
      state: stateOf(connection),
      capabilities: runtime?.capabilities ?? notThere,
    };
  }

  /** What is not ours to break is read-only: in the editor until the user agrees, elsewhere unless the backend was started to write. */
  #accessOf({ spec, access }: Connection, way: CallerWay): Access {
    if (spec.kind !== 'beam' || this.#allowWrites) return access.get(way) ?? 'full';
    return access.get(way) ?? (way === 'editor' ? 'confirm' : 'read_only');
  }

  #freeId(spec: ConnectSpec): ConnectionId {
    const base = spec.kind === 'beam' ? spec.node : spec.kind === 'simulated' ? 'sim' : 'local';
    const separator = spec.kind === 'beam' ? '#' : '';
    let id = base;
    for (let n = 2; this.#connections.has(id); n += 1) id = `${base}${separator}${n}`;
    return id;
  }
}

function stateOf({ stand, runtime }: Connection): ConnectionState {
  return stand ?? runtime?.state ?? { is: 'closed' };
}

function labelOf(spec: ConnectSpec, id: ConnectionId): string {
  if (spec.kind === 'beam') return spec.node;
  if (spec.kind === 'local-cluster') {
    return spec.project === undefined ? 'Local cluster' : `Local cluster ${path.basename(spec.project)}`;
  }
  const number = id.replace(/^\D+/, '');
  const runs = spec.clusterFile === undefined ? 'cluster' : path.basename(spec.clusterFile);
  return number === '' ? `Simulated ${runs}` : `Simulated ${runs} ${number}`;
}

function notFound(): { readonly ok: false; readonly error: ArsenalError } {
  return failure(
    'not_found',
    'connection.not_found',
    'There is no such connection.',
    'It has been closed, or was never opened: connect again.',
  );
}

function notTheirs(): Result<never> {
  return failure(
    'authorization',
    'connection.consent_not_yours',
    'Only the user can allow writes, in the editor or on the command line.',
    'Ask the user.',
  );
}
