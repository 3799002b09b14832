/** JSON text to values of a known type, and plain data to JSON. */
import type { Json } from '../../runtime/model.ts';

/** The value a JSON text says; undefined for what is no JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** JSON.parse makes nothing but JSON: what it made is known by having been made. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}

/** Plain data as JSON: what is undefined is dropped, as it would be on the wire. */
export function jsonOf(value: object): Json {
  return parseJson(JSON.stringify(value)) ?? null;
}
