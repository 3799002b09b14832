/**
 * `erlang:phash2/1,2`: the hash of a term that is the same on every node of every release, by which hash rings, partitions and
 * process groups spread keys. Follows erts 13 (OTP 25), where the mixing is Bob Jenkins' of 1996. Funs of ours have no such hash on a
 * BEAM: theirs is made of their label. What is elided has lost what would be hashed, so two of one kind and size hash alike.
 */
import { binaryBytes, utf8FromText } from './binary.ts';
import type { Term } from './term.ts';
import { integer } from './term.ts';

/** `erlang:phash2(Term, Range)`: from 0 to `range` - 1, where `range` is 1 to 2^32; without it 2^27, as in `phash2/1`. */
export function phash2(term: Term, range = 2 ** 27): number {
  return hashed(term, 0) % range;
}

/** The golden ratio, and its multiples modulo 2^32, which keep apart what terms of different types look like. */
const golden = 0x9e3779b9;
const constants = Array.from({ length: 23 }, (_, times) => Math.imul(golden, times) >>> 0);
const constant = (times: number): number => constants[times] ?? 0;
/** `HCONST` stands for one time; the hash of `[]` alone is a constant of its own. */
const hashOfNil = 3_468_870_702;
/** erts' tag of `[]` where it ends what was hashed before. */
const tagOfNil = 2;

/** Mixes three words in place. */
function mixState(state: Uint32Array): void {
  let [x = 0, y = 0, z = 0] = state;
  x = (x - y - z) ^ (z >>> 13);
  y = (y - z - x) ^ (x << 8);
  z = (z - x - y) ^ ((y >>> 0) >>> 13);
  x = (x - y - z) ^ ((z >>> 0) >>> 12);
  y = (y - z - x) ^ (x << 16);
  z = (z - x - y) ^ ((y >>> 0) >>> 5);
  x = (x - y - z) ^ ((z >>> 0) >>> 3);
  y = (y - z - x) ^ (x << 10);
  z = (z - x - y) ^ ((y >>> 0) >>> 15);
  state[0] = x;
  state[1] = y;
  state[2] = z;
}

function third(state: Uint32Array): number {
  const [, , word = 0] = state;
  return word;
}

const scratch = new Uint32Array(3);
function mixed(first: number, second: number, hash: number): number {
  scratch[0] = first;
  scratch[1] = second;
  scratch[2] = hash;
  mixState(scratch);
  return third(scratch);
}

function pair(first: number, second: number, by: number, hash: number): number {
  return mixed(by + first, by + second, hash);
}

/** Goes on from the hash of what came before. */
function hashed(term: Term, before: number): number {
  switch (term.t) {
    case 'atom':
      return before === 0 ? atomHash(term.v) : pair(atomHash(term.v), 0, constant(3), before);
    case 'int':
      return isSmall(term.v) ? smallHash(term.v, before) : bigHash(BigInt(term.v), before);
    case 'big':
      return bigHash(BigInt(term.v), before);
    case 'float':
      return floatHash(term.v === '-0' ? 0 : term.v, before);
    case 'text':
      return bytesHash(utf8FromText(term.v), 8, before);
    case 'bits':
      return bytesHash(binaryBytes({ ...term, lastBits: 8 }) ?? new Uint8Array(), term.lastBits, before);
    case 'bytelist':
      return listHash(
        Array.from(term.latin1, (byte) => integer(byte.charCodeAt(0))),
        null,
        before,
      );
    case 'list':
      return listHash(term.e, term.tail ?? null, before);
    case 'tuple':
      return term.e.reduce((hash, element) => hashed(element, hash), pair(term.e.length, 0, constant(9), before));
    case 'map':
      return mapHash(term.e, before);
    case 'pid':
      return pair(term.id, 0, constant(5), before);
    case 'port':
      return pair(Number(BigInt.asUintN(28, BigInt(term.id))), 0, constant(6), before);
    case 'ref':
      return pair(term.ids[0] ?? 0, 0, constant(7), before);
    case 'export':
      return pair(
        atomHash(term.function),
        0,
        constant(14),
        pair(term.arity, atomHash(term.module), constant(1), before),
      );
    case 'fun':
      return pair(term.arity, atomHash(term.label), constant(1), before);
    case 'elided':
      return pair(term.size >>> 0, atomHash(term.was), constant(1), before);
  }
}

