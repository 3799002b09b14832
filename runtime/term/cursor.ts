/**
 * Reading a term part by part, without building it: for bulk answers, of which a hundred thousand objects would be made and thrown
 * away again. What is read is said in advance; a part of another kind is an error, like damage.
 */
import type { Inflate } from './decode.ts';
import { inflatedTerm, TermReader } from './decode.ts';
import type { DecodeError } from './reader.ts';
import { Damage } from './reader.ts';
import { etfVersion, tag } from './tags.ts';
import type { AtomTerm, PidTerm, RefTerm, Term } from './term.ts';

/** A term that came and is not decoded. Nothing is known of the bytes: they may be damaged. */
export type RawTerm = {
  /** The term ends with these bytes. Whoever hands it out says how long they stay as they are. */
  readonly bytes: Uint8Array;
  /** Where its tag stands (behind the byte 131, if there is one). */
  readonly at: number;
  /** The atoms that ATOM_CACHE_REF stands for in it. */
  readonly refs: readonly AtomTerm[];
  /** Funs in it are tied to this scope (see FunTerm). */
  readonly scope: string;
};

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DecodeError };

export type TermKind =
  | 'integer'
  | 'float'
  | 'atom'
  | 'tuple'
  | 'list'
  | 'bytelist'
  | 'binary'
  | 'bits'
  | 'map'
  | 'pid'
  | 'port'
  | 'ref'
  | 'fun';

/** Takes the parts of a pid; see {@link TermCursor.pid}. */
export type TakePid = (node: string, creation: number, id: number, serial: number) => void;

/**
 * Stands before a term. Each method reads or passes over one term, or the head of one, and throws a {@link Damage} when it is not of
 * that kind: use it within {@link readRaw} only.
 */
export class TermCursor extends TermReader {
  #node = '';
  #nodeAt = 0;
  #nodeBytes = 0;

  /** Whether all is read. */
  get atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** The bytes of what was passed over since `from`, an earlier value of `at`: a view. */
  bytesSince(from: number): Uint8Array {
    return this.bytes.subarray(from, this.at);
  }

  /** The byte 131 in front of a term in external format. */
  version(): void {
    const from = this.at;
    if (this.u8() !== etfVersion) throw new Damage('version', from, 'An external term begins with byte 131.');
  }

  /** Passes over the next term and hands it out undecoded. */
  raw(): RawTerm {
    const from = this.at;
    this.skip();
    return { bytes: this.bytesSince(from), at: 0, refs: this.refs, scope: this.scope };
  }

  /** What is left, taken for one term, undecoded. */
  rest(): RawTerm {
    return { bytes: this.bytes, at: this.at, refs: this.refs, scope: this.scope };
  }

  /** A hash of the bytes from `from` to `to`. */
  hash(from: number, to: number): number {
    const bytes = this.bytes;
    let hash = to - from;
    for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
    return hash ^ (hash >>> 15);
  }

  /** Whether `length` bytes at `one`, all of them there, are those at `other`. */
  equal(one: number, other: number, length: number): boolean {
    const bytes = this.bytes;
    for (let at = 0; at < length; at++) if (bytes[one + at] !== bytes[other + at]) return false;
    return true;
  }

  /** What stands next; null for a tag that is unknown. `list` is also `[]`. Nothing is read. */
  kind(): TermKind | null {
    return kinds[this.bytes[this.at] ?? 0] ?? null;
  }

