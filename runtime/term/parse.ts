/**
 * Text as a term: the literals of Elixir and of Erlang. Nothing is evaluated: variables, calls and interpolations are errors.
 */
import { binary, bitstring, bytesFromLatin1, isWellFormed, utf8FromText } from './binary.ts';
import { map } from './order.ts';
import type { Syntax } from './print.ts';
import { elixirOperators } from './print.ts';
import { mostAtomCharacters } from './tags.ts';
import type { Term } from './term.ts';
import { atom, integer, list, tuple } from './term.ts';

/** `line` and `column` count from 1, columns in UTF-16 units as editors do. */
export type ParseError = { readonly message: string; readonly line: number; readonly column: number };
export type Parsed = { readonly ok: true; readonly value: Term } | { readonly ok: false; readonly error: ParseError };

/** The node that `<0.1.2>` is on; without it such a pid is an error. */
export type ParseOptions = { readonly node: string; readonly creation: number };

const maxDepth = 200;
/** Digits of the largest integer worth reading from text. */
const mostDigits = 100_000;

/** Leaves the recursion with an error; caught in {@link parseTerm} and nowhere else. */
class Fault extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const letterEscapes = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['b', '\b'],
  ['f', '\f'],
  ['e', '\u001b'],
  ['s', ' '],
  ['d', '\u007f'],
  ['a', '\u0007'],
]);

/** What both syntaxes share: places, numbers, quoted text, identities. */
abstract class Parser {
  protected readonly source: string;
  protected at = 0;
  #depth = 0;
  readonly #options: ParseOptions | null;

  constructor(source: string, options: ParseOptions | null) {
    this.source = source;
    this.#options = options;
  }

  /** Behind the backslash: octal digits in the first group, or hexadecimal ones in another. Sticky. */
  protected abstract readonly codedEscapes: RegExp;
  protected abstract skipComment(): boolean;
  protected abstract value(): Term;

  whole(): Term {
    this.space();
    const term = this.term();
    this.end();
    this.space();
    if (this.at < this.source.length) throw this.fault('Something follows the term.');
    return term;
  }

  /** What may stand behind the last term. */
  protected end(): void {
    this.space();
  }

  protected fault(message: string, at = this.at): Fault {
    return new Fault(at, message);
  }

  protected peek(text: string): boolean {
    return this.source.startsWith(text, this.at);
  }

