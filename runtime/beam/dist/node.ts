/**
 * A hidden node of our own: it dials out, is not registered anywhere and listens nowhere.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { onAbort } from './abort.ts';
import type { DistEvent, WaitOptions } from './connection.ts';
import { Connection } from './connection.ts';
import { defaultEpmdPort, epmdPort, routeError } from './epmd.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import type { Established } from './handshake.ts';
import { Handshake } from './handshake.ts';
import { Identities } from './identities.ts';
import type { LinkLimits } from './link.ts';
import type { Address, Dial, DialResult } from './tcp.ts';
import { connectTcp } from './tcp.ts';
import type { TlsOptions } from './tls.ts';
import { secure, tlsError } from './tls.ts';

export type HiddenNodeOptions = {
  /** `alive@host`. Each new name leaves an atom on every node it connects to: use few, again and again. */
  readonly name: string;
  readonly cookie: string;
  /** Whether nobody else uses the name now: then an older connection under it, surely a dead one's, may be replaced. */
  readonly nameIsLeased: boolean;
  readonly log?: (event: DistEvent) => void;
  /** Other than the defaults: 15 s, 64 MiB, 512 MiB. */
  readonly limits?: Partial<LinkLimits>;
  /** Other flags than those we usually offer. */
  readonly flags?: bigint;
  /** How to get to an address, when not directly: for nodes and for EPMD. */
  readonly dial?: Dial;
  /** Given when the nodes use TLS distribution. */
  readonly tls?: TlsOptions;
};

export type ConnectTarget = {
  /** `alive@host`, as the node calls itself. */
  readonly node: string;
  /** Where to connect, when not to the host of the name. */
  readonly host?: string;
  /** The node's own port; EPMD is not asked then. */
  readonly port?: number;
  readonly epmdHost?: string;
  /** 4369 when absent. */
  readonly epmdPort?: number;
};

const defaultLimits: LinkLimits = {
  tickMs: 15_000,
  mostQueuedBytes: 64 * 1024 * 1024,
  mostMessageBytes: 512 * 1024 * 1024,
};
/** Where that many nodes were is remembered: some clusters name each new node anew. */
const mostPorts = 1_000;
const fullName = /^[^@\s]+@[^@\s]+$/u;
/** EPMD counts the creation of those that register from 1 to 3; what is random stays clear of it, and of 0, which means any. */
const firstCreation = 4;

function randomCreation(): number {
  return firstCreation + (randomBytes(4).readUInt32BE() % (2 ** 32 - firstCreation));
}

function connectFailed(address: Address, failed: Extract<DialResult, { ok: false }>): DistError {
  switch (failed.why) {
    case 'cancelled':
      return cancelled();
    case 'route':
      return routeError(address, failed);
    case 'unresolved':
      return { kind: 'host_unresolved', message: `The host ${address.host} is not known.`, host: address.host };
    case 'timeout':
      return {
        kind: 'connect_timeout',
        message: `${address.host}:${address.port} did not accept a connection in time.`,
        phase: 'connect',
      };
    default:
      return {
        kind: 'connect_refused',
        message: `${address.host}:${address.port} does not accept connections.`,
        ...address,
      };
  }
}

/**
 * Carries a handshake over a socket. Its listeners are off the socket when it is done. `explain` says what an error of the socket means
 * for the handshake; null when only that it is over.
 */
