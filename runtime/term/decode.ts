/**
 * From the external term format to {@link Term} (ERTS User's Guide, "External Term Format").
 *
 * The bytes come from a node and are not trusted: decoding never reads past them, allocates no more than they can fill, builds
 * nothing below a depth, and answers an error instead of throwing.
 */
import { base64FromBytes, bitstring, latin1FromBytes, textFromUtf8 } from './binary.ts';
import { compareTerms } from './order.ts';
import type { DecodeError } from './reader.ts';
import { ByteReader, Damage } from './reader.ts';
import { etfVersion, mostReferenceWords, tag } from './tags.ts';
import type { AtomTerm, PidTerm, RefTerm, Term } from './term.ts';
import { list, nil } from './term.ts';
import { TermWriter } from './write.ts';

/** `next` is the offset behind the term. */
export type Decoded =
  | { readonly ok: true; readonly term: Term; readonly next: number }
  | { readonly ok: false; readonly error: DecodeError };

/**
 * Inflates a zlib stream at the start of `compressed` to exactly `sizeBytes`, and says how many bytes of it were used; null when it
 * is damaged or would give another size.
 */
export type Inflate = (
  compressed: Uint8Array,
  sizeBytes: number,
) => { readonly bytes: Uint8Array; readonly usedBytes: number } | null;

export type DecodeLimits = {
  /** Parts nested deeper become `elided`; 500 when absent. */
  readonly maxDepth?: number;
  /** Largest inflated size of a compressed term; 256 MiB when absent. */
  readonly maxInflatedBytes?: number;
};

export type DecodeOptions = {
  /** Funs are tied to this scope (see FunTerm). */
  readonly scope: string;
  /** Where to begin; 0 when absent. */
  readonly at?: number;
  /** `external` (the default) begins with byte 131, `bare` with the tag, as behind a distribution header. */
  readonly form?: 'external' | 'bare';
  /** Without it a compressed term is an error. */
  readonly inflate?: Inflate;
  /** The atoms that ATOM_CACHE_REF stands for in this message. */
  readonly refs?: readonly AtomTerm[];
  readonly limits?: DecodeLimits;
};

const defaultMaxDepth = 500;
const defaultMaxInflatedBytes = 256 * 1024 * 1024;

const noRefs: readonly AtomTerm[] = [];

/** Builds terms. Whoever uses it catches {@link Damage}; {@link decodeTerm} and `readRaw` do. */
export class TermReader extends ByteReader {
  protected readonly scope: string;
  #depthLeft: number;
  #elided = false;
  #funsAround = 0;

  /** @param maxDepth parts nested deeper become `elided` */
  constructor(bytes: Uint8Array, at: number, refs: readonly AtomTerm[], scope: string, maxDepth = defaultMaxDepth) {
    super(bytes, at, refs);
    this.scope = scope;
    this.#depthLeft = maxDepth;
  }

  // ---------------------------------------------------------------------------------------------------------- numbers