  protected take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.at += text.length;
    return true;
  }

  /** As {@link take}, and the space behind it. */
  protected mark(text: string): boolean {
    if (!this.take(text)) return false;
    this.space();
    return true;
  }

  protected expect(text: string): void {
    if (!this.mark(text)) throw this.fault(`\`${text}\` is expected here.`);
  }

  /** `pattern` must be sticky. */
  protected match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  protected space(): void {
    do {
      this.match(/\s*/y);
    } while (this.skipComment());
  }

  protected term(): Term {
    if (++this.#depth > maxDepth) throw this.fault(`The term is nested deeper than ${maxDepth}.`);
    const term = this.value();
    this.#depth--;
    this.space();
    return term;
  }

  protected atom(name: string, at: number): Term {
    if (!isWellFormed(name)) throw this.fault('The name of the atom has half a surrogate pair.', at);
    if (Array.from(name).length > mostAtomCharacters) {
      throw this.fault(`An atom has at most ${mostAtomCharacters} characters.`, at);
    }
    return atom(name);
  }

  protected integer(sign: string, digits: string, base: number, at: number): Term {
    const plain = digits.replaceAll('_', '');
    if (plain.length > mostDigits) throw this.fault(`An integer has at most ${mostDigits} digits here.`, at);
    let value = 0n;
    if (base === 10 || base === 16 || base === 8 || base === 2) {
      const prefix = base === 16 ? '0x' : base === 8 ? '0o' : base === 2 ? '0b' : '';
      value = BigInt(prefix + plain);
    } else {
      for (const digit of plain) value = value * BigInt(base) + BigInt(Number.parseInt(digit, base));
    }
    return integer(sign === '-' ? -value : value);
  }

  protected float(sign: string, text: string, at: number): Term {
    const value = Number(sign + text.replaceAll('_', ''));
    if (!Number.isFinite(value)) throw this.fault('The float is too large.', at);
    return { t: 'float', v: Object.is(value, -0) ? '-0' : value };
  }

  /** The text up to `quote`, whose opening was taken. */
  protected quoted(quote: string): string {
    const start = this.at - quote.length;
    let text = '';
    for (;;) {
      const character = this.source.charAt(this.at);
      if (character === '') throw this.fault(`The text is not closed by ${quote}.`, start);
      if (this.take(quote)) return text;
      text += character === '\\' ? this.escape() : this.plainCharacter(character);
    }
  }

  protected plainCharacter(character: string): string {
    this.at++;
    return character;
  }

  /** An escape sequence; `at` stands before its backslash. */
  protected escape(): string {
    const start = this.at++;
    const coded = this.match(this.codedEscapes);
    if (coded !== null) {
      const [octal, ...hexadecimal] = coded.slice(1);
      return octal === undefined ? this.codePoint(hexadecimal.join(''), 16, start) : this.codePoint(octal, 8, start);
    }
    const character = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0);
    if (this.at >= this.source.length) throw this.fault('The text ends in a backslash.', start);
    this.at += character.length;
    // A backslash at the end of a line joins it with the next.
    return character === '\n' ? '' : (letterEscapes.get(character) ?? character);
  }

  protected codePoint(digits: string, base: number, at: number): string {
    const code = Number.parseInt(digits, base);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw this.fault('There is no such character.', at);
    return String.fromCodePoint(code);
  }

  protected utf8(text: string, at: number): Uint8Array {
    if (!isWellFormed(text)) throw this.fault('The text has half a surrogate pair.', at);
    return utf8FromText(text);
  }

  protected codePoints(text: string): Term {
    return list(Array.from(text, (character) => integer(character.codePointAt(0) ?? 0)));
  }

  /** `<0.1.2>` behind `#PID`, `#Ref`, `#Reference`, `#Port` or nothing. */
  protected identity(kind: 'pid' | 'ref' | 'port'): Term {
    const start = this.at;
    const numbers = this.match(/<(\d{1,10}(?:\.\d{1,20})+)>/y)?.[1]?.split('.');
    const [node, ...ids] = numbers ?? [];
    if (node === undefined) throw this.fault('An identity is written <0.1.2>.', start);
    if (node !== '0')
      throw this.fault('Only identities of the node itself, which begin with 0, can be written.', start);
    const home = this.#options;
    if (home === null) throw this.fault('A pid, port or reference needs the node it is on.', start);
    const words = ids.map(Number);
    const [first, second] = words;
    if (kind === 'port') {
      const id = ids[0] ?? '';
      if (ids.length !== 1 || BigInt(id) > 0xffffffffffffffffn) throw this.fault('There is no such port.', start);
      return { t: 'port', node: home.node, creation: home.creation, id: BigInt(id).toString() };
    }
    if (words.some((word) => word > 0xffffffff)) throw this.fault('A number is too large.', start);
    if (kind === 'ref') {
      if (words.length > 5) throw this.fault('A reference has at most 5 numbers behind the 0.', start);
      return { t: 'ref', node: home.node, creation: home.creation, ids: words.toReversed() };
    }
    if (first === undefined || second === undefined || words.length !== 2) {
      throw this.fault('A pid has three numbers.', start);
    }
    return { t: 'pid', node: home.node, creation: home.creation, id: first, serial: second };
  }

  /** Terms separated by commas up to `close`, whose opening was taken. */
  protected sequence(close: string, one: () => void): void {
    if (this.mark(close)) return;
    do {
      one();
    } while (this.mark(','));
    this.expect(close);
  }

  protected bytesTerm(writer: BitWriter): Term {
    return bitstring(writer.bytes(), writer.lastBits());
  }
}