  #unexpected(what: string): Damage {
    if (this.at >= this.bytes.length) return new Damage('truncated', this.at, 'The term ends before its last byte.');
    return new Damage('unexpected', this.at, `${what} should stand here.`);
  }

  /** The head of a tuple: how many elements follow, which are read next. */
  tuple(): number {
    const head = this.bytes[this.at];
    if (head === tag.smallTuple) {
      this.at++;
      return this.count(this.u8(), 1);
    }
    if (head !== tag.largeTuple) throw this.#unexpected('A tuple');
    this.at++;
    return this.count(this.u32(), 1);
  }

  /** The head of a tuple of just `arity` elements. */
  tupleOf(arity: number): void {
    const from = this.at;
    if (this.tuple() === arity) return;
    this.at = from;
    throw this.#unexpected(`A tuple of ${arity}`);
  }

  /** A proper list, whose elements `read` reads one by one; answers how many there were. `begin` is told first. */
  list(read: (index: number) => void, begin?: (count: number) => void): number {
    const head = this.bytes[this.at];
    if (head !== tag.nil && head !== tag.list) throw this.#unexpected('A list');
    this.at++;
    if (head === tag.nil) {
      begin?.(0);
      return 0;
    }
    const count = this.count(this.u32(), 1);
    begin?.(count);
    for (let index = 0; index < count; index++) read(index);
    if (this.bytes[this.at] !== tag.nil) throw this.#unexpected('The end of a list');
    this.at++;
    return count;
  }

  /** An integer or a float. Integers beyond 2^53 lose their last digits, as in any number of JavaScript. */
  number(): number {
    const value = this.numberIfAny();
    if (value === null) throw this.#unexpected('A number');
    return value;
  }

  /** As {@link TermCursor.number}; null when something else stands next, and then nothing is read. */
  numberIfAny(): number | null {
    switch (this.bytes[this.at]) {
      case tag.smallInteger:
        this.at++;
        return this.u8();
      case tag.integer:
        this.at++;
        return this.i32();
      case tag.smallBig:
        this.at++;
        return Number(this.big(this.u8()));
      case tag.largeBig:
        this.at++;
        return Number(this.big(this.u32()));
      case tag.newFloat:
        this.at++;
        return this.newFloat();
      case tag.float:
        this.at++;
        return this.textFloat();
      default:
        return null;
    }
  }

  /** Pids that follow each other are mostly of one node: then its bytes are the same as before. */
  #nodeName(): string {
    if (this.#nodeBytes > 0 && this.equal(this.#nodeAt, this.at, this.#nodeBytes)) {
      this.at += this.#nodeBytes;
      return this.#node;
    }
    this.#nodeAt = this.at;
    this.#node = this.atom().v;
    this.#nodeBytes = this.at - this.#nodeAt;
    return this.#node;
  }

  /** A pid; its parts go to `take`, so that nothing is built. */
  pid(take: TakePid): void {
    const head = this.bytes[this.at];
    if (head !== tag.newPid && head !== tag.pid) throw this.#unexpected('A pid');
    this.at++;
    const node = this.#nodeName();
    const id = this.u32();
    const serial = this.u32();
    take(node, head === tag.newPid ? this.u32() : this.u8(), id, serial);
  }

  pidTerm(): PidTerm {
    const head = this.bytes[this.at];
    if (head !== tag.newPid && head !== tag.pid) throw this.#unexpected('A pid');
    this.at++;
    return this.pidBody(head === tag.newPid ? 4 : 1);
  }

  refTerm(): RefTerm {
    const head = this.bytes[this.at];
    if (head !== tag.newerReference && head !== tag.newReference && head !== tag.reference) {
      throw this.#unexpected('A reference');
    }
    this.at++;
    return this.refBody(head === tag.newerReference ? 'newer' : head === tag.newReference ? 'new' : 'old');
  }

  /** The bytes of a binary: a view. */
  binary(): Uint8Array {
    if (this.bytes[this.at] !== tag.binary) throw this.#unexpected('A binary');
    this.at++;
    const length = this.u32();
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }
}

const kinds: readonly (TermKind | undefined)[] = (() => {
  const table = new Array<TermKind | undefined>(256).fill(undefined);
  const fill = (kind: TermKind, ...tags: readonly number[]): void => {
    for (const one of tags) table[one] = kind;
  };
  fill('integer', tag.smallInteger, tag.integer, tag.smallBig, tag.largeBig);
  fill('float', tag.newFloat, tag.float);
  fill('atom', tag.atomCacheRef, tag.smallAtomUtf8, tag.atomUtf8, tag.smallAtom, tag.atom);
  fill('tuple', tag.smallTuple, tag.largeTuple);
  fill('list', tag.nil, tag.list);
  fill('bytelist', tag.string);
  fill('binary', tag.binary);
  fill('bits', tag.bitBinary);
  fill('map', tag.map);
  fill('pid', tag.newPid, tag.pid);
  fill('port', tag.v4Port, tag.newPort, tag.port);
  fill('ref', tag.newerReference, tag.newReference, tag.reference);
  fill('fun', tag.newFun, tag.export);
  return table;
})();

/**
 * Reads a term with `read`, which must not let the cursor out. Answers what `read` does, or the error at which it broke off. What
 * `read` leaves unread is not looked at; {@link TermCursor.atEnd} tells whether that is nothing.
 */
export function readRaw<T>(raw: RawTerm, read: (cursor: TermCursor) => T): Read<T> {
  try {
    return { ok: true, value: read(new TermCursor(raw.bytes, raw.at, raw.refs, raw.scope)) };
  } catch (thrown) {
    if (!(thrown instanceof Damage)) throw thrown;
    return { ok: false, error: { code: thrown.code, at: thrown.at, message: thrown.message } };
  }
}

/** The same term in bytes of its own, which stay as they are whatever happens to those it came in. */
export function ownRaw(raw: RawTerm): RawTerm {
  // Not slice(): that of a Buffer is a view.
  return { ...raw, bytes: new Uint8Array(raw.bytes.subarray(raw.at)), at: 0 };
}

/** The whole of a term that came undecoded. Errors: those of {@link decodeTerm}, and malformed when bytes follow it. */
export function termOf(raw: RawTerm): Read<Term> {
  return readRaw(raw, (cursor) => {
    const term = cursor.term();
    if (!cursor.atEnd) throw new Damage('malformed', cursor.at, 'Bytes follow the term.');
    return term;
  });
}

/**
 * What `term_to_binary/1` made, undecoded; compressed only with `inflate`. Errors: truncated, version, too_large, malformed.
 */
export function externalRaw(
  bytes: Uint8Array,
  options: { readonly scope: string; readonly inflate?: Inflate },
): Read<RawTerm> {
  if (bytes[0] !== etfVersion) {
    const code = bytes.length === 0 ? 'truncated' : 'version';
    return { ok: false, error: { code, at: 0, message: 'An external term begins with byte 131.' } };
  }
  if (bytes[1] !== tag.compressed) return { ok: true, value: { bytes, at: 1, refs: [], scope: options.scope } };
  const plain = inflatedTerm(bytes, 0, options);
  if (!plain.ok) return plain;
  return { ok: true, value: { bytes: plain.value.bytes, at: 0, refs: [], scope: options.scope } };
}