  #big(length: number): Term {
    const value = this.big(length);
    return typeof value === 'number' ? { t: 'int', v: value } : { t: 'big', v: value.toString() };
  }

  #float(value: number): Term {
    return { t: 'float', v: Object.is(value, -0) ? '-0' : value };
  }

  // --------------------------------------------------------------------------------------------------------- binaries

  #binary(): Term {
    const length = this.u32();
    const from = this.take(length);
    const text = textFromUtf8(this.bytes, from, from + length);
    if (text !== null) return { t: 'text', v: text };
    return { t: 'bits', base64: base64FromBytes(this.bytes.subarray(from, from + length)), lastBits: 8 };
  }

  #bitBinary(): Term {
    const start = this.at;
    const length = this.u32();
    const lastBits = this.u8();
    if (lastBits > 8 || (lastBits === 0) !== (length === 0)) {
      throw new Damage('malformed', start, 'The last byte of a bitstring has an impossible number of bits.');
    }
    const from = this.take(length);
    return bitstring(this.bytes.subarray(from, from + length), lastBits);
  }

  // ------------------------------------------------------------------------------------------------------- containers

  /**
   * Arrays of just the size they need: most containers are small, and an array that grows begins with room for 17, which is what
   * most of the memory would be. `count` is never more than the bytes that follow.
   */
  #elements(count: number): Term[] {
    switch (this.count(count, 1)) {
      case 0:
        return [];
      case 1:
        return [this.#term()];
      case 2:
        return [this.#term(), this.#term()];
      case 3:
        return [this.#term(), this.#term(), this.#term()];
      case 4:
        return [this.#term(), this.#term(), this.#term(), this.#term()];
    }
    const elements = arrayOf(count);
    for (let at = 0; at < count; at++) elements[at] = this.#term();
    return elements;
  }

  #tuple(count: number): Term {
    this.count(count, 1);
    if (this.#depthLeft === 0 && count > 0) return this.#elide(count);
    this.#depthLeft--;
    const elements = this.#elements(count);
    this.#depthLeft++;
    return { t: 'tuple', e: elements };
  }

  /** In place of parts too deep to build: walks over `count` terms and says how many bytes they had. */
  #elide(count: number): Term {
    const from = this.at;
    this.#elided = true;
    this.skip(count);
    return { t: 'elided', was: 'depth', size: this.at - from };
  }

  /**
   * LIST_EXT whose tail is a list is one list. The tails are followed in a loop, so that a list made of a million cells costs no
   * depth.
   */
  #list(first: number): Term {
    if (this.#depthLeft === 0) return this.#elide(first + 1);
    this.#depthLeft--;
    const elements = this.#elements(first);
    let tail: Term | null = null;
    for (;;) {
      const next = this.bytes[this.at];
      if (next === tag.nil) {
        this.at++;
        break;
      }
      if (next === tag.list) {
        this.at++;
        for (let left = this.count(this.u32(), 1); left > 0; left--) elements.push(this.#term());
        continue;
      }
      if (next === tag.string) {
        this.at++;
        const from = this.take(this.u16());
        for (let at = from; at < this.at; at++) elements.push(smallInteger(this.bytes[at] ?? 0));
        break;
      }
      tail = this.#term();
      break;
    }
    this.#depthLeft++;
    if (tail !== null) return elements.length === 0 ? tail : { t: 'list', e: elements, tail };
    if (elements.length === 0) return nil;
    return bytesAlone(elements) ?? { t: 'list', e: elements };
  }

  #map(): Term {
    const count = this.count(this.u32(), 2);
    if (this.#depthLeft === 0 && count > 0) return this.#elide(count * 2);
    const start = this.at;
    this.#depthLeft--;
    const entries: (readonly [Term, Term])[] = [];
    let sorted = true;
    let before: Term | undefined;
    for (let left = count; left > 0; left--) {
      const key = this.#term();
      if (before !== undefined && sorted) sorted = compareTerms(before, key, 'exact') < 0;
      before = key;
      entries.push([key, this.#term()]);
    }
    this.#depthLeft++;
    if (sorted) return { t: 'map', e: entries };
    entries.sort((a, b) => compareTerms(a[0], b[0], 'exact'));
    // Keys of which a part is elided may look alike and be different.
    if (!this.#elided) {
      for (let at = 1; at < entries.length; at++) {
        const [a, b] = [entries[at - 1], entries[at]];
        if (a !== undefined && b !== undefined && compareTerms(a[0], b[0], 'exact') === 0) {
          throw new Damage('duplicate_key', start, 'A map has a key twice.');
        }
      }
    }
    return { t: 'map', e: entries };
  }

  // ------------------------------------------------------------------------------------------------------- identities

  protected pidBody(creationBytes: 1 | 4): PidTerm {
    const node = this.atom().v;
    const id = this.u32();
    const serial = this.u32();
    return { t: 'pid', node, creation: creationBytes === 1 ? this.u8() : this.u32(), id, serial };
  }

  #port(idBytes: 4 | 8, creationBytes: 1 | 4): Term {
    const node = this.atom().v;
    const high = idBytes === 8 ? this.u32() : 0;
    const low = this.u32();
    const id = high === 0 ? String(low) : ((BigInt(high) << 32n) | BigInt(low)).toString();
    return { t: 'port', node, creation: creationBytes === 1 ? this.u8() : this.u32(), id };
  }

  protected refBody(form: 'old' | 'new' | 'newer'): RefTerm {
    const start = this.at;
    const words = form === 'old' ? 1 : this.u16();
    if (words < 1 || words > mostReferenceWords) {
      throw new Damage('malformed', start, 'A reference has an impossible number of words.');
    }
    const node = this.atom().v;
    if (form === 'old') {
      const id = this.u32();
      return { t: 'ref', node, creation: this.u8(), ids: [id] };
    }
    const creation = form === 'new' ? this.u8() : this.u32();
    const ids: number[] = [];
    for (let left = words; left > 0; left--) ids.push(this.u32());
    return { t: 'ref', node, creation, ids };
  }

  #integerField(what: string): number {
    const from = this.at;
    const field = this.u8();
    if (field === tag.smallInteger) return this.u8();
    if (field === tag.integer) return this.i32();
    throw new Damage('malformed', from, `${what} is no small integer.`);
  }

  #export(): Term {
    const module = this.atom().v;
    const name = this.atom().v;
    const from = this.at;
    const arity = this.#integerField('The arity of a fun');
    if (arity < 0 || arity > 255) throw new Damage('malformed', from, 'The arity of a fun is impossible.');
    return { t: 'export', module, function: name, arity };
  }

  /**
   * NEW_FUN_EXT is kept as its own bytes, with the right size in them; a node does not look at it, and neither do we. With cache
   * references the bytes mean something in this message only, so that the fun is written anew.
   */
  #fun(): Term {
    const start = this.at - 1;
    this.u32();
    const arity = this.u8();
    const uniqueFrom = this.take(16);
    const index = this.u32();
    const free = this.count(this.u32(), 1);
    const module = this.atom().v;
    const oldIndex = this.#integerField('The index of a fun');
    const oldUnique = this.#integerField('The version of a fun');
    const pidFrom = this.at;
    const pid = this.#term();
    if (pid.t !== 'pid') throw new Damage('malformed', pidFrom, 'A fun has no pid.');
    const { variables, whole } = this.#variables(free);
    if (this.refs.length === 0 && this.#funsAround > 0) {
      // Part of another fun's bytes: it is only checked, and told apart by its place. To copy each would cost depth times size.
      return { t: 'fun', module, arity, label: String(start), scope: this.scope, token: '' };
    }
    if (this.refs.length === 0) {
      // Not slice(): that of a Buffer is a view.
      const own = new Uint8Array(this.bytes.subarray(start, this.at));
      new DataView(own.buffer).setUint32(1, own.length - 1);
      return this.#funTerm(module, arity, oldIndex, oldUnique, own);
    }
    if (!whole) return { t: 'elided', was: 'depth', size: this.at - start };
    const writer = new TermWriter(256, () => true);
    const refused = writer.fun({
      scope: this.scope,
      arity,
      unique: this.bytes.subarray(uniqueFrom, uniqueFrom + 16),
      index,
      module,
      oldIndex,
      oldUnique,
      pid,
      variables,
    });
    if (refused !== null) throw new Damage('malformed', start, refused.message);
    return this.#funTerm(module, arity, oldIndex, oldUnique, writer.written());
  }

  /** What a fun is closed over. It is read even where it is not needed: a fun that is sent back must be sound to its depth. */
  #variables(count: number): { readonly variables: readonly Term[]; readonly whole: boolean } {
    const elidedBefore = this.#elided;
    this.#elided = false;
    this.#depthLeft--;
    this.#funsAround++;
    const variables = this.#depthLeft < 0 ? [this.#elide(count)] : this.#elements(count);
    this.#funsAround--;
    this.#depthLeft++;
    const whole = !this.#elided;
    this.#elided ||= elidedBefore;
    return { variables, whole };
  }

  #funTerm(module: string, arity: number, oldIndex: number, oldUnique: number, bytes: Uint8Array): Term {
    const label = `${oldIndex}.${oldUnique}`;
    return { t: 'fun', module, arity, label, scope: this.scope, token: base64FromBytes(bytes) };
  }

  // ------------------------------------------------------------------------------------------------------ any of them

  /** The next term, whole. */
  term(): Term {
    return this.#term();
  }

  #term(): Term {
    const from = this.at;
    switch (this.u8()) {
      case tag.smallInteger:
        return smallInteger(this.u8());
      case tag.atomCacheRef:
        return this.cachedAtom();
      case tag.smallAtomUtf8:
        return this.utf8Atom(this.u8());
      case tag.smallTuple:
        return this.#tuple(this.u8());
      case tag.integer:
        return { t: 'int', v: this.i32() };
      case tag.nil:
        return nil;
      case tag.list:
        return this.#list(this.u32());
      case tag.newPid:
        return this.pidBody(4);
      case tag.binary:
        return this.#binary();
      case tag.string: {
        const at = this.take(this.u16());
        return at === this.at ? nil : { t: 'bytelist', latin1: latin1FromBytes(this.bytes.subarray(at, this.at)) };
      }
      case tag.map:
        return this.#map();
      case tag.smallBig:
        return this.#big(this.u8());
      case tag.newFloat:
        return this.#float(this.newFloat());
      case tag.newerReference:
        return this.refBody('newer');
      case tag.largeTuple:
        return this.#tuple(this.u32());
      case tag.atomUtf8:
        return this.utf8Atom(this.u16());
      case tag.largeBig:
        return this.#big(this.u32());
      case tag.v4Port:
        return this.#port(8, 4);
      case tag.newPort:
        return this.#port(4, 4);
      case tag.export:
        return this.#export();
      case tag.newFun:
        return this.#fun();
      case tag.bitBinary:
        return this.#bitBinary();
      case tag.atom:
        return this.latin1Atom(this.u16());
      case tag.smallAtom:
        return this.latin1Atom(this.u8());
      case tag.pid:
        return this.pidBody(1);
      case tag.port:
        return this.#port(4, 1);
      case tag.newReference:
        return this.refBody('new');
      case tag.reference:
        return this.refBody('old');
      case tag.float:
        return this.#float(this.textFloat());
      default:
        throw new Damage('unknown_tag', from, 'The tag of a term is unknown.');
    }
  }
}

