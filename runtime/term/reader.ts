/**
 * Walking over the external term format without building anything: bytes, numbers, the names of atoms, and whole terms passed by.
 *
 * The bytes come from a node and are not trusted: nothing is read past their end, and what is wrong leaves as a {@link Damage}.
 */
import { latin1FromBytes, textFromUtf8 } from './binary.ts';
import { mostAtomCharacters, mostBigBytes, tag } from './tags.ts';
import type { AtomTerm } from './term.ts';
import { atom } from './term.ts';

/** `unexpected`: sound, but of another kind than what was to be read. */
export type DecodeCode =
  'truncated' | 'version' | 'unknown_tag' | 'malformed' | 'duplicate_key' | 'too_large' | 'unexpected';
/** `at` is the offset of the offending byte. */
export type DecodeError = { readonly code: DecodeCode; readonly at: number; readonly message: string };

/** Leaves the recursion with an error; caught where reading was begun and nowhere else. */
export class Damage extends Error {
  readonly code: DecodeCode;
  readonly at: number;

  constructor(code: DecodeCode, at: number, message: string) {
    super(message);
    this.code = code;
    this.at = at;
  }
}

type KnownAtom = { readonly bytes: Uint8Array; readonly term: AtomTerm };

/** From the bytes of an atom to its term, so that a name seen before makes no string. A colliding name takes the place. */
const knownAtoms = new Array<KnownAtom | undefined>(4096).fill(undefined);

const floatBytes = new DataView(new ArrayBuffer(8));

/** As OTP reads FLOAT_EXT: `%.20e` padded with zeros. */
const floatText = /^ *([+-]?\d+\.\d+(?:[eE][+-]?\d+)?)\0*$/;

function truncated(at: number): Damage {
  return new Damage('truncated', at, 'The term ends before its last byte.');
}

export class ByteReader {
  protected readonly bytes: Uint8Array;
  protected readonly refs: readonly AtomTerm[];
  /** The offset of what is read next. */
  at: number;

  constructor(bytes: Uint8Array, at: number, refs: readonly AtomTerm[]) {
    this.bytes = bytes;
    this.refs = refs;
    this.at = at;
  }

  // ------------------------------------------------------------------------------------------------------ primitives

  /** Passes over `count` bytes, and answers where they begin. */
  protected take(count: number): number {
    const from = this.at;
    if (count > this.bytes.length - from) throw truncated(from);
    this.at = from + count;
    return from;
  }

  protected u8(): number {
    const from = this.at;
    const value = this.bytes[from];
    if (value === undefined) throw truncated(from);
    this.at = from + 1;
    return value;
  }

