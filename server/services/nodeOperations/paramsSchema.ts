/**
 * The parameters of an operation of a node's as JSON Schema: from a schema of types and rules (`%{pid: [type: :pid, required: true]}`), or
 * from the parameters of a route (`[%{name: :pid, type: :string, required: true}]`). What a schema lets grow without limit gets one.
 */
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../core/plainData.ts';
import { maxBytesKeyword } from '../../core/schemaRules.ts';
import type { JsonSchema } from '../../protocol/operation.ts';

type Rules = { readonly [rule: string]: Json };

const longestText = 10_000;
const mostItems = 10_000;
const mostBytes = 1_000_000;
const mostParameters = 100;

/** The schema of an object with the parameters that `said` names. What is no schema at all names none. */
export function paramsSchemaOf(said: Json | undefined): JsonSchema {
  const rules = rulesByName(said).slice(0, mostParameters);
  return {
    type: 'object',
    properties: Object.fromEntries(rules.map(([name, each]) => [name, propertyOf(each)])),
    required: rules.filter(([, each]) => each['required'] === true).map(([name]) => name),
    additionalProperties: false,
  };
}

function rulesByName(said: Json | undefined): readonly (readonly [string, Rules])[] {
  if (said === undefined || said === null) return [];
  if (isList(said)) {
    return said.flatMap((parameter) => {
      const name = isJsonObject(parameter) ? parameter['name'] : undefined;
      return typeof name === 'string' && isJsonObject(parameter) ? [[name, parameter] as const] : [];
    });
  }
  if (!isJsonObject(said)) return [];
  return Object.entries(said).map(([name, rules]) => [name, isJsonObject(rules) ? rules : {}] as const);
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function propertyOf(rules: Rules): JsonSchema {
  const { default: otherwise, description } = rules;
  const isKnown = otherwise !== undefined && otherwise !== null;
  return {
    ...shapeOf(rules),
    ...(typeof description === 'string' && { description: description.slice(0, 1_000) }),
    // The node fills it in: here it is only told.
    ...(isKnown && { examples: [otherwise] }),
  };
}

function shapeOf(rules: Rules): JsonSchema {
  const allowed = rules['in'];
  if (allowed !== undefined && allowed !== null && isList(allowed) && allowed.length > 0) {
    return { enum: allowed.slice(0, 1_000) };
  }
  const min = numberIn(rules['min']);
  const max = numberIn(rules['max']);
  switch (rules['type']) {
    case 'string':
      return { type: 'string', ...lengths(min, max) };
    case 'atom':
      return { type: 'string', maxLength: 255, 'x-arsenal': { elixir: 'atom' } };
    case 'pid':
      return { type: 'string', maxLength: 512, 'x-arsenal': { pick: 'process', elixir: 'pid' } };
    case 'integer':
      return { type: 'integer', ...bounds(min, max) };
    case 'float':
    case 'number':
      return { type: 'number', ...bounds(min, max) };
    case 'boolean':
      return { type: 'boolean' };
    case 'list':
    case 'array':
      return {
        type: 'array',
        ...(min !== null && { minItems: Math.max(0, Math.ceil(min)) }),
        maxItems: Math.max(0, Math.min(mostItems, Math.floor(max ?? mostItems))),
        items: { [maxBytesKeyword]: mostBytes },
      };
    case 'map':
    case 'object':
      return { type: 'object', [maxBytesKeyword]: mostBytes, additionalProperties: true };
    default:
      return { [maxBytesKeyword]: mostBytes };
  }
}

function numberIn(json: Json | undefined): number | null {
  return typeof json === 'number' && Number.isFinite(json) ? json : null;
}

function bounds(min: number | null, max: number | null): JsonSchema {
  return { ...(min !== null && { minimum: min }), ...(max !== null && { maximum: max }) };
}

function lengths(min: number | null, max: number | null): JsonSchema {
  return {
    ...(min !== null && { minLength: Math.max(0, Math.ceil(min)) }),
    maxLength: Math.max(0, Math.min(longestText, Math.floor(max ?? longestText))),
  };
}
