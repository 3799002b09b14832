/**
 * Asking EPMD, the Erlang port mapper daemon (ERTS User's Guide, "EPMD Protocol"). We only ask: a node that only dials out need not
 * register, and one that does would be dialled by others.
 */
import { onAbort } from './abort.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import type { Address, Dial, DialOptions } from './tcp.ts';
import { connectTcp } from './tcp.ts';

export const defaultEpmdPort = 4369;

const namesRequest = 110;
const portPlease2Request = 122;
const portReply = 119;
/** A name has at most 255 characters of up to four bytes, so even thousands of nodes fit. */
const mostReplyBytes = 4 * 1024 * 1024;

export type EpmdOptions = DialOptions & {
  /** How to get there, when not directly. */
  readonly dial?: Dial;
};

function unreachable(address: Address, why: 'refused' | 'timeout' | 'network'): DistError {
  return { kind: 'epmd_unreachable', message: `No EPMD answers at ${address.host}:${address.port}.`, ...address, why };
}

function notEpmd(address: Address): DistError {
  return { kind: 'epmd_refused', message: `What answers at ${address.host}:${address.port} is no EPMD.`, ...address };
}

/** The error of a way that is at fault. */
export function routeError(
  address: Address,
  { code, detail }: { readonly code: string; readonly detail: string },
): DistError {
  return { kind: 'route', message: `The way to ${address.host}:${address.port} failed.`, ...address, code, detail };
}

/** Sends one request and takes all that comes until EPMD closes, as it does after each of these. */
async function ask(address: Address, request: Uint8Array, options: EpmdOptions): Promise<DistResult<Buffer>> {
  const started = performance.now();
  const connected = await (options.dial ?? connectTcp)(address, options);
  if (!connected.ok) {
    switch (connected.why) {
      case 'unresolved':
        return failure({
          kind: 'host_unresolved',
          message: `The host ${address.host} is not known.`,
          host: address.host,
        });
      case 'cancelled':
        return failure(cancelled());
      case 'route':
        return failure(routeError(address, connected));
      default:
        return failure(unreachable(address, connected.why));
    }
  }
  const { socket, far } = connected;
  if (options.signal.aborted) {
    socket.destroy();
    return failure(cancelled());
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (result: DistResult<Buffer>): void => {
      clearTimeout(timer);
      ignoreAbort();
      socket.destroy();
      resolve(result);
    };
    const abort = (): void => {
      finish(failure(cancelled()));
    };
    const timer = setTimeout(
      () => {
        finish(failure(unreachable(address, 'timeout')));
      },
      Math.max(1, options.timeoutMs - (performance.now() - started)),
    );
    const ignoreAbort = onAbort(options.signal, abort);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostReplyBytes) finish(failure(notEpmd(address)));
    });
    socket.on('close', () => {
      const isRefused = size === 0 && far === 'unknown';
      finish(isRefused ? failure(unreachable(address, 'refused')) : success(Buffer.concat(chunks)));
    });
    socket.on('error', () => {
      finish(failure(unreachable(address, 'network')));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(request.length);
    socket.write(Buffer.concat([length, request]));
  });
}

export type EpmdName = { readonly name: string; readonly port: number };

/**
 * The names registered at an EPMD (NAMES_REQ), each the part before `@`, with the port its node listens on.
 * Errors: epmd_unreachable, epmd_refused, host_unresolved, cancelled.
 */
export async function epmdNames(address: Address, options: EpmdOptions): Promise<DistResult<readonly EpmdName[]>> {
  const reply = await ask(address, Uint8Array.of(namesRequest), options);
  if (!reply.ok) return reply;
  if (reply.value.length < 4) return failure(notEpmd(address));
  const lines = reply.value
    .toString('utf8', 4)
    .split('\n')
    .filter((line) => line !== '');
  const names: EpmdName[] = [];
  for (const line of lines) {
    const match = /^name (.*) at port (\d{1,5})$/u.exec(line);
    if (match?.[1] === undefined) return failure(notEpmd(address));
    names.push({ name: match[1], port: Number(match[2]) });
  }
  return success(names);
}

export type EpmdPort = {
  readonly port: number;
  /** Handshake versions the node speaks; 6 is OTP 23 and later. */
  readonly highestVersion: number;
  readonly lowestVersion: number;
  readonly hidden: boolean;
};

/**
 * Where the node called `name` (the part before `@`) listens (PORT_PLEASE2_REQ).
 * Errors: no_such_node, epmd_unreachable, epmd_refused, host_unresolved, cancelled.
 */
export async function epmdPort(name: string, address: Address, options: EpmdOptions): Promise<DistResult<EpmdPort>> {
  const reply = await ask(address, Buffer.from([portPlease2Request, ...Buffer.from(name, 'utf8')]), options);
  if (!reply.ok) return reply;
  const bytes = reply.value;
  if (bytes[0] !== portReply || bytes.length < 2) return failure(notEpmd(address));
  if (bytes[1] !== 0) {
    return failure({
      kind: 'no_such_node',
      message: `The EPMD at ${address.host}:${address.port} knows no node called ${name}.`,
      node: name,
      host: address.host,
    });
  }
  if (bytes.length < 12) return failure(notEpmd(address));
  return success({
    port: bytes.readUInt16BE(2),
    highestVersion: bytes.readUInt16BE(6),
    lowestVersion: bytes.readUInt16BE(8),
    hidden: bytes[4] === 72,
  });
}
