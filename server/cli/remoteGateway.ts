/** Calls to a running gateway (`arsenal serve`) for `run --url`. */
import fs from 'node:fs/promises';
import { failure } from '../../runtime/errors.ts';
import { errorClasses, ok } from '../../runtime/model.ts';
import type { Effect, ErrorClass, Failure, Json, Result } from '../../runtime/model.ts';
import { httpStatus } from '../gateway/httpStatus.ts';
import { isJsonObject, mediaType } from '../gateway/jsonApi.ts';
import type { Document, JsonObject } from '../gateway/jsonApi.ts';
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

/**
 * One request. `reached` false: no gateway answered. A gateway's own error comes back as the error it is, with the correlation id
 * of its log.
 */
export async function callGateway(
  address: GatewayAddress,
  request: {
    readonly method: 'GET' | 'POST';
    readonly path: string;
    readonly body?: JsonObject;
    readonly requestId?: string;
    /** What a broken connection means for the world. */
    readonly effectIfLost: Effect;
  },
  signal: AbortSignal,
): Promise<{ readonly reached: boolean; readonly result: Result<JsonObject> }> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${address.url}${request.path}`, {
      method: request.method,
      headers: {
        accept: mediaType,
        authorization: `Bearer ${address.key}`,
        ...(request.body !== undefined && { 'content-type': mediaType }),
        ...(request.requestId !== undefined && { 'idempotency-key': request.requestId }),
        ...(address.traceparent !== undefined && { traceparent: address.traceparent }),
      },
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
      redirect: 'error',
      signal,
    });
    text = await response.text();
  } catch {
    if (signal.aborted) {
      return {
        reached: true,
        result: failure('cancelled', 'call.cancelled', 'Cancelled.', 'Ask for its outcome before running it again.', {
          effect: request.effectIfLost,
        }),
      };
    }
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
  return response.ok
    ? { reached: true, result: ok(document) }
    : { reached: response.status !== 401, result: errorOf(document, response.status) };
}

function parse(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && (Object.hasOwn(value, 'data') || Object.hasOwn(value, 'errors')) ? value : null;
  } catch {
    return null;
  }
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

const paramsBase = '/data/attributes/params';

function pointerOf(error: JsonObject): string {
  const source = error['source'];
  const pointer = isJsonObject(source) ? textOf(source['pointer']) : '';
  return pointer.startsWith(paramsBase) ? pointer.slice(paramsBase.length) : pointer;
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
