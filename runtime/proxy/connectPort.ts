/** The caller's side of the port over a channel: a Runtime like any other. */
import type { AnyItem, AnyResult } from '../callGuard.ts';
import { effectOfBreak } from '../callGuard.ts';
import { remainingNow } from '../callOptions.ts';
import { arsenalError, failure, notConnected } from '../errors.ts';
import type { ConnectionId, RuntimeKind } from '../model.ts';
import type {
  CallOptions,
  Capabilities,
  ConnectionState,
  MethodName,
  Port,
  PortReply,
  PortRequest,
  Runtime,
} from '../port.ts';
import { methodNames, portMethods } from '../port.ts';
import { assemblePort, mapMethods } from '../portFacade.ts';
import type { Disposable, Endpoint } from './endpoint.ts';
import { readReply } from './messages.ts';

export type ConnectPortOptions = {
  readonly id: ConnectionId;
  readonly kind: RuntimeKind;
  /** Frames of a stream that may be under way. A watch has one: a frame that waits grows old, one that is not made is merged. */
  readonly window?: number;
  /** How long the peer has to give back what it holds when it is closed. */
  readonly closeMs?: number;
};

/**
 * The runtime that the peer of `endpoint` serves. It is `connecting` until the peer has said its state, and `lost` once the peer is
 * gone: then every call under way is answered `unavailable`, with effect `unknown` if it was a write.
 */
export function connectPort(endpoint: Endpoint, options: ConnectPortOptions): Runtime {
  return new RemoteRuntime(endpoint, options);
}

const defaultWindow = 2;
const defaultCloseMs = 5_000;

/** A call under way: who hears its frames and its end. */
type Pending = { readonly method: MethodName; frame(frame: unknown): void; end(result: AnyResult): void };

class RemoteRuntime implements Runtime {
  readonly id: ConnectionId;
  readonly kind: RuntimeKind;
  readonly port: Port;
  #state: ConnectionState = { is: 'connecting' };
  #capabilities: Capabilities = notKnownYet();
  readonly #endpoint: Endpoint;
  readonly #window: number;
  readonly #closeMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<{ call(): void }>();
  readonly #listening: readonly Disposable[];
  #nextId = 1;
  #onClosed: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(endpoint: Endpoint, { id, kind, window, closeMs }: ConnectPortOptions) {
    this.id = id;
    this.kind = kind;
    this.#endpoint = endpoint;
    this.#window = window ?? defaultWindow;
    this.#closeMs = closeMs ?? defaultCloseMs;
    this.port = assemblePort(
      methodNames(),
      (name) => (params, options) =>
        portMethods[name].kind === 'unary' ? this.#ask(name, params, options) : this.#stream(name, params, options),
    );
    this.#listening = [
      endpoint.onMessage((message) => {
        const reply = readReply(message);
        if (reply !== null) this.#receive(reply);
      }),
      endpoint.onClose((why) => {
        this.#lost(why);
      }),
    ];
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  onChange(listener: () => void): Disposable {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#state.is !== 'lost') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#closeMs);
        this.#onClosed = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#endpoint.post({ m: 'close' } satisfies PortRequest);
      });
    }
    for (const each of this.#listening) each.dispose();
    this.#endpoint.close();
    this.#become({ is: 'closed' });
    this.#endAll();
  }

  #receive(reply: PortReply): void {
    switch (reply.m) {
      case 'frame':
        this.#pending.get(reply.id)?.frame(reply.frame);
        return;
      case 'end':
        this.#settle(reply.id, reply.result);
        return;
      case 'state':
        this.#capabilities = reply.capabilities;
        this.#become(reply.state);
        return;
      case 'closed':
        this.#onClosed?.();
    }
  }

  #settle(id: number, result: AnyResult): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.end(result);
  }

  #lost(why: string): void {
    this.#onClosed?.();
    const error = arsenalError('unavailable', 'connection.lost', `The runtime is gone: ${why}.`, 'Connect again.');
    if (this.#closing === null) this.#become({ is: 'lost', since: Date.now(), retryAt: null, error });
    this.#endAll();
  }

  /** Nobody will answer what is under way. */
  #endAll(): void {
    for (const [id, { method }] of [...this.#pending]) this.#settle(id, notConnected(effectOfBreak(method)));
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener.call();
  }

  get #isGone(): boolean {
    return this.#closing !== null || this.#state.is === 'lost';
  }

  /** Sends a call and answers how to take it back, or why it did not go. */
  #begin(pending: Pending, params: unknown, options: CallOptions, credit: number): { readonly id: number } | AnyResult {
    if (this.#isGone) return notConnected();
    const id = this.#nextId;
    this.#nextId += 1;
    const { method } = pending;
    const { correlationId, signal } = options;
    const remainingMs = remainingNow(options);
    try {
      this.#endpoint.post({ m: 'call', id, method, params, remainingMs, credit, correlationId } satisfies PortRequest);
    } catch (thrown) {
      const said = thrown instanceof Error ? thrown.message : String(thrown);
      const remedy = 'Give plain data: no functions, no class instances.';
      return failure(
        'validation',
        'port.params_not_plain',
        `The parameters of ${method} cannot be sent: ${said}`,
        remedy,
      );
    }
    this.#pending.set(id, pending);
    signal.addEventListener('abort', () => {
      if (this.#pending.has(id)) this.#endpoint.post({ m: 'cancel', id } satisfies PortRequest);
    });
    return { id };
  }

  #ask(method: MethodName, params: unknown, options: CallOptions): Promise<AnyResult> {
    return new Promise((resolve) => {
      const begun = this.#begin({ method, frame: () => undefined, end: resolve }, params, options, 0);
      if ('ok' in begun) resolve(begun);
    });
  }

  async *#stream(method: MethodName, params: unknown, options: CallOptions): AsyncGenerator<AnyItem> {
    const window = method === 'watch.open' ? 1 : this.#window;
    const items: AnyItem[] = [];
    let wake: () => void = () => undefined;
    const push = (item: AnyItem) => {
      items.push(item);
      wake();
    };
    const end = (result: AnyResult) => {
      push({ is: 'end', result });
    };
    const begun = this.#begin({ method, frame: (frame) => push({ is: 'frame', frame }), end }, params, options, window);
    if ('ok' in begun) {
      yield { is: 'end', result: begun };
      return;
    }
    const { id } = begun;
    // A peer that hangs does not answer a cancellation either.
    options.signal.addEventListener('abort', () => {
      wake();
    });
    try {
      for (;;) {
        if (options.signal.aborted) return;
        const item = items.shift();
        if (item === undefined) {
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        // Its place is free as soon as the consumer has it.
        if (item.is === 'frame' && this.#pending.has(id)) {
          this.#endpoint.post({ m: 'credit', id, frames: 1 } satisfies PortRequest);
        }
        yield item;
        if (item.is === 'end') return;
      }
    } finally {
      this.#leave(id);
    }
  }

  /** Nobody wants the rest of this stream. */
  #leave(id: number): void {
    if (this.#pending.delete(id)) this.#endpoint.post({ m: 'cancel', id } satisfies PortRequest);
  }
}

function notKnownYet(): Capabilities {
  const no = { can: false, why: 'the runtime has not started yet.', remedy: 'Wait until it is ready.' } as const;
  return { version: 0, runtime: mapMethods(() => no), nodes: {} };
}
