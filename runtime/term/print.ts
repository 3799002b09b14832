/**
 * Terms as text, as `iex` and `io:format("~tp")` would show them, on one line.
 *
 * Names and texts are a node's and not trusted: control characters, line separators and what turns the direction of writing are
 * escaped, so that what is seen is what is there. Other sinks (Markdown, terminals, HTML) have rules of their own.
 */
import { bytesFromBase64, isWellFormed, utf8FromText } from './binary.ts';
import type { Term } from './term.ts';

export type Syntax = 'elixir' | 'erlang';

export type PrintOptions = {
  readonly syntax: Syntax;
  /** Characters at most; longer text is cut and ends in `…`. 10,000 when absent. */
  readonly maxLength?: number;
  /** Deeper containers are shown as `...`; 100 when absent. */
  readonly maxDepth?: number;
};

const cut = '…';

const erlangReserved = new Set(
  (
    'after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse ' +
    'receive rem try when xor'
  ).split(' '),
);

/** Operators that are atoms without quotes in Elixir; the parser knows the same. */
export const elixirOperators: readonly string[] = [
  ...['===', '!==', '%{}', '<<>>'],
  ...['++', '--', '==', '!=', '<=', '>=', '&&', '||', '<>', '=~', '|>', '..', '{}'],
  ...['+', '-', '*', '/', '<', '>', '!', '@', '&', '^', '|', '='],
];
const elixirOperatorSet = new Set(elixirOperators);

const erlangPlainAtom = /^[a-z][A-Za-z0-9_@]*$/;
const elixirPlainAtom = /^[A-Za-z_][A-Za-z0-9_@]*[?!]?$/;
const elixirAlias = /^Elixir(?:\.(?!Elixir(?:\.|$))[A-Z][A-Za-z0-9_]*)(?:\.[A-Z][A-Za-z0-9_]*)*$/;

/** Invisible, or able to change what stands around them. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;
/** Control characters that have an escape of one letter in both syntaxes. */
const letterEscapes = new Map([
  ['\n', 'n'],
  ['\r', 'r'],
  ['\t', 't'],
  ['\v', 'v'],
  ['\b', 'b'],
  ['\f', 'f'],
  ['\u001b', 'e'],
]);
/** What makes a binary data rather than text: control characters other than those of {@link letterEscapes}. */
const unprintable = /[^\P{Cc}\n\r\t\v\b\f\u001b]/u;

function escapedCharacter(character: string, quote: string, syntax: Syntax): string {
  if (character === quote || character === '\\') return `\\${character}`;
  const letter = letterEscapes.get(character);
  if (letter !== undefined) return `\\${letter}`;
  if (!hidden.test(character)) return character;
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return syntax === 'elixir' ? `\\u{${hex}}` : `\\x{${hex}}`;
}

/** `text` between quotes, escaped; no more of it is read than `most` characters need. */
function quoted(text: string, quote: string, syntax: Syntax, most: number): string {
  let out = quote;
  let before = '';
  for (const character of text) {
    if (out.length > most) break;
    // `#{` would begin an interpolation.
    if (syntax === 'elixir' && character === '{' && before === '#') out = `${out.slice(0, -1)}\\#`;
    out += escapedCharacter(character, quote, syntax);
    before = character;
  }
  return out + quote;
}

class Printer {
  readonly #syntax: Syntax;
  readonly #most: number;
  #depthLeft: number;
  #out = '';

  constructor({ syntax, maxLength, maxDepth }: PrintOptions) {
    this.#syntax = syntax;
    this.#most = maxLength ?? 10_000;
    this.#depthLeft = maxDepth ?? 100;
  }

  finish(): string {
    return this.#out.length <= this.#most ? this.#out : cutAt(this.#out, this.#most);
  }

