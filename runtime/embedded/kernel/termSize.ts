/** How large values would be on a 64-bit BEAM. */
import { Atom, Bits, Export, Float, Fun, ImproperList, Pid, PortId, Ref } from '../../term/values.ts';
import type { Process } from './process.ts';
import { isList, isTuple } from './values.ts';

export const bytesPerWord = 8;

/**
 * Words of 8 bytes that a value takes on the heap of a 64-bit BEAM, by the table of the efficiency guide ("Memory"): immediate 0;
 * list cell 2; tuple 1 + elements; map of up to 32 keys 5 + keys + values (larger ones are counted the same); float 2; big integer
 * 1 + words; binary 6 + bytes (binaries over 64 bytes are counted where they are used); remote pid and reference 5. Shared parts
 * count each time, as `erts_debug:flat_size/1` does. Stops counting at `limitWords`.
 */
export function flatWords(value: unknown, limitWords: number = Number.MAX_SAFE_INTEGER): number {
  let words = 0;
  const pending: unknown[] = [value];
  while (pending.length > 0 && words < limitWords) {
    const next = pending.pop();
    if (typeof next === 'string') words += 6 + Math.ceil(Buffer.byteLength(next) / bytesPerWord);
    else if (typeof next === 'number') words += Number.isSafeInteger(next) ? 0 : 2;
    else if (typeof next === 'bigint') words += 1 + Math.ceil(next.toString(16).length / 16);
    else if (typeof next === 'object' && next !== null) words += ownWords(next, pending);
  }
  return words;
}

/** The words of one object itself; what it holds is pushed to `pending`. */
function ownWords(value: object, pending: unknown[]): number {
  if (value instanceof Atom || value instanceof PortId) return 0;
  if (value instanceof Float) return 2;
  if (value instanceof Pid) return 0;
  if (value instanceof Ref) return 3;
  if (value instanceof Uint8Array) return 6 + Math.ceil(value.length / bytesPerWord);
  if (value instanceof Bits) return 6 + Math.ceil(value.bytes.length / bytesPerWord);
  if (value instanceof Export || value instanceof Fun) return 5;
  if (isTuple(value)) {
    for (const element of value.elements) pending.push(element);
    return 1 + value.elements.length;
  }
  if (value instanceof ImproperList) {
    for (const item of value.items) pending.push(item);
    pending.push(value.tail);
    return 2 * value.items.length;
  }
  if (isList(value)) {
    for (const element of value) pending.push(element);
    return 2 * value.length;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  for (const [key, held] of entries) {
    // Keys of plain objects are atoms.
    if (value instanceof Map) pending.push(key);
    pending.push(held);
  }
  return 5 + 2 * entries.length;
}

/**
 * Bytes that a process' own terms (state, mailbox, dictionary) would take on the heap of a 64-bit BEAM. An estimate from what it
 * holds now: the heap's free part and the process' control block are not in it.
 */
export function processBytes(process: Process): number {
  let words = process.handler === null ? 0 : flatWords(process.handler.state());
  for (const message of process.mailbox.peek(process.mailbox.length)) words += 2 + flatWords(message);
  for (const [key, value] of process.dictionary ?? []) words += 3 + flatWords(key) + flatWords(value);
  return words * bytesPerWord;
}
