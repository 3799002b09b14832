/** JSON with one text for equal values. */
import type { Json } from '../../runtime/model.ts';

/** Equal for two values exactly when they are equal but for the order of their keys. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((part: Json) => canonicalJson(part)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, part]: [string, Json]) => `${JSON.stringify(name)}:${canonicalJson(part)}`).join(',')}}`;
}
