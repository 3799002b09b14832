/**
 * JavaScript values ↔ Erlang terms: one table (docs/terms.md), both ways.
 *
 * A term makes a value and that value the same term again. The other way round, a value whose term has a plainer value comes back
 * as that one: an Atom named `true` as `true`, a Uint8Array of UTF-8 as a string.
 */
import { binary, bitstring, bytesFromBase64, isWellFormed } from './binary.ts';
import { map } from './order.ts';
import type { FunTerm, Term } from './term.ts';
import { atom, integer, list, text } from './term.ts';

const atoms = new Map<string, Atom>();

/** An atom other than `true`, `false`, `nil` and `undefined`. There is one object for a name: compare with `===`. */
export class Atom {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** The one Atom called `name` (at most 255 characters; {@link toTerm} refuses longer ones, as OTP does). */
  static of(name: string): Atom {
    const known = atoms.get(name);
    if (known !== undefined) return known;
    const made = new Atom(name);
    atoms.set(name, made);
    return made;
  }

  toString(): string {
    return this.name;
  }
}

/** The one Atom called `name`; short for {@link Atom.of}. */
export function a(name: string): Atom {
  return Atom.of(name);
}

/** A float whose value is integral (`1.0`, `-0.0`), which a plain number cannot tell from an integer. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** `{a, b, …}` */
export class Tuple<E extends readonly unknown[] = readonly Value[]> {
  readonly elements: E;

  constructor(elements: E) {
    this.elements = elements;
  }
}

/** `{a, b, …}`; short for a new {@link Tuple}. */
export function tup<const E extends readonly unknown[]>(...elements: E): Tuple<E> {
  return new Tuple(elements);
}

/** `[a, b | tail]`, where `tail` is no list. */
export class ImproperList {
  readonly items: readonly Value[];
  readonly tail: Value;

  constructor(items: readonly Value[], tail: Value) {
    this.items = items;
    this.tail = tail;
  }
}

/** A bitstring whose length is no whole number of bytes: `lastBits` (1..7) of the last byte are used, from its high end. */
export class Bits {
  readonly bytes: Uint8Array;
  readonly lastBits: number;

  constructor(bytes: Uint8Array, lastBits: number) {
    this.bytes = bytes;
    this.lastBits = lastBits;
  }
}

/** A process identifier. */
export class Pid {
  readonly node: string;
  readonly creation: number;
  readonly id: number;
  readonly serial: number;

  constructor(node: string, creation: number, id: number, serial: number) {
    this.node = node;
    this.creation = creation;
    this.id = id;
    this.serial = serial;
  }

  toString(): string {
    return `#PID<${this.node}.${this.id}.${this.serial}>`;
  }
}

/** A reference; `ids` are its 1 to 5 words of 32 bits. */
export class Ref {
  readonly node: string;
  readonly creation: number;
  readonly ids: readonly number[];

  constructor(node: string, creation: number, ids: readonly number[]) {
    this.node = node;
    this.creation = creation;
    this.ids = ids;
  }

  toString(): string {
    return `#Reference<${this.node}.${this.ids.toReversed().join('.')}>`;
  }
}

/** A port identifier. */
export class PortId {
  readonly node: string;
  readonly creation: number;
  readonly id: bigint;

  constructor(node: string, creation: number, id: bigint) {
    this.node = node;
    this.creation = creation;
    this.id = id;
  }
}

/** `fun module:function/arity` */
export class Export {
  readonly module: string;
  readonly function: string;
  readonly arity: number;

  constructor(module: string, name: string, arity: number) {
    this.module = module;
    this.function = name;
    this.arity = arity;
  }
}

/** An opaque fun of a runtime (see FunTerm): it can be passed back to where it came from. */
export class Fun {
  readonly term: FunTerm;

  constructor(term: FunTerm) {
    this.term = term;
  }
}

/** A part that was too large to be brought here. It can be shown; an encoder refuses it. */
export class Elided {
  readonly was: Extract<Term, { readonly t: 'elided' }>['was'];
  readonly size: number;

  constructor(was: Extract<Term, { readonly t: 'elided' }>['was'], size: number) {
    this.was = was;
    this.size = size;
  }
}