/** In canonical form, when the elements are integers of one byte each. */
function bytesAlone(elements: readonly Term[]): Term | null {
  for (const element of elements) if (element.t !== 'int' || element.v < 0 || element.v > 255) return null;
  return list(elements);
}

/** Above this, room is made as elements come. */
const mostPreparedElements = 65_536;

function arrayOf(count: number): Term[] {
  return count <= mostPreparedElements ? new Array<Term>(count) : [];
}

/** Integers of one byte are most of all integers, and are one object each. */
const smallIntegers: readonly Term[] = Array.from({ length: 256 }, (_, value) => Object.freeze({ t: 'int', v: value }));

function smallInteger(value: number): Term {
  return smallIntegers[value] ?? { t: 'int', v: value };
}

/** The plain bytes of the compressed term whose byte 131 is at `at`, and where what follows it begins. */
export function inflatedTerm(
  bytes: Uint8Array,
  at: number,
  options: Pick<DecodeOptions, 'inflate' | 'limits'>,
):
  | { readonly ok: true; readonly value: { readonly bytes: Uint8Array; readonly next: number } }
  | { readonly ok: false; readonly error: DecodeError } {
  const sizeAt = at + 2;
  if (bytes.length < sizeAt + 4) {
    return { ok: false, error: { code: 'truncated', at: sizeAt, message: 'The compressed term has no size.' } };
  }
  const size = new DataView(bytes.buffer, bytes.byteOffset + sizeAt, 4).getUint32(0);
  if (size > (options.limits?.maxInflatedBytes ?? defaultMaxInflatedBytes)) {
    return { ok: false, error: { code: 'too_large', at: sizeAt, message: 'The compressed term is too large.' } };
  }
  const from = sizeAt + 4;
  const plain = options.inflate?.(bytes.subarray(from), size) ?? null;
  if (plain?.bytes.length !== size) {
    return { ok: false, error: { code: 'malformed', at: from, message: 'The compressed term cannot be inflated.' } };
  }
  return { ok: true, value: { bytes: plain.bytes, next: from + plain.usedBytes } };
}

