/** The functions that guards and bodies of match specifications may call in tables (erts user's guide, as OTP 25 has it). */
import type { Value } from '../../../term/values.ts';
import { a, Atom, Bits, Fun, Export, ImproperList, Pid, PortId, Ref, toTerm } from '../../../term/values.ts';
import { binaryBytes } from '../../../term/binary.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, elementsOf, isList, isTuple } from '../../kernel/values.ts';
import {
  absolute,
  add,
  bits,
  divide,
  floatOf,
  integerOf,
  multiply,
  negate,
  quotient,
  remainder,
  rounded,
  shiftLeft,
  subtract,
  toFloat,
} from './arithmetic.ts';
import { badarg, hashKey, isExactly, mapEntries, order } from './terms.ts';

/** Called with as many values as its name says; throws where Erlang's would. */
export type Guard = (self: Self, ...args: readonly Value[]) => Value;

const isAtom = (value: Value): boolean =>
  value instanceof Atom || typeof value === 'boolean' || value === null || value === undefined;
const isBinary = (value: Value): boolean => typeof value === 'string' || value instanceof Uint8Array;
const isAnyList = (value: Value): boolean => isList(value) || value instanceof ImproperList;

/** A byte string's bytes, and how many bits of them are used; throws for what is none. */
function bitString(value: Value): { readonly bytes: Uint8Array; readonly bits: number } {
  if (value instanceof Bits) return { bytes: value.bytes, bits: (value.bytes.length - 1) * 8 + value.lastBits };
  if (!isBinary(value)) throw badarg();
  const term = toTerm(value);
  const bytes = term.ok && (term.value.t === 'text' || term.value.t === 'bits') ? binaryBytes(term.value) : null;
  if (bytes === null) throw badarg();
  return { bytes, bits: bytes.length * 8 };
}

function size(value: Value): Value {
  const elements = elementsOf(value);
  return elements === null ? Math.floor(bitString(value).bits / 8) : elements.length;
}

function element(at: Value, tuple: Value): Value {
  const elements = elementsOf(tuple);
  if (typeof at !== 'number' || elements === null || at < 1 || at > elements.length) throw badarg();
  return asValue(elements[at - 1]);
}

function head(list: Value): Value {
  if (list instanceof ImproperList) return asValue(list.items[0]);
  if (!isList(list) || list.length === 0) throw badarg();
  return asValue(list[0]);
}
function tail(list: Value): Value {
  if (list instanceof ImproperList) {
    return list.items.length === 1 ? list.tail : new ImproperList(list.items.slice(1), list.tail);
  }
  if (!isList(list) || list.length === 0) throw badarg();
  return list.slice(1).map(asValue);
}

function entryOf(map: Value, key: Value): readonly [Value, Value] | undefined {
  const entries = mapEntries(map);
  if (entries === null) throw badarg();
  const wanted = hashKey(key);
  return entries.find(([known]) => hashKey(known) === wanted);
}

function binaryPart(binary: Value, from: Value, length: Value): Value {
  if (!isBinary(binary) || typeof from !== 'number' || typeof length !== 'number') throw badarg();
  const { bytes } = bitString(binary);
  const [start, end] = length < 0 ? [from + length, from] : [from, from + length];
  if (start < 0 || end > bytes.length) throw badarg();
  return bytes.slice(start, end);
}

function isRecord(value: Value, tag: Value, arity: Value): boolean {
  if (!isAtom(tag) || integerOf(arity) === null) throw badarg();
  const elements = elementsOf(value);
  return elements !== null && elements.length === arity && elements[0] === tag;
}

function boolean(value: Value): boolean {
  if (typeof value !== 'boolean') throw badarg();
  return value;
}

