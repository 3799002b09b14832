/** What every schema of an operation must keep to, whoever wrote it, checked when the operation is registered. */
import type { Json } from '../../runtime/model.ts';
import type { JsonSchema } from '../protocol/operation.ts';

/** Custom keyword: the most bytes of UTF-8 that a value of any JSON shape may have. */
export const maxBytesKeyword = 'x-maxBytes';

const subschemas = ['items', 'contains', 'not', 'if', 'then', 'else', 'additionalProperties', 'propertyNames'];
const subschemaLists = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const subschemaMaps = ['properties', 'patternProperties', '$defs', 'dependentSchemas'];

/** A schema as plain JSON: what TypeBox keeps beside it (its own markers are not enumerable) is left out. */
export function plainSchema(schema: object): JsonSchema {
  const plain: unknown = JSON.parse(JSON.stringify(schema));
  return isSchema(plain) ? plain : {};
}

/**
 * The same schema with every object that lists its properties closed: a name that is not listed is a mistake of the caller's, not
 * something to ignore. One that says itself what else it takes stays as it is.
 */
export function closeObjects(schema: JsonSchema): JsonSchema {
  const closed = mapSubschemas(schema, closeObjects);
  const open = closed['properties'] !== undefined && closed['additionalProperties'] === undefined;
  return open && closed['patternProperties'] === undefined ? { ...closed, additionalProperties: false } : closed;
}

/** The schema as callers see it: what has a default is not required of them. */
export function publicSchema(schema: JsonSchema): JsonSchema {
  const shown = mapSubschemas(schema, publicSchema);
  const { required, properties } = shown;
  if (!Array.isArray(required) || !isSchema(properties)) return shown;
  const still = required.filter((name) => !hasDefault(properties, String(name)));
  return { ...shown, required: still };
}

function hasDefault(properties: JsonSchema, name: string): boolean {
  const property = properties[name];
  return isSchema(property) && property['default'] !== undefined;
}

/**
 * Where a schema lets something grow without limit: JSON pointers into it, with what is missing. A string needs `maxLength` (or a
 * pattern of bounded length), an array `maxItems`, a map `maxProperties`, anything else {@link maxBytesKeyword}.
 */
export function unboundedParts(
  schema: JsonSchema,
  at = '',
): readonly { readonly at: string; readonly missing: string }[] {
  const below = eachSubschema(schema).flatMap(([path, part]) => unboundedParts(part, `${at}/${path}`));
  const missing = missingBound(schema);
  return missing === null ? below : [{ at, missing }, ...below];
}

function missingBound(schema: JsonSchema): string | null {
  if ('const' in schema || 'enum' in schema || '$ref' in schema) return null;
  if (subschemaLists.some((keyword) => keyword !== 'prefixItems' && keyword in schema)) return null;
  if (maxBytesKeyword in schema) return null;
  switch (schema['type']) {
    case 'string':
      return 'maxLength' in schema || isBoundedPattern(schema['pattern']) ? null : 'maxLength';
    case 'array':
      return 'maxItems' in schema ? null : 'maxItems';
    case 'object':
      return isClosed(schema) || 'maxProperties' in schema ? null : 'maxProperties';
    case 'number':
    case 'integer':
    case 'boolean':
    case 'null':
      return null;
    default:
      return maxBytesKeyword;
  }
}

function isClosed(schema: JsonSchema): boolean {
  return schema['additionalProperties'] === false && schema['patternProperties'] === undefined;
}

/** Whether a pattern is anchored at both ends and repeats nothing without limit. */
function isBoundedPattern(pattern: Json | undefined): boolean {
  if (typeof pattern !== 'string' || !pattern.startsWith('^') || !pattern.endsWith('$')) return false;
  const outsideClasses = pattern.replace(/\\./g, 'c').replace(/\[[^\]]*\]/g, 'c');
  return !/[*+|]|\{\d+,\}/.test(outsideClasses);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function eachSubschema(schema: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  const found: [string, JsonSchema][] = [];
  mapSubschemas(schema, (part, path) => {
    found.push([path, part]);
    return part;
  });
  return found;
}

function mapSubschemas(schema: JsonSchema, map: (part: JsonSchema, path: string) => JsonSchema): JsonSchema {
  const one = (value: Json, path: string): Json => (isSchema(value) ? map(value, path) : value);
  const mapped = Object.entries(schema).map(([keyword, value]): [string, Json] => {
    if (subschemas.includes(keyword)) return [keyword, one(value, keyword)];
    if (subschemaLists.includes(keyword) && Array.isArray(value)) {
      const parts: readonly Json[] = value;
      return [keyword, parts.map((part, index) => one(part, `${keyword}/${index}`))];
    }
    if (subschemaMaps.includes(keyword) && isSchema(value)) {
      const parts = Object.entries(value).map(([name, part]): [string, Json] => [
        name,
        one(part, `${keyword}/${name}`),
      ]);
      return [keyword, Object.fromEntries(parts)];
    }
    const kept: Json = value;
    return [keyword, kept];
  });
  return Object.fromEntries(mapped);
}
