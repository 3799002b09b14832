/**
 * The REST interface as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), made from the catalogue: each operation's route
 * with its parameters and its result, and the route that runs any of them by name. Schemas are JSON Schema 2020-12, as operations have them.
 */
import type { Json } from '../../runtime/model.ts';
import type { CatalogueEntry, JsonSchema } from '../protocol/operation.ts';
import { batchName } from '../protocol/operation.ts';
import { apiBase } from '../protocol/routes.ts';
import { creates, fullPath, resourceType } from './catalogueRoutes.ts';
import { httpStatus } from './httpStatus.ts';
import { jsonOf } from './json.ts';
import { isJsonObject, linesType, mediaType } from './jsonApi.ts';
import type { JsonObject } from './jsonApi.ts';

export const openApiType = 'application/vnd.oai.openapi+json;version=3.1';

type OpenApiOptions = {
  readonly version: string;
  /** Where the gateway is; null where it is not known. */
  readonly url: string | null;
};

/** The document. Operations of the user's own and of nodes are in it as far as they are in the catalogue. */
export function openApiDocument(catalogue: readonly CatalogueEntry[], { version, url }: OpenApiOptions): JsonObject {
  const categories = [...new Set(catalogue.map(({ category }) => category))].sort();
  return {
    openapi: '3.1.1',
    info: {
      title: 'Arsenal',
      version,
      description:
        'Operations on running Erlang/OTP systems, as JSON:API 1.1. Every answer carries `x-correlation-id`; writes honour `Idempotency-Key`.',
      license: { name: 'See LICENSE' },
    },
    ...(url !== null && { servers: [{ url }] }),
    security: [{ key: [] }],
    tags: [...categories.map((name) => ({ name })), { name: 'gateway' }],
    paths: pathsOf(catalogue),
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'The key that `arsenal serve` printed.' },
      },
      parameters: {
        idempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          description: 'The same key again answers what the first call answered, and does nothing anew.',
          schema: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[\\x21-\\x7e]+$' },
        },
      },
      responses: {
        error: { description: 'What went wrong, by class.', content: { [mediaType]: { schema: ref('error') } } },
      },
      schemas: { ...documentSchemas, ...operationSchemas(catalogue) },
    },
  };
}

function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function operationSchemas(catalogue: readonly CatalogueEntry[]): JsonObject {
  return Object.fromEntries(
    catalogue.flatMap(({ name, params, result }) => [
      [`${name}.params`, params],
      [`${name}.result`, result],
    ]),
  );
}

function pathsOf(catalogue: readonly CatalogueEntry[]): JsonObject {
  const paths = new Map<string, { [method: string]: Json }>();
  const put = (path: string, method: string, operation: JsonObject): void => {
    const item = paths.get(path) ?? {};
    item[method.toLowerCase()] ??= operation;
    paths.set(path, item);
  };
  // What the gateway answers itself comes first: it stands before an operation's own route.
  for (const [path, method, operation] of gatewayPaths) put(path, method, operation);
  for (const entry of catalogue) {
    put(`${apiBase}/operations/${entry.name}/execute`, 'POST', executePath(entry));
    if (entry.route === null) continue;
    const path = fullPath(entry.route.path).replace(/:(\w+)/g, '{$1}');
    put(path, entry.route.method, ownPath(entry, entry.route, creates(catalogue, entry)));
  }
  return Object.fromEntries(paths);
}

function aboutOperation(entry: CatalogueEntry): JsonObject {
  const { title, description, category, severity, role, idempotent, version, errors, aliases } = entry;
  return {
    summary: title,
    description,
    tags: [category],
    'x-arsenal': jsonOf({ severity, role, idempotent, version, aliases, errors }),
  };
}

/** What a body may say of the call beside its parameters. */
const callSettings: JsonObject = {
  connection: { type: 'string' },
  timeoutMs: { type: 'number', minimum: 1, maximum: 600_000 },
};

function executePath(entry: CatalogueEntry): JsonObject {
  const params = ref(`${entry.name}.params`);
  const attributes = {
    type: 'object',
    properties: {
      params,
      mode: { enum: ['run', 'dry_run', 'validate'], default: 'run' },
      ...callSettings,
    },
  };
  return {
    ...aboutOperation(entry),
    operationId: `execute.${entry.name}`,
    parameters: [{ $ref: '#/components/parameters/idempotencyKey' }],
    requestBody: bodyOf('execution', attributes, entry),
    responses: responsesOf(entry, executionOf(entry), false),
  };
}

/** What is answered of an execution, whichever route began it. */
function executionOf(entry: CatalogueEntry): JsonObject {
  const attributes = {
    type: 'object',
    required: ['operation', 'mode'],
    properties: {
      operation: { type: 'string' },
      mode: { enum: ['run', 'dry_run', 'validate'] },
      result: ref(`${entry.name}.result`),
      durationMs: { type: 'number' },
    },
  };
  return { [mediaType]: { schema: documentOf(resourceOf('execution', attributes), null) } };
}