function shakeHands(
  socket: Socket,
  handshake: Handshake,
  options: WaitOptions,
  explain: (error: Error) => DistError | null,
): Promise<DistResult<Established>> {
  if (options.signal.aborted) {
    socket.destroy();
    return Promise.resolve(failure(cancelled()));
  }
  return new Promise((resolve) => {
    const finish = (result: DistResult<Established>): void => {
      clearTimeout(timer);
      ignoreAbort();
      socket.off('data', data);
      socket.off('close', closed);
      if (result.ok) socket.off('error', broken);
      else socket.destroySoon();
      resolve(result);
    };
    const abort = (): void => {
      finish(failure(cancelled()));
    };
    const closed = (): void => {
      finish(failure(handshake.closed()));
    };
    const broken = (error: Error): void => {
      const explained = explain(error);
      // Else 'close' follows, and says what it means.
      if (explained !== null) finish(failure(explained));
    };
    const data = (chunk: Buffer): void => {
      const step = handshake.receive(chunk);
      for (const packet of step.send) socket.write(packet);
      if (step.kind === 'failed') finish(failure(step.error));
      if (step.kind === 'established') finish(success(step.established));
    };
    const timer = setTimeout(
      () => {
        const message = 'The node did not finish the handshake in time.';
        finish(failure({ kind: 'connect_timeout', message, phase: 'handshake' }));
      },
      Math.max(1, options.timeoutMs),
    );
    const ignoreAbort = onAbort(options.signal, abort);
    socket.on('data', data);
    socket.on('close', closed);
    socket.on('error', broken);
    socket.write(handshake.start());
  });
}

export class HiddenNode {
  readonly name: string;
  readonly creation: number = randomCreation();
  readonly #options: HiddenNodeOptions;
  readonly #identities: Identities;
  readonly #log: (event: DistEvent) => void;
  readonly #connections = new Map<string, Connection>();
  readonly #connecting = new Map<string, Promise<unknown>>();
  /** Where each node was when it was last reached. */
  readonly #ports = new Map<string, number>();
  readonly #closing = new AbortController();

  constructor(options: HiddenNodeOptions) {
    this.name = options.name;
    this.#options = options;
    this.#identities = new Identities(options.name, this.creation);
    this.#log = options.log ?? (() => undefined);
  }

  /**
   * The connection to a node: the one there is, or a new one. Two attempts to one node never run at once, because the node takes the
   * second for a replacement of the first. Errors: all of DistError's up to noconnection, and cancelled.
   */
  async connect(target: ConnectTarget, options: WaitOptions): Promise<DistResult<Connection>> {
    const started = performance.now();
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const left = (): number => options.timeoutMs - (performance.now() - started);
    for (;;) {
      const existing = this.#connections.get(target.node);
      if (existing?.state === 'up') return success(existing);
      const other = this.#connecting.get(target.node);
      if (other === undefined) break;
      const waited = await within(other, { timeoutMs: left(), signal });
      if (waited !== null) return failure(waited);
    }
    const attempt = this.#dial(target, left, signal);
    this.#connecting.set(target.node, attempt);
    const result = await attempt;
    this.#connecting.delete(target.node);
    if (!result.ok) this.#log({ kind: 'failed', node: target.node, error: result.error });
    return result;
  }

  async #dial(target: ConnectTarget, left: () => number, signal: AbortSignal): Promise<DistResult<Connection>> {
    for (const name of [this.name, target.node]) {
      if (!fullName.test(name)) {
        return failure({ kind: 'protocol', message: `${name} is no node name: it must be alive@host.`, what: 'name' });
      }
    }
    const address = await this.#locate(target, left, signal);
    if (!address.ok) return address;
    const { name, creation } = this;
    const { cookie, nameIsLeased, flags, tls } = this.#options;
    const opened = await this.#open(target.node, address.value, left, signal);
    if (!opened.ok) return opened;
    const { socket, isRefused } = opened.value;
    const handshake = new Handshake({
      name,
      creation,
      cookie,
      target: target.node,
      nameIsLeased,
      ...(flags === undefined ? {} : { flags }),
      ...(tls === undefined ? {} : { lengthBytes: 4 }),
    });
    // With TLS 1.3 a node refuses our certificate only after TLS stands for us.
    const explain = (error: Error) => (tls === undefined ? null : tlsError(error, hostOf(target.node), tls));
    const established = await shakeHands(socket, handshake, { timeoutMs: left(), signal }, explain);
    if (established.ok) {
      this.#rememberPort(target.node, address.value.port);
      return success(this.#up(socket, established.value));
    }
    return isRefused() ? failure(connectFailed(address.value, { ok: false, why: 'refused' })) : established;
  }

