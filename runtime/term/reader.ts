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
const mostKnownAtoms = 4096;
const knownAtoms = new Array<KnownAtom | undefined>(mostKnownAtoms).fill(undefined);

const floatBytes = new DataView(new ArrayBuffer(8));

/** As OTP reads FLOAT_EXT: `%.20e` padded with zeros. */
const floatText = /^ *([+-]?\d+\.\d+(?:[eE][+-]?\d+)?)\0*$/;

/** The place of a name in {@link knownAtoms}. Of long names it looks at some bytes only; which they are is compared afterwards. */
function placeOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = length;
  const step = length <= 8 ? 1 : length >> 3;
  for (let at = length - 1; at >= 0; at -= step) hash = (Math.imul(hash, 31) + (bytes[from + at] ?? 0)) | 0;
  return (hash ^ (hash >>> 12)) & (mostKnownAtoms - 1);
}

/** Four digits of a big, the lowest first; those from `top` on are 0. */
function wordAt(bytes: Uint8Array, from: number, top: number): number {
  let word = 0;
  for (let at = Math.min(from + 4, top) - 1; at >= from; at--) word = (word << 8) | (bytes[at] ?? 0);
  return word >>> 0;
}

function isAscii(bytes: Uint8Array, from: number, length: number): boolean {
  for (let at = from; at < from + length; at++) if ((bytes[at] ?? 0) >= 0x80) return false;
  return true;
}

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
    const from = this.take(length);
    const place = placeOf(this.bytes, from, length);
    return this.#known(place, from, length) ?? this.#newAtom(place, from, length);
  }

  /** ASCII is the same in both encodings, and what nearly all names are. */
  protected latin1Atom(length: number): AtomTerm {
    const bytes = this.bytes;
    const from = this.take(length);
    const place = placeOf(bytes, from, length);
    const known = this.#known(place, from, length);
    if (known !== null && isAscii(bytes, from, length)) return known;
    if (isAscii(bytes, from, length)) return this.#newAtom(place, from, length);
    if (length > mostAtomCharacters) throw new Damage('malformed', from, 'The name of an atom is too long.');
    return atom(latin1FromBytes(bytes.subarray(from, from + length)));
  }

  #known(place: number, from: number, length: number): AtomTerm | null {
    const known = knownAtoms[place];
    if (known?.bytes.length !== length) return null;
    const bytes = this.bytes;
    for (let at = 0; at < length; at++) if (known.bytes[at] !== bytes[from + at]) return null;
    return known.term;
  }

  #newAtom(place: number, from: number, length: number): AtomTerm {
    const name = textFromUtf8(this.bytes, from, from + length);
    if (name === null) throw new Damage('malformed', from, 'The name of an atom is not UTF-8.');
    if (name.length > mostAtomCharacters && Array.from(name).length > mostAtomCharacters) {
      throw new Damage('malformed', from, 'The name of an atom is too long.');
    }
    const term = atom(name);
    knownAtoms[place] = { bytes: new Uint8Array(this.bytes.subarray(from, from + length)), term };
    return term;
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
    if (top - from <= 8) {
      const low = wordAt(bytes, from, top);
      const high = wordAt(bytes, from + 4, top);
      if (high < 0x20_0000) {
        const value = high * 0x1_0000_0000 + low;
        return negative && value !== 0 ? -value : value;
      }
    }
    if (top - from > mostBigBytes) throw new Damage('too_large', start, 'The integer has more than 4,194,304 bits.');
    let hex = '0x';
    for (let at = top - 1; at >= from; at--) hex += (bytes[at] ?? 0).toString(16).padStart(2, '0');
    const value = negative ? -BigInt(hex) : BigInt(hex);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  protected newFloat(): number {
    const from = this.at;
    floatBytes.setInt32(0, this.i32());
    floatBytes.setInt32(4, this.i32());
    return finite(floatBytes.getFloat64(0), from);
  }

  protected textFloat(): number {
    const from = this.take(31);
    const number = floatText.exec(latin1FromBytes(this.bytes.subarray(from, from + 31)))?.[1];
    if (number === undefined) throw new Damage('malformed', from, 'The text of a float is no float.');
    return finite(Number(number), from);
  }

  // --------------------------------------------------------------------------------------------------------- skipping

  /**
   * Walks over `count` terms without building them and without recursion. What is inside atoms and binaries is not looked at, nor where
   * cache references lead.
   */
  skip(count = 1): void {
    const bytes = this.bytes;
    const end = bytes.length;
    let at = this.at;
    // Each term has at least one byte, so that this many cannot be there if fewer bytes are.
    for (let left = count; left > 0; left--) {
      if (left > end - at) throw truncated(at);
      const head = bytes[at] ?? 0;
      const size = sizes[head] ?? 0;
      if (size > 0) {
        at += size;
        continue;
      }
      this.at = at;
      left += this.#skipOne(head);
      at = this.at;
    }
    if (at > end) throw truncated(end);
    this.at = at;
  }

  /** Walks over the head of a term of no fixed size, and answers how many terms follow that belong to it. */
  #skipOne(head: number): number {
    const from = this.at++;
    switch (head) {
      case tag.smallTuple:
        return this.u8();
      case tag.list:
        return this.u32() + 1;
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
      case tag.smallBig:
        this.take(this.u8() + 1);
        return 0;
      case tag.newPid:
        return this.#skipIdentity(12);
      case tag.map:
        return this.u32() * 2;
      case tag.largeTuple:
        return this.u32();
      case tag.bitBinary:
      case tag.largeBig:
        this.take(this.u32() + 1);
        return 0;
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
      case tag.newFun:
        this.take(4 + 1 + 16 + 4);
        return this.u32() + 4;
      default:
        throw new Damage('unknown_tag', from, 'The tag of a term is unknown.');
    }
  }

  /** The node’s name is an atom, of which only the length is looked at. */
  #skipIdentity(bytesBehindNode: number): number {
    const from = this.at;
    switch (this.u8()) {
      case tag.atomCacheRef:
        this.take(1);
        break;
      case tag.smallAtomUtf8:
      case tag.smallAtom:
        this.take(this.u8());
        break;
      case tag.atomUtf8:
      case tag.atom:
        this.take(this.u16());
        break;
      default:
        throw new Damage('malformed', from, 'An atom should stand here.');
    }
    this.take(bytesBehindNode);
    return 0;
  }
}

/** How many bytes a term with this tag has, where that is always the same; else 0. */
const sizes = new Uint8Array(256);
sizes[tag.nil] = 1;
sizes[tag.smallInteger] = 2;
sizes[tag.atomCacheRef] = 2;
sizes[tag.integer] = 5;
sizes[tag.newFloat] = 9;
sizes[tag.float] = 32;

function finite(value: number, from: number): number {
  if (!Number.isFinite(value)) throw new Damage('malformed', from, 'A float is not finite.');
  return value;
}