  get #full(): boolean {
    return this.#out.length > this.#most;
  }

  get #left(): number {
    return this.#most - this.#out.length;
  }

  get #comma(): string {
    return this.#syntax === 'elixir' ? ', ' : ',';
  }

  #put(text: string): void {
    this.#out += text;
  }

  #pick(elixir: string, erlang: string): void {
    this.#put(this.#syntax === 'elixir' ? elixir : erlang);
  }

  term(term: Term): void {
    if (this.#full) return;
    switch (term.t) {
      case 'atom':
        this.#put(atomText(term.v, this.#syntax));
        return;
      case 'int':
        this.#put(String(term.v));
        return;
      case 'big':
        this.#put(term.v);
        return;
      case 'float':
        this.#put(floatText(term.v));
        return;
      case 'text':
        this.#text(term.v);
        return;
      case 'bits':
        this.#bits(bytesFromBase64(term.base64) ?? new Uint8Array(), term.lastBits);
        return;
      case 'bytelist':
        this.#byteList(term.latin1);
        return;
      case 'list':
        this.#nested('[', ']', term.e.length, () => {
          this.#list(term.e, term.tail);
        });
        return;
      case 'tuple':
        this.#nested('{', '}', term.e.length, () => {
          this.#sequence(term.e);
        });
        return;
      case 'map':
        this.#map(term.e);
        return;
      case 'pid':
        this.#pick(`#PID<0.${term.id}.${term.serial}>`, `<0.${term.id}.${term.serial}>`);
        return;
      case 'port':
        this.#put(`#Port<0.${term.id}>`);
        return;
      case 'ref':
        this.#pick('#Reference', '#Ref');
        this.#put(`<0.${term.ids.toReversed().join('.')}>`);
        return;
      case 'export':
        this.#export(term.module, term.function, term.arity);
        return;
      case 'fun': {
        const module = atomText(term.module, this.#syntax);
        const label = escapedText(term.label, this.#syntax);
        this.#pick(`#Function<${label}/${term.arity} in ${module}>`, `#Fun<${module}.${label}>`);
        return;
      }
      case 'elided':
        this.#put(`#Elided<${term.was} ${term.size}>`);
        return;
    }
  }

  #nested(open: string, close: string, size: number, inside: () => void): void {
    if (this.#depthLeft === 0 && size > 0) {
      this.#put(`${open}...${close}`);
      return;
    }
    this.#depthLeft--;
    this.#put(open);
    inside();
    this.#put(close);
    this.#depthLeft++;
  }

  #sequence(terms: readonly Term[]): void {
    let separator = '';
    for (const term of terms) {
      if (this.#full) return;
      this.#put(separator);
      this.term(term);
      separator = this.#comma;
    }
  }

  #list(elements: readonly Term[], tail: Term | undefined): void {
    const pairs = this.#syntax === 'elixir' && tail === undefined ? keywordPairs(elements) : null;
    if (pairs !== null) {
      this.#keywords(pairs);
      return;
    }
    this.#sequence(elements);
    if (tail === undefined) return;
    this.#pick(' | ', '|');
    this.term(tail);
  }

  #keywords(pairs: readonly (readonly [string, Term])[]): void {
    let separator = '';
    for (const [key, value] of pairs) {
      if (this.#full) return;
      this.#put(`${separator}${elixirKey(key)} `);
      this.term(value);
      separator = ', ';
    }
  }

  #map(entries: readonly (readonly [Term, Term])[]): void {
    if (this.#syntax === 'erlang') {
      this.#nested('#{', '}', entries.length, () => {
        this.#entries(entries);
      });
      return;
    }
    const pairs = atomPairs(entries);
    const struct = pairs?.find(([key]) => key === '__struct__')?.[1];
    const fields = pairs?.filter(([key]) => key !== '__struct__');
    if (struct?.t === 'atom' && elixirAlias.test(struct.v) && fields !== undefined) {
      this.#nested(`%${atomText(struct.v, 'elixir')}{`, '}', fields.length, () => {
        this.#keywords(fields);
      });
      return;
    }
    this.#nested('%{', '}', entries.length, () => {
      if (pairs === null) this.#entries(entries);
      else this.#keywords(pairs);
    });
  }

  #entries(entries: readonly (readonly [Term, Term])[]): void {
    let separator = '';
    for (const [key, value] of entries) {
      if (this.#full) return;
      this.#put(separator);
      this.term(key);
      this.#put(' => ');
      this.term(value);
      separator = this.#comma;
    }
  }

  #text(text: string): void {
    if (unprintable.test(text) || !isWellFormed(text)) {
      this.#bits(utf8FromText(text), 8);
    } else if (this.#syntax === 'elixir') {
      this.#put(quoted(text, '"', 'elixir', this.#left));
    } else if (text === '') {
      this.#put('<<>>');
    } else {
      const encoding = /^[\u0000-\u007f]*$/.test(text) ? '' : '/utf8';
      this.#put(`<<${quoted(text, '"', 'erlang', this.#left)}${encoding}>>`);
    }
  }

  #bits(bytes: Uint8Array, lastBits: number): void {
    this.#put('<<');
    const last = bytes.length - 1;
    for (const [at, byte] of bytes.entries()) {
      if (this.#full) return;
      if (at > 0) this.#put(this.#comma);
      if (at < last || lastBits === 8) {
        this.#put(String(byte));
      } else {
        const value = byte >> (8 - lastBits);
        this.#pick(`${value}::size(${lastBits})`, `${value}:${lastBits}`);
      }
    }
    this.#put('>>');
  }

  /** A list of bytes is shown as text when it could be one: no bytes that no keyboard writes. */
  #byteList(latin1: string): void {
    if (unprintable.test(latin1)) {
      this.#put('[');
      for (let at = 0; at < latin1.length && !this.#full; at++) {
        this.#put(`${at === 0 ? '' : this.#comma}${latin1.charCodeAt(at)}`);
      }
      this.#put(']');
    } else {
      this.#pick('~c', '');
      this.#put(quoted(latin1, '"', this.#syntax, this.#left));
    }
  }

  #export(module: string, name: string, arity: number): void {
    if (this.#syntax === 'erlang') {
      this.#put(`fun ${atomText(module, 'erlang')}:${atomText(name, 'erlang')}/${arity}`);
      return;
    }
    const plain = /^[a-z_][A-Za-z0-9_]*[?!]?$/.test(name);
    // Not `true` or `nil`: a module is an alias or has its colon.
    const home = elixirPlainAtom.test(module) ? `:${module}` : atomText(module, 'elixir');
    this.#put(`&${home}.${plain ? name : quoted(name, '"', 'elixir', this.#left)}/${arity}`);
  }
}

