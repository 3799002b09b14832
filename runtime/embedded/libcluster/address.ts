/** Addresses of the internet protocol as text: `inet:ntoa/1`. */
import type { Value } from '../../term/values.ts';
import { elementsOf } from '../kernel/values.ts';

/** `{10, 0, 0, 1}`, a tuple of eight words, or the text itself; null for what is no address. */
export function addressText(value: Value): string | null {
  if (typeof value === 'string') return value;
  const parts = elementsOf(value);
  if (parts === null || !parts.every((part) => typeof part === 'number')) return null;
  if (parts.length === 4) return parts.join('.');
  return parts.length === 8 ? shortened(parts.map((part) => part.toString(16))) : null;
}

/** The longest run of zeros is left out (RFC 5952). */
function shortened(words: readonly string[]): string {
  let [start, length] = [0, 0];
  for (let at = 0; at < words.length; at += 1) {
    let run = 0;
    while (words[at + run] === '0') run += 1;
    if (run > length) [start, length] = [at, run];
  }
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}
