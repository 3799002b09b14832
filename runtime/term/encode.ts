/**
 * A {@link Term} in the external term format, ready for a node.
 */
import { decodeTerm } from './decode.ts';
import { etfVersion } from './tags.ts';
import type { Term } from './term.ts';
import type { EncodeError } from './write.ts';
import { TermWriter } from './write.ts';

export type Encoded =
  { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly error: EncodeError };

function isFun(bytes: Uint8Array, scope: string): boolean {
  const decoded = decodeTerm(bytes, { scope, form: 'bare' });
  return decoded.ok && decoded.term.t === 'fun' && decoded.next === bytes.length;
}

/** A writer of terms that checks the tokens of funs by decoding them. */
export function termWriter(sizeBytes: number): TermWriter {
  return new TermWriter(sizeBytes, isFun);
}

/**
 * Encodes a term with the version byte 131, in the tags that every OTP since 24 reads. Refused: elided parts, funs of another
 * `scope`, numbers out of range, damaged parts, maps with a key twice.
 */
export function encodeTerm(term: Term, options: { readonly scope: string }): Encoded {
  const writer = termWriter(256);
  writer.u8(etfVersion);
  const error = writer.write(term, options.scope);
  return error === null ? { ok: true, bytes: writer.written() } : { ok: false, error };
}