const tests: { readonly [name: string]: (value: Value) => boolean } = {
  is_atom: isAtom,
  is_binary: isBinary,
  is_float: (value) => floatOf(value) !== null,
  is_function: (value) => value instanceof Fun || value instanceof Export,
  is_integer: (value) => integerOf(value) !== null,
  is_list: isAnyList,
  is_map: (value) => mapEntries(value) !== null,
  is_number: (value) => integerOf(value) !== null || floatOf(value) !== null,
  is_pid: (value) => value instanceof Pid,
  is_port: (value) => value instanceof PortId,
  is_reference: (value) => value instanceof Ref,
  is_tuple: isTuple,
};
const comparisons: { readonly [operator: string]: (one: Value, other: Value) => boolean } = {
  '>': (one, other) => order(one, other) > 0,
  '<': (one, other) => order(one, other) < 0,
  '>=': (one, other) => order(one, other) >= 0,
  '=<': (one, other) => order(one, other) <= 0,
  '==': (one, other) => order(one, other) === 0,
  '/=': (one, other) => order(one, other) !== 0,
  '=:=': isExactly,
  '=/=': (one, other) => !isExactly(one, other),
};

const functions = new Map<string, Guard>([
  ['self/0', (self) => self.pid],
  ['node/0', (self) => a(self.node)],
  [
    'node/1',
    (_self, of) => {
      if (of instanceof Pid || of instanceof Ref || of instanceof PortId) return a(of.node);
      throw badarg();
    },
  ],
  ['abs/1', (_self, value) => absolute(value)],
  ['round/1', (_self, value) => rounded(value, 'round')],
  ['trunc/1', (_self, value) => rounded(value, 'trunc')],
  ['float/1', (_self, value) => toFloat(value)],
  ['element/2', (_self, at, tuple) => element(at, tuple)],
  ['hd/1', (_self, list) => head(list)],
  ['tl/1', (_self, list) => tail(list)],
  [
    'length/1',
    (_self, list) => {
      if (isList(list)) return list.length;
      throw badarg();
    },
  ],
  ['size/1', (_self, value) => size(value)],
  ['byte_size/1', (_self, value) => Math.ceil(bitString(value).bits / 8)],
  ['bit_size/1', (_self, value) => bitString(value).bits],
  ['binary_part/3', (_self, binary, from, length) => binaryPart(binary, from, length)],
  [
    'binary_part/2',
    (_self, binary, place) => {
      const elements = elementsOf(place) ?? [];
      if (elements.length !== 2) throw badarg();
      return binaryPart(binary, asValue(elements[0]), asValue(elements[1]));
    },
  ],
  [
    'map_size/1',
    (_self, map) => {
      const entries = mapEntries(map);
      if (entries === null) throw badarg();
      return entries.length;
    },
  ],
  [
    'map_get/2',
    (_self, key, map) => {
      const entry = entryOf(map, key);
      if (entry === undefined) throw badarg();
      return entry[1];
    },
  ],
  ['is_map_key/2', (_self, key, map) => entryOf(map, key) !== undefined],
  ['is_record/3', (_self, value, tag, arity) => isRecord(value, tag, arity)],
  ['not/1', (_self, value) => !boolean(value)],
  ['xor/2', (_self, one, other) => boolean(one) !== boolean(other)],
  ['+/1', (_self, value) => add(0, value)],
  ['-/1', (_self, value) => negate(value)],
  ['+/2', (_self, one, other) => add(one, other)],
  ['-/2', (_self, one, other) => subtract(one, other)],
  ['*/2', (_self, one, other) => multiply(one, other)],
  ['//2', (_self, one, other) => divide(one, other)],
  ['div/2', (_self, one, other) => quotient(one, other)],
  ['rem/2', (_self, one, other) => remainder(one, other)],
  ['bnot/1', (_self, value) => bits(value, 0, (one) => ~one)],
  ['band/2', (_self, one, other) => bits(one, other, (left, right) => left & right)],
  ['bor/2', (_self, one, other) => bits(one, other, (left, right) => left | right)],
  ['bxor/2', (_self, one, other) => bits(one, other, (left, right) => left ^ right)],
  ['bsl/2', (_self, one, by) => shiftLeft(one, by)],
  ['bsr/2', (_self, one, by) => shiftLeft(one, negate(by))],
]);
for (const [name, test] of Object.entries(tests)) functions.set(`${name}/1`, (_self, value) => test(value));
for (const [name, test] of Object.entries(comparisons)) {
  functions.set(`${name}/2`, (_self, one, other) => test(one, other));
}

/** The function of a guard or body; null when there is none with this name and number of arguments. */
export function guardFunction(name: string, arity: number): Guard | null {
  return functions.get(`${name}/${arity}`) ?? null;
}
