/** Parameters as they may be kept: without secrets, and only so large. */
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { JsonSchema } from '../../protocol/operation.ts';
import { redact, redacted } from '../audit/redact.ts';

export type SanitizeLimits = { readonly text: number; readonly parts: number; readonly characters: number };
export const paramsKept: SanitizeLimits = { text: 200, parts: 20, characters: 4_096 };

/**
 * A copy without what is secret: by its name, or because its schema says so (`writeOnly`, `format: "password"`, or
 * `x-arsenal: {"secret": true}`). Long texts and lists are cut; what is too large all the same is left out, and its size said.
 */
export function sanitized(value: Json, schema: JsonSchema | null, limits: SanitizeLimits = paramsKept): Json {
  const safe = cut(redact(withoutMarked(value, schema)), limits);
  const { length } = JSON.stringify(safe);
  return length <= limits.characters ? safe : { omitted: true, characters: length };
}

function withoutMarked(value: Json, schema: JsonSchema | null): Json {
  if (schema === null) return value;
  if (isSecret(schema)) return redacted;
  const of = schemaIn(schema['items']);
  if (Array.isArray(value) && of !== null) return value.map((part: Json) => withoutMarked(part, of));
  if (!isJsonObject(value)) return value;
  const properties = schemaIn(schema['properties']);
  if (properties === null) return value;
  const entries = Object.entries(value).map(([name, part]): [string, Json] => [
    name,
    withoutMarked(part, schemaIn(properties[name])),
  ]);
  return Object.fromEntries(entries);
}

function isSecret(schema: JsonSchema): boolean {
  const hints = schemaIn(schema['x-arsenal']);
  return schema['writeOnly'] === true || schema['format'] === 'password' || hints?.['secret'] === true;
}

function schemaIn(value: Json | undefined): JsonSchema | null {
  return value !== undefined && isJsonObject(value) ? value : null;
}

function cut(value: Json, limits: SanitizeLimits): Json {
  if (typeof value === 'string') {
    return value.length <= limits.text ? value : `${value.slice(0, limits.text)}… (${value.length} characters)`;
  }
  if (Array.isArray(value)) {
    const shown = value.slice(0, limits.parts).map((part: Json) => cut(part, limits));
    return value.length <= limits.parts ? shown : [...shown, `… (${value.length} in all)`];
  }
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value);
  const shown = entries.slice(0, limits.parts).map(([name, part]): [string, Json] => [name, cut(part, limits)]);
  const more: readonly [string, Json][] = entries.length <= limits.parts ? [] : [['…', `${entries.length} in all`]];
  return Object.fromEntries([...shown, ...more]);
}
