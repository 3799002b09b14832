/** What an operation must keep to before it is in the catalogue: everything that types cannot say, or that untyped code may break. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { isMethodName, portMethods, severities } from '../../runtime/port.ts';
import type { JsonSchema } from '../protocol/operation.ts';
import { wordsOf } from './errors.ts';
import { longestTimeoutMs } from './limits.ts';
import type { AnyOperation } from './operation.ts';
import { isWrite, methodsOf } from './operation.ts';
import { isJsonObject } from './plainData.ts';
import { isRoutePath, pathParams } from './routes.ts';
import { closeObjects, plainSchema, publicSchema, unboundedParts } from './schemaRules.ts';
import type { CompiledSchema } from './validate.ts';
import { compileSchema, compileWhenUsed } from './validate.ts';

export type CommonParam = 'timeoutMs' | 'dryRun';

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const longestName = 64;
const longestText = 4000;
export const mostRetries = 5;
export const longestCachedMs = 3_600_000;

/** Parameters every operation takes, unless it has one of that name itself; the pipeline heeds them, the operation never sees them. */
const timeoutMs: JsonSchema = {
  type: 'integer',
  minimum: 1,
  maximum: longestTimeoutMs,
  description: 'Time limit in milliseconds.',
  'x-arsenal': { common: true },
};
const dryRun: JsonSchema = {
  type: 'boolean',
  description: 'Only plan: say what would be done, and do nothing.',
  'x-arsenal': { common: true },
};

export type CheckedOperation = {
  readonly params: CompiledSchema;
  /** The parameters that were added for the pipeline. */
  readonly common: readonly CommonParam[];
  readonly result: CompiledSchema;
  /** The parameters' schema as callers see it. */
  readonly publicParams: JsonSchema;
};

/**
 * Checks an operation's definition and compiles its schemas. Error: `validation` `operation.invalid`, with every rule it breaks in
 * `details.problems`. `later` leaves to the first call what takes time (schemas, examples): for Arsenal's own operations, which a test
 * checks in full.
 */
export function checkOperation(operation: AnyOperation, when: 'now' | 'later' = 'now'): Result<CheckedOperation> {
  try {
    return check(operation, when);
  } catch (thrown) {
    // A definition from untyped code can lack anything, and reading it can throw.
    return invalid([`cannot be read: ${wordsOf(thrown)}`]);
  }
}

function check(operation: AnyOperation, when: 'now' | 'later'): Result<CheckedOperation> {
  const own = closeObjects(plainSchema(operation.params));
  const common = commonFor(operation, own);
  const schema = withCommon(own, common);
  const compile = when === 'now' ? compileSchema : (some: JsonSchema) => ok(compileWhenUsed(some));
  const params = compile(schema);
  const result = compile(plainSchema(operation.result));
  if (!params.ok || !result.ok) {
    return invalid([
      ...(params.ok ? [] : [`params: ${params.error.message}`]),
      ...(result.ok ? [] : [`result: ${result.error.message}`]),
    ]);
  }
  const broken = [
    ...texts(operation),
    ...severityRules(operation),
    ...policies(operation),
    ...(schema['type'] === 'object' ? [] : ['params: must be an object schema']),
    ...unboundedParts(schema).map(({ at, missing }) => `params${at}: must state ${missing}`),
    ...presets(operation, schema),
    ...routeParams(operation, schema),
    ...(when === 'now' ? examples(operation, params.value) : []),
  ];
  if (broken.length > 0) return invalid(broken);
  return ok({ params: params.value, result: result.value, publicParams: publicSchema(schema), common });
}

function commonFor(operation: AnyOperation, own: JsonSchema): readonly CommonParam[] {
  const known = propertiesOf(own);
  const all: readonly CommonParam[] = isWrite(operation) ? ['timeoutMs', 'dryRun'] : ['timeoutMs'];
  return all.filter((name) => !Object.hasOwn(known, name));
}

function withCommon(own: JsonSchema, common: readonly CommonParam[]): JsonSchema {
  const schemas: { readonly [K in CommonParam]: JsonSchema } = { timeoutMs, dryRun };
  const added = Object.fromEntries(common.map((name) => [name, schemas[name]]));
  return { ...own, properties: { ...propertiesOf(own), ...added } };
}