/** Collects bits, the highest first. */
class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;

  whole(bytes: Uint8Array): void {
    for (const byte of bytes) this.integer(BigInt(byte), 8);
  }

  integer(value: bigint, size: number): void {
    const cut = BigInt.asUintN(size, value);
    for (let bit = size - 1; bit >= 0; bit--) {
      if (this.#bits % 8 === 0) this.#bytes.push(0);
      const last = this.#bytes.length - 1;
      const one = Number((cut >> BigInt(bit)) & 1n);
      this.#bytes[last] = (this.#bytes[last] ?? 0) | (one << (7 - (this.#bits % 8)));
      this.#bits++;
    }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  lastBits(): number {
    return this.#bits % 8 === 0 ? 8 : this.#bits % 8;
  }
}

/** A segment's integer may take so many bits; more is no literal that anyone writes. */
const mostSegmentBits = 4096;

function integerOf(term: Term): bigint | null {
  if (term.t === 'int') return BigInt(term.v);
  return term.t === 'big' ? BigInt(term.v) : null;
}

// -------------------------------------------------------------------------------------------------------------- Erlang

class ErlangParser extends Parser {
  protected override readonly codedEscapes = /([0-7]{1,3})|x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})/y;

  protected override skipComment(): boolean {
    return this.match(/%[^\n]*/y) !== null;
  }

  protected override end(): void {
    this.mark('.');
  }

  protected override value(): Term {
    const start = this.at;
    const number = this.#number();
    if (number !== null) return number;
    if (this.mark('{')) return tuple(...this.#terms('}'));
    if (this.mark('[')) return this.#list();
    if (this.mark('#{')) return this.#map();
    if (this.take('#Ref')) return this.identity('ref');
    if (this.take('#Port')) return this.identity('port');
    if (this.mark('<<')) return this.#binary();
    if (this.peek('<')) return this.identity('pid');
    if (this.take("'")) return this.atom(this.quoted("'"), start);
    if (this.take('"')) return this.codePoints(this.#text());
    const name = this.match(/[a-z][A-Za-z0-9_@]*/y)?.[0];
    if (name === 'fun') return this.#export();
    if (name !== undefined) return this.atom(name, start);
    if (this.match(/[A-Z_]/y) !== null) throw this.fault('Variables are not evaluated; an atom is quoted.', start);
    throw this.fault(start >= this.source.length ? 'A term is expected.' : 'No term begins like this.', start);
  }

  #number(): Term | null {
    const start = this.at;
    const character = this.match(/([+-]?)\$/y);
    if (character !== null) {
      const code = this.#character(start).codePointAt(0) ?? 0;
      return integer(character[1] === '-' ? -code : code);
    }
    const based = this.match(/([+-]?)(\d{1,2})#([0-9A-Za-z]+(?:_[0-9A-Za-z]+)*)/y);
    if (based !== null) {
      const [, sign = '', baseText = '', digits = ''] = based;
      const base = Number(baseText);
      const plain = digits.replaceAll('_', '');
      const fits = Array.from(plain).every((digit) => Number.parseInt(digit, 36) < base);
      if (base < 2 || base > 36 || !fits) throw this.fault('The digits do not fit the base.', start);
      return this.integer(sign, digits, base, start);
    }
    const float = this.match(/([+-]?)(\d+(?:_\d+)*\.\d+(?:_\d+)*(?:[eE][+-]?\d+)?)/y);
    if (float !== null) return this.float(float[1] ?? '', float[2] ?? '', start);
    const decimal = this.match(/([+-]?)(\d+(?:_\d+)*)/y);
    return decimal === null ? null : this.integer(decimal[1] ?? '', decimal[2] ?? '', 10, start);
  }

  #character(start: number): string {
    if (this.peek('\\')) return this.escape();
    const code = this.source.codePointAt(this.at);
    if (code === undefined) throw this.fault('A character is expected behind $.', start);
    const character = String.fromCodePoint(code);
    this.at += character.length;
    return character;
  }

  /** Strings that stand beside each other are one; the first quote was taken. */
  #text(): string {
    let text = this.quoted('"');
    for (let end = this.at; ; end = this.at) {
      this.space();
      if (!this.take('"')) {
        this.at = end;
        return text;
      }
      text += this.quoted('"');
    }
  }

  #terms(close: string): Term[] {
    const terms: Term[] = [];
    this.sequence(close, () => {
      terms.push(this.term());
    });
    return terms;
  }

  #list(): Term {
    const elements: Term[] = [];
    if (this.mark(']')) return list(elements);
    do {
      elements.push(this.term());
    } while (this.mark(','));
    const tail = this.mark('|') ? this.term() : null;
    this.expect(']');
    return tail === null ? list(elements) : withTail(elements, tail);
  }

  #map(): Term {
    const entries: (readonly [Term, Term])[] = [];
    this.sequence('}', () => {
      const key = this.term();
      this.expect('=>');
      entries.push([key, this.term()]);
    });
    return map(entries);
  }

  #export(): Term {
    this.space();
    const start = this.at;
    const [module, name] = [this.#name(), (this.expect(':'), this.#name())];
    this.expect('/');
    const arity = Number(this.match(/\d{1,3}/y)?.[0] ?? Number.NaN);
    if (!(arity <= 255)) throw this.fault('A fun is written fun module:function/arity.', start);
    return { t: 'export', module, function: name, arity };
  }

  #name(): string {
    const start = this.at;
    const term = this.take("'")
      ? this.atom(this.quoted("'"), start)
      : this.atom(this.match(/[a-z][A-Za-z0-9_@]*/y)?.[0] ?? '', start);
    if (term.t !== 'atom' || this.at === start) throw this.fault('An atom is expected here.', start);
    this.space();
    return term.v;
  }

  #binary(): Term {
    const writer = new BitWriter();
    this.sequence('>>', () => {
      this.#segment(writer);
    });
    return this.bytesTerm(writer);
  }

  #segment(writer: BitWriter): void {
    const start = this.at;
    if (this.take('"')) {
      const text = this.#text();
      this.space();
      const bytes = this.mark('/utf8') ? this.utf8(text, start) : bytesFromLatin1(text);
      if (bytes === null) throw this.fault('Characters above 255 need /utf8.', start);
      writer.whole(bytes);
      return;
    }
    const value = integerOf(this.term());
    if (value === null) throw this.fault('A segment is an integer or a string.', start);
    const size = this.mark(':') ? Number(this.match(/\d{1,4}/y)?.[0] ?? Number.NaN) : 8;
    if (!(size <= mostSegmentBits)) throw this.fault(`A segment has at most ${mostSegmentBits} bits.`, start);
    writer.integer(value, size);
    this.space();
  }
}