/** What {@link toValue} answers and {@link toTerm} takes. A plain object is a map whose keys are all atoms. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Atom
  | Float
  | readonly Value[]
  | ImproperList
  | Tuple<readonly unknown[]>
  | { readonly [key: string]: Value }
  | ReadonlyMap<Value, Value>
  | Uint8Array
  | Bits
  | Pid
  | Ref
  | PortId
  | Export
  | Fun
  | Elided;

export type ConversionCode =
  | 'cycle'
  | 'not_finite'
  | 'unsafe_integer'
  | 'lone_surrogate'
  | 'atom_too_long'
  | 'symbol'
  | 'unsupported_type'
  | 'duplicate_key'
  | 'out_of_range'
  | 'too_deep'
  | 'too_large'
  | 'unreadable';

/** Why a value has no term. `path` leads to the offending part: keys, indexes, `tail`. */
export type ConversionError = {
  readonly code: ConversionCode;
  readonly message: string;
  readonly path: readonly (string | number)[];
};
export type Converted<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ConversionError };

export type ConversionOptions = {
  /** Levels of nesting allowed; 500 when absent. */
  readonly maxDepth?: number;
  /** Parts (elements, keys, values) allowed in all; 10,000,000 when absent. */
  readonly maxParts?: number;
  /** Gives a function, or an object of a class outside the table, the fun that stands for it; null refuses it. */
  readonly lease?: (value: object) => FunTerm | null;
};

/** Leaves the recursion with an error; caught in {@link toTerm} and nowhere else. */
class Refusal extends Error {
  readonly code: ConversionCode;
  readonly path: (string | number)[] = [];

  constructor(code: ConversionCode, message: string) {
    super(message);
    this.code = code;
  }
}

const mostAtomCharacters = 255;
const maxUint32 = 0xffffffff;

function atomName(name: string): string {
  if (!isWellFormed(name)) throw new Refusal('lone_surrogate', 'The name of the atom has half a surrogate pair.');
  // Characters are code points; a string of up to 255 units cannot have more.
  if (name.length > mostAtomCharacters && Array.from(name).length > mostAtomCharacters) {
    throw new Refusal('atom_too_long', `An atom has at most ${mostAtomCharacters} characters.`);
  }
  return name;
}

function isArray(value: object): value is readonly unknown[] {
  return Array.isArray(value);
}

function isTuple(value: object): value is Tuple<readonly unknown[]> {
  return value instanceof Tuple;
}

function checkRange(value: number, max: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Refusal('out_of_range', `${what} must be an integer from 0 to ${max}.`);
}

function numberTerm(value: number): Term {
  if (Number.isSafeInteger(value)) return integer(value);
  if (!Number.isFinite(value)) throw new Refusal('not_finite', 'NaN and infinities have no Erlang term.');
  if (Number.isInteger(value)) {
    throw new Refusal('unsafe_integer', 'An integral number beyond 2^53-1 is ambiguous: use a bigint or a Float.');
  }
  return { t: 'float', v: value };
}

function floatTerm({ value }: Float): Term {
  if (!Number.isFinite(value)) throw new Refusal('not_finite', 'NaN and infinities have no Erlang term.');
  return { t: 'float', v: Object.is(value, -0) ? '-0' : value };
}

function textTerm(value: string): Term {
  if (isWellFormed(value)) return text(value);
  throw new Refusal('lone_surrogate', 'The string has half a surrogate pair, which UTF-8 cannot carry.');
}

function identityTerm(value: Pid | Ref | PortId): Term {
  const node = atomName(value.node);
  const creation = checkRange(value.creation, maxUint32, 'A creation');
  if (value instanceof Pid) {
    const id = checkRange(value.id, maxUint32, 'The number of a pid');
    return { t: 'pid', node, creation, id, serial: checkRange(value.serial, maxUint32, 'The serial of a pid') };
  }
  if (value instanceof PortId) {
    if (value.id < 0n || value.id > 0xffffffffffffffffn) {
      throw new Refusal('out_of_range', 'The number of a port must fit 64 bits.');
    }
    return { t: 'port', node, creation, id: value.id.toString() };
  }
  if (value.ids.length < 1 || value.ids.length > 5) {
    throw new Refusal('out_of_range', 'A reference has 1 to 5 words.');
  }
  return { t: 'ref', node, creation, ids: value.ids.map((id) => checkRange(id, maxUint32, 'A word of a reference')) };
}

