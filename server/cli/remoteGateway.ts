/** Calls to a running gateway (`arsenal serve`) for `run --url`. */
import fs from 'node:fs/promises';
import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { failure } from '../../runtime/errors.ts';
import { errorClasses, ok } from '../../runtime/model.ts';
import type { Effect, ErrorClass, Failure, Json, Result } from '../../runtime/model.ts';
import { httpStatus } from '../gateway/httpStatus.ts';
import { parseJson } from '../gateway/json.ts';
import { isJsonObject, linesType, mediaType } from '../gateway/jsonApi.ts';
import type { Document, JsonObject } from '../gateway/jsonApi.ts';
import { apiBase } from '../protocol/routes.ts';
import type { CliIo } from './io.ts';

export type GatewayAddress = {
  readonly url: string;
  readonly key: string;
  /** Of whoever calls (W3C Trace Context): `TRACEPARENT`. */
  readonly traceparent?: string;
};

/** Where a gateway is and its key: `--key`, `--key-file`, else `ARSENAL_KEY`. */
export async function gatewayAddress(
  io: CliIo,
  options: { readonly url: string; readonly key?: string; readonly keyFile?: string },
): Promise<Result<GatewayAddress>> {
  const url = URL.canParse(options.url) ? new URL(options.url) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return failure(
      'validation',
      'cli.bad_url',
      'That is not the URL of a gateway.',
      'Give what `arsenal serve` printed.',
    );
  }
  let key = options.key ?? io.env['ARSENAL_KEY'];
  if (options.key === undefined && options.keyFile !== undefined) {
    try {
      key = (await fs.readFile(options.keyFile, 'utf8')).trim();
    } catch {
      return failure(
        'validation',
        'cli.no_key_file',
        'The key file cannot be read.',
        'Name a file that holds the key.',
      );
    }
  }
  if (key === undefined || key === '') {
    return failure(
      'authentication',
      'cli.no_key',
      'A gateway wants its key.',
      'Give --key KEY, --key-file FILE, or set ARSENAL_KEY.',
    );
  }
  const traceparent = io.env['TRACEPARENT'];
  return ok({ url: url.origin, key, ...(isHeader(traceparent) && { traceparent }) });
}

/** Whether it can be sent: what is none would break the request, and is the surroundings', not the user's. */
function isHeader(text: string | undefined): text is string {
  return text !== undefined && /^[\x21-\x7e]{1,200}$/.test(text);
}

export type GatewayRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: JsonObject;
  readonly requestId?: string;
  /** What a broken connection means for the world. */
  readonly effectIfLost: Effect;
  /** Asks for an answer in lines, and is told of each but the last, which is the document that others get alone. */
  readonly onLine?: (line: JsonObject) => void;
};
/** `reached` false: no gateway answered. */
type GatewayAnswer = { readonly reached: boolean; readonly result: Result<JsonObject> };

/**
 * One request. A gateway's own error comes back as the error it is, with the correlation id of its log. An answer in lines that ends before
 * its last is lost.
 */
export async function callGateway(
  address: GatewayAddress,
  request: GatewayRequest,
  signal: AbortSignal,
): Promise<GatewayAnswer> {
  const { onLine } = request;
  let response: IncomingMessage | null = null;
  let text: string;
  try {
    response = await respondedTo(address, request, signal);
    response.setEncoding('utf8');
    const isInLines = onLine !== undefined && response.headers['content-type'] === linesType;
    text = isInLines ? await lastLine(response, onLine) : await allText(response);
  } catch {
    if (signal.aborted) {
      return {
        reached: true,
        result: failure('cancelled', 'call.cancelled', 'Cancelled.', 'Ask for its outcome before running it again.', {
          effect: request.effectIfLost,
        }),
      };
    }
    if (response !== null) return lost(request);
    return {
      reached: false,
      result: failure(
        'unavailable',
        'connect.gateway_unreachable',
        `No gateway answers at ${address.url}.`,
        'Start one with `arsenal serve`, or correct the URL.',
        { effect: request.effectIfLost },
      ),
    };
  }
  const document = parse(text);
  if (document === null && response.headers['content-type'] === linesType) return lost(request);
  if (document === null) {
    return {
      reached: false,
      result: failure(
        'unavailable',
        'connect.not_a_gateway',
        `What answers at ${address.url} is not an Arsenal gateway.`,
        'Correct the URL.',
        { effect: request.effectIfLost },
      ),
    };
  }
  const { statusCode = 0 } = response;
  return statusCode >= 200 && statusCode < 300 && !Object.hasOwn(document, 'errors')
    ? { reached: true, result: ok(document) }
    : { reached: statusCode !== 401, result: errorOf(document, statusCode) };
}

/**
 * Sends it, and answers when there are headers. Rejects when there is nobody, or the signal aborts. Not by `fetch`, which gives up an answer
 * that takes longer than five minutes: how long a call may take is the call's to say.
 */
