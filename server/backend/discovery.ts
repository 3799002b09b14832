/**
 * When the nodes are asked which operations they have: when a connection is ready, while somebody looks at it, when the catalogue is read,
 * and when a name is called that nobody knows. Never for nobody: a connection that is only open is left alone.
 */
import { callOptions } from '../../runtime/callOptions.ts';
import type { ConnectionId, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { NodeOperations } from '../services/nodeOperations/nodeOperations.ts';

export type DiscoveryServices = {
  readonly nodeOperations: Pick<NodeOperations, 'take' | 'keepNodes' | 'forget'>;
  /** The runtime behind a connection now; an error while there is none. */
  runtime(connection: ConnectionId): Result<Runtime>;
  /** The connections that somebody looks at. */
  watched(): readonly ConnectionId[];
  connections(): readonly ConnectionId[];
};

const everyMs = 2_000;
const askedForMs = 10_000;

export class Discovery {
  readonly #services: DiscoveryServices;
  readonly #closing = new AbortController();
  readonly #asking = new Map<ConnectionId, Promise<Result<null>>>();
  readonly #next = new Map<ConnectionId, Promise<Result<null>>>();
  readonly #askedAt = new Map<ConnectionId, number>();
  readonly #poll: NodeJS.Timeout;

  constructor(services: DiscoveryServices) {
    this.#services = services;
    this.#poll = setInterval(() => {
      for (const connection of services.watched()) this.lookSoon(connection, everyMs / 2);
    }, everyMs);
    this.#poll.unref();
  }

  /** Asks now, together with those who ask at the same time. Errors: those of the port; a runtime that has no such thing is no error. */
  look(connection: ConnectionId): Promise<Result<null>> {
    const known = this.#asking.get(connection);
    if (known !== undefined) return known;
    const asking = this.#ask(connection).finally(() => this.#asking.delete(connection));
    this.#asking.set(connection, asking);
    return asking;
  }

  /** Asks in the background, unless it was asked less than `olderThanMs` ago. */
  lookSoon(connection: ConnectionId, olderThanMs = everyMs): void {
    if (this.#age(connection) >= olderThanMs) void this.look(connection);
  }

  /** Asks for all connections, for somebody who reads the catalogue. */
  lookAtAll(): void {
    for (const connection of this.#services.connections()) this.lookSoon(connection);
  }

  /**
   * Asks with a question that begins now: one that is under way may have passed the module by. However many ask, one question follows
   * the other.
   */
  lookAnew(connection: ConnectionId): Promise<Result<null>> {
    const asking = this.#asking.get(connection);
    if (asking === undefined) return this.look(connection);
    const next =
      this.#next.get(connection) ??
      asking.then(() => {
        this.#next.delete(connection);
        return this.look(connection);
      });
    this.#next.set(connection, next);
    return next;
  }

  /** The connection is closed. */
  forget(connection: ConnectionId): void {
    this.#askedAt.delete(connection);
    this.#services.nodeOperations.forget(connection);
  }

  close(): void {
    clearInterval(this.#poll);
    this.#closing.abort();
  }

  #age(connection: ConnectionId): number {
    const askedAt = this.#askedAt.get(connection);
    return askedAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - askedAt;
  }

  async #ask(connection: ConnectionId): Promise<Result<null>> {
    try {
      const runtime = this.#services.runtime(connection);
      if (!runtime.ok) return runtime;
      if (!runtime.value.capabilities.runtime['operations.find'].can) return ok(null);
      const { port } = runtime.value;
      const options = callOptions(askedForMs, this.#closing.signal);
      const found = await port.operations.find({ nodes: 'all', onDisk: false }, options);
      if (!found.ok) return found;
      const now = this.#services.runtime(connection);
      if (!now.ok) return now;
      // Another life of it meanwhile: what was found is of a system that is not there any more.
      if (now.value !== runtime.value) return ok(null);
      this.#services.nodeOperations.take(connection, found.value);
      this.#services.nodeOperations.keepNodes(
        connection,
        found.value.nodes.map(({ node }) => node),
      );
      return ok(null);
    } finally {
      this.#askedAt.set(connection, performance.now());
    }
  }
}
