/**
 * Bytes ↔ the two canonical forms of a binary term, without Buffer, so that it also runs in a browser.
 */
import type { Term } from './term.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
const equalsSign = 0x3d;
const notADigit = 255;
const digits = new Uint8Array(256).fill(notADigit);
codes.forEach((code, value) => {
  digits[code] = value;
});

/** Characters handed to `String.fromCharCode` at once: more would overflow the stack of some engines. */
const chunk = 8192;

/** Bytes as a string of the characters 0..255. */
export function latin1FromBytes(bytes: Uint8Array): string {
  if (bytes.length <= chunk) return String.fromCharCode(...bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at += chunk) text += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return text;
}

/** A string of the characters 0..255 as bytes, or null when another character is in it. */
export function bytesFromLatin1(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 255) return null;
    bytes[at] = code;
  }
  return bytes;
}

/** RFC 4648 base64, padded. */
export function base64FromBytes(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  const digit = (value: number): number => codes[value & 63] ?? 0;
  let to = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out[to++] = digit(word >> 18);
    out[to++] = digit(word >> 12);
    out[to++] = left > 1 ? digit(word >> 6) : equalsSign;
    out[to++] = left > 2 ? digit(word) : equalsSign;
  }
  return latin1FromBytes(out);
}

/** The bytes of padded RFC 4648 base64, or null when `text` is not its one canonical spelling. */
export function bytesFromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const end = text.length - padding;
  let to = 0;
  let word = 0;
  for (let at = 0; at < end; at++) {
    const value = digits[text.charCodeAt(at) & 0xff] ?? notADigit;
    if (value === notADigit || text.charCodeAt(at) > 0xff) return null;
    word = (word << 6) | value;
    if (at % 4 === 3) {
      bytes[to++] = word >> 16;
      bytes[to++] = word >> 8;
      bytes[to++] = word;
      word = 0;
    }
  }
  if (padding === 1) {
    if ((word & 3) !== 0) return null;
    bytes[to++] = word >> 10;
    bytes[to++] = word >> 2;
  } else if (padding === 2) {
    if ((word & 15) !== 0) return null;
    bytes[to++] = word >> 4;
  }
  return bytes;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const loneSurrogate = /\p{Surrogate}/u;

/** Whether `text` can be written as UTF-8 without loss: no half of a surrogate pair stands alone. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

/** The UTF-8 of well-formed text (see {@link isWellFormed}). */
export function utf8FromText(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Length of the well-formed UTF-8 sequence at `at` (RFC 3629: shortest form, no surrogates, up to U+10FFFF), or 0.
 */
function sequenceAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf5 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > end) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let next = at + 2; next < at + length; next++) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Shorter ASCII is built character by character, which is faster than entering the text decoder. */
const shortText = 24;

/** The text of `bytes[start..end)` when that is well-formed UTF-8, else null. Never throws. */
export function textFromUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string | null {
  let at = start;
  while (at < end && (bytes[at] ?? 0) < 0x80) at++;
  if (at === end && end - start <= shortText) {
    let text = '';
    for (let index = start; index < end; index++) text += String.fromCharCode(bytes[index] ?? 0);
    return text;
  }
  while (at < end) {
    const length = sequenceAt(bytes, at, end);
    if (length === 0) return null;
    at += length;
  }
  return decoder.decode(bytes.subarray(start, end));
}

/** A binary in canonical form: `text` when it is well-formed UTF-8, else `bits` of whole bytes. */
export function binary(bytes: Uint8Array): Term {
  const text = textFromUtf8(bytes);
  return text === null ? { t: 'bits', base64: base64FromBytes(bytes), lastBits: 8 } : { t: 'text', v: text };
}

/**
 * A bitstring in canonical form. `lastBits` (1..8) are used of the last byte, from its high end; the rest is cleared.
 * With no bytes, or 8, it is a {@link binary}.
 */
export function bitstring(bytes: Uint8Array, lastBits: number): Term {
  if (bytes.length === 0 || lastBits === 8) return binary(bytes);
  // Not slice(): that of a Buffer is a view, and what is below would be written into it.
  const copy = new Uint8Array(bytes);
  const last = copy.length - 1;
  copy[last] = (copy[last] ?? 0) & (0xff << (8 - lastBits));
  return { t: 'bits', base64: base64FromBytes(copy), lastBits };
}

/** The bytes of a binary or bitstring term, or null for another term or malformed base64. */
export function binaryBytes(term: Term): Uint8Array | null {
  if (term.t === 'text') return isWellFormed(term.v) ? utf8FromText(term.v) : null;
  return term.t === 'bits' ? bytesFromBase64(term.base64) : null;
}
