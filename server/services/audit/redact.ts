/** Keeps secrets out of what is written down. */
import type { Json } from '../../../runtime/model.ts';

const secretName = /cookie|passw(or)?d|passphrase|secret|token|api_?key|authorization|credential|private_?key/i;
const longestText = 4096;
export const redacted = '[redacted]';

/** The same value with everything under a name that sounds like a secret replaced, and long texts cut. */
export function redact(value: Json): Json {
  if (typeof value === 'string') return cut(value);
  if (Array.isArray(value)) return value.map((part: Json) => redact(part));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, part]: [string, Json]): [string, Json] => [
    name,
    secretName.test(name) ? redacted : redact(part),
  ]);
  return Object.fromEntries(entries);
}

function cut(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}… (${text.length} characters)`;
}