function texts(operation: AnyOperation): readonly string[] {
  const { name, category, aliases = [], route, title, description } = operation;
  const isName = (value: unknown) => typeof value === 'string' && value.length <= longestName && snakeCase.test(value);
  const isText = (value: unknown) => typeof value === 'string' && value.trim() !== '' && value.length <= longestText;
  return [
    ...(isName(name) ? [] : ['name: must be snake_case, at most 64 characters']),
    ...(isName(category) ? [] : ['category: must be snake_case, at most 64 characters']),
    ...(isText(title) ? [] : ['title: must be text']),
    ...(isText(description) ? [] : ['description: must be text']),
    ...(aliases.every((alias) => isName(alias.name)) ? [] : ['aliases: must be snake_case, at most 64 characters']),
    ...(route === undefined || isRoutePath(route.path) ? [] : ['route: must be a path such as /nodes/:node']),
  ];
}

function severityRules(operation: AnyOperation): readonly string[] {
  const { severity } = operation;
  const methods = methodsOf(operation);
  const unknown = methods.filter((need) => !isMethodName(need));
  if (unknown.length > 0) return [`needs: ${unknown.join(', ')} is no method of the port`];
  const writes = severity === 'change' || severity === 'destroy';
  const least = methods.map((need) => severities.indexOf(portMethods[need].effect));
  const runs =
    'plan' in operation
      ? typeof operation.plan === 'function' && typeof operation.apply === 'function' && !('execute' in operation)
      : !writes && 'execute' in operation && typeof operation.execute === 'function';
  return [
    ...(severities.includes(severity) ? [] : ['severity: must be read, diagnose, change or destroy']),
    ...(severities.indexOf(severity) >= Math.max(0, ...least) ? [] : ['severity: is less than that of its needs']),
    ...(runs
      ? []
      : [writes ? 'must have plan and apply, since it changes something' : 'must have execute, or plan and apply']),
  ];
}

function policies(operation: AnyOperation): readonly string[] {
  const { version = 1, retry } = operation;
  const cache: unknown = 'cache' in operation ? operation.cache : undefined;
  const isWhole = (value: unknown, most: number, least = 1) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  const ttlMs: unknown = typeof cache === 'object' && cache !== null ? Reflect.get(cache, 'ttlMs') : undefined;
  return [
    ...(isWhole(version, 1_000_000) ? [] : ['version: must be a whole number, at least 1']),
    ...(retry === undefined || isWhole(retry.times, mostRetries) ? [] : [`retry: must be 1 to ${mostRetries} times`]),
    ...(cache === undefined || isWhole(ttlMs, longestCachedMs, 0)
      ? []
      : [`cache: ttlMs must be a whole number of milliseconds, at most ${longestCachedMs}`]),
    ...(cache === undefined || !isWrite(operation)
      ? []
      : ['cache: what changes something cannot be answered from memory']),
  ];
}

function presets({ aliases = [] }: AnyOperation, schema: JsonSchema): readonly string[] {
  const known = propertiesOf(schema);
  return aliases.flatMap(({ name, preset, requires = [] }) =>
    [...Object.keys(preset), ...requires]
      .filter((key) => !Object.hasOwn(known, key))
      .map((key) => `alias ${name}: ${key} is no parameter`),
  );
}

/** What a request says in its path has to be a parameter, each once: otherwise every request of that route is refused. */
function routeParams({ route }: AnyOperation, schema: JsonSchema): readonly string[] {
  const known = propertiesOf(schema);
  const named = route === undefined ? [] : pathParams(route.path);
  return named.flatMap((param, at) => [
    ...(Object.hasOwn(known, param) ? [] : [`route: ${param} is no parameter`]),
    ...(named.indexOf(param) === at ? [] : [`route: ${param} stands in it twice`]),
  ]);
}

function examples(operation: AnyOperation, params: CompiledSchema): readonly string[] {
  return operation.examples.flatMap((example) => {
    const checked = params.check(example.params);
    return 'problems' in checked
      ? checked.problems.map(({ pointer, message }) => `example "${example.title}"${pointer} ${message}`)
      : [];
  });
}

function propertiesOf(schema: JsonSchema): JsonSchema {
  const properties = schema['properties'] ?? null;
  return isJsonObject(properties) ? properties : {};
}

function invalid(problems: readonly string[]): Result<never> {
  return failure(
    'validation',
    'operation.invalid',
    `The operation cannot be registered: ${problems.join('; ')}`,
    'Correct its definition.',
    { details: { problems: [...problems] } },
  );
}