class Converter {
  readonly #maxDepth: number;
  #partsLeft: number;
  readonly #lease: (value: object) => FunTerm | null;
  readonly #above = new Set<object>();

  constructor(options: ConversionOptions) {
    this.#maxDepth = options.maxDepth ?? 500;
    this.#partsLeft = options.maxParts ?? 10_000_000;
    this.#lease = options.lease ?? (() => null);
  }

  term(value: unknown): Term {
    switch (typeof value) {
      case 'string':
        return textTerm(value);
      case 'number':
        return numberTerm(value);
      case 'boolean':
        return atom(value ? 'true' : 'false');
      case 'undefined':
        return atom('undefined');
      case 'bigint':
        return integer(value);
      case 'symbol':
        throw new Refusal('symbol', 'A symbol has no Erlang term; use Atom.of(name).');
      case 'function':
        return this.#leased(value);
      case 'object':
        return value === null ? atom('nil') : this.#object(value);
      default:
        throw new Refusal('unsupported_type', 'This type has no Erlang term.');
    }
  }

  #object(value: object): Term {
    if (value instanceof Atom) return atom(atomName(value.name));
    if (value instanceof Float) return floatTerm(value);
    if (value instanceof Pid || value instanceof Ref || value instanceof PortId) return identityTerm(value);
    if (value instanceof Uint8Array) return binary(value);
    if (value instanceof Fun) return value.term;
    if (value instanceof Elided) return { t: 'elided', was: value.was, size: value.size };
    if (value instanceof Bits) {
      if (value.bytes.length === 0 || checkRange(value.lastBits, 8, 'The number of last bits') === 0) {
        throw new Refusal('out_of_range', 'A bitstring has at least one byte, of which 1 to 8 bits are used.');
      }
      return bitstring(value.bytes, value.lastBits);
    }
    if (value instanceof Export) {
      const arity = checkRange(value.arity, 255, 'An arity');
      return { t: 'export', module: atomName(value.module), function: atomName(value.function), arity };
    }
    if (this.#above.has(value)) throw new Refusal('cycle', 'The value contains itself.');
    if (this.#above.size >= this.#maxDepth) {
      throw new Refusal('too_deep', `The value is nested deeper than ${this.#maxDepth}.`);
    }
    this.#above.add(value);
    const term = this.#container(value);
    this.#above.delete(value);
    return term;
  }

  #container(value: object): Term {
    if (isArray(value)) return list(this.#elements(value));
    if (isTuple(value)) return { t: 'tuple', e: this.#elements(value.elements) };
    if (value instanceof ImproperList) return this.#improper(value);
    if (value instanceof Map) return this.#map(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return this.#leased(value);
    return this.#plainObject(value);
  }

  #count(parts: number): void {
    this.#partsLeft -= parts;
    if (this.#partsLeft < 0) throw new Refusal('too_large', 'The value has too many parts.');
  }

  #at(step: string | number, value: unknown): Term {
    try {
      return this.term(value);
    } catch (thrown) {
      if (thrown instanceof Refusal) thrown.path.unshift(step);
      throw thrown;
    }
  }

  #elements(values: readonly unknown[]): Term[] {
    this.#count(values.length);
    const terms: Term[] = [];
    for (let at = 0; at < values.length; at++) terms.push(this.#at(at, values[at]));
    return terms;
  }

  #improper(value: ImproperList): Term {
    const items = this.#elements(value.items);
    const tail = this.#at('tail', value.tail);
    return prepend(items, tail);
  }

  #map(value: ReadonlyMap<unknown, unknown>): Term {
    this.#count(value.size * 2);
    const entries: [Term, Term][] = [];
    let at = 0;
    for (const [key, entry] of value) {
      entries.push([this.#at(`key ${at}`, key), this.#at(`value ${at}`, entry)]);
      at++;
    }
    const term = map(entries);
    if (term.e.length !== entries.length) {
      throw new Refusal('duplicate_key', 'Two keys of the Map are the same term.');
    }
    return term;
  }

  #plainObject(value: object): Term {
    const keys = Object.keys(value);
    this.#count(keys.length * 2);
    if (Object.getOwnPropertySymbols(value).length > 0) {
      throw new Refusal('symbol', 'A symbol cannot be the key of a map; use a Map with other keys.');
    }
    const entries = Object.entries(value).map(([key, entry]): [Term, Term] => [
      atom(atomName(key)),
      this.#at(key, entry),
    ]);
    return map(entries);
  }

  #leased(value: object): Term {
    const fun = this.#lease(value);
    if (fun !== null) return fun;
    const what = typeof value === 'function' ? 'A function' : 'An object of this class';
    throw new Refusal('unsupported_type', `${what} has no Erlang term.`);
  }
}

