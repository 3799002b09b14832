/** What a module on a node says of itself, read as the description of an operation. From the node: nothing of it is believed. */
import type { Json, NodeOperation } from '../../../runtime/model.ts';
import { severities } from '../../../runtime/port.ts';
import type { Severity } from '../../../runtime/port.ts';
import { longestTimeoutMs } from '../../core/limits.ts';
import type { RetryPolicy } from '../../core/operation.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { Route } from '../../core/routes.ts';
import { isRoutePath, ownRoutes, pathParams } from '../../core/routes.ts';
import { longestCachedMs, mostRetries } from '../../core/registration.ts';
import type { JsonSchema } from '../../protocol/operation.ts';
import { apiBase, withoutBase } from '../../protocol/routes.ts';
import { paramsSchemaOf } from './paramsSchema.ts';

export type DescribedOperation = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly category: string;
  /** As it says itself, or as its route and its role make likely. */
  readonly severity: Severity;
  readonly idempotent: boolean;
  readonly timeoutMs: number | null;
  readonly params: JsonSchema;
  /** As its `rest_config` has it, below {@link ownRoutes}. */
  readonly route: Route | null;
  readonly cache: { readonly ttlMs: number } | null;
  readonly retry: RetryPolicy | null;
  /** What it says of itself that is left out, and why. */
  readonly notes: readonly string[];
};

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const routeMethods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
const longestName = 64;
const longestTitle = 100;
const longestDescription = 2_000;

type Answers = { readonly [callback: string]: Json };

/** The description, or in words why there is none. */
export function describedOperation(found: NodeOperation): DescribedOperation | { readonly problem: string } {
  if (found.told.is === 'broken') return { problem: found.told.why };
  const { answers } = found.told;
  const metadata = objectIn(answers['metadata']);
  const rest = objectIn(answers['rest_config']);
  const name = textIn(answers['name']) ?? nameOfModule(found.module);
  if (!snakeCase.test(name) || name.length > longestName) {
    return { problem: `its name ${name.slice(0, longestName)} is not snake_case of at most ${longestName} letters.` };
  }
  const category = textIn(answers['category']) ?? 'custom';
  const summary = textIn(rest['summary']);
  const timeoutMs = metadata['timeout'];
  const params = paramsSchemaOf(answers['params_schema'] ?? rest['parameters']);
  const route = routeOf(rest, params, name);
  const cache = cacheOf(metadata);
  const retry = retryOf(metadata);
  const isTimeout = typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= longestTimeoutMs;
  const left = (key: string, value: unknown) =>
    Object.hasOwn(metadata, key) && metadata[key] !== null && value === null
      ? [`its metadata has a ${key} that is none, and is left out.`]
      : [];
  return {
    name,
    title: (summary ?? titleOf(name)).slice(0, longestTitle),
    description: (textIn(answers['description']) ?? summary ?? `The operation ${found.module}.`).slice(
      0,
      longestDescription,
    ),
    category: snakeCase.test(category) && category.length <= longestName ? category : 'custom',
    severity: severityOf(metadata, rest),
    idempotent: metadata['idempotent'] === true,
    timeoutMs: isTimeout ? Math.ceil(timeoutMs) : null,
    params,
    route: 'why' in route ? null : route.route,
    cache,
    retry,
    notes: [
      ...('why' in route ? [route.why] : []),
      ...left('cache', cache),
      ...left('retry', retry),
      ...left('timeout', isTimeout ? timeoutMs : null),
      ...left('severity', severities.find((known) => known === metadata['severity']) ?? null),
    ],
  };
}

/**
 * `/api/v1/carts/:id` → `/custom/carts/:id`. None where it asks for none, or for the one that every operation has; and, with why, where it
 * asks for one that is none, or whose parameters it does not take.
 */
function routeOf(
  rest: Answers,
  params: JsonSchema,
  name: string,
): { readonly route: Route | null } | { readonly why: string } {
  const said = textIn(rest['path']);
  if (said === null) return { route: null };
  const method = routeMethods.find((known) => known.toLowerCase() === rest['method']);
  const left = (why: string) => ({ why: `its route ${said.slice(0, longestTitle)} is left out: ${why}` });
  if (method === undefined) return left(`its method is none of ${routeMethods.join(', ').toLowerCase()}.`);
  const path = withoutBase(
    `/${said
      .split('/')
      .filter((part) => part !== '')
      .join('/')}`,
  );
  if (path === `/operations/${name}/execute`) return { route: null };
  if (path === '/' || path === apiBase || !isRoutePath(ownRoutes + path))
    return left('it is no path such as /carts/:id.');
  const known = objectIn(params['properties']);
  const strange = pathParams(path).filter((param) => !Object.hasOwn(known, param));
  if (strange.length > 0) return left(`${strange.join(', ')} is no parameter of it.`);
  return { route: { method, path: ownRoutes + path } };
}

/** `cache: 5000` or `cache: [ttl: 5000]`, milliseconds. */
function cacheOf(metadata: Answers): DescribedOperation['cache'] {
  const ttlMs = wholeIn(metadata['cache']) ?? wholeIn(objectIn(metadata['cache'])['ttl']);
  return ttlMs === null || ttlMs > longestCachedMs ? null : { ttlMs };
}

/** `retry: 2` or `retry: [times: 2, delay: 100]`; the delay before the first, in milliseconds. */
function retryOf(metadata: Answers): RetryPolicy | null {
  const said = objectIn(metadata['retry']);
  const times = wholeIn(metadata['retry']) ?? wholeIn(said['times']);
  const firstDelayMs = wholeIn(said['delay']);
  if (times === null) return null;
  return { times: Math.min(times, mostRetries), ...(firstDelayMs !== null && { firstDelayMs }) };
}

function wholeIn(json: Json | undefined): number | null {
  return typeof json === 'number' && Number.isInteger(json) && json > 0 ? json : null;
}

/** Its own word if it gives one; else what only admins may do, or a route deletes, destroys, and what a route gets, looks. */
function severityOf(metadata: Answers, rest: Answers): Severity {
  const own = severities.find((known) => known === metadata['severity']);
  if (own !== undefined) return own;
  if (metadata['dangerous'] === true || metadata['minimum_role'] === 'admin' || rest['method'] === 'delete') {
    return 'destroy';
  }
  return rest['method'] === 'get' ? 'read' : 'change';
}

/** `Elixir.Shop.Operations.CountNames` → `count_names`; `shop_count` stays. */
function nameOfModule(module: string): string {
  const last = module.split('.').at(-1) ?? module;
  return last
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

function titleOf(name: string): string {
  const words = name.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function objectIn(json: Json | undefined): Answers {
  return json !== undefined && isJsonObject(json) ? json : {};
}

function textIn(json: Json | undefined): string | null {
  return typeof json === 'string' && json.trim() !== '' ? json.trim() : null;
}
