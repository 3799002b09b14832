/** Text as OTP's `io_lib` makes it: terms printed, cut to a depth, and reports as lists of words and terms. */
import type { Value } from '../../term/values.ts';
import { a, Atom, ImproperList, toTerm, Tuple, tup } from '../../term/values.ts';
import { printTerm } from '../../term/print.ts';
import { asValue, isList, tagged } from '../kernel/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';

/** A charlist: what a string literal is in Erlang. */
export function chars(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

/** A term as `~tp` prints it, on one line; what has no term is shown by its kind. */
export function printed(value: Value, maxLength = 100_000): string {
  const term = toTerm(value);
  return term.ok ? printTerm(term.value, { syntax: 'erlang', maxLength, maxDepth: 500 }) : `<${term.error.code}>`;
}

/** Puts a line where the process' output goes: it is shown as output of the process. */
export function putChars(self: Self, text: string): void {
  self.emit({ is: 'report', kind: 'output', pid: self.pid, report: text });
}

const dots = a('...');

/** `io_lib:limit_term/2`: deeper or longer parts are `'...'`. */
export function limitTerm(value: Value, depth: number | null): Value {
  return depth === null ? value : limited(value, depth);
}

function limited(value: Value, depth: number): Value {
  if (depth <= 0) return dots;
  if (isList(value)) return limitedList(value, depth);
  if (value instanceof Tuple) {
    const elements: readonly unknown[] = value.elements;
    if (depth === 1 && elements.length > 0) return dots;
    return new Tuple(limitedList(elements, depth));
  }
  if (value instanceof ImproperList) return depth <= 1 ? dots : value;
  return value;
}

/** As the printer counts: each further element is one deeper, and each element is one deeper than its list. */
function limitedList(elements: readonly unknown[], depth: number): readonly Value[] {
  const kept: Value[] = [];
  let left = depth;
  for (const element of elements) {
    if (left <= 1) return [...kept, dots];
    kept.push(limited(asValue(element), left - 1));
    left -= 1;
  }
  return kept;
}

/** What a report says, in order: words as they stand (`~n` is a new line), terms, and terms that no depth cuts (`plain`). */
export type Pieces = readonly (string | { readonly term: Value } | { readonly plain: Value })[];

/** `error_logger:get_format_depth/0`: how deep reports show terms, as the kernel's environment says; null for all of it. */
export function* formatDepth(self: Self): Flow<number | null> {
  if (!self.exports('application', 'get_env', 2)) return null;
  const found = yield* self.apply('application', 'get_env', [a('kernel'), a('error_logger_format_depth')]);
  const depth = tagged(found, a('ok'), 2)?.[1];
  return typeof depth === 'number' ? Math.max(leastDepth, depth) : null;
}
const leastDepth = 10;

export type FormatOptions = {
  /** Null: everything. */
  readonly depth?: number | null;
  /** Characters at most, about; null: no limit. */
  readonly charsLimit?: number | null;
  readonly singleLine?: boolean;
};

/** `{Format, Args}` as `error_logger`'s report callbacks answer: `~tp`, or `~tP` with a depth behind each term. */
export function formatAndArgs(pieces: Pieces, depth: number | null): Tuple<readonly [string, readonly Value[]]> {
  const format = pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      if ('plain' in piece) return '~p';
      return depth === null ? '~tp' : '~tP';
    })
    .join('');
  const args = pieces.flatMap((piece): readonly Value[] => {
    if (typeof piece === 'string') return [];
    if ('plain' in piece) return [piece.plain];
    return depth === null ? [piece.term] : [limitTerm(piece.term, depth), depth];
  });
  return tup(format, args);
}

/** The text of a report (`report_cb/2`). */
export function formatted(pieces: Pieces, { depth = null, charsLimit = null }: FormatOptions): string {
  const terms = pieces.filter((piece) => typeof piece !== 'string' && 'term' in piece).length;
  const words = pieces.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.length : 0), 0);
  // The limit is shared evenly by the terms, as io_lib shares it.
  const each = charsLimit === null ? 100_000 : Math.max(1, Math.floor((charsLimit - words) / Math.max(1, terms)));
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece.replaceAll('~n', '\n');
      return 'plain' in piece ? printed(piece.plain) : printed(limitTerm(piece.term, depth), each);
    })
    .join('');
}

/** An atom's name, or the term printed: what header lines name a server by. */
export function nameText(name: Value): string {
  return name instanceof Atom ? name.name : printed(name);
}