function ownPath(entry: CatalogueEntry, route: NonNullable<CatalogueEntry['route']>, isCreation: boolean): JsonObject {
  const inPath = new Set([...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name));
  const { properties } = entry.params;
  const all = Object.entries(isJsonObject(properties) ? properties : {});
  const others = all.filter(([name]) => !inPath.has(name));
  const hasBody = route.method === 'POST' || route.method === 'PATCH';
  const required = requiredOf(entry.params);
  const type = resourceType(route.path);
  const content =
    entry.name === batchName
      ? { ...executionOf(entry), ...inLines }
      : { [mediaType]: { schema: ownDocument(entry, type) } };
  return {
    ...aboutOperation(entry),
    operationId: entry.name,
    parameters: [
      ...[...inPath].map((name) => ({
        name,
        in: 'path',
        required: true,
        schema: all.find(([each]) => each === name)?.[1] ?? { type: 'string' },
      })),
      ...(hasBody ? [] : others.flatMap(([name, schema]) => queryParameters(name, schema, type, required))),
      ...(route.method === 'GET' ? [] : [{ $ref: '#/components/parameters/idempotencyKey' }]),
    ],
    ...(hasBody && {
      requestBody: bodyOf(
        type,
        {
          type: 'object',
          properties: { ...Object.fromEntries(others), ...(entry.name === batchName && callSettings) },
          required: required.filter((name) => !inPath.has(name)),
        },
        { ...entry, params: { required: required.filter((name) => !inPath.has(name)) } },
      ),
    }),
    responses: responsesOf(entry, content, isCreation),
  };
}

/** As JSON:API names them, where it has a family for them. */
function queryParameters(name: string, schema: Json, type: string, required: readonly string[]): readonly JsonObject[] {
  const one = (written: string, more: JsonObject = {}): JsonObject => ({
    name: written,
    in: 'query',
    ...(required.includes(name) && { required: true }),
    ...(isJsonObject(schema) && typeof schema['description'] === 'string' && { description: schema['description'] }),
    schema,
    ...more,
  });
  switch (name) {
    case 'limit':
      return [one('page[size]')];
    case 'after':
      return [one('page[after]')];
    case 'fields':
      return [one(`fields[${type}]`, { style: 'form', explode: false })];
    case 'filter':
      return [one('filter', { style: 'deepObject', explode: true })];
    default:
      return [
        isJsonObject(schema) && schema['type'] === 'array' ? one(name, { style: 'form', explode: false }) : one(name),
      ];
  }
}

function requiredOf({ required, properties }: JsonSchema): readonly string[] {
  if (!Array.isArray(required)) return [];
  const all = isJsonObject(properties) ? properties : {};
  return required.filter((name: Json): name is string => {
    if (typeof name !== 'string') return false;
    const schema = all[name];
    return !(schema !== undefined && isJsonObject(schema) && Object.hasOwn(schema, 'default'));
  });
}

function bodyOf(type: string, attributes: JsonObject, entry: Pick<CatalogueEntry, 'params'>): JsonObject {
  return {
    required: requiredOf(entry.params).length > 0,
    content: {
      [mediaType]: {
        schema: {
          type: 'object',
          required: ['data'],
          properties: {
            data: { type: 'object', required: ['type'], properties: { type: { const: type }, attributes } },
          },
        },
      },
    },
  };
}

/** What an answer looks like: `content` in each form it is answered in. */
function responsesOf(entry: CatalogueEntry, content: JsonObject, isCreation: boolean): JsonObject {
  const done = { description: `What ${entry.name} answers.`, content };
  return { [isCreation ? '201' : '200']: done, ...errorResponses };
}

function documentOf(data: JsonObject, meta: JsonObject | null): JsonObject {
  const properties = { jsonapi: ref('jsonapi'), data, ...(meta !== null && { meta }) };
  return { type: 'object', required: ['jsonapi', 'data'], properties };
}

function resourceOf(type: string, attributes: JsonObject): JsonObject {
  return {
    type: 'object',
    required: ['type', 'id', 'attributes'],
    properties: { type: { const: type }, id: { type: 'string' }, attributes },
  };
}

/** A result as its own route answers it: one resource, or those of a list with what stands beside them in `meta`. */
function ownDocument({ result }: CatalogueEntry, type: string): JsonObject {
  const properties = isJsonObject(result['properties']) ? result['properties'] : {};
  const items = properties['items'];
  if (!isJsonObject(items) || items['type'] !== 'array')
    return documentOf(resourceOf(type, attributesOf(result)), null);
  const row = isJsonObject(items['items']) ? items['items'] : {};
  const beside = Object.fromEntries(Object.entries(properties).filter(([name]) => name !== 'items'));
  const data = { type: 'array', items: resourceOf(type, attributesOf(row)) };
  return documentOf(data, { type: 'object', properties: beside });
}

