/**
 * From {@link Term} to the external term format (ERTS User's Guide, "External Term Format").
 *
 * A node drops the whole connection over one term it cannot read, so everything is checked here: a term may come from a user, a
 * webview or another version of us.
 */
import { bytesFromBase64, bytesFromLatin1, isWellFormed, utf8FromText } from './binary.ts';
import { compareTerms } from './order.ts';
import { mostAtomCharacters, mostBigBytes, mostReferenceWords, tag } from './tags.ts';
import type { FunTerm, PidTerm, Term } from './term.ts';

export type EncodeCode =
  'elided' | 'foreign_fun' | 'out_of_range' | 'malformed' | 'duplicate_key' | 'too_deep' | 'too_large';
/** `path` leads to the offending part: indexes of elements, `key n`, `value n`, `tail`. */
export type EncodeError = {
  readonly code: EncodeCode;
  readonly message: string;
  readonly path: readonly (string | number)[];
};

/** Leaves the recursion with an error; caught in {@link TermWriter.write} and nowhere else. */
class Refusal extends Error {
  readonly code: EncodeCode;
  readonly path: (string | number)[] = [];

  constructor(code: EncodeCode, message: string) {
    super(message);
    this.code = code;
  }
}

const maxUint32 = 0xffffffff;
const maxUint64 = 0xffffffffffffffffn;
const maxDepth = 1000;
/** More decimal digits cannot be an integer of {@link mostBigBytes}. */
const mostDigits = Math.ceil(mostBigBytes * 8 * Math.log10(2)) + 1;

/** Tag, length and name of atoms written before. */
const knownAtoms = new Map<string, Uint8Array>();
const mostKnownAtoms = 10_000;

function atomBytes(name: string): Uint8Array {
  const known = knownAtoms.get(name);
  if (known !== undefined) return known;
  if (!isWellFormed(name)) throw new Refusal('malformed', 'The name of an atom has half a surrogate pair.');
  if (name.length > mostAtomCharacters && Array.from(name).length > mostAtomCharacters) {
    throw new Refusal('out_of_range', `An atom has at most ${mostAtomCharacters} characters.`);
  }
  const utf8 = utf8FromText(name);
  const head =
    utf8.length < 256 ? [tag.smallAtomUtf8, utf8.length] : [tag.atomUtf8, utf8.length >> 8, utf8.length & 255];
  const bytes = Uint8Array.from([...head, ...utf8]);
  if (knownAtoms.size < mostKnownAtoms) knownAtoms.set(name, bytes);
  return bytes;
}

function uint32(value: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= maxUint32) return value;
  throw new Refusal('out_of_range', `${what} must fit 32 bits.`);
}

function decimal(text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw new Refusal('malformed', 'A large integer is not written in decimal.');
  if (text.length > mostDigits) throw new Refusal('too_large', 'The integer has more than 4,194,304 bits.');
  return BigInt(text);
}

/** The parts of NEW_FUN_EXT. */
export type FunParts = {
  readonly scope: string;
  readonly arity: number;
  readonly unique: Uint8Array;
  readonly index: number;
  readonly module: string;
  readonly oldIndex: number;
  readonly oldUnique: number;
  readonly pid: PidTerm;
  readonly variables: readonly Term[];
};

/** Whether the token of a fun is one fun of the external format and nothing else, so that a forged one cannot break a stream. */
export type FunCheck = (bytes: Uint8Array, scope: string) => boolean;