function respondedTo(
  address: GatewayAddress,
  { method, path, body, requestId, onLine }: GatewayRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    accept: onLine === undefined ? mediaType : `${linesType}, ${mediaType}`,
    authorization: `Bearer ${address.key}`,
    ...(text !== undefined && { 'content-type': mediaType, 'content-length': Buffer.byteLength(text) }),
    ...(requestId !== undefined && { 'idempotency-key': requestId }),
    ...(address.traceparent !== undefined && { traceparent: address.traceparent }),
  };
  const url = new URL(`${address.url}${path}`);
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // A connection of its own: one that is kept may be closed by the gateway just as it is used again.
    const sent = request(url, { method, headers, signal, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(text);
  });
}

async function allText(chunks: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += String(chunk);
  return text;
}

function lost({ effectIfLost }: GatewayRequest): GatewayAnswer {
  return {
    reached: true,
    result: failure(
      'unavailable',
      'connect.gateway_lost',
      'The gateway ended before it had answered.',
      'Ask for its outcome before running it again.',
      { effect: effectIfLost },
    ),
  };
}

/** How long is waited, when the user has given a call up, for what it had done by then. */
const endingMs = 30_000;
/** And where it cannot be cancelled: it may be over, and its answer on the way. */
const answeringMs = 1_000;

/**
 * The same for a call of an operation by its `requestId`, which ends as one does here when the user gives it up: it is cancelled there, and
 * answers what it had done by then. Where it cannot be cancelled by its id it is by hanging up.
 */
export async function callUntilStopped(
  address: GatewayAddress,
  request: GatewayRequest & { readonly requestId: string },
  stop: AbortSignal,
): Promise<GatewayAnswer> {
  const hangUp = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const hangUpAfter = (ms: number): void => void timers.push(setTimeout(() => hangUp.abort(), ms));
  const cancel = async (): Promise<void> => {
    hangUpAfter(endingMs);
    const path = `${apiBase}/executions/${encodeURIComponent(request.requestId)}`;
    const cancelled = await callGateway(address, { method: 'DELETE', path, effectIfLost: 'none' }, hangUp.signal);
    if (!cancelled.result.ok && !hangUp.signal.aborted) hangUpAfter(answeringMs);
  };
  const onStop = (): void => void cancel();
  if (stop.aborted) hangUp.abort();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await callGateway(address, request, hangUp.signal);
  } finally {
    stop.removeEventListener('abort', onStop);
    hangUp.abort();
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Tells of every line but the last, as they come, and answers that: empty where the answer ended before it. */
async function lastLine(chunks: AsyncIterable<unknown>, onLine: (line: JsonObject) => void): Promise<string> {
  let rest = '';
  let last = '';
  const take = (line: string): void => {
    const value = jsonIn(line);
    if (value === null) return;
    if (isDocument(value)) last = line;
    else onLine(value);
  };
  for await (const chunk of chunks) {
    const [first = '', ...lines] = String(chunk).split('\n');
    const next = lines.pop();
    if (next === undefined) rest += first;
    else {
      take(rest + first);
      for (const line of lines) take(line);
      rest = next;
    }
  }
  return last;
}

function parse(text: string): JsonObject | null {
  const value = jsonIn(text);
  return value !== null && isDocument(value) ? value : null;
}

function isDocument(value: JsonObject): boolean {
  return Object.hasOwn(value, 'data') || Object.hasOwn(value, 'errors');
}

function jsonIn(text: string): JsonObject | null {
  const value = parseJson(text);
  return isJsonObject(value) ? value : null;
}

/** The error a gateway's document tells; several of one cause become one with `problems`. */
function errorOf(document: JsonObject, status: number): Failure {
  const errors = Array.isArray(document['errors']) ? document['errors'].filter(isJsonObject) : [];
  const first: JsonObject = errors[0] ?? {};
  const meta = isJsonObject(first['meta']) ? first['meta'] : {};
  const problems = errors.map((each): Json => ({ pointer: pointerOf(each), message: textOf(each['detail']) }));
  const pointer = pointerOf(first);
  return failure(
    classOf(meta['class'], status),
    textOf(first['code']) || 'gateway.error',
    textOf(first['detail']) || `The gateway answered ${String(status)}.`,
    textOf(meta['remedy']),
    {
      effect: effectOf(meta['effect']),
      ...(pointer !== '' && { pointer }),
      ...(problems.length > 1 && { details: { problems } }),
    },
  );
}

/** Where parameters stand in the body of an execution, and in that of a batch. */
const paramsBases = ['/data/attributes/params', '/data/attributes'];

function pointerOf(error: JsonObject): string {
  const source = error['source'];
  const pointer = isJsonObject(source) ? textOf(source['pointer']) : '';
  return pointer.slice(paramsBases.find((base) => pointer.startsWith(base))?.length ?? 0);
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function classOf(value: Json | undefined, status: number): ErrorClass {
  return (
    errorClasses.find((each) => each === value) ?? errorClasses.find((each) => httpStatus[each] === status) ?? 'system'
  );
}

function effectOf(value: Json | undefined): Effect {
  return value === 'none' || value === 'applied' || value === 'partial' ? value : 'unknown';
}

/** The attributes of a document's one resource; null when it has none. */
export function attributesOf(document: JsonObject | Document): JsonObject | null {
  const data = 'data' in document ? document.data : null;
  if (!isJsonObject(data)) return null;
  const attributes = data['attributes'];
  return isJsonObject(attributes) ? attributes : null;
}