  protected u16(): number {
    const from = this.take(2);
    const bytes = this.bytes;
    return ((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0);
  }

  protected i32(): number {
    const from = this.take(4);
    const bytes = this.bytes;
    return (
      ((bytes[from] ?? 0) << 24) |
      ((bytes[from + 1] ?? 0) << 16) |
      ((bytes[from + 2] ?? 0) << 8) |
      (bytes[from + 3] ?? 0)
    );
  }

  protected u32(): number {
    return this.i32() >>> 0;
  }

  /** A number of parts of at least `bytesEach`; more than can follow is an error before anything is allocated. */
  protected count(count: number, bytesEach: number): number {
    if (count * bytesEach > this.bytes.length - this.at) {
      throw new Damage('truncated', this.at, 'More elements are announced than bytes follow.');
    }
    return count;
  }

  // ------------------------------------------------------------------------------------------------------------ atoms

  protected utf8Atom(length: number): AtomTerm {
    const bytes = this.bytes;
    const from = this.take(length);
    let hash = length;
    for (let at = from; at < from + length; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    hash = (hash ^ (hash >>> 12)) & 4095;
    const known = knownAtoms[hash];
    if (known?.bytes.length === length) {
      let same = 0;
      while (same < length && known.bytes[same] === bytes[from + same]) same++;
      if (same === length) return known.term;
    }
    const name = textFromUtf8(bytes, from, from + length);
    if (name === null) throw new Damage('malformed', from, 'The name of an atom is not UTF-8.');
    if (name.length > mostAtomCharacters && Array.from(name).length > mostAtomCharacters) {
      throw new Damage('malformed', from, 'The name of an atom is too long.');
    }
    const term = atom(name);
    knownAtoms[hash] = { bytes: bytes.slice(from, from + length), term };
    return term;
  }

  protected latin1Atom(length: number): AtomTerm {
    const from = this.take(length);
    if (length > mostAtomCharacters) throw new Damage('malformed', from, 'The name of an atom is too long.');
    return atom(latin1FromBytes(this.bytes.subarray(from, from + length)));
  }

  protected cachedAtom(): AtomTerm {
    const found = this.refs[this.u8()];
    if (found === undefined) throw new Damage('malformed', this.at - 1, 'An atom cache reference leads nowhere.');
    return found;
  }

  /** An atom in any of its forms. */
  atom(): AtomTerm {
    const from = this.at;
    switch (this.u8()) {
      case tag.atomCacheRef:
        return this.cachedAtom();
      case tag.smallAtomUtf8:
        return this.utf8Atom(this.u8());
      case tag.atomUtf8:
        return this.utf8Atom(this.u16());
      case tag.smallAtom:
        return this.latin1Atom(this.u8());
      case tag.atom:
        return this.latin1Atom(this.u16());
      default:
        throw new Damage('malformed', from, 'An atom should stand here.');
    }
  }

  // ---------------------------------------------------------------------------------------------------------- numbers

  /** The integer of a big of `length` digits: a number where it is safe, else a bigint. */
  protected big(length: number): number | bigint {
    const start = this.at;
    const negative = this.u8() !== 0;
    const from = this.take(length);
    const bytes = this.bytes;
    let top = from + length;
    while (top > from && bytes[top - 1] === 0) top--;
    if (top - from <= 6) {
      let value = 0;
      for (let at = top - 1; at >= from; at--) value = value * 256 + (bytes[at] ?? 0);
      return negative && value !== 0 ? -value : value;
    }
    if (top - from > mostBigBytes) throw new Damage('too_large', start, 'The integer has more than 4,194,304 bits.');
    let hex = '0x';
    for (let at = top - 1; at >= from; at--) hex += (bytes[at] ?? 0).toString(16).padStart(2, '0');
    const value = negative ? -BigInt(hex) : BigInt(hex);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  protected newFloat(): number {
    const from = this.take(8);
    for (let at = 0; at < 8; at++) floatBytes.setUint8(at, this.bytes[from + at] ?? 0);
    return finite(floatBytes.getFloat64(0), from);
  }

  protected textFloat(): number {
    const from = this.take(31);
    const number = floatText.exec(latin1FromBytes(this.bytes.subarray(from, from + 31)))?.[1];
    if (number === undefined) throw new Damage('malformed', from, 'The text of a float is no float.');
    return finite(Number(number), from);
  }

  // --------------------------------------------------------------------------------------------------------- skipping

  /** Walks over `count` terms without building them and without recursion. */
  skip(count = 1): void {
    for (let left = count; left > 0; left--) left += this.#skipOne();
  }

  /** Walks over the head of a term, and answers how many terms follow that belong to it. */
  #skipOne(): number {
    const from = this.at;
    switch (this.u8()) {
      case tag.nil:
        return 0;
      case tag.smallInteger:
      case tag.atomCacheRef:
        this.take(1);
        return 0;
      case tag.integer:
        this.take(4);
        return 0;
      case tag.newFloat:
        this.take(8);
        return 0;
      case tag.float:
        this.take(31);
        return 0;
      case tag.smallAtomUtf8:
      case tag.smallAtom:
        this.take(this.u8());
        return 0;
      case tag.atomUtf8:
      case tag.atom:
      case tag.string:
        this.take(this.u16());
        return 0;
      case tag.binary:
        this.take(this.u32());
        return 0;
      case tag.bitBinary:
      case tag.largeBig:
        this.take(this.u32() + 1);
        return 0;
      case tag.smallBig:
        this.take(this.u8() + 1);
        return 0;
      case tag.smallTuple:
        return this.count(this.u8(), 1);
      case tag.largeTuple:
        return this.count(this.u32(), 1);
      case tag.list:
        return this.count(this.u32(), 1) + 1;
      case tag.map:
        return this.count(this.u32(), 2) * 2;
      case tag.newPid:
        return this.#skipIdentity(12);
      case tag.pid:
        return this.#skipIdentity(9);
      case tag.v4Port:
        return this.#skipIdentity(12);
      case tag.newPort:
        return this.#skipIdentity(8);
      case tag.port:
      case tag.reference:
        return this.#skipIdentity(5);
      case tag.newerReference:
        return this.#skipIdentity(this.u16() * 4 + 4);
      case tag.newReference:
        return this.#skipIdentity(this.u16() * 4 + 1);
      case tag.export:
        return 3;
      case tag.newFun: {
        this.take(4 + 1 + 16 + 4);
        return this.count(this.u32(), 1) + 4;
      }
      default:
        throw new Damage('unknown_tag', from, 'The tag of a term is unknown.');
    }
  }

  #skipIdentity(bytesBehindNode: number): number {
    this.atom();
    this.take(bytesBehindNode);
    return 0;
  }
}

function finite(value: number, from: number): number {
  if (!Number.isFinite(value)) throw new Damage('malformed', from, 'A float is not finite.');
  return value;
}