/** `hashpjw` over the bytes of the atom; characters of Latin-1 count as one byte. */
function atomHash(name: string): number {
  let hash = 0;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    for (const byte of code < 256 ? [code] : utf8FromText(character)) {
      hash = ((hash << 4) + byte) >>> 0;
      const high = (hash & 0xf0000000) >>> 0;
      if (high !== 0) hash = (hash ^ (high >>> 24) ^ high) >>> 0;
    }
  }
  return hash;
}

/** What a word of 28 bits holds with its sign; larger integers are hashed as big ones. */
function isSmall(value: number): boolean {
  return value >= -(2 ** 27) && value < 2 ** 27;
}

function smallHash(value: number, before: number): number {
  // Negative ones are mixed twice.
  const hash = value < 0 ? pair(-value, 0, constant(1), before) : before;
  return pair(value >>> 0, 0, constant(1), hash);
}

function bigHash(value: bigint, before: number): number {
  const by = constant(value < 0n ? 10 : 11);
  let rest = value < 0n ? -value : value;
  let hash = before;
  do {
    hash = pair(Number(rest & 0xffffffffn), Number((rest >> 32n) & 0xffffffffn), by, hash);
    rest >>= 64n;
  } while (rest > 0n);
  return hash;
}

function floatHash(value: number, before: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value === 0 ? 0 : value);
  return pair(view.getUint32(0), view.getUint32(4), constant(12), before);
}

/** Runs of bytes are hashed four at a time, since most lists of bytes are strings. */
function listHash(elements: readonly Term[], tail: Term | null, before: number): number {
  let hash = before;
  let at = 0;
  while (at < elements.length) {
    let run = 0;
    let held = 0;
    for (;;) {
      const element = elements[at];
      if (element?.t !== 'int' || element.v < 0 || element.v > 255) break;
      run = ((run << 8) + element.v) >>> 0;
      held += 1;
      at += 1;
      if (held < 4) continue;
      hash = pair(run, 0, constant(4), hash);
      run = 0;
      held = 0;
    }
    if (held > 0) hash = pair(run, 0, constant(4), hash);
    const element = elements[at];
    if (element === undefined) break;
    hash = hashed(element, hash);
    at += 1;
  }
  if (tail !== null) return hashed(tail, hash);
  return hash === 0 ? hashOfNil : pair(tagOfNil, 0, constant(2), hash);
}

/** Pairs are hashed each for itself and put together by what does not know of their order. */
function mapHash(entries: readonly (readonly [Term, Term])[], before: number): number {
  const hash = pair(entries.length, 0, constant(16), before);
  if (entries.length === 0) return hash;
  const pairs = entries.reduce((all, [key, value]) => (all ^ hashed(value, hashed(key, 0))) >>> 0, 0);
  return pair(pairs, 0, constant(19), hash);
}

function bytesHash(all: Uint8Array, lastBits: number, before: number): number {
  const bytes = lastBits === 8 ? all : all.subarray(0, -1);
  const start = (constant(13) + before) >>> 0;
  if (all.length === 0) return start;
  const hash = blockHash(bytes, start);
  if (lastBits === 8) return hash;
  return pair(lastBits, (all[all.length - 1] ?? 0) >>> (8 - lastBits), constant(15), hash);
}

function blockHash(bytes: Uint8Array, start: number): number {
  const word = (at: number): number =>
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>>
    0;
  const state = new Uint32Array([golden, golden, start]);
  let at = 0;
  for (; bytes.length - at >= 12; at += 12) {
    state[0] = (state[0] ?? 0) + word(at);
    state[1] = (state[1] ?? 0) + word(at + 4);
    state[2] = (state[2] ?? 0) + word(at + 8);
    mixState(state);
  }
  state[0] = (state[0] ?? 0) + word(at);
  state[1] = (state[1] ?? 0) + word(at + 4);
  // The lowest byte of the last word is the length's.
  state[2] = (state[2] ?? 0) + bytes.length + (word(at + 8) << 8);
  mixState(state);
  return third(state);
}
