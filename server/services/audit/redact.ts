/** Keeps secrets out of what is written down. */
import type { Json } from '../../../runtime/model.ts';
import { redacted } from '../../core/secrets.ts';

const secretName = /cookie|passw(or)?d|passphrase|secret|token|api_?key|authorization|credential|private_?key/i;
/** Of a text that is kept as it is. */
export const longestText = 4096;

/** Names that were asked about: nearly always the same few. */
const asked = new Map<string, boolean>();
const mostAsked = 10_000;

/** Whether what stands under that name is taken for a secret. */
export function isSecretName(name: string): boolean {
  const known = asked.get(name);
  if (known !== undefined) return known;
  const isSecret = secretName.test(name);
  if (asked.size >= mostAsked) asked.clear();
  if (name.length <= 100) asked.set(name, isSecret);
  return isSecret;
}

/** The same value with everything under a name that sounds like a secret replaced, and long texts cut. */
export function redact(value: Json): Json {
  if (typeof value === 'string') return cut(value);
  if (Array.isArray(value)) return value.map((part: Json) => redact(part));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, part]: [string, Json]): [string, Json] => [
    name,
    isSecretName(name) ? redacted : redact(part),
  ]);
  return Object.fromEntries(entries);
}

function cut(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}… (${text.length} characters)`;
}
