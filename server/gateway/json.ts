/** JSON text to values of a known type, and plain data to JSON. */
import type { Json } from '../../runtime/model.ts';

/** The value a JSON text says; undefined for what is no JSON, and for numbers that there are none of here (`1e999`). */
export function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = mayOverflow.test(text) ? JSON.parse(text, onlyFinite) : JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Numbers of so many digits, or with such an exponent, may become infinite. */
const mayOverflow = /[eE]\+?\d{3}|\d{300}/;

function onlyFinite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('There is no such number.');
  return value;
}

/** JSON.parse makes nothing but JSON: what it made is known by having been made. */
function isJson(value: unknown): value is Json {
  return value !== undefined;
}

/** Plain data as JSON: what is undefined is dropped, as it would be on the wire. */
export function jsonOf(value: object): Json {
  return parseJson(JSON.stringify(value)) ?? null;
}
