/** The runtime's side of the port over a channel. */
import type { AnyItem, AnyMethod, AnyResult } from '../callGuard.ts';
import { effectOfBreak, isResult } from '../callGuard.ts';
import { callOptions } from '../callOptions.ts';
import { failure } from '../errors.ts';
import type { MethodName, PortReply, Runtime } from '../port.ts';
import { isMethodName, portMethods } from '../port.ts';
import { methodOf } from '../portFacade.ts';
import type { Disposable, Endpoint } from './endpoint.ts';
import type { CallRequest, Request } from './messages.ts';
import { buffersOfAnswer, buffersOfFrame, readRequest } from './messages.ts';

export type ServedRuntime = Pick<Runtime, 'state' | 'capabilities' | 'onChange' | 'close'> & {
  /** A whole port, or the part of one that the peer may use. */
  readonly port: object;
};
export type ServeOptions = {
  /** What the peer's `close`, or its going away, does. `keep_runtime`: only its calls are cancelled. */
  readonly whenClosed?: 'close_runtime' | 'keep_runtime';
};

/**
 * Serves `runtime` to the peer of `endpoint`: its calls, its state and its capabilities. A stream is pulled only while the peer has
 * given credit. A method the port does not open is answered `unsupported`. Disposing cancels what runs and listens no more.
 */
export function servePort(runtime: ServedRuntime, endpoint: Endpoint, options: ServeOptions = {}): Disposable {
  return new PortServer(runtime, endpoint, options.whenClosed ?? 'close_runtime');
}

/** A call that runs; `credit` is how many more frames the peer has room for. */
type Running = { readonly control: AbortController; credit: number; onCredit: (() => void) | null };

class PortServer implements Disposable {
  readonly #runtime: ServedRuntime;
  readonly #endpoint: Endpoint;
  readonly #whenClosed: 'close_runtime' | 'keep_runtime';
  readonly #running = new Map<number, Running>();
  readonly #listening: readonly Disposable[];

  constructor(runtime: ServedRuntime, endpoint: Endpoint, whenClosed: 'close_runtime' | 'keep_runtime') {
    this.#runtime = runtime;
    this.#endpoint = endpoint;
    this.#whenClosed = whenClosed;
    this.#listening = [
      endpoint.onMessage((message) => {
        const request = readRequest(message);
        if (request !== null) this.#receive(request);
      }),
      endpoint.onClose(() => void this.#close()),
      runtime.onChange(() => {
        this.#tellState();
      }),
    ];
    this.#tellState();
  }

  dispose(): void {
    for (const each of this.#listening) each.dispose();
    for (const running of this.#running.values()) cancel(running);
  }

  #receive(request: Request): void {
    if (request.m === 'close') {
      void this.#close().then(() => this.#post({ m: 'closed' }));
      return;
    }
    const running = this.#running.get(request.id);
    if (request.m === 'call') {
      if (running === undefined) this.#begin(request);
      return;
    }
    if (running === undefined) return;
    if (request.m === 'cancel') {
      cancel(running);
      return;
    }
    running.credit += request.frames;
    running.onCredit?.();
  }

  #begin(request: CallRequest): void {
    const { id, method: name, credit } = request;
    const method = isMethodName(name) ? methodOf(this.#runtime.port, name) : null;
    if (!isMethodName(name) || method === null) {
      const remedy = 'Declare it in `needs`, if the runtime has it.';
      const result = failure('unsupported', 'port.no_such_method', `There is no method ${name} here.`, remedy);
      this.#post({ m: 'end', id, result });
      return;
    }
    const running: Running = { control: new AbortController(), credit, onCredit: null };
    this.#running.set(id, running);
    void this.#run(name, method, request, running).finally(() => this.#running.delete(id));
  }

  async #run(name: MethodName, method: AnyMethod, request: CallRequest, running: Running): Promise<void> {
    const { id, params, remainingMs, correlationId } = request;
    try {
      const answer = method(params, callOptions(remainingMs, running.control.signal, correlationId));
      const said = portMethods[name].kind === 'stream' ? await this.#stream(name, id, answer, running) : await answer;
      const result = isResult(said) ? said : broken(name, 'it answered no result');
      this.#post({ m: 'end', id, result }, buffersOfAnswer(name, result));
    } catch (thrown) {
      this.#post({ m: 'end', id, result: broken(name, thrown) });
    }
  }

  /** Hands on the frames of a stream, each made only when there is credit for it; answers the stream's end. */
  async #stream(name: MethodName, id: number, stream: unknown, running: Running): Promise<unknown> {
    if (!isStream(stream)) return undefined;
    await hasCredit(running);
    for await (const item of stream) {
      if (item.is === 'end') return item.result;
      running.credit -= 1;
      this.#post({ m: 'frame', id, frame: item.frame }, buffersOfFrame(name, item.frame));
      await hasCredit(running);
    }
    return undefined;
  }

  #tellState(): void {
    const { state, capabilities } = this.#runtime;
    this.#post({ m: 'state', state, capabilities });
  }

  /** Throws when `reply` is not plain data. */
  #post(reply: PortReply, transfer: readonly ArrayBuffer[] = []): void {
    try {
      this.#endpoint.post(reply, transfer);
    } catch (thrown) {
      // A buffer that may not change hands (shared with another, or of a pool) is copied.
      if (transfer.length === 0) throw thrown;
      this.#endpoint.post(reply);
    }
  }

  async #close(): Promise<void> {
    this.dispose();
    if (this.#whenClosed === 'close_runtime') await this.#runtime.close();
  }
}

function cancel(running: Running): void {
  running.control.abort();
  running.onCredit?.();
}

/** Waits until the peer has room for a frame, or has left. */
async function hasCredit(running: Running): Promise<void> {
  while (running.credit <= 0 && !running.control.signal.aborted) {
    await new Promise<void>((resolve) => (running.onCredit = resolve));
  }
}

function broken(name: MethodName, thrown: unknown): AnyResult {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  const remedy = 'This is a bug in Arsenal: please report it with the log.';
  return failure('system', 'port.method_threw', `${name} failed: ${said}`, remedy, { effect: effectOfBreak(name) });
}

/** The methods of a port are guarded: what they answer as a stream is one, and its items have their shape. */
function isStream(value: unknown): value is AsyncIterable<AnyItem> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