/** Cuts before half a surrogate pair, not inside it. */
function cutAt(text: string, length: number): string {
  const end = Math.max(0, length - cut.length);
  const code = text.charCodeAt(end - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end) + cut;
}

function escapedText(text: string, syntax: Syntax): string {
  return quoted(text, '"', syntax, text.length * 10).slice(1, -1);
}

/** Digits as short as they can be without loss, with a point, as both languages write them. */
function floatText(value: number | '-0'): string {
  if (value === '-0') return '-0.0';
  const text = String(value).replace('e+', 'e');
  if (!text.includes('e')) return text.includes('.') ? text : `${text}.0`;
  return text.includes('.') ? text : text.replace('e', '.0e');
}

function keywordPairs(elements: readonly Term[]): readonly (readonly [string, Term])[] | null {
  if (elements.length === 0) return null;
  const pairs: (readonly [string, Term])[] = [];
  for (const element of elements) {
    if (element.t !== 'tuple' || element.e.length !== 2) return null;
    const [key, value] = element.e;
    if (key?.t !== 'atom' || value === undefined || key.v.startsWith('Elixir')) return null;
    pairs.push([key.v, value]);
  }
  return pairs;
}

function atomPairs(entries: readonly (readonly [Term, Term])[]): readonly (readonly [string, Term])[] | null {
  const pairs: (readonly [string, Term])[] = [];
  for (const [key, value] of entries) {
    if (key.t !== 'atom' || key.v.startsWith('Elixir')) return null;
    pairs.push([key.v, value]);
  }
  return pairs;
}

function elixirKey(name: string): string {
  return elixirPlainAtom.test(name) ? `${name}:` : `${quoted(name, '"', 'elixir', name.length * 10)}:`;
}

/** An atom as it is written in the language: quoted where it must be, `Elixir.Foo` as `Foo` in Elixir. */
export function atomText(name: string, syntax: Syntax): string {
  if (syntax === 'erlang') {
    if (erlangPlainAtom.test(name) && !erlangReserved.has(name)) return name;
    return quoted(name, "'", 'erlang', name.length * 10);
  }
  if (name === 'true' || name === 'false' || name === 'nil') return name;
  if (elixirAlias.test(name)) return name.slice('Elixir.'.length);
  if (elixirPlainAtom.test(name) || elixirOperatorSet.has(name)) return `:${name}`;
  return `:${quoted(name, '"', 'elixir', name.length * 10)}`;
}

/**
 * One line of text for a term, in the syntax asked for. Whole text reads back with `parseTerm` as the same term, except pids, ports and
 * references of other nodes (their node is not shown), funs and elided parts.
 */
export function printTerm(term: Term, options: PrintOptions): string {
  const printer = new Printer(options);
  printer.term(term);
  return printer.finish();
}
