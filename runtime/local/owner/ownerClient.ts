/** A window's or a tool's line to the owner of a local cluster. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelled, failure, timedOut } from '../../errors.ts';
import type { ArsenalError, Result } from '../../model.ts';
import { remainingNow } from '../../callOptions.ts';
import { isRunning } from '../../osProcess.ts';
import type { CallOptions } from '../../port.ts';
import { readJsonLines, writeJsonLine } from './jsonLines.ts';
import type { OwnerAddress } from './ownerFiles.ts';
import type { ClientRole, OwnerAnswer, OwnerEvent, OwnerMethod, OwnerParams, OwnerRequest } from './protocol.ts';

const attachMs = 2_000;

export class OwnerClient {
  readonly address: OwnerAddress;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (result: Result<unknown>) => void>();
  readonly #listeners = new Set<(event: OwnerEvent) => void>();
  readonly #closed = new Set<() => void>();
  #nextId = 1;
  #isOpen = true;

  private constructor(address: OwnerAddress, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    readJsonLines(socket, (value) => this.#take(value));
    socket.on('close', () => {
      this.#isOpen = false;
      for (const answer of this.#waiting.values()) answer(ownerGone());
      this.#waiting.clear();
      for (const closed of [...this.#closed]) closed();
    });
  }

  /**
   * Attaches to the owner at `address`. `gone`: nobody listens there, or not to its secret. `silent`: it has not answered in two seconds, and
   * its process is there: it may be busy.
   */
  static async attach(address: OwnerAddress, role: ClientRole): Promise<OwnerClient | 'gone' | 'silent'> {
    const socket = await connected(address.port);
    if (socket === null) return 'gone';
    const client = new OwnerClient(address, socket);
    const waiting = new AbortController();
    const late = delay(attachMs, 'late', { signal: waiting.signal }).catch(() => 'late');
    const attached = await Promise.race([client.#ask('attach', { token: address.token, role }), late]);
    waiting.abort();
    if (typeof attached !== 'string' && attached.ok) return client;
    client.close();
    return typeof attached === 'string' && isRunning(address.pid) ? 'silent' : 'gone';
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Asks the owner. Errors: the owner's own, `local.owner_gone`, `call.timeout`, `call.cancelled`. */
  ask<M extends OwnerMethod>(method: M, params: OwnerParams<M>, options: CallOptions): Promise<Result<OwnerAnswer<M>>> {
    return new Promise((resolve) => {
      const settle = (result: Result<OwnerAnswer<M>>): void => {
        clearTimeout(timer);
        options.signal.removeEventListener('abort', abort);
        resolve(result);
      };
      // What was asked goes on at the owner.
      const abort = (): void => settle(cancelled('unknown'));
      const timer = setTimeout(() => settle(timedOut('The local cluster', 'unknown')), remainingNow(options));
      if (options.signal.aborted) {
        settle(cancelled('none'));
        return;
      }
      options.signal.addEventListener('abort', abort, { once: true });
      void this.#ask(method, params).then(settle);
    });
  }

  onEvent(listener: (event: OwnerEvent) => void): void {
    this.#listeners.add(listener);
  }

  /** Called once when the line is gone, whoever closed it. */
  onClosed(listener: () => void): void {
    if (this.#isOpen) this.#closed.add(listener);
    else listener();
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask<M extends OwnerMethod>(method: M, params: OwnerParams<M>): Promise<Result<OwnerAnswer<M>>> {
    return new Promise((resolve) => {
      if (!this.#isOpen) {
        resolve(ownerGone());
        return;
      }
      const id = this.#nextId++;
      // Both ends are of one version, which the owner's file says: the answer is of the shape the table says.
      this.#waiting.set(id, (result) => resolve(result as Result<OwnerAnswer<M>>));
      const request: OwnerRequest = { id, method, params };
      writeJsonLine(this.#socket, request);
    });
  }

  #take(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if ('event' in value) {
      for (const listener of [...this.#listeners]) listener(value as OwnerEvent);
    } else if ('id' in value && 'result' in value && typeof value.id === 'number') {
      const answer = this.#waiting.get(value.id);
      this.#waiting.delete(value.id);
      answer?.(value.result as Result<unknown>);
    }
  }
}

/** The process that owned the cluster has ended, and the nodes with it. */
export function ownerGone(): { readonly ok: false; readonly error: ArsenalError } {
  return failure(
    'unavailable',
    'local.owner_gone',
    'The process that owns the local cluster has ended, and its nodes with it.',
    'Start the cluster again.',
    { effect: 'unknown' },
  );
}

function connected(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const late = setTimeout(() => socket.destroy(), attachMs);
    socket.once('connect', () => {
      clearTimeout(late);
      socket.off('close', refused);
      resolve(socket);
    });
    const refused = (): void => {
      clearTimeout(late);
      resolve(null);
    };
    socket.on('error', () => undefined);
    socket.once('close', refused);
  });
}
