/**
 * One TCP connection, or why not, within a time.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { onAbort } from './abort.ts';

export type TcpResult =
  | { readonly ok: true; readonly socket: Socket }
  | { readonly ok: false; readonly why: 'refused' | 'unresolved' | 'timeout' | 'network' | 'cancelled' };

function causeOf(error: NodeJS.ErrnoException): 'refused' | 'unresolved' | 'network' {
  switch (error.code) {
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

/** Connects to a host name or address. The socket handed out has no listeners of ours left. */
export function connectTcp(
  address: { readonly host: string; readonly port: number },
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<TcpResult> {
  if (options.signal.aborted) return Promise.resolve({ ok: false, why: 'cancelled' });
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const finish = (result: TcpResult): void => {
      clearTimeout(timer);
      ignoreAbort();
      socket.off('connect', connected);
      socket.off('error', failed);
      if (!result.ok) {
        // A late error of a socket given up is of no interest, but without a listener it would end the process.
        socket.on('error', () => undefined);
        socket.destroy();
      }
      resolve(result);
    };
    const connected = (): void => {
      finish({ ok: true, socket });
    };
    const failed = (error: NodeJS.ErrnoException): void => {
      finish({ ok: false, why: causeOf(error) });
    };
    const abort = (): void => {
      finish({ ok: false, why: 'cancelled' });
    };
    const timer = setTimeout(
      () => {
        finish({ ok: false, why: 'timeout' });
      },
      Math.max(1, options.timeoutMs),
    );
    const ignoreAbort = onAbort(options.signal, abort);
    socket.on('connect', connected);
    socket.on('error', failed);
  });
}
