/**
 * One TCP connection, or why not, within a time; over whichever of a host's addresses answers first.
 */
import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { onAbort } from './abort.ts';

export type Address = { readonly host: string; readonly port: number };
export type DialOptions = {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /**
   * Whether what 'data' brings may be kept. `views` may not, being one buffer used again and again: it saves an allocation and some
   * microseconds for each read. `own` when absent.
   */
  readonly chunks?: 'own' | 'views';
};

export type DialResult =
  /** `far`: whether the address itself has accepted, or only what stands before it (a tunnel), which closes when the address refuses. */
  | { readonly ok: true; readonly socket: Socket; readonly far: 'accepted' | 'unknown' }
  | { readonly ok: false; readonly why: 'refused' | 'unresolved' | 'timeout' | 'network' | 'cancelled' }
  /** The way that was given to get there (a tunnel) is at fault: `code` for programs, `detail` for people. */
  | { readonly ok: false; readonly why: 'route'; readonly code: string; readonly detail: string };

/** Opens a connection to an address. What it answers has no listeners of its own left on the socket. */
export type Dial = (address: Address, options: DialOptions) => Promise<DialResult>;

type Why = 'refused' | 'unresolved' | 'network';

/** The next address of a host is tried when the one before has failed or taken so long (RFC 8305, section 5). */
const headStartMs = 250;

function causeOf(error: unknown): Why {
  switch (error instanceof Error && 'code' in error ? error.code : null) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return 'unresolved';
    default:
      return 'network';
  }
}

/** The addresses of a host, or why there are none. */
export type FindAddresses = (host: string) => Promise<readonly string[] | Why>;

/** Every address of `host`, of both families, in the order the system gives them (RFC 6724). */
const addressesOf: FindAddresses = async (host) => {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.length === 0 ? 'unresolved' : found.map(({ address }) => address);
  } catch (error) {
    return causeOf(error);
  }
};

/**
 * Connects to a host name or address. All addresses of a name are tried in their order; a slow one is not given up while the next is
 * tried, because what is slow may still be the only way. The first to accept is taken.
 */
export function connectTcp(
  address: Address,
  options: DialOptions,
  find: FindAddresses = addressesOf,
): Promise<DialResult> {
  if (options.signal.aborted) return Promise.resolve({ ok: false, why: 'cancelled' });
  return new Promise((resolve) => {
    const trying = new Set<Socket>();
    let waiting: readonly string[] = [];
    /** Of those that failed; a refusal says more than a network that is not there. */
    let why: Why = 'network';
    let isSettled = false;
    let headStart: NodeJS.Timeout | undefined;
    const finish = (result: DialResult): void => {
      isSettled = true;
      clearTimeout(timer);
      clearTimeout(headStart);
      ignoreAbort();
      for (const socket of trying) giveUp(socket);
      resolve(result);
    };
    const next = (): void => {
      clearTimeout(headStart);
      const [host, ...others] = waiting;
      waiting = others;
      if (host !== undefined) tryOne(host);
      else if (trying.size === 0) finish({ ok: false, why });
      if (!isSettled && waiting.length > 0) headStart = setTimeout(next, headStartMs);
    };
    const tryOne = (host: string): void => {
      const socket = open({ host, port: address.port }, options.chunks ?? 'own');
      trying.add(socket);
      const failed = (error: unknown): void => {
        const cause = causeOf(error);
        if (why !== 'refused') why = cause;
        trying.delete(socket);
        giveUp(socket);
        if (!isSettled) next();
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        trying.delete(socket);
        finish({ ok: true, socket, far: 'accepted' });
      });
    };
    const timer = setTimeout(
      () => {
        finish({ ok: false, why: 'timeout' });
      },
      Math.max(1, options.timeoutMs),
    );
    const ignoreAbort = onAbort(options.signal, () => {
      finish({ ok: false, why: 'cancelled' });
    });
    void find(address.host).then((found) => {
      if (isSettled) return;
      if (typeof found === 'string') finish({ ok: false, why: found });
      else {
        waiting = found;
        next();
      }
    });
  });
}

/** As much as Node.js reads at once by itself. */
const readBytes = 64 * 1024;

function open(address: Address, chunks: 'own' | 'views'): Socket {
  if (chunks === 'own') return connect({ ...address, noDelay: true });
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const socket: Socket = connect({
    ...address,
    noDelay: true,
    onread: {
      buffer,
      callback: (count) => {
        socket.emit('data', buffer.subarray(0, count));
        return true;
      },
    },
  });
  return socket;
}

function giveUp(socket: Socket): void {
  socket.removeAllListeners();
  // A late error of a socket given up is of no interest, but without a listener it would end the process.
  socket.on('error', () => undefined);
  socket.destroy();
}
