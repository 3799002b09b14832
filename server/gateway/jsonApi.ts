/** JSON:API 1.1 documents (https://jsonapi.org/format/1.1/): the few shapes the gateway answers with. */
import type { ArsenalError, Json } from '../../runtime/model.ts';
import { httpStatus } from './httpStatus.ts';

export const mediaType = 'application/vnd.api+json';
/** Of an answer in lines, each a JSON document (https://github.com/ndjson/ndjson-spec). */
export const linesType = 'application/x-ndjson';

export type JsonObject = { readonly [key: string]: Json };

export type Resource = {
  readonly type: string;
  readonly id: string;
  readonly attributes: JsonObject;
};

export type ErrorObject = {
  readonly status: string;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly source?: { readonly pointer: string } | { readonly parameter: string } | { readonly header: string };
  readonly meta: JsonObject;
};

export type Document = { readonly jsonapi: { readonly version: '1.1' } } & (
  | {
      readonly data: Resource | readonly Resource[] | null;
      readonly links?: { readonly [relation: string]: string };
      readonly meta?: JsonObject;
    }
  | { readonly errors: readonly ErrorObject[] }
);

const version = { version: '1.1' } as const;

/** A document with primary data. */
export function dataDocument(
  data: Resource | readonly Resource[] | null,
  extra: { readonly links?: { readonly [relation: string]: string }; readonly meta?: JsonObject } = {},
): Document {
  return { jsonapi: version, data, ...extra };
}

/** Where the parameters stood in the request, so that an error can point at the one it is about. */
export type ParamsPlace =
  | { readonly in: 'body'; readonly base: string }
  /** `written`: how the query names a parameter that it does not call by its own name: `limit` as `page[size]`. */
  | { readonly in: 'query'; readonly written?: ReadonlyMap<string, string> }
  | { readonly in: 'nowhere' };

/**
 * An error document: one error object for each problem. `details.problems` (`[{pointer, message}]`), where an error has it, gives
 * one object a problem. `status` stands in for the class's own where HTTP has a finer one (413, 415, 421).
 */
export function errorDocument(
  error: ArsenalError,
  correlationId: string,
  place: ParamsPlace = { in: 'nowhere' },
  status: number = httpStatus[error.class],
): Document {
  const { problems, ...details } = error.details ?? {};
  const meta: JsonObject = {
    class: error.class,
    remedy: error.remedy,
    effect: error.effect,
    correlationId: error.correlationId ?? correlationId,
    ...(error.node !== undefined && { node: error.node }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    ...(Object.keys(details).length > 0 && { details }),
  };
  const one = (detail: string, pointer: string | undefined): ErrorObject => ({
    status: String(status),
    code: error.code,
    title: titles[error.class],
    detail,
    ...sourceOf(pointer, place),
    meta,
  });
  const several = readProblems(problems);
  return {
    jsonapi: version,
    errors:
      several.length > 0
        ? several.map((problem) => one(problem.message, problem.pointer))
        : [one(error.message, error.pointer)],
  };
}

/** JSON:API wants a title that is the same for each occurrence of a problem. */
const titles: { readonly [C in ArsenalError['class']]: string } = {
  validation: 'The request is not valid',
  authentication: 'Who calls is not known',
  authorization: 'Not allowed',
  not_found: 'Not found',
  conflict: 'In conflict with the present state',
  rate_limited: 'Too many calls',
  cancelled: 'Cancelled',
  execution: 'The operation failed',
  system: 'A fault of Arsenal',
  unsupported: 'Not possible here',
  unavailable: 'Not reachable now',
  timeout: 'Out of time',
};

function sourceOf(pointer: string | undefined, place: ParamsPlace): Pick<ErrorObject, 'source'> {
  if (pointer === undefined || place.in === 'nowhere') return {};
  if (place.in === 'body') return { source: { pointer: place.base + pointer } };
  const path = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const said = path.map((_, at) => place.written?.get(path.slice(0, path.length - at).join('.')));
  return { source: { parameter: said.find((name) => name !== undefined) ?? path[0] ?? '' } };
}

function readProblems(value: Json | undefined): readonly { readonly pointer: string; readonly message: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: Json) => {
    if (each === null || typeof each !== 'object' || !('pointer' in each) || !('message' in each)) return [];
    const { pointer, message } = each;
    return typeof pointer === 'string' && typeof message === 'string' ? [{ pointer, message }] : [];
  });
}

/**
 * A resource of any JSON object. JSON:API keeps `id` and `type` for the resource itself, so attributes of these names are called
 * `itemId` and `itemType`.
 */
export function resource(type: string, id: string, value: Json): Resource {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { type, id, attributes: { value } };
  }
  const attributes: { [key: string]: Json } = {};
  for (const [key, each] of Object.entries(value)) {
    if (key === 'id') {
      if (each !== id) attributes['itemId'] = each;
    } else attributes[key === 'type' ? 'itemType' : key] = each;
  }
  return { type, id, attributes };
}

export type Attributes =
  { readonly ok: true; readonly attributes: JsonObject } | { readonly ok: false; readonly pointer: string };

/** Reads `{"data":{"type":…,"attributes":{…}}}`; on failure the pointer to what is missing or of the wrong kind. */
export function readAttributes(body: unknown, type: string | null): Attributes {
  if (!isRecord(body)) return { ok: false, pointer: '' };
  const data = body['data'];
  if (!isRecord(data)) return { ok: false, pointer: '/data' };
  if (typeof data['type'] !== 'string' || (type !== null && data['type'] !== type)) {
    return { ok: false, pointer: '/data/type' };
  }
  const attributes = data['attributes'] ?? {};
  return isJsonObject(attributes) ? { ok: true, attributes } : { ok: false, pointer: '/data/attributes' };
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value that JSON.parse made is an object; everything in it is JSON then. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isRecord(value);
}