/** In canonical form: a list for a tail makes one list. */
function withTail(elements: readonly Term[], tail: Term): Term {
  if (tail.t === 'list') {
    const all = [...elements, ...tail.e];
    return tail.tail === undefined ? list(all) : { t: 'list', e: all, tail: tail.tail };
  }
  if (tail.t !== 'bytelist') return { t: 'list', e: elements, tail };
  return list([...elements, ...Array.from(tail.latin1, (character) => integer(character.charCodeAt(0)))]);
}

// -------------------------------------------------------------------------------------------------------------- Elixir

const sigilCloses = new Map([
  ['"', '"'],
  ["'", "'"],
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['<', '>'],
  ['|', '|'],
  ['/', '/'],
]);

class ElixirParser extends Parser {
  protected override readonly codedEscapes =
    /(0)|x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f]{1,8})\}|u([0-9A-Fa-f]{4})/y;

  protected override skipComment(): boolean {
    return this.match(/#(?!PID<|Reference<|Port<|Function<)[^\n]*/y) !== null;
  }

  protected override plainCharacter(character: string): string {
    if (character === '#' && this.peek('#{')) throw this.fault('Interpolations are not evaluated.');
    return super.plainCharacter(character);
  }

  protected override value(): Term {
    const start = this.at;
    const number = this.#number();
    if (number !== null) return number;
    if (this.mark('{')) return tuple(...this.#terms('}'));
    if (this.mark('[')) return this.#list();
    if (this.mark('%{')) return map(this.#entries());
    if (this.take('%')) return this.#struct(start);
    if (this.mark('<<')) return this.#binary();
    if (this.take('#PID')) return this.identity('pid');
    if (this.take('#Reference')) return this.identity('ref');
    if (this.take('#Port')) return this.identity('port');
    if (this.peek('<')) return this.identity('pid');
    if (this.take('"')) return binary(this.utf8(this.quoted('"'), start));
    if (this.take("'")) return this.codePoints(this.quoted("'"));
    if (this.take('~c')) return this.#charlist(start);
    if (this.take('&')) return this.#export(start);
    if (this.take(':')) return this.#atom(start);
    const alias = this.#aliasAtom(start);
    if (alias !== null) return alias;
    const word = this.match(/[a-z_][A-Za-z0-9_]*[?!]?/y)?.[0];
    if (word === 'true' || word === 'false' || word === 'nil') return atom(word);
    if (word !== undefined) {
      throw this.fault(`Variables and calls are not evaluated; an atom is written :${word}.`, start);
    }
    throw this.fault(start >= this.source.length ? 'A term is expected.' : 'No term begins like this.', start);
  }

  #number(): Term | null {
    const start = this.at;
    const character = this.match(/([+-]?)\?(?=\S)/y);
    if (character !== null) {
      const code = this.#character().codePointAt(0) ?? 0;
      return integer(character[1] === '-' ? -code : code);
    }
    const based = this.match(
      /([+-]?)0(?:x([0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)|o([0-7]+(?:_[0-7]+)*)|b([01]+(?:_[01]+)*))/y,
    );
    if (based !== null) {
      const [, sign = '', hex, octal, two] = based;
      if (hex !== undefined) return this.integer(sign, hex, 16, start);
      return octal !== undefined ? this.integer(sign, octal, 8, start) : this.integer(sign, two ?? '', 2, start);
    }
    const float = this.match(/([+-]?)(\d+(?:_\d+)*\.\d+(?:_\d+)*(?:[eE][+-]?\d+)?)/y);
    if (float !== null) return this.float(float[1] ?? '', float[2] ?? '', start);
    const decimal = this.match(/([+-]?)(\d+(?:_\d+)*)/y);
    return decimal === null ? null : this.integer(decimal[1] ?? '', decimal[2] ?? '', 10, start);
  }

  #character(): string {
    if (this.peek('\\')) return this.escape();
    const character = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0);
    this.at += character.length;
    return character;
  }

  #alias(): string | null {
    const name = this.match(/[A-Z][A-Za-z0-9_]*(?:\.[A-Z][A-Za-z0-9_]*)*/y)?.[0];
    if (name === undefined) return null;
    return name === 'Elixir' || name.startsWith('Elixir.') ? name : `Elixir.${name}`;
  }

  #aliasAtom(start: number): Term | null {
    const alias = this.#alias();
    return alias === null ? null : this.atom(alias, start);
  }

  /** The colon was taken. */
  #atom(start: number): Term {
    for (const quote of ['"', "'"]) if (this.take(quote)) return this.atom(this.quoted(quote), start);
    const name = this.match(/[A-Za-z_][A-Za-z0-9_@]*[?!]?/y)?.[0];
    if (name !== undefined) return this.atom(name, start);
    // Longer operators stand first in the list.
    for (const operator of elixirOperators) if (this.take(operator)) return atom(operator);
    throw this.fault('The name of an atom is expected behind the colon.', start);
  }

  #charlist(start: number): Term {
    const open = this.source.charAt(this.at);
    const close = sigilCloses.get(open);
    if (close === undefined) throw this.fault('A delimiter is expected behind ~c.', start);
    this.at++;
    return this.codePoints(this.quoted(close));
  }

  /** `key:`, with the colon and a space behind it, or null and nothing is taken. */
  #key(): Term | null {
    const start = this.at;
    const name = this.match(/([A-Za-z_][A-Za-z0-9_@]*[?!]?):(?=\s|$)/y)?.[1];
    if (name !== undefined) {
      this.space();
      return this.atom(name, start);
    }
    for (const quote of ['"', "'"]) {
      if (!this.take(quote)) continue;
      const text = this.quoted(quote);
      if (this.match(/:(?=\s|$)/y) !== null) {
        this.space();
        return this.atom(text, start);
      }
      this.at = start;
    }
    return null;
  }

  /** The rest of a sequence once a keyword has begun it: only keywords may follow. */
  #keywords(first: Term): (readonly [Term, Term])[] {
    const pairs: (readonly [Term, Term])[] = [[first, this.term()]];
    while (this.mark(',')) {
      const key = this.#key();
      if (key === null) throw this.fault('Behind a keyword only keywords may follow.');
      pairs.push([key, this.term()]);
    }
    return pairs;
  }

  #terms(close: string): Term[] {
    const terms: Term[] = [];
    this.sequence(close, () => {
      const key = this.#key();
      if (key === null) terms.push(this.term());
      else terms.push(list(this.#keywords(key).map((pair) => tuple(...pair))));
    });
    return terms;
  }

  #list(): Term {
    const elements: Term[] = [];
    if (this.mark(']')) return list(elements);
    do {
      const key = this.#key();
      if (key === null) elements.push(this.term());
      else elements.push(...this.#keywords(key).map((pair) => tuple(...pair)));
    } while (this.mark(','));
    const tail = this.mark('|') ? this.term() : null;
    this.expect(']');
    return tail === null ? list(elements) : withTail(elements, tail);
  }

  /** The entries of a map whose brace was taken, and the closing one. */
  #entries(): (readonly [Term, Term])[] {
    const entries: (readonly [Term, Term])[] = [];
    this.sequence('}', () => {
      const keyword = this.#key();
      if (keyword !== null) {
        entries.push(...this.#keywords(keyword));
        return;
      }
      const key = this.term();
      this.expect('=>');
      entries.push([key, this.term()]);
    });
    return entries;
  }

  #struct(start: number): Term {
    const name = this.#alias();
    if (name === null) throw this.fault('A struct is written %Name{…}.', start);
    this.expect('{');
    const entries = this.#entries();
    if (entries.some(([key]) => key.t !== 'atom')) throw this.fault('The keys of a struct are atoms.', start);
    return map([...entries, [atom('__struct__'), this.atom(name, start)]]);
  }

  #export(start: number): Term {
    const module = this.take(':') ? this.#atom(start) : this.#aliasAtom(start);
    const name = this.take('.')
      ? this.take('"')
        ? this.quoted('"')
        : this.match(/[a-z_][A-Za-z0-9_]*[?!]?/y)?.[0]
      : undefined;
    const arity = Number(this.match(/\/(\d{1,3})/y)?.[1] ?? Number.NaN);
    if (module?.t !== 'atom' || name === undefined || !(arity <= 255)) {
      throw this.fault('A captured function is written &Module.function/arity.', start);
    }
    this.atom(name, start);
    return { t: 'export', module: module.v, function: name, arity };
  }

  #binary(): Term {
    const writer = new BitWriter();
    this.sequence('>>', () => {
      const start = this.at;
      if (this.take('"')) {
        writer.whole(this.utf8(this.quoted('"'), start));
        this.space();
        return;
      }
      const value = integerOf(this.term());
      if (value === null) throw this.fault('A segment is an integer or a string.', start);
      const sized = this.mark('::') ? this.match(/(?:size\((\d{1,4})\)|(\d{1,4}))/y) : undefined;
      const size = sized === undefined ? 8 : Number(sized?.[1] ?? sized?.[2] ?? Number.NaN);
      if (!(size <= mostSegmentBits)) throw this.fault(`A segment has at most ${mostSegmentBits} bits.`, start);
      writer.integer(value, size);
      this.space();
    });
    return this.bytesTerm(writer);
  }
}

function placeOf(source: string, at: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - lineStart + 1 };
}

/**
 * The term that `source` writes, in canonical form: numbers (`16#ff`, `0xff`, `1_000`), atoms, aliases, strings, charlists, binaries,
 * tuples, lists, keywords, maps, structs, external funs, and with `options` pids, ports and references. Errors have the place; nothing
 * throws.
 */
export function parseTerm(source: string, syntax: Syntax, options?: ParseOptions): Parsed {
  const home = options ?? null;
  const parser = syntax === 'elixir' ? new ElixirParser(source, home) : new ErlangParser(source, home);
  try {
    return { ok: true, value: parser.whole() };
  } catch (thrown) {
    if (thrown instanceof Fault) {
      return { ok: false, error: { message: thrown.message, ...placeOf(source, thrown.at) } };
    }
    throw thrown;
  }
}
