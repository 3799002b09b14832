/**
 * Terms belong to one process: what is sent is copied, as it is on the BEAM, so that neither side can change what the other holds.
 * For the small terms of most messages that costs a quarter of freezing them, and it also holds for maps and binaries, which
 * JavaScript cannot freeze.
 */
import type { Value } from '../../term/values.ts';
import { Atom, Bits, ImproperList, Pid, Ref, Tuple } from '../../term/values.ts';
import { ErrorException } from './exceptions.ts';
import { atoms } from './values.ts';

/** Deeper terms are refused, as what contains itself is. */
export const deepestTerm = 1000;

/**
 * The same term, of which nothing that can be changed is shared with `value`. Atoms, pids, references, funs and numbers are
 * themselves. Throws `badarg` as an error exception for a term that contains itself, or is nested deeper than {@link deepestTerm}.
 */
export function copied(value: Value): Value {
  return typeof value === 'object' && value !== null ? copyOf(value, 0) : value;
}

function copyOf(value: object & Value, depth: number): Value {
  if (depth >= deepestTerm) throw new ErrorException(atoms.badarg);
  if (value instanceof Tuple) return new Tuple(elementsCopied(value.elements, depth));
  if (value instanceof Atom || value instanceof Pid || value instanceof Ref) return value;
  if (isArray(value)) return elementsCopied(value, depth);
  if (value instanceof ImproperList)
    return new ImproperList(elementsCopied(value.items, depth), part(value.tail, depth));
  if (value instanceof Map) return mapCopied(value, depth);
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Bits) return new Bits(value.bytes.slice(), value.lastBits);
  const prototype: unknown = Object.getPrototypeOf(value);
  // What else there is (floats, funs, ports) cannot be changed through its type.
  if (!isRecord(value) || (prototype !== Object.prototype && prototype !== null)) return value;
  const copy: { [key: string]: Value } = {};
  for (const key of Object.keys(value)) copy[key] = part(value[key], depth);
  return copy;
}

function part(value: unknown, depth: number): Value {
  if (!isValue(value)) return undefined;
  return typeof value === 'object' && value !== null ? copyOf(value, depth + 1) : value;
}

function elementsCopied(elements: readonly unknown[], depth: number): Value[] {
  const copies = new Array<Value>(elements.length);
  for (let at = 0; at < elements.length; at += 1) copies[at] = part(elements[at], depth);
  return copies;
}

function mapCopied(map: ReadonlyMap<unknown, unknown>, depth: number): ReadonlyMap<Value, Value> {
  const copy = new Map<Value, Value>();
  for (const [key, value] of map) copy.set(part(key, depth), part(value, depth));
  return copy;
}

/** `send` takes values only; tuples have lost the type of their elements. */
function isValue(_candidate: unknown): _candidate is Value {
  return true;
}
/** `instanceof` and `Array.isArray` alone leave the elements without a type. */
function isArray(value: object): value is readonly Value[] {
  return Array.isArray(value);
}
function isRecord(value: object): value is { readonly [key: string]: Value } {
  return !(value instanceof Map);
}
