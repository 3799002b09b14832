/** One end of a channel that carries a port: a worker, its parent, a MessagePort, or a child process. */
import type { MessagePort, Transferable, Worker } from 'node:worker_threads';

export type Disposable = { dispose(): void };

export interface Endpoint {
  /** Sends a copy. Throws when `message` is not plain data; a message to a peer that is gone is dropped, see {@link onClose}. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): Disposable;
  /** Called once when the peer is gone: it ended, crashed, or closed the channel. */
  onClose(listener: (why: string) => void): Disposable;
  /** Ends the channel, and the worker behind it. */
  close(): void;
}

/** The part of an event emitter that is used here. */
type Emitter = {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
};

/** Calls `listener` on the first of these events, with what it says of the cause. */
function onFirst(
  emitter: Emitter,
  events: { readonly [event: string]: (detail: unknown) => string },
  listener: (why: string) => void,
): Disposable {
  const attached = Object.entries(events).map(([event, describe]) => {
    const heard = (detail: unknown) => {
      stop();
      listener(describe(detail));
    };
    emitter.on(event, heard);
    return { event, heard };
  });
  const stop = () => {
    for (const { event, heard } of attached) emitter.off(event, heard);
  };
  return { dispose: stop };
}

function onMessageOf(emitter: Emitter, listener: (message: unknown) => void): Disposable {
  const heard = (message: unknown) => {
    listener(message);
  };
  emitter.on('message', heard);
  return { dispose: () => void emitter.off('message', heard) };
}

const unreadable = (detail: unknown) => `a message could not be read: ${textOf(detail)}`;
const textOf = (detail: unknown) => (detail instanceof Error ? detail.message : String(detail));

function asTransferList(transfer: readonly ArrayBuffer[]): Transferable[] {
  return [...transfer];
}

/** The parent's end of a worker. Closing it ends the worker. */
export function workerEndpoint(worker: Worker): Endpoint {
  return {
    post: (message, transfer = []) => {
      worker.postMessage(message, asTransferList(transfer));
    },
    onMessage: (listener) => onMessageOf(worker, listener),
    onClose: (listener) =>
      onFirst(
        worker,
        {
          error: (detail) => `its worker failed: ${textOf(detail)}`,
          exit: (code) => `its worker ended with code ${String(code)}`,
          messageerror: unreadable,
        },
        listener,
      ),
    close: () => void worker.terminate(),
  };
}

/** Either end of a MessageChannel, or a worker's `parentPort`. */
export function messagePortEndpoint(port: MessagePort): Endpoint {
  return {
    post: (message, transfer = []) => {
      port.postMessage(message, asTransferList(transfer));
    },
    onMessage: (listener) => onMessageOf(port, listener),
    onClose: (listener) => onFirst(port, { close: () => 'the channel was closed', messageerror: unreadable }, listener),
    close: () => {
      port.close();
    },
  };
}

/** What a ChildProcess and a child's own `process` have in common when there is an IPC channel. */
export type IpcPeer = Emitter & {
  readonly connected?: boolean;
  send?: ((message: object, ...more: never[]) => boolean) | undefined;
  disconnect?: (() => void) | undefined;
};

/**
 * Either end of an IPC channel between processes: a forked child, or the child's own `process`. The child must be forked with
 * `serialization: 'advanced'`: typed arrays do not survive JSON. Nothing is transferred here, only copied.
 */
export function ipcEndpoint(peer: IpcPeer): Endpoint {
  return {
    post: (message) => {
      if (peer.connected === true && typeof message === 'object' && message !== null) peer.send?.(message);
    },
    onMessage: (listener) => onMessageOf(peer, listener),
    onClose: (listener) =>
      onFirst(
        peer,
        {
          disconnect: () => 'the channel to its process was closed',
          exit: (code) => `its process ended with code ${String(code)}`,
          error: (detail) => `its process failed: ${textOf(detail)}`,
        },
        listener,
      ),
    close: () => {
      if (peer.connected === true) peer.disconnect?.();
    },
  };
}
