/**
 * The event socket: the editor's watches over a WebSocket. Messages are the watch channel's own (`WatchUp` in, `WatchDown` out) as
 * JSON text. What waits for a slow client is bounded by the channel's rule: one unacknowledged frame, one merged delta behind it.
 */
import http from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { arsenalError } from '../../runtime/errors.ts';
import type { ArsenalError } from '../../runtime/model.ts';
import { WatchPublisher } from '../../runtime/watchChannel.ts';
import type { Backend, Caller } from '../backend/backend.ts';
import { decodeWatchUp } from '../protocol/watch.ts';
import type { WatchDown, WatchTopic } from '../protocol/watch.ts';
import { apiBase } from '../protocol/routes.ts';
import { eventsProtocol, pathOf } from './gate.ts';
import type { Admission } from './gate.ts';
import { httpStatus } from './httpStatus.ts';
import { errorDocument, mediaType } from './jsonApi.ts';

export type EventsOptions = {
  readonly backend: Backend;
  readonly caller: Caller;
  readonly admit: (request: IncomingMessage) => Admission;
  readonly log?: (line: string) => void;
  /** Between two pings; a socket that did not answer the last one is ended. Default 30 s. */
  readonly pingMs?: number;
};

const mostPayloadBytes = 1024 * 1024;
const mostSockets = 64;
const mostSubscriptions = 64;
/** With this much unsent the socket takes no more; the channel then merges instead of queueing. */
const mostBufferedBytes = 1024 * 1024;
/** WebSocket close codes (RFC 6455 §7.4.1). */
const goingAway = 1001;
const policyViolation = 1008;

/** Answers upgrades of an HTTP server at `WS /api/v1/events`. `close` ends all sockets. */
export function serveEvents(server: Server, options: EventsOptions): { close(): void } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: mostPayloadBytes,
    perMessageDeflate: false,
    clientTracking: true,
    // The key's subprotocol is never repeated in the answer.
    handleProtocols: (offered) => (offered.has(eventsProtocol) ? eventsProtocol : false),
  });
  let closing = false;

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {
      socket.destroy();
    });
    const admission = options.admit(request);
    if (admission.is === 'refused') {
      refuse(socket, admission.status, admission.error, admission.correlationId);
      return;
    }
    const wrong = refuseUpgrade(request, closing, sockets.clients.size);
    if (wrong !== null) {
      refuse(socket, wrong.status, wrong.error, admission.correlationId);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      serveSocket(webSocket, admission.correlationId, options);
    });
  });

  return {
    close: () => {
      closing = true;
      for (const socket of sockets.clients) socket.close(goingAway, 'closing');
      sockets.close();
      // Whoever does not answer the close is not waited for.
      setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, 500).unref();
    },
  };
}

function serveSocket(socket: WebSocket, correlationId: string, options: EventsOptions): void {
  const { backend, caller } = options;
  let full = false;
  const publisher = new WatchPublisher<WatchTopic>({
    mostSubscriptions,
    open: (topic, signal) => backend.openWatch(topic, { caller, signal, correlationId }),
    send: (down) => {
      full = socket.bufferedAmount > mostBufferedBytes;
      if (full || socket.readyState !== socket.OPEN) return false;
      socket.send(JSON.stringify(down satisfies WatchDown), () => {
        if (!full || socket.bufferedAmount > mostBufferedBytes) return;
        full = false;
        publisher.pump();
      });
      return true;
    },
  });

  let answered = true;
  const pinging = setInterval(() => {
    if (!answered) {
      socket.terminate();
      return;
    }
    answered = false;
    socket.ping();
  }, options.pingMs ?? 30_000);
  pinging.unref();
  socket.on('pong', () => {
    answered = true;
  });
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const up = isBinary ? null : decodeWatchUp(parse(data));
    if (up === null) socket.close(policyViolation, 'not a watch message');
    else publisher.receive(up);
  });
  // A broken frame, a payload beyond the limit: ws closes with the right code; `close` follows.
  socket.on('error', () => options.log?.('An event socket was ended: what it sent is no WebSocket message of ours.'));
  socket.on('close', () => {
    clearInterval(pinging);
    publisher.dispose();
  });
}

function parse(data: RawData): unknown {
  try {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(new Uint8Array(data));
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function refuseUpgrade(
  request: IncomingMessage,
  closing: boolean,
  open: number,
): { readonly status: number; readonly error: ArsenalError } | null {
  if (pathOf(request.url ?? '') !== `${apiBase}/events`) {
    return {
      status: httpStatus.not_found,
      error: arsenalError('not_found', 'route.not_found', 'No socket opens here.', `Open ${apiBase}/events.`),
    };
  }
  if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket') {
    return {
      status: httpStatus.validation,
      error: arsenalError(
        'validation',
        'gateway.bad_upgrade',
        'That is no WebSocket handshake.',
        'Send one (RFC 6455 §4.1).',
      ),
    };
  }
  if (closing || open >= mostSockets) {
    return {
      status: httpStatus.unavailable,
      error: arsenalError(
        'unavailable',
        'gateway.too_many_sockets',
        'No more sockets are taken.',
        'Close one, or wait.',
      ),
    };
  }
  return null;
}

function refuse(socket: Duplex, status: number, error: ArsenalError, correlationId: string): void {
  const body = JSON.stringify(errorDocument(error, correlationId, { in: 'nowhere' }, status));
  socket.end(
    [
      `HTTP/1.1 ${String(status)} ${http.STATUS_CODES[status] ?? 'Refused'}`,
      'Connection: close',
      `Content-Type: ${mediaType}`,
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Correlation-Id: ${correlationId}`,
      ...(status === 401 ? ['WWW-Authenticate: Bearer realm="arsenal"'] : []),
      '',
      body,
    ].join('\r\n'),
  );
  // A peer that does not close after the answer is not waited for.
  setTimeout(() => {
    socket.destroy();
  }, 1_000).unref();
}
