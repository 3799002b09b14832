/**
 * Parameters from text: query strings and `key=value` words. The schema says what a text means; a text that means nothing there
 * stays a text, so that the validator, which knows how to say it, answers with the pointer.
 *
 * Nothing else is ever coerced: JSON bodies are taken as they are.
 */
import type { Json } from '../../runtime/model.ts';
import type { JsonSchema } from '../protocol/operation.ts';
import { parseJson } from './json.ts';

type JsonObject = { readonly [key: string]: Json };

/** The schemas a schema allows one of: itself, or its `anyOf`, `oneOf` members. */
function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const choices = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(choices) ? choices.filter(isObject).flatMap(alternatives) : [schema];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function typesOf(schema: JsonSchema): readonly string[] {
  const type = schema['type'];
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((each: Json) => typeof each === 'string');
  if (Object.hasOwn(schema, 'const')) return [kindOf(schema['const'])];
  const allowed = schema['enum'];
  return Array.isArray(allowed) ? [...new Set(allowed.map(kindOf))] : [];
}

function kindOf(value: Json | undefined): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** The schema of the property `name` of an object schema; null when it has none. */
export function propertySchema(schema: JsonSchema, name: string): JsonSchema | null {
  for (const each of alternatives(schema)) {
    const properties = each['properties'];
    if (isObject(properties) && Object.hasOwn(properties, name)) {
      const found = properties[name];
      if (isObject(found)) return found;
    }
    const others = each['additionalProperties'] ?? each['patternProperties'];
    if (isObject(others) && typesOf(others).length > 0) return others;
  }
  return null;
}

/** What `text` means where `schema` stands: the first of number, boolean, null, list, object that it can be, else the text. */
export function valueOfText(schema: JsonSchema, text: string): Json {
  const allowed = alternatives(schema);
  for (const each of allowed) {
    for (const type of typesOf(each)) {
      const value = asType(type, each, text);
      if (value !== undefined) return value;
    }
  }
  // A schema without a type takes any JSON: `[1,2]`, `{"$term":"{:job, 7}"}`; all else is a text.
  if (allowed.some((each) => typesOf(each).length === 0)) return parseJson(text) ?? text;
  return text;
}

function asType(type: string, schema: JsonSchema, text: string): Json | undefined {
  switch (type) {
    case 'number':
    case 'integer':
      return numberIn(text);
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'null':
      return text === 'null' ? null : undefined;
    case 'array': {
      const parsed = text.startsWith('[') ? parseJson(text) : undefined;
      if (isList(parsed)) return parsed;
      const items = schema['items'];
      return text === '' ? [] : text.split(',').map((each) => (isObject(items) ? valueOfText(items, each) : each));
    }
    case 'object': {
      const parsed = text.startsWith('{') ? parseJson(text) : undefined;
      return isObject(parsed) ? parsed : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * In JSON's own syntax: no hex, no Infinity, no blank. A whole number that is none of those told apart here stays a text: it would be
 * another number, which nobody wrote.
 */
function numberIn(text: string): number | undefined {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  const isExact = !/^-?\d+$/.test(text) || Number.isSafeInteger(value);
  return Number.isFinite(value) && isExact ? value : undefined;
}

export type TextParams =
  | { readonly ok: true; readonly params: JsonObject }
  | { readonly ok: false; readonly name: string; readonly why: 'unknown' | 'repeated' };

/**
 * Parameters from names and texts. `filter.status` reaches into the object `filter`. A name given twice is a list where the
 * schema allows one. Fails with the first name that the schema has not, or that stands there twice.
 */
export function paramsFromText(schema: JsonSchema, pairs: readonly (readonly [string, string])[]): TextParams {
  const params: { [key: string]: Json } = {};
  const grouped = new Map<string, string[]>();
  for (const [name, text] of pairs) grouped.set(name, [...(grouped.get(name) ?? []), text]);
  for (const [name, texts] of grouped) {
    const path = propertySchema(schema, name) === null ? name.split('.') : [name];
    const found = path.reduce<JsonSchema | null>((at, key) => (at === null ? null : propertySchema(at, key)), schema);
    if (found === null) return { ok: false, name, why: 'unknown' };
    const [first = ''] = texts;
    if (texts.length === 1) put(params, path, valueOfText(found, first));
    else {
      const list = alternatives(found).find((each) => typesOf(each).includes('array'));
      const items = list?.['items'];
      if (list === undefined) return { ok: false, name, why: 'repeated' };
      put(
        params,
        path,
        texts.map((text) => (isObject(items) ? valueOfText(items, text) : text)),
      );
    }
  }
  return { ok: true, params };
}

function put(into: { [key: string]: Json }, path: readonly string[], value: Json): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    define(into, key, value);
    return;
  }
  const held = Object.hasOwn(into, key) ? into[key] : undefined;
  const inner: { [key: string]: Json } = isObject(held) ? { ...held } : {};
  put(inner, rest, value);
  define(into, key, inner);
}

/** Sets an own property whatever its name: `__proto__` from a query string is a name like any other. */
function define(into: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
}
