/** What a user's module defines, as data that can leave its worker. What is wrong with it, the registry says. */
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';
import type { Json } from '../../runtime/model.ts';
import { isMethodName, severities } from '../../runtime/port.ts';
import { isJson } from '../core/plainData.ts';
import type { Place } from '../../runtime/userCode/sourceModules.ts';
import type { OperationDescription, Step } from './messages.ts';
import { steps } from './messages.ts';
import { ModuleError } from '../../runtime/userCode/sourceModules.ts';

export type Definition = {
  readonly description: OperationDescription;
  /** A member of the definition that can be called; null when it has none of that name. */
  call(member: string, args: readonly unknown[]): unknown;
  has(member: string): boolean;
};

const params = Type.Record(Type.String(), Type.Unsafe<Json>(Type.Any()));
const routeSchema = Type.Union([
  Type.Null(),
  Type.Object({ method: Type.Enum(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']), path: Type.String() }),
]);
const aliasesSchema = Type.Array(
  Type.Object({ name: Type.String(), preset: params, requires: Type.Optional(Type.Array(Type.String())) }),
);
const examplesSchema = Type.Array(Type.Object({ title: Type.String(), params }));
const errorsSchema = Type.Array(Type.Object({ code: Type.String(), remedy: Type.String() }));

const cacheSchema = Type.Union([
  Type.Null(),
  Type.Object({ ttlMs: Type.Number(), perCaller: Type.Optional(Type.Boolean()) }),
]);
const retrySchema = Type.Union([
  Type.Null(),
  Type.Object({ times: Type.Number(), firstDelayMs: Type.Optional(Type.Number()) }),
]);

/** Reads a definition that `defineOperation` was given. Throws {@link ModuleError} when it is not even readable as one. */
export function describe(value: unknown, at: Place): Definition {
  if (typeof value !== 'object' || value === null) throw new ModuleError('This is no operation.', at);
  const get = (key: string): unknown => Reflect.get(value, key);
  const text = (key: string): string => {
    const found = get(key);
    if (typeof found !== 'string') throw new ModuleError(`${key}: must be text.`, at);
    return found;
  };
  const data = (key: string, otherwise: Json): Json => {
    const found: unknown = get(key);
    if (found === undefined) return otherwise;
    const plain = plainCopy(found);
    if (plain === undefined) throw new ModuleError(`${key}: must be plain data.`, at);
    return plain;
  };
  const decoded = <S extends TSchema>(key: string, schema: S, otherwise: Json): Type.Static<S> => {
    const found = data(key, otherwise);
    if (Check(schema, found)) return found;
    const [first] = Errors(schema, found);
    throw new ModuleError(`${key}${first?.instancePath ?? ''}: ${first?.message ?? 'is malformed'}.`, at);
  };
  const needs = data('needs', []);
  if (!Array.isArray(needs) || !needs.every((need) => typeof need === 'string')) {
    throw new ModuleError('needs: must be a list of port methods.', at);
  }
  const strange = needs.filter((need) => !isMethodName(need));
  if (strange.length > 0) throw new ModuleError(`needs: ${strange.join(', ')} is no method of the port.`, at);
  const severity = severities.find((known) => known === get('severity'));
  if (severity === undefined) throw new ModuleError(`severity: must be one of ${severities.join(', ')}.`, at);
  const cache: unknown = get('cache');
  if (typeof cache === 'object' && cache !== null && typeof Reflect.get(cache, 'key') === 'function') {
    throw new ModuleError(
      'cache: key cannot leave the worker of the module; leave it out, and all parameters count.',
      at,
    );
  }
  const timeoutMs = get('timeoutMs');
  const has = (member: string) => typeof get(member) === 'function';
  return {
    has,
    call: (member, args) => {
      const method = get(member);
      if (typeof method !== 'function') return undefined;
      const answer: unknown = Reflect.apply(method, value, [...args]);
      return answer;
    },
    description: {
      name: text('name'),
      title: text('title'),
      description: text('description'),
      category: text('category'),
      severity,
      idempotent: get('idempotent') === true,
      needs: needs.filter(isMethodName),
      params: data('params', {}),
      result: data('result', {}),
      route: decoded('route', routeSchema, null),
      aliases: decoded('aliases', aliasesSchema, []),
      examples: decoded('examples', examplesSchema, []),
      errors: decoded('errors', errorsSchema, []),
      timeoutMs: typeof timeoutMs === 'number' && timeoutMs > 0 ? timeoutMs : null,
      version: decoded('version', Type.Number(), 1),
      cache: decoded('cache', cacheSchema, null),
      retry: decoded('retry', retrySchema, null),
      steps: steps.filter((step: Step) => has(step)),
      at,
    },
  };
}

/** A JSON copy, or undefined for what is none. A schema's hidden marks are left behind. */
function plainCopy(value: unknown): Json | undefined {
  try {
    const copy: unknown = JSON.parse(JSON.stringify(value));
    return isJson(copy) ? copy : undefined;
  } catch {
    return undefined;
  }
}
