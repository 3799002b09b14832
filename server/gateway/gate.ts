/**
 * The gate every request and every upgrade passes before any handler sees it.
 *
 * A listener on loopback is reachable by each web page the user has open (DNS rebinding: a page's own name is pointed at
 * 127.0.0.1) and by each local process. So: the target is a plain path, Host is one of ours, Origin is absent or ours, and the
 * credential is right. Everything is read from the raw header list, where a repeated header cannot hide.
 */
import type { IncomingMessage } from 'node:http';
import { isKey } from './key.ts';
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError } from '../../runtime/model.ts';

export type GateRules = {
  /** `name:port` in lower case, as a client writes it in Host. */
  readonly hosts: ReadonlySet<string>;
  readonly keyHash: Buffer;
};

export type Refusal = { readonly status: number; readonly error: ArsenalError };
export type Admission =
  | { readonly is: 'admitted'; readonly correlationId: string; readonly caller: 'anyone' | 'key' }
  | ({ readonly is: 'refused'; readonly correlationId: string } & Refusal);

/** Subprotocol of the event socket. A browser, which cannot set headers there, adds a second one that carries the key. */
export const eventsProtocol = 'arsenal.v1';
export const keyProtocolPrefix = 'arsenal.key.';

/** Paths that need no credential. */
const open: ReadonlySet<string> = new Set(['/health']);
const correlationPattern = /^[\w.-]{1,64}$/;

/** The Host values under which a listener is known. `127.0.0.1` is also called `localhost`. */
export function hostsOf(host: string, port: number): ReadonlySet<string> {
  const shown = host.includes(':') ? `[${host}]` : host;
  const names = isLoopback(host) ? [shown, 'localhost'] : [shown];
  // Port 80 is left out by clients.
  return new Set(
    names
      .flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]))
      .map((name) => name.toLowerCase()),
  );
}

/** Whether an address literal is of this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** Lets a request in or says why not. `kind` tells a plain request from a WebSocket upgrade. */
export function admit(
  request: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'>,
  kind: 'request' | 'upgrade',
  rules: GateRules,
  newCorrelationId: () => string,
): Admission {
  const headers = collect(request.rawHeaders);
  const sent = headers.get('x-correlation-id')?.[0];
  const correlationId = sent !== undefined && correlationPattern.test(sent) ? sent : newCorrelationId();
  const refused =
    refuseTarget(request.url) ??
    refuseRepeats(headers) ??
    refuseHost(headers.get('host')?.[0], rules) ??
    refuseOrigin(headers, rules);
  if (refused !== null) return { is: 'refused', correlationId, ...refused };
  const path = pathOf(request.url ?? '');
  if (kind === 'request' && open.has(path)) return { is: 'admitted', correlationId, caller: 'anyone' };
  const key = presentedKey(headers, kind);
  return key !== null && isKey(key, rules.keyHash)
    ? { is: 'admitted', correlationId, caller: 'key' }
    : { is: 'refused', correlationId, ...noCredential };
}

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end === -1 ? target : target.slice(0, end);
}

function collect(raw: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [raw[at + 1] ?? '']);
    else values.push(raw[at + 1] ?? '');
  }
  return headers;
}

function refuseTarget(target: string | undefined): Refusal | null {
  // An absolute target (`GET http://other/ …`) would outrank Host (RFC 9112 §3.2.2); `*` and authority forms are not for us.
  if (target !== undefined && target.startsWith('/') && !target.startsWith('//')) return null;
  return bad('gateway.bad_target', 'The request target is not a path.', 'Ask for a path such as /api/v1/operations.');
}

const single = ['host', 'origin', 'authorization', 'sec-fetch-site', 'x-correlation-id', 'idempotency-key'];

function refuseRepeats(headers: ReadonlyMap<string, readonly string[]>): Refusal | null {
  const repeated = single.find((name) => (headers.get(name)?.length ?? 0) > 1);
  if (repeated === undefined) return null;
  return bad('gateway.repeated_header', `The header ${repeated} stands there more than once.`, 'Send it once.');
}

function refuseHost(host: string | undefined, rules: GateRules): Refusal | null {
  if (host !== undefined && rules.hosts.has(host.toLowerCase())) return null;
  return {
    // RFC 9110 §15.5.20: not able to produce a response for this authority.
    status: 421,
    error: arsenalError(
      'authorization',
      'gateway.unknown_host',
      'The Host of the request is not this gateway.',
      'Use the URL that `arsenal serve` printed.',
    ),
  };
}

function refuseOrigin(headers: ReadonlyMap<string, readonly string[]>, rules: GateRules): Refusal | null {
  const origin = headers.get('origin')?.[0];
  const site = headers.get('sec-fetch-site')?.[0];
  const known =
    origin === undefined || (origin.startsWith('http://') && rules.hosts.has(origin.slice(7).toLowerCase()));
  if (known && (site === undefined || site === 'same-origin' || site === 'none')) return null;
  return {
    status: 403,
    error: arsenalError(
      'authorization',
      'gateway.foreign_origin',
      'Pages of other origins may not call this gateway.',
      'Call it from a program, or from a page it serves itself.',
    ),
  };
}

function presentedKey(headers: ReadonlyMap<string, readonly string[]>, kind: 'request' | 'upgrade'): string | null {
  const authorization = headers.get('authorization')?.[0];
  // A wrong header is wrong, whatever else is sent beside it.
  if (authorization !== undefined) return /^bearer ([\w-]{1,256})$/i.exec(authorization)?.[1] ?? null;
  if (kind === 'request') return null;
  const keys = (headers.get('sec-websocket-protocol') ?? [])
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value.startsWith(keyProtocolPrefix));
  return keys.length === 1 ? (keys[0] ?? '').slice(keyProtocolPrefix.length) : null;
}

const noCredential: Refusal = {
  status: 401,
  error: arsenalError(
    'authentication',
    'gateway.no_credential',
    'The request carries no valid key.',
    'Send `Authorization: Bearer KEY` with the key that `arsenal serve` printed.',
  ),
};

function bad(code: string, message: string, remedy: string): Refusal {
  return { status: 400, error: arsenalError('validation', code, message, remedy) };
}
