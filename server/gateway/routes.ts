/** The REST routes. Each reads its request, calls the backend and writes a JSON:API document; what may be done is the pipeline's to say. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { arsenalError, failure, notConnected } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { ArsenalError, ConnectionId, ErrorClass, Json, Result } from '../../runtime/model.ts';
import type { Backend, BackendCallOptions, Caller } from '../backend/backend.ts';
import type { CatalogueEntry, OperationAnswer, OperationCall } from '../protocol/operation.ts';
import { addBatchRoute } from './batchRoute.ts';
import { apiBase } from '../protocol/routes.ts';
import { creates, findEntry, matchRoute, resourceType } from './catalogueRoutes.ts';
import { httpStatus } from './httpStatus.ts';
import { jsonOf } from './json.ts';
import { dataDocument, errorDocument, mediaType, readAttributes, resource } from './jsonApi.ts';
import type { Document, ParamsPlace, Resource } from './jsonApi.ts';
import { openApiDocument, openApiType } from './openApi.ts';
import { badBody, ownParams } from './queryParams.ts';
import { resultDocument } from './resources.ts';

export type RoutesOptions = {
  readonly backend: Backend;
  readonly defaultConnection: () => ConnectionId | null;
  readonly caller: Caller;
  readonly isAdmitted: (request: IncomingMessage) => boolean;
  /** Of the program, as the description of the interface says it. */
  readonly version: string;
  /** Ends the calls still running when the gateway closes. */
  readonly stopping: AbortSignal;
};

