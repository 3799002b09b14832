/**
 * The gateway: operations over REST (JSON:API 1.1) and watches over a WebSocket, for scripts, tools and other Arsenals.
 *
 * It listens on loopback with a secret unless told otherwise in so many words. The gate stands in the HTTP server itself, before
 * the framework: what it refuses reaches no handler, no hook and no parser of bodies.
 */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { arsenalError, failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { ArsenalError, ConnectionId, Result } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import type { Role } from '../protocol/operation.ts';
import { serveEvents } from './events.ts';
import { admit, hostsOf, isLoopback } from './gate.ts';
import type { GateRules } from './gate.ts';
import { errorDocument, mediaType } from './jsonApi.ts';
import { createKey, hashKey } from './key.ts';
import { addRoutes, answerFrameworkError } from './routes.ts';

export type GatewayOptions = {
  readonly backend: Backend;
  /** The connection a call means that names none; asked at each call, because it may be opened later. */
  readonly defaultConnection: () => ConnectionId | null;
  /** Default `127.0.0.1`. Any other address has to be asked for by the user. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default: a new one. */
  readonly key?: string;
  /** What the key's holder may do; default admin: it is printed to the user who started the gateway. */
  readonly role?: Role;
  /** The program's, for the description of the interface. */
  readonly version?: string;
  readonly log?: (line: string) => void;
  /** Between two pings of an event socket; one that has not answered the last is ended. Default 30 s. */
  readonly pingMs?: number;
};

export type Gateway = {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** Takes no more calls, lets the running ones end for at most `graceMs` (default 2,000), then cuts them. Never rejects. */
  close(graceMs?: number): Promise<void>;
};

export const bodyLimitBytes = 1024 * 1024;
/** Headers and body have to be there by then: a slow sender holds a socket no longer. */
const requestTimeoutMs = 30_000;
const longestPathSegment = 1024;

/** Starts a gateway. Fails with `gateway.bad_host`, `gateway.port_in_use` or `gateway.cannot_listen`. */
export async function startGateway(options: GatewayOptions): Promise<Result<Gateway>> {
  const host = options.host ?? '127.0.0.1';
  if (host === '0.0.0.0' || host === '::' || host === '') {
    return failure(
      'validation',
      'gateway.bad_host',
      'A gateway listens on one address, so that it can tell its own Host header from a foreign one.',
      'Name one address of this machine with --host, or leave it out for 127.0.0.1.',
    );
  }
  const key = options.key ?? createKey();
  const role = options.role ?? 'admin';
  const stopping = new AbortController();
  // Which hosts are ours is known only with the port; until it listens nothing can arrive.
  let rules: GateRules = { hosts: new Set(), keyHash: hashKey(key) };
  const correlationIds = new WeakMap<http.IncomingMessage, string>();

  const server = (handler: http.RequestListener): http.Server =>
    http
      .createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs }, (request, response) => {
        const admission = admit(request, 'request', rules, randomUUID);
        response.setHeader('x-correlation-id', admission.correlationId);
        response.setHeader('cache-control', 'no-store');
        response.setHeader('x-content-type-options', 'nosniff');
        if (admission.is === 'admitted') {
          correlationIds.set(request, admission.correlationId);
          handler(request, response);
          return;
        }
        refuse(response, admission.status, admission.error, admission.correlationId);
      })
      .on('clientError', (_error, socket) => {
        if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        else socket.destroy();
      });

  const app: FastifyInstance = Fastify({
    serverFactory: server,
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: true,
    return503OnClosing: true,
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => void answerFrameworkError(error, reply),
    routerOptions: { maxParamLength: longestPathSegment },
    genReqId: (request) => correlationIds.get(request) ?? randomUUID(),
  });
  addRoutes(app, {
    backend: options.backend,
    defaultConnection: options.defaultConnection,
    caller: { principal: 'key:gateway', via: 'rest', role },
    // A request that did not come through the gate (`inject` in a test, a listener someone adds) is nobody's.
    isAdmitted: (request) => correlationIds.has(request),
    stopping: stopping.signal,
    version: options.version ?? 'unknown',
  });
  const events = serveEvents(app.server, {
    backend: options.backend,
    caller: { principal: 'key:gateway', via: 'ws', role },
    admit: (request) => admit(request, 'upgrade', rules, randomUUID),
    ...(options.log !== undefined && { log: options.log }),
    ...(options.pingMs !== undefined && { pingMs: options.pingMs }),
  });

  try {
    await app.listen({ host, port: options.port ?? 0, listenTextResolver: () => '' });
  } catch (error) {
    await app.close();
    return listenFailure(error, host, options.port ?? 0);
  }
  const port = portOf(app.server.address());
  rules = { ...rules, hosts: hostsOf(host, port) };
  if (!isLoopback(host))
    options.log?.(`The gateway listens on ${host}: other machines can reach it. It speaks no TLS.`);

  return ok({
    url: `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    host,
    port,
    key,
    close: async (graceMs = 2_000) => {
      const timer = setTimeout(() => {
        stopping.abort();
      }, graceMs);
      events.close();
      app.server.close();
      app.server.closeIdleConnections();
      await Promise.race([idle(app.server), aborted(stopping.signal)]);
      clearTimeout(timer);
      stopping.abort();
      await app.close();
    },
  });
}

function refuse(response: http.ServerResponse, status: number, error: ArsenalError, correlationId: string): void {
  if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="arsenal"');
  const body = JSON.stringify(errorDocument(error, correlationId, { in: 'nowhere' }, status));
  // The body of a refused request is not read: the connection ends with the answer.
  response.writeHead(status, {
    'content-type': mediaType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

function idle(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      server.closeIdleConnections();
      server.getConnections((error, count) => {
        if (error !== null || count === 0) resolve();
        else setTimeout(look, 20);
      });
    };
    look();
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

function portOf(address: AddressInfo | string | null): number {
  return address !== null && typeof address === 'object' ? address.port : 0;
}

function listenFailure(error: unknown, host: string, port: number): Result<Gateway> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return failure(
      'conflict',
      'gateway.port_in_use',
      `Port ${String(port)} on ${host} is taken.`,
      'Choose another with --port, or leave it out for a free one.',
    );
  }
  return {
    ok: false,
    error: arsenalError(
      'unavailable',
      'gateway.cannot_listen',
      `Cannot listen on ${host} port ${String(port)}${typeof code === 'string' ? ` (${code})` : ''}.`,
      'Name an address of this machine and a port you may use.',
    ),
  };
}