/** JSON:API keeps `id` and `type` for the resource: as attributes they have other names, and `id` none where it is the resource's own. */
function attributesOf(schema: JsonSchema): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return schema;
  const required: readonly Json[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const named = Object.entries(properties).map(([name, each]): [string, Json] => [attributeNames[name] ?? name, each]);
  const wanted = required.flatMap((name) =>
    typeof name === 'string' && name !== 'id' ? [attributeNames[name] ?? name] : [],
  );
  return { ...schema, properties: Object.fromEntries(named), required: wanted };
}

/** What a batch answers to who accepts lines. There is no schema for one line before OpenAPI 3.2. */
const inLines: JsonObject = {
  [linesType]: {
    schema: {
      type: 'string',
      description:
        'A line `{"item": …}` for each item as it ends, and last the document that others get alone, or that of an error.',
    },
  },
};

const attributeNames: { readonly [name: string]: string | undefined } = { id: 'itemId', type: 'itemType' };

const errorResponses: JsonObject = Object.fromEntries(
  [...new Set(Object.values(httpStatus))].map((status) => [String(status), { $ref: '#/components/responses/error' }]),
);

const documentSchemas: JsonObject = {
  resource: {
    type: 'object',
    required: ['type', 'id'],
    properties: { type: { type: 'string' }, id: { type: 'string' }, attributes: { type: 'object' } },
  },
  jsonapi: { type: 'object', required: ['version'], properties: { version: { const: '1.1' } } },
  document: {
    type: 'object',
    required: ['jsonapi', 'data'],
    properties: {
      jsonapi: ref('jsonapi'),
      data: { anyOf: [ref('resource'), { type: 'array', items: ref('resource') }, { type: 'null' }] },
      links: { type: 'object', additionalProperties: { type: 'string' } },
      meta: { type: 'object' },
    },
  },
  error: {
    type: 'object',
    required: ['jsonapi', 'errors'],
    properties: {
      jsonapi: ref('jsonapi'),
      errors: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          required: ['status', 'code', 'title', 'detail', 'meta'],
          properties: {
            status: { type: 'string' },
            code: { type: 'string' },
            title: { type: 'string' },
            detail: { type: 'string' },
            source: {
              type: 'object',
              properties: { pointer: { type: 'string' }, parameter: { type: 'string' }, header: { type: 'string' } },
            },
            meta: {
              type: 'object',
              required: ['class', 'remedy', 'effect', 'correlationId'],
              properties: {
                class: { enum: Object.keys(httpStatus) },
                remedy: { type: 'string' },
                effect: { enum: ['none', 'applied', 'partial', 'unknown'] },
                correlationId: { type: 'string' },
              },
            },
          },
        },
      },
    },
  },
};

const okDocument: JsonObject = {
  '200': { description: 'The document.', content: { [mediaType]: { schema: ref('document') } } },
  ...errorResponses,
};
const pathText = (name: string): JsonObject => ({ name, in: 'path', required: true, schema: { type: 'string' } });

/** What the gateway answers itself. */
const gatewayPaths: readonly (readonly [string, string, JsonObject])[] = [
  [
    `${apiBase}/operations`,
    'GET',
    {
      summary: 'Every operation, described in full; with a query, what list_operations answers to it',
      operationId: 'gateway.operations',
      tags: ['gateway'],
      responses: okDocument,
    },
  ],
  [
    `${apiBase}/operations/{category}`,
    'GET',
    {
      summary: 'The operations of a category',
      operationId: 'gateway.category',
      tags: ['gateway'],
      parameters: [pathText('category')],
      responses: okDocument,
    },
  ],
  [
    `${apiBase}/executions/{requestId}`,
    'GET',
    {
      summary: 'What became of an execution',
      operationId: 'gateway.execution',
      tags: ['gateway'],
      parameters: [pathText('requestId')],
      responses: okDocument,
    },
  ],
  [
    '/health',
    'GET',
    {
      summary: 'Whether a system is connected; the only path without a credential',
      operationId: 'gateway.health',
      tags: ['gateway'],
      security: [],
      responses: { '200': { description: 'Up.' }, '503': { description: 'Down.' } },
    },
  ],
  [
    '/metrics',
    'GET',
    {
      summary: 'Figures of all calls, as Prometheus reads them',
      operationId: 'gateway.metrics',
      tags: ['gateway'],
      responses: { '200': { description: 'The figures.', content: { 'text/plain': { schema: { type: 'string' } } } } },
    },
  ],
  [
    '/openapi.json',
    'GET',
    {
      summary: 'This document',
      operationId: 'gateway.openapi',
      tags: ['gateway'],
      responses: { '200': { description: 'The document.' } },
    },
  ],
];
