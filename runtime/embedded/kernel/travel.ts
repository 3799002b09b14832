/**
 * What a signal must be to leave its node: terms only, as the external term format has them. They are not decoded from bytes at the
 * other side: the sender's terms were copied when they were sent, and what the codec would make of that copy's bytes is the same
 * term. Pids, references and funs so stay the objects that the kernels made.
 */
import { encodeTerm } from '../../term/encode.ts';
import type { Value } from '../../term/values.ts';
import { toTerm } from '../../term/values.ts';
import { copied, deepestTerm } from './copy.ts';
import { ErrorException } from './exceptions.ts';
import type { Signal } from './signal.ts';
import { bytesPerWord, flatWords } from './termSize.ts';
import { atoms } from './values.ts';

/** Whether a value has an external form: no JavaScript function, no object of a class of its own, no cycle. */
export function isTerm(value: Value): boolean {
  // What most messages are: these always have one.
  if (typeof value === 'string' || typeof value === 'boolean') return true;
  return toTerm(value, { maxDepth: deepestTerm }).ok;
}

/**
 * The signal as it arrives. Throws `badarg` as an error exception for a message or arguments that are no terms; an exit reason that
 * is none arrives as `badarg`, for the process that had it is gone and somebody has to be told.
 */
export function travelling(signal: Signal): Signal {
  switch (signal.is) {
    case 'message':
      if (!isTerm(signal.message)) throw new ErrorException(atoms.badarg);
      return signal;
    case 'exit':
    case 'down':
      return isTerm(signal.reason) ? signal : { ...signal, reason: atoms.badarg };
    case 'spawn':
      if (!isTerm(signal.args)) throw new ErrorException(atoms.badarg);
      return { ...signal, args: signal.args.map(copied) };
    default:
      return signal;
  }
}

/**
 * Bytes that a value takes in the external term format. Of what the format cannot write alone (a fun of this simulation) it is the
 * estimate of {@link flatWords}.
 */
export function encodedBytes(value: Value): number {
  const term = toTerm(value, { maxDepth: deepestTerm });
  const encoded = term.ok ? encodeTerm(term.value, { scope: 'simulated' }) : null;
  return encoded?.ok === true ? encoded.bytes.byteLength : flatWords(value) * bytesPerWord;
}