/** Writes terms and bytes, big-endian, into a buffer that grows. */
export class TermWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #depth = 0;
  #scope = '';
  readonly #isFun: FunCheck;

  /** @param sizeBytes of the buffer to begin with */
  constructor(sizeBytes: number, isFun: FunCheck) {
    this.#isFun = isFun;
    this.#bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written, without copying: valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written behind `length`, and keeps the buffer. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** One byte. */
  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  /** Two bytes. */
  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  /** Four bytes. */
  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  /** Four bytes over what was written at `at`. */
  u32At(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * Writes a term without the version byte; null, or why it was refused. What was written of a refused term is taken back.
   * Only funs of `scope` are taken.
   */
  write(term: Term, scope: string): EncodeError | null {
    const before = this.#length;
    this.#scope = scope;
    this.#depth = 0;
    try {
      this.#term(term);
      return null;
    } catch (thrown) {
      this.#length = before;
      if (thrown instanceof Refusal) return { code: thrown.code, message: thrown.message, path: thrown.path };
      throw thrown;
    }
  }

  /** Writes NEW_FUN_EXT; null, or why it was refused. */
  fun(parts: FunParts): EncodeError | null {
    const before = this.#length;
    this.#scope = parts.scope;
    try {
      this.u8(tag.newFun);
      const sizeAt = this.#length;
      this.u32(0);
      this.u8(parts.arity);
      this.raw(parts.unique);
      this.u32(parts.index);
      this.u32(parts.variables.length);
      this.raw(atomBytes(parts.module));
      this.#int(parts.oldIndex);
      this.#int(parts.oldUnique);
      this.#term(parts.pid);
      this.#elements(parts.variables);
      this.u32At(sizeAt, this.#length - sizeAt);
      return null;
    } catch (thrown) {
      this.#length = before;
      if (thrown instanceof Refusal) return { code: thrown.code, message: thrown.message, path: thrown.path };
      throw thrown;
    }
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.written());
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #int(value: number): void {
    if (!Number.isSafeInteger(value)) throw new Refusal('out_of_range', 'An int is no safe integer.');
    if (value >= 0 && value < 256) {
      this.u8(tag.smallInteger);
      this.u8(value);
    } else if (value >= -0x80000000 && value <= 0x7fffffff) {
      this.u8(tag.integer);
      this.u32(value >>> 0);
    } else {
      this.#big(BigInt(value));
    }
  }

  #big(value: bigint): void {
    if (value >= -0x80000000n && value <= 0x7fffffffn) {
      this.#int(Number(value));
      return;
    }
    const hex = (value < 0n ? -value : value).toString(16);
    const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
    const count = digits.length / 2;
    if (count > mostBigBytes) throw new Refusal('too_large', 'The integer has more than 4,194,304 bits.');
    if (count < 256) {
      this.u8(tag.smallBig);
      this.u8(count);
    } else {
      this.u8(tag.largeBig);
      this.u32(count);
    }
    this.u8(value < 0n ? 1 : 0);
    this.#room(count);
    for (let at = digits.length; at > 0; at -= 2) this.u8(Number.parseInt(digits.slice(at - 2, at), 16));
  }

  #float(value: number | '-0'): void {
    const number = value === '-0' ? -0 : value;
    if (!Number.isFinite(number)) throw new Refusal('out_of_range', 'A float is not finite.');
    this.u8(tag.newFloat);
    this.#room(8);
    this.#view.setFloat64(this.#length, number);
    this.#length += 8;
  }

  /** Short ASCII is copied character by character, which is faster than entering the text encoder. */
  #text(text: string): void {
    this.u8(tag.binary);
    this.u32(text.length);
    const start = this.#length;
    if (text.length <= 64) {
      this.#room(text.length);
      let at = 0;
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (code >= 0x80) break;
        this.#bytes[start + at] = code;
      }
      if (at === text.length) {
        this.#length += at;
        return;
      }
    }
    if (!isWellFormed(text)) throw new Refusal('malformed', 'A text has half a surrogate pair.');
    this.raw(utf8FromText(text));
    this.u32At(start - 4, this.#length - start);
  }

  #bits(base64: string, lastBits: number): void {
    const bytes = bytesFromBase64(base64);
    if (bytes === null) throw new Refusal('malformed', 'The bytes of a binary are not base64.');
    if (lastBits === 8) {
      this.u8(tag.binary);
      this.u32(bytes.length);
    } else {
      if (!Number.isInteger(lastBits) || lastBits < 1 || lastBits > 7 || bytes.length === 0) {
        throw new Refusal('out_of_range', 'A bitstring uses 1 to 8 bits of its last byte.');
      }
      this.u8(tag.bitBinary);
      this.u32(bytes.length);
      this.u8(lastBits);
    }
    this.raw(bytes);
  }

  #byteList(latin1: string): void {
    const bytes = bytesFromLatin1(latin1);
    if (bytes === null) throw new Refusal('malformed', 'A byte list has a character above 255.');
    if (bytes.length === 0) {
      this.u8(tag.nil);
    } else if (bytes.length <= 0xffff) {
      this.u8(tag.string);
      this.u16(bytes.length);
      this.raw(bytes);
    } else {
      this.u8(tag.list);
      this.u32(bytes.length);
      this.#room(bytes.length * 2 + 1);
      for (const byte of bytes) this.#int(byte);
      this.u8(tag.nil);
    }
  }

  #inside(step: string | number, term: Term): void {
    try {
      this.#term(term);
    } catch (thrown) {
      if (thrown instanceof Refusal) thrown.path.unshift(step);
      throw thrown;
    }
  }

  #elements(terms: readonly Term[]): void {
    if (terms.length > maxUint32) throw new Refusal('too_large', 'There are too many elements.');
    if (++this.#depth > maxDepth) throw new Refusal('too_deep', `The term is nested deeper than ${maxDepth}.`);
    let at = 0;
    for (const term of terms) this.#inside(at++, term);
    this.#depth--;
  }

  #list(elements: readonly Term[], tail: Term | undefined): void {
    if (elements.length > 0) {
      this.u8(tag.list);
      this.u32(elements.length);
      this.#elements(elements);
    } else if (tail !== undefined) {
      throw new Refusal('malformed', 'An improper list has no elements.');
    }
    if (tail === undefined) this.u8(tag.nil);
    else this.#inside('tail', tail);
  }

  #map(entries: readonly (readonly [Term, Term])[]): void {
    refuseDuplicates(entries);
    this.u8(tag.map);
    this.u32(entries.length);
    if (++this.#depth > maxDepth) throw new Refusal('too_deep', `The term is nested deeper than ${maxDepth}.`);
    for (const [at, [key, value]] of entries.entries()) {
      this.#inside(`key ${at}`, key);
      this.#inside(`value ${at}`, value);
    }
    this.#depth--;
  }

  #opaque(term: FunTerm): void {
    if (term.scope !== this.#scope) {
      throw new Refusal('foreign_fun', 'A fun can only be sent back over the connection it came from.');
    }
    const bytes = bytesFromBase64(term.token);
    if (bytes === null || !this.#isFun(bytes, term.scope))
      throw new Refusal('malformed', 'The token of a fun is damaged.');
    this.raw(bytes);
  }

  #identity(node: string, creation: number): number {
    this.raw(atomBytes(node));
    return uint32(creation, 'A creation');
  }

  #term(term: Term): void {
    switch (term.t) {
      case 'atom':
        this.raw(atomBytes(term.v));
        return;
      case 'int':
        this.#int(term.v);
        return;
      case 'big':
        this.#big(decimal(term.v));
        return;
      case 'float':
        this.#float(term.v);
        return;
      case 'text':
        this.#text(term.v);
        return;
      case 'bits':
        this.#bits(term.base64, term.lastBits);
        return;
      case 'list':
        this.#list(term.e, term.tail);
        return;
      case 'bytelist':
        this.#byteList(term.latin1);
        return;
      case 'tuple':
        if (term.e.length < 256) {
          this.u8(tag.smallTuple);
          this.u8(term.e.length);
        } else {
          this.u8(tag.largeTuple);
          this.u32(term.e.length);
        }
        this.#elements(term.e);
        return;
      case 'map':
        this.#map(term.e);
        return;
      case 'pid': {
        this.u8(tag.newPid);
        const creation = this.#identity(term.node, term.creation);
        this.u32(uint32(term.id, 'The number of a pid'));
        this.u32(uint32(term.serial, 'The serial of a pid'));
        this.u32(creation);
        return;
      }
      case 'port': {
        this.u8(tag.v4Port);
        const creation = this.#identity(term.node, term.creation);
        const id = decimal(term.id);
        if (id < 0n || id > maxUint64) throw new Refusal('out_of_range', 'The number of a port must fit 64 bits.');
        this.u32(Number(id >> 32n));
        this.u32(Number(id & 0xffffffffn));
        this.u32(creation);
        return;
      }
      case 'ref': {
        if (term.ids.length < 1 || term.ids.length > mostReferenceWords) {
          throw new Refusal('out_of_range', `A reference has 1 to ${mostReferenceWords} words.`);
        }
        this.u8(tag.newerReference);
        this.u16(term.ids.length);
        this.u32(this.#identity(term.node, term.creation));
        for (const id of term.ids) this.u32(uint32(id, 'A word of a reference'));
        return;
      }
      case 'export':
        if (!Number.isInteger(term.arity) || term.arity < 0 || term.arity > 255) {
          throw new Refusal('out_of_range', 'An arity is an integer from 0 to 255.');
        }
        this.u8(tag.export);
        this.raw(atomBytes(term.module));
        this.raw(atomBytes(term.function));
        this.#int(term.arity);
        return;
      case 'fun':
        this.#opaque(term);
        return;
      case 'elided':
        throw new Refusal('elided', 'A part that was left out when the term came cannot be sent back.');
    }
  }
}

/**
 * A node drops the connection over a map that has a key twice, and before OTP 27 the keys 0.0 and -0.0 are one. Entries in order
 * are checked in one pass.
 */
function refuseDuplicates(entries: readonly (readonly [Term, Term])[]): void {
  const refuseEqual = (keys: readonly Term[]): boolean => {
    let ascending = true;
    for (let at = 1; at < keys.length; at++) {
      const [before, here] = [keys[at - 1], keys[at]];
      if (before === undefined || here === undefined) continue;
      const order = compareTerms(before, here, 'exact_before_27');
      if (order === 0) throw new Refusal('duplicate_key', 'A map has a key twice.');
      if (order > 0) ascending = false;
    }
    return ascending;
  };
  const keys = entries.map(([key]) => key);
  if (!refuseEqual(keys)) refuseEqual(keys.sort((a, b) => compareTerms(a, b, 'exact_before_27')));
}
