/**
 * The one model of an Erlang term, from the wire to the eye.
 *
 * Lossless and canonical: two terms are `=:=` on the BEAM exactly when {@link termKey} gives the same text for both. For that:
 * `bytelist` is used for every non-empty proper list of bytes, `int` within ±(2^53-1) and `big` outside, `text` for every
 * binary that is valid UTF-8, and map entries stand in Erlang term order. (Exceptions: funs, and `0.0 =:= -0.0` before OTP 27.)
 * `elided` is the only lossy form: it can be shown, never sent back.
 *
 * Every value is plain JSON-safe data, because the same term crosses a worker, the LSP, a webview and a WebSocket.
 */
export type Term =
  | AtomTerm
  | { readonly t: 'int'; readonly v: number }
  | { readonly t: 'big'; readonly v: string }
  | { readonly t: 'float'; readonly v: number | '-0' }
  | { readonly t: 'text'; readonly v: string }
  /** A binary that is not UTF-8, or a bitstring; `lastBits` 8 means whole bytes. */
  | { readonly t: 'bits'; readonly base64: string; readonly lastBits: number }
  /** `tail` only on an improper list. */
  | { readonly t: 'list'; readonly e: readonly Term[]; readonly tail?: Term }
  | { readonly t: 'bytelist'; readonly latin1: string }
  | TupleTerm
  | { readonly t: 'map'; readonly e: readonly (readonly [Term, Term])[] }
  | PidTerm
  | { readonly t: 'port'; readonly node: string; readonly creation: number; readonly id: string }
  | RefTerm
  | { readonly t: 'export'; readonly module: string; readonly function: string; readonly arity: number }
  | FunTerm
  | { readonly t: 'elided'; readonly was: 'binary' | 'list' | 'tuple' | 'map' | 'depth'; readonly size: number };

export type AtomTerm = { readonly t: 'atom'; readonly v: string };
export type TupleTerm = { readonly t: 'tuple'; readonly e: readonly Term[] };
export type PidTerm = {
  readonly t: 'pid';
  readonly node: string;
  readonly creation: number;
  readonly id: number;
  readonly serial: number;
};
export type RefTerm = {
  readonly t: 'ref';
  readonly node: string;
  readonly creation: number;
  readonly ids: readonly number[];
};
/**
 * An opaque fun. `token` is the runtime's own (base64 of a self-contained encoding on the BEAM, a leased handle in the simulated
 * runtime) and is valid only within `scope`, one connection's epoch; an encoder refuses it anywhere else.
 */
export type FunTerm = {
  readonly t: 'fun';
  readonly module: string;
  readonly arity: number;
  readonly label: string;
  readonly scope: string;
  readonly token: string;
};

const atoms = new Map<string, AtomTerm>();
const mostInternedAtoms = 10_000;

/** The atom `name`. Frequent atoms are shared objects; equality is still by {@link termKey} or `v`. */
export function atom(name: string): AtomTerm {
  const known = atoms.get(name);
  if (known !== undefined) return known;
  const made: AtomTerm = Object.freeze({ t: 'atom', v: name });
  if (atoms.size < mostInternedAtoms) atoms.set(name, made);
  return made;
}

/** `{a, b, …}` */
export function tuple(...elements: readonly Term[]): TupleTerm {
  return { t: 'tuple', e: elements };
}

/** `[]` */
export const nil: Term = Object.freeze({ t: 'list', e: Object.freeze<Term[]>([]) });

/** A proper list in canonical form: `bytelist` when it is non-empty and every element is an integer in 0..255. */
export function list(elements: readonly Term[]): Term {
  if (elements.length === 0) return nil;
  const bytes: number[] = [];
  for (const element of elements) {
    if (element.t !== 'int' || element.v < 0 || element.v > 255) return { t: 'list', e: elements };
    bytes.push(element.v);
  }
  let latin1 = '';
  for (let at = 0; at < bytes.length; at += 4096) latin1 += String.fromCharCode(...bytes.slice(at, at + 4096));
  return { t: 'bytelist', latin1 };
}

/** A charlist, `"abc"` in Erlang, from text; characters above 255 make an ordinary list of code points. */
export function charlist(text: string): Term {
  return list(Array.from(text, (character) => integer(character.codePointAt(0) ?? 0)));
}

/** An integer of any size; `number` must be a safe integer. */
export function integer(value: number | bigint): Term {
  if (typeof value === 'number') return { t: 'int', v: value === 0 ? 0 : value };
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { t: 'int', v: Number(value) }
    : { t: 'big', v: value.toString() };
}

/** A UTF-8 binary. */
export function text(value: string): Term {
  return { t: 'text', v: value };
}

/** Text that is equal for two terms exactly when they are `=:=` (see {@link Term}); usable as a Map key. */
export function termKey(term: Term): string {
  return JSON.stringify(term);
}

/** True for the atom `name`. */
export function isAtom(term: Term | undefined, name: string): boolean {
  return term !== undefined && term.t === 'atom' && term.v === name;
}

/** The elements of a proper list in either form, or null when `term` is not a proper list. */
export function listElements(term: Term): readonly Term[] | null {
  if (term.t === 'list') return term.tail === undefined ? term.e : null;
  if (term.t === 'bytelist') return Array.from(term.latin1, (character) => integer(character.charCodeAt(0)));
  return null;
}