/** Adds all routes to a Fastify instance. */
export function addRoutes(app: FastifyInstance, options: RoutesOptions): void {
  const { backend } = options;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    [mediaType, 'application/json'],
    { parseAs: 'string' },
    // Refuses `__proto__` and `constructor` keys instead of passing them on.
    app.getDefaultJsonParser('error', 'error'),
  );

  app.addHook('onRequest', async (request, reply) => {
    if (!options.isAdmitted(request.raw)) {
      await sendError(reply, arsenalError('authentication', 'gateway.no_credential', 'Not admitted.', 'Call the URL.'));
      return;
    }
    const refused = checkMediaTypes(request);
    if (refused !== null) await sendError(reply, refused.error, { in: 'nowhere' }, refused.status);
  });

  app.get('/health', async (_request, reply) => {
    const up = backend.connections().some((each) => each.state.is === 'ready' || each.state.is === 'degraded');
    await reply
      .code(up ? 200 : 503)
      .type('application/json')
      .send({ status: up ? 'up' : 'down' });
  });

  app.get(`${apiBase}/operations`, async (request, reply) => {
    // Asked for a part of it, the list is that of the operation which lists.
    if (request.url.includes('?')) await ownRoute(request, reply);
    else await send(reply, dataDocument(backend.catalogue().map(operationResource)));
  });

  app.get<{ Params: { category: string } }>(`${apiBase}/operations/:category`, async (request, reply) => {
    // A route of an operation's own, as that of the search, is no category, whatever categories users name.
    const own = matchRoute(backend.catalogue(), 'GET', `/operations/${encodeURIComponent(request.params.category)}`);
    if (own.is === 'route' && own.path.size === 0) {
      await ownRoute(request, reply);
      return;
    }
    const entries = backend.catalogue().filter((entry) => entry.category === request.params.category);
    if (entries.length > 0) {
      await send(reply, dataDocument(entries.map(operationResource)));
      return;
    }
    const known = [...new Set(backend.catalogue().map((entry) => entry.category))].sort();
    await sendError(
      reply,
      arsenalError(
        'not_found',
        'category.not_found',
        'There is no category of that name.',
        `The categories are: ${known.join(', ')}.`,
      ),
    );
  });

  app.get<{ Params: { name: string } }>(`${apiBase}/operations/:name/describe`, async (request, reply) => {
    const entry = findEntry(backend.catalogue(), request.params.name);
    if (entry === undefined) await sendError(reply, unknownOperation);
    else await send(reply, dataDocument(operationResource(entry)));
  });

  app.post<{ Params: { name: string } }>(`${apiBase}/operations/:name/execute`, async (request, reply) => {
    const read = readAttributes(request.body, 'execution');
    if (!read.ok) {
      await sendError(reply, badBody(read.pointer, '{"data":{"type":"execution","attributes":{"params":{}}}}'), {
        in: 'body',
        base: '',
      });
      return;
    }
    const { params, mode, connection, timeoutMs } = read.attributes;
    const call = readCall(request, { operation: request.params.name, params: params ?? {}, mode, connection });
    const budget = readTimeout(timeoutMs);
    const place: ParamsPlace = { in: 'body', base: '/data/attributes/params' };
    if (!call.ok) await sendError(reply, call.error, { in: 'body', base: '' });
    else if (!budget.ok) await sendError(reply, budget.error, { in: 'body', base: '' });
    else {
      const answer = await execute(request, reply, call.value, budget.value);
      if (answer.ok) await send(reply, dataDocument(executionResource(call.value, answer.value)));
      else await sendError(reply, answer.error, place);
    }
  });

  app.get<{ Params: { requestId: string } }>(`${apiBase}/executions/:requestId`, async (request, reply) => {
    const { requestId } = request.params;
    const outcome = await backend.outcome(requestId, callOptions(request, options.stopping));
    if (!outcome.ok) {
      await sendError(reply, outcome.error);
      return;
    }
    const { value } = outcome;
    if (value.state === 'never_seen') {
      await sendError(
        reply,
        arsenalError(
          'not_found',
          'execution.never_seen',
          'No execution of that id was ever asked for.',
          'Use the Idempotency-Key that the execution was sent with.',
        ),
      );
      return;
    }
    await send(reply, dataDocument(resource('execution', requestId, jsonOf(value))));
  });

  app.get('/openapi.json', async (request, reply) => {
    const document = openApiDocument(backend.catalogue(), { version: options.version, url: `http://${request.host}` });
    await reply.type(openApiType).send(Buffer.from(JSON.stringify(document)));
  });

  app.get('/metrics', async (_request, reply) => {
    const { type, text } = backend.metricsText();
    await reply.type(type).send(text);
  });

  addBatchRoute(app, {
    readCall: (request, { connection }, operation, params) =>
      readCall(request, { operation, params, mode: undefined, connection }),
    readTimeout,
    execute,
    documentOf: (call, answer) => dataDocument(executionResource(call, answer)),
    send,
    sendError,
    badBody,
  });

  app.setNotFoundHandler(async (request, reply) => {
    await ownRoute(request, reply);
  });

  app.setErrorHandler(async (error, request, reply) => {
    if (reply.raw.headersSent) request.raw.destroy();
    else await answerFrameworkError(error, reply);
  });

  /** A route of an operation's own, from the catalogue. */
  async function ownRoute(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const url = new URL(request.url, 'http://gateway.invalid');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const match = url.pathname.startsWith(`${apiBase}/`)
      ? matchRoute(backend.registered(), method, url.pathname.slice(apiBase.length))
      : { is: 'none' as const };
    if (match.is === 'none') {
      await sendError(
        reply,
        arsenalError(
          'not_found',
          'route.not_found',
          'There is nothing at this path.',
          `See GET ${apiBase}/operations.`,
        ),
      );
      return;
    }
    if (match.is === 'other_method') {
      reply.header('allow', match.allow.join(', '));
      await sendError(
        reply,
        arsenalError(
          'validation',
          'route.method_not_allowed',
          `This path does not take ${request.method}.`,
          `It takes ${match.allow.join(', ')}.`,
        ),
        { in: 'nowhere' },
        405,
      );
      return;
    }
    const { entry, path } = match;
    const given = ownParams(entry, path, url.searchParams, request.body);
    if (!given.ok) {
      await sendError(reply, given.error, given.place);
      return;
    }
    const call = readCall(request, {
      operation: entry.name,
      params: given.params,
      mode: undefined,
      connection: undefined,
    });
    if (!call.ok) {
      await sendError(reply, call.error, given.place);
      return;
    }
    const answer = await execute(request, reply, call.value, undefined);
    if (!answer.ok) {
      await sendError(reply, answer.error, given.place);
      return;
    }
    if (answer.value.mode !== 'run') {
      await send(reply, dataDocument(executionResource(call.value, answer.value)));
      return;
    }
    const routePath = entry.route?.path ?? '';
    const document = resultDocument(resourceType(routePath), answer.value.result, call.value.requestId, (after) => {
      const next = new URLSearchParams(url.searchParams);
      next.set('page[after]', after);
      return `${url.pathname}?${next.toString()}`;
    });
    await send(reply, document, creates(backend.registered(), entry) ? 201 : 200);
  }

  function readCall(
    request: FastifyRequest,
    given: {
      readonly operation: string;
      readonly params: Json;
      readonly mode: Json | undefined;
      readonly connection: Json | undefined;
    },
  ): Result<OperationCall> {
    const key = request.headers['idempotency-key'];
    if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key))) {
      return invalid('gateway.bad_idempotency_key', 'Idempotency-Key is 1 to 128 visible ASCII characters.');
    }
    const mode = given.mode ?? 'run';
    if (mode !== 'run' && mode !== 'dry_run' && mode !== 'validate') {
      return invalid('gateway.bad_mode', 'mode is run, dry_run or validate.', '/data/attributes/mode');
    }
    if (given.connection !== undefined && typeof given.connection !== 'string') {
      return invalid('gateway.bad_connection', 'connection is the id of a connection.', '/data/attributes/connection');
    }
    return ok({
      requestId: key ?? randomUUID(),
      connection: given.connection ?? options.defaultConnection(),
      operation: given.operation,
      params: given.params,
      mode,
    });
  }

  async function execute(
    request: FastifyRequest,
    reply: FastifyReply,
    call: OperationCall,
    timeoutMs: number | undefined,
    onProgress?: BackendCallOptions['onProgress'],
  ): Promise<Result<OperationAnswer>> {
    // One that is not known is the backend's to answer: it may be an operation that a node has since.
    const entry = findEntry(backend.registered(), call.operation);
    if (call.connection === null && entry !== undefined && entry.needs.length > 0) return notConnected();
    // Whoever hangs up no longer wants the answer; a write that is cancelled says what is known of its effect in the audit log.
    const gone = new AbortController();
    const onClose = (): void => {
      if (!reply.raw.writableFinished) gone.abort();
    };
    reply.raw.on('close', onClose);
    try {
      return await backend.execute(call, {
        ...callOptions(request, AbortSignal.any([gone.signal, options.stopping])),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(onProgress !== undefined && { onProgress }),
      });
    } finally {
      reply.raw.off('close', onClose);
    }
  }

  function callOptions(request: FastifyRequest, signal: AbortSignal): BackendCallOptions {
    const { traceparent } = request.headers;
    return {
      caller: options.caller,
      signal,
      correlationId: request.id,
      ...(typeof traceparent === 'string' && { traceparent }),
    };
  }
}