function inflated(bytes: Uint8Array, at: number, options: DecodeOptions): Decoded {
  const plain = inflatedTerm(bytes, at, options);
  if (!plain.ok) return plain;
  const from = at + 6;
  const inner = decodeTerm(plain.value.bytes, { ...options, at: 0, form: 'bare' });
  if (!inner.ok) return { ok: false, error: { ...inner.error, at: from } };
  if (inner.next !== plain.value.bytes.length) {
    return {
      ok: false,
      error: { code: 'malformed', at: from, message: 'Bytes follow the term inside its compression.' },
    };
  }
  return { ok: true, term: inner.term, next: plain.value.next };
}

/**
 * Decodes the term at `options.at`, in canonical form. Bytes behind it are left: compare `next` with the length where none may be.
 * Every error is a value with the offset; nothing throws, whatever the bytes are.
 */
export function decodeTerm(bytes: Uint8Array, options: DecodeOptions): Decoded {
  let at = options.at ?? 0;
  if (options.form !== 'bare') {
    if (at >= bytes.length) return { ok: false, error: { code: 'truncated', at, message: 'There are no bytes.' } };
    if (bytes[at] !== etfVersion) {
      return { ok: false, error: { code: 'version', at, message: 'An external term begins with byte 131.' } };
    }
    if (bytes[at + 1] === tag.compressed) return inflated(bytes, at, options);
    at++;
  }
  const reader = new TermReader(bytes, at, options.refs ?? noRefs, options.scope, options.limits?.maxDepth);
  try {
    const term = reader.term();
    return { ok: true, term, next: reader.at };
  } catch (thrown) {
    if (thrown instanceof Damage) {
      return { ok: false, error: { code: thrown.code, at: thrown.at, message: thrown.message } };
    }
    throw thrown;
  }
}