/** `items` in front of `tail`, in canonical form: with a list for a tail they make one list. */
function prepend(items: readonly Term[], tail: Term): Term {
  if (items.length === 0) return tail;
  if (tail.t === 'bytelist') {
    return list([...items, ...Array.from(tail.latin1, (character) => integer(character.charCodeAt(0)))]);
  }
  if (tail.t !== 'list') return { t: 'list', e: items, tail };
  const all = [...items, ...tail.e];
  return tail.tail === undefined ? list(all) : { t: 'list', e: all, tail: tail.tail };
}

/**
 * The term of a JavaScript value, by the table of docs/terms.md. Cycles, NaN, infinities, symbols, ambiguous integers, lone
 * surrogates and what has no row in the table are errors; nothing throws.
 */
export function toTerm(value: unknown, options: ConversionOptions = {}): Converted<Term> {
  try {
    return { ok: true, value: new Converter(options).term(value) };
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      return { ok: false, error: { code: thrown.code, message: thrown.message, path: thrown.path } };
    }
    // Reading the value ran code of its own (a getter, a proxy), and that threw.
    return { ok: false, error: { code: 'unreadable', message: 'Reading the value failed.', path: [] } };
  }
}

function objectValue(entries: readonly (readonly [Term, Term])[]): Value {
  const keys: string[] = [];
  for (const [key] of entries) {
    if (key.t !== 'atom') return new Map(entries.map(([name, entry]) => [toValue(name), toValue(entry)]));
    keys.push(key.v);
  }
  // Without a prototype `__proto__` and `constructor` are keys like any other.
  const object: Record<string, Value> = { __proto__: null };
  for (const [at, [, entry]] of entries.entries()) object[keys[at] ?? ''] = toValue(entry);
  return object;
}

function atomValue(name: string): Value {
  switch (name) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'nil':
      return null;
    case 'undefined':
      return undefined;
    default:
      return Atom.of(name);
  }
}

function floatValue(value: number | '-0'): Value {
  if (value === '-0') return new Float(-0);
  return Number.isInteger(value) ? new Float(value) : value;
}

/**
 * The JavaScript value of a term, by the table of docs/terms.md. Objects made for maps have no prototype. `toTerm(toValue(t))`
 * is `t` for every canonical term.
 */
export function toValue(term: Term): Value {
  switch (term.t) {
    case 'atom':
      return atomValue(term.v);
    case 'int':
    case 'text':
      return term.v;
    case 'big':
      return BigInt(term.v);
    case 'float':
      return floatValue(term.v);
    case 'bits': {
      const bytes = bytesFromBase64(term.base64) ?? new Uint8Array();
      return term.lastBits === 8 ? bytes : new Bits(bytes, term.lastBits);
    }
    case 'list':
      return term.tail === undefined ? term.e.map(toValue) : new ImproperList(term.e.map(toValue), toValue(term.tail));
    case 'bytelist':
      return Array.from(term.latin1, (character) => character.charCodeAt(0));
    case 'tuple':
      return new Tuple(term.e.map(toValue));
    case 'map':
      return objectValue(term.e);
    case 'pid':
      return new Pid(term.node, term.creation, term.id, term.serial);
    case 'port':
      return new PortId(term.node, term.creation, BigInt(term.id));
    case 'ref':
      return new Ref(term.node, term.creation, term.ids);
    case 'export':
      return new Export(term.module, term.function, term.arity);
    case 'fun':
      return new Fun(term);
    case 'elided':
      return new Elided(term.was, term.size);
  }
}