// --------------------------------------------------------------------------------------------------------------- reading

function readTimeout(value: Json | undefined): Result<number | undefined> {
  if (value === undefined) return ok(undefined);
  return typeof value === 'number' && value >= 1 && value <= 600_000
    ? ok(value)
    : invalid('gateway.bad_timeout', 'timeoutMs is 1 to 600,000 milliseconds.', '/data/attributes/timeoutMs');
}

/**
 * JSON:API 1.1 "Server Responsibilities": a content type with parameters other than `ext` and `profile` is 415, an Accept that
 * holds the media type only with parameters is 406. `application/json` is taken as well, for the sake of curl.
 */
function checkMediaTypes(request: FastifyRequest): { readonly status: number; readonly error: ArsenalError } | null {
  const contentType = request.headers['content-type'];
  const hasBody = request.headers['content-length'] !== undefined && request.headers['content-length'] !== '0';
  const chunked = request.headers['transfer-encoding'] !== undefined;
  if (contentType !== undefined || hasBody || chunked) {
    const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
    const right =
      (type === mediaType && parameters.every((part) => part.startsWith('profile='))) ||
      (type === 'application/json' && parameters.every((part) => part === '' || part === 'charset=utf-8'));
    if (!right) {
      return {
        status: 415,
        error: arsenalError(
          'validation',
          'gateway.unsupported_media_type',
          'The content type of the request is not taken.',
          `Send ${mediaType} without parameters.`,
        ),
      };
    }
  }
  const ours = (request.headers.accept ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part.startsWith(mediaType));
  const plain = ours.some((part) =>
    part
      .split(';')
      .slice(1)
      .every((parameter) => /^\s*(q|profile)=/.test(parameter)),
  );
  if (ours.length === 0 || plain) return null;
  return {
    status: 406,
    error: arsenalError(
      'validation',
      'gateway.not_acceptable',
      'No accepted media type can be answered.',
      `Accept ${mediaType} without parameters.`,
    ),
  };
}

