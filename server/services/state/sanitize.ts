/**
 * Parameters and results as they may be kept: as JSON text, without secrets, and only so large. Nearly all hold neither secrets nor much:
 * to see that costs less than to make a copy, so a copy is made only of those that do.
 */
import type { Json } from '../../../runtime/model.ts';
import { isJsonObject } from '../../core/plainData.ts';
import { isSecretName, longestText, redact } from '../audit/redact.ts';

export type SanitizeLimits = { readonly text: number; readonly parts: number; readonly characters: number };
export const paramsKept: SanitizeLimits = { text: 200, parts: 20, characters: 4_096 };

/** A result with more values than this is not kept: of what only looked, looking again costs less than remembering. */
const mostValues = 2_000;

/**
 * JSON without what sounds like a secret; what schemas say is one has been left out before. Long texts and lists are cut; what is too large
 * all the same is left out, and its size said.
 */
export function sanitizedJson(value: Json, limits: SanitizeLimits = paramsKept): string {
  const isAsItIs = valuesUpTo(value, mostValues, limits.text, limits.parts) >= 0;
  const text = JSON.stringify(isAsItIs ? value : cut(redact(value), limits));
  return text.length <= limits.characters ? text : JSON.stringify({ omitted: true, characters: text.length });
}

/**
 * A result as JSON, without what sounds like a secret; null when it has too many values to be kept. Only one that is kept is given to
 * `open`, which leaves out what schemas say is secret.
 */
export function keptResultJson(result: Json, open: (kept: Json) => Json): string | null {
  if (valuesUpTo(result, mostValues, longestText, Infinity) >= 0) return JSON.stringify(open(result));
  return hasAtMost(result, mostValues) ? JSON.stringify(redact(open(result))) : null;
}

/**
 * How many of `most` values are left after those of `value`; negative when it has more of them, a name that sounds like a secret, a
 * longer text, or more parts in one place. It is not walked further than that, however deep it goes.
 */
function valuesUpTo(value: Json, most: number, longest: number, parts: number): number {
  let left = most - 1;
  if (typeof value === 'string') return value.length <= longest ? left : -1;
  if (Array.isArray(value)) {
    const elements: readonly Json[] = value;
    if (elements.length > parts || elements.length > left) return -1;
    for (const element of elements) {
      left = valuesUpTo(element, left, longest, parts);
      if (left < 0) return -1;
    }
    return left;
  }
  if (!isJsonObject(value)) return left;
  let names = 0;
  for (const name of Object.keys(value)) {
    const part = value[name];
    names += 1;
    if (names > parts || isSecretName(name) || part === undefined) return -1;
    left = valuesUpTo(part, left, longest, parts);
    if (left < 0) return -1;
  }
  return left;
}

/** Whether `value` has at most so many values; it is not walked further than that, however deep it goes. */
export function hasAtMost(value: unknown, most: number): boolean {
  const waiting: unknown[] = [value];
  for (let seen = 0; waiting.length > 0; seen += 1) {
    if (seen + waiting.length > most) return false;
    const next = waiting.pop();
    if (typeof next === 'object' && next !== null) {
      for (const part of Object.values(next)) waiting.push(part);
    }
  }
  return true;
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