  #rememberPort(node: string, port: number): void {
    this.#ports.delete(node);
    this.#ports.set(node, port);
    for (const oldest of this.#ports.keys()) {
      if (this.#ports.size <= mostPorts) break;
      this.#ports.delete(oldest);
    }
  }

  /** A socket on which the handshake can begin. `isRefused`: it was closed by a tunnel because nothing listens behind it. */
  async #open(
    node: string,
    address: Address,
    left: () => number,
    signal: AbortSignal,
  ): Promise<DistResult<{ readonly socket: Socket; readonly isRefused: () => boolean }>> {
    const { dial = connectTcp, tls } = this.#options;
    // Under TLS the socket reads for another.
    const chunks = tls === undefined ? 'views' : 'own';
    const dialled = await dial(address, { timeoutMs: left(), signal, chunks });
    if (!dialled.ok) return failure(connectFailed(address, dialled));
    const { socket, far } = dialled;
    const isRefused = () => far === 'unknown' && socket.bytesRead === 0 && left() > 0 && !signal.aborted;
    if (tls === undefined) return success({ socket, isRefused });
    const secured = await secure(socket, hostOf(node), tls, { timeoutMs: left(), signal });
    if (secured.ok) return success({ socket: secured.value, isRefused: () => false });
    return isRefused() ? failure(connectFailed(address, { ok: false, why: 'refused' })) : secured;
  }

  async #locate(target: ConnectTarget, left: () => number, signal: AbortSignal): Promise<DistResult<Address>> {
    const host = target.host ?? hostOf(target.node);
    if (target.port !== undefined) return success({ host, port: target.port });
    const epmd = { host: target.epmdHost ?? host, port: target.epmdPort ?? defaultEpmdPort };
    const { dial } = this.#options;
    const alive = target.node.slice(0, target.node.indexOf('@'));
    const found = await epmdPort(alive, epmd, { timeoutMs: left(), signal, ...(dial !== undefined && { dial }) });
    if (!found.ok) {
      const before = this.#ports.get(target.node);
      // A node outlives its EPMD, and who it is it says itself.
      return found.error.kind === 'epmd_unreachable' && before !== undefined ? success({ host, port: before }) : found;
    }
    if (found.value.highestVersion < 6) {
      const message = `${target.node} speaks only the handshake of before OTP 23.`;
      return failure({ kind: 'protocol', message, what: 'old_protocol' });
    }
    return success({ host, port: found.value.port });
  }

  #up(socket: Socket, established: Established): Connection {
    const limits = { ...defaultLimits, ...this.#options.limits };
    const connection = new Connection(socket, established, this.#identities, limits, this.#log);
    this.#connections.set(established.node, connection);
    connection.onDown(() => {
      if (this.#connections.get(established.node) === connection) this.#connections.delete(established.node);
    });
    connection.begin(established.rest);
    return connection;
  }

  /** Ends all connections and attempts, for good. */
  close(): void {
    this.#closing.abort();
    for (const connection of [...this.#connections.values()]) connection.disconnect();
  }
}

/** What stands after the @. */
function hostOf(node: string): string {
  return node.slice(node.indexOf('@') + 1);
}

/** Waits for something of another's, as long as we may: null when it has ended, however it did. */
function within(other: Promise<unknown>, { timeoutMs, signal }: WaitOptions): Promise<DistError | null> {
  if (signal.aborted) return Promise.resolve(cancelled());
  return new Promise((resolve) => {
    const finish = (error: DistError | null): void => {
      clearTimeout(timer);
      ignoreAbort();
      resolve(error);
    };
    const abort = (): void => {
      finish(cancelled());
    };
    const timer = setTimeout(
      () => {
        const message = 'Another attempt to connect to the node did not end in time.';
        finish({ kind: 'connect_timeout', message, phase: 'connect' });
      },
      Math.max(1, timeoutMs),
    );
    const ignoreAbort = onAbort(signal, abort);
    const ended = (): void => {
      finish(null);
    };
    other.then(ended, ended);
  });
}