// --------------------------------------------------------------------------------------------------------------- writing

function operationResource(entry: CatalogueEntry): Resource {
  return resource('operation', entry.name, jsonOf(entry));
}

function executionResource(call: OperationCall, answer: OperationAnswer): Resource {
  const { correlationId: _inHeader, ...said } = answer;
  return resource('execution', call.requestId, jsonOf({ operation: call.operation, ...said }));
}

async function send(reply: FastifyReply, document: Document, status = 200): Promise<void> {
  // As bytes: to text the framework would add a charset, and JSON:API's media type has no such parameter.
  await reply
    .code(status)
    .type(mediaType)
    .send(Buffer.from(JSON.stringify(document)));
}

async function sendError(
  reply: FastifyReply,
  error: ArsenalError,
  place: ParamsPlace = { in: 'nowhere' },
  status: number = httpStatus[error.class],
): Promise<void> {
  if (error.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
  await send(reply, errorDocument(error, reply.request.id, place, status), status);
}

const unknownOperation: ArsenalError = arsenalError(
  'not_found',
  'operation.not_found',
  'There is no operation of that name.',
  `See GET ${apiBase}/operations.`,
);

function invalid(
  code: string,
  message: string,
  pointer?: string,
): { readonly ok: false; readonly error: ArsenalError } {
  return failure(
    'validation',
    code,
    message,
    'Correct it and send it again.',
    pointer === undefined ? {} : { pointer },
  );
}

/** Answers an error the framework raised, before a route was found or in one. */
export async function answerFrameworkError(error: unknown, reply: FastifyReply): Promise<void> {
  const known = frameworkError(error);
  await sendError(reply, known.error, { in: 'nowhere' }, known.status);
}

/** Errors of the framework: all are about the request, known by code and status; anything else is a fault of ours. */
function frameworkError(error: unknown): { readonly status: number; readonly error: ArsenalError } {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  const wrong = typeof status === 'number' ? frameworkErrors.get(status) : undefined;
  if (typeof status === 'number' && wrong !== undefined) {
    return { status, error: arsenalError(wrong.class, wrong.code, wrong.message, wrong.remedy) };
  }
  return {
    status: 500,
    error: arsenalError(
      'system',
      'gateway.fault',
      'The gateway failed at this request.',
      'Please report it with the correlation id.',
      { effect: 'unknown' },
    ),
  };
}

type Wrong = { readonly class: ErrorClass; readonly code: string; readonly message: string; readonly remedy: string };
const frameworkErrors: ReadonlyMap<number, Wrong> = new Map<number, Wrong>([
  [
    400,
    {
      class: 'validation',
      code: 'gateway.bad_request',
      message: 'The request cannot be read.',
      remedy: 'Send a well-formed path, and one JSON document as long as Content-Length says.',
    },
  ],
  [
    413,
    {
      class: 'validation',
      code: 'gateway.body_too_large',
      message: 'The body is larger than 1 MiB.',
      remedy: 'Send less, or in several requests.',
    },
  ],
  [
    414,
    {
      class: 'validation',
      code: 'gateway.path_too_long',
      message: 'The path is too long.',
      remedy: 'Use ids as they were given.',
    },
  ],
  [
    415,
    {
      class: 'validation',
      code: 'gateway.unsupported_media_type',
      message: 'The content type of the request is not taken.',
      remedy: `Send ${mediaType} without parameters.`,
    },
  ],
  [
    503,
    { class: 'unavailable', code: 'gateway.closing', message: 'The gateway is closing.', remedy: 'Start it again.' },
  ],
]);
