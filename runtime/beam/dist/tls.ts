/**
 * TLS distribution (`-proto_dist inet_tls`; SSL User's Guide, "Using TLS for Erlang Distribution"), from the side that dials. What runs
 * inside is the same protocol, but for the length before each packet of the handshake.
 */
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { onAbort } from './abort.ts';
import type { DistError, DistResult } from './errors.ts';
import { cancelled, failure, success } from './errors.ts';
import type { DialOptions } from './tcp.ts';

/** PEM texts. */
export type TlsOptions = {
  /** Who may vouch for the node; without it, those whom Node.js trusts. */
  readonly ca?: string;
  /** Our own certificate and key, for nodes that demand one. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the node's certificate must have; without it the host part of the node's name. */
  readonly servername?: string;
  /** `none` takes whoever answers: then the encryption protects from nobody who can stand between. */
  readonly verify: 'peer' | 'none';
};

export type TlsFault = Extract<DistError, { kind: 'tls' }>['what'];

/**
 * Codes of OpenSSL and of Node.js (X509_V_ERR_…, ERR_TLS_…, and ERR_SSL_… with OpenSSL's reason; `…ALERT…` is what the node said), which
 * are interfaces, not words for people.
 */
const faults: { readonly [code: string]: TlsFault } = {
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown_ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_ca',
  CERT_UNTRUSTED: 'unknown_ca',
  CERT_REJECTED: 'unknown_ca',
  INVALID_CA: 'unknown_ca',
  CERT_SIGNATURE_FAILURE: 'unknown_ca',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not_yet_valid',
  CERT_REVOKED: 'revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong_host',
  HOSTNAME_MISMATCH: 'wrong_host',
  INVALID_PURPOSE: 'wrong_purpose',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not_tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'not_tls',
  ERR_SSL_HTTP_REQUEST: 'not_tls',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'client_certificate_required',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'client_certificate_refused',
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: 'client_certificate_refused',
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: 'client_certificate_refused',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'version',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'version',
};

/** What a socket's error says of TLS; null when it is not of TLS. A node below TLS 1.3 refuses a missing certificate with a general alert. */
export function tlsError(error: unknown, host: string, options: TlsOptions): DistError | null {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const general = options.cert === undefined ? 'client_certificate_required' : 'refused';
  const what =
    faults[code] ??
    (code === 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' ? general : code.startsWith('ERR_SSL_') ? 'refused' : null);
  return what === null ? null : fault(what, host, code);
}

function timeout(message: string): DistError {
  return { kind: 'connect_timeout', message, phase: 'handshake' };
}

function fault(what: TlsFault, host: string, code: string): DistError {
  return { kind: 'tls', message: `TLS with ${host} failed: ${code === '' ? what : code}.`, what, host, code };
}

/**
 * Begins TLS on a socket that is connected to a node of `host`. After a failure the socket is destroyed. Errors: tls, connect_timeout,
 * cancelled.
 */
export function secure(
  socket: Socket,
  host: string,
  options: TlsOptions,
  wait: DialOptions,
): Promise<DistResult<TLSSocket>> {
  const name = options.servername ?? host;
  const { ca, cert, key, verify } = options;
  const own: ConnectionOptions = {
    socket,
    // Checked against the certificate. An address may not be sent as a name (RFC 6066, section 3).
    host: name,
    ...(isIP(name) === 0 && { servername: name }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: verify === 'peer',
  };
  let tls: TLSSocket;
  try {
    tls = connect(own);
  } catch (error) {
    // OpenSSL reads the PEM texts at once.
    socket.on('error', () => undefined);
    socket.destroy();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return Promise.resolve(failure(fault('own_files', host, code)));
  }
  return new Promise((resolve) => {
    const finish = (result: DistResult<TLSSocket>): void => {
      clearTimeout(timer);
      ignoreAbort();
      tls.off('secureConnect', secured);
      tls.off('close', closed);
      if (result.ok) tls.off('error', failed);
      else tls.destroy();
      resolve(result);
    };
    const secured = (): void => {
      finish(success(tls));
    };
    const failed = (error: Error): void => {
      finish(failure(tlsError(error, host, options) ?? fault('closed', host, '')));
    };
    const closed = (): void => {
      finish(failure(fault('closed', host, '')));
    };
    const timer = setTimeout(
      () => {
        const message = `${host} did not finish the TLS handshake in time.`;
        // A node without TLS waits for the rest of what it takes for a long packet.
        const error = socket.bytesRead === 0 ? fault('silent', host, '') : timeout(message);
        finish(failure(error));
      },
      Math.max(1, wait.timeoutMs),
    );
    const ignoreAbort = onAbort(wait.signal, () => {
      finish(failure(cancelled()));
    });
    tls.on('secureConnect', secured);
    tls.on('error', failed);
    tls.on('close', closed);
  });
}
