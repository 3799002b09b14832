/** Terms from and for people: text parsed to values, and terms cut to a size that can be shown. */
import { failure } from '../../errors.ts';
import type { Incarnation, Result, TermInput } from '../../model.ts';
import { ok } from '../../model.ts';
import { parseTerm } from '../../term/parse.ts';
import type { Term } from '../../term/term.ts';
import { listElements } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { toValue } from '../../term/values.ts';

/**
 * The value of what somebody typed or sent to a process on `on`. Text that is no term is `term.syntax` with its place; a term with
 * parts that were left out is `term.not_sendable`.
 */
export function valueOf(input: TermInput, on: Incarnation): Result<Value> {
  if ('term' in input) return sendable(input.term);
  const parsed = parseTerm(input.source, input.syntax, on);
  if (parsed.ok) return sendable(parsed.value);
  const { message, line, column } = parsed.error;
  return failure(
    'validation',
    'term.syntax',
    `This is no ${input.syntax === 'elixir' ? 'Elixir' : 'Erlang'} term: ${message}`,
    'Write a literal: numbers, atoms, strings, lists, tuples, maps. Expressions are not evaluated.',
    { details: { line, column } },
  );
}

function sendable(term: Term): Result<Value> {
  if (!hasElided(term)) return ok(toValue(term));
  return failure(
    'validation',
    'term.not_sendable',
    'The term has parts that were left out when it was shown.',
    'Write the term in full.',
  );
}

function hasElided(term: Term): boolean {
  switch (term.t) {
    case 'elided':
      return true;
    case 'tuple':
      return term.e.some(hasElided);
    case 'list':
      return term.e.some(hasElided) || (term.tail !== undefined && hasElided(term.tail));
    case 'map':
      return term.e.some(([key, value]) => hasElided(key) || hasElided(value));
    default:
      return false;
  }
}

/** About as many bytes as the term has in the external format: what a limit on size is measured in. */
export function termBytes(term: Term): number {
  switch (term.t) {
    case 'text':
      return 5 + Buffer.byteLength(term.v);
    case 'bits':
      return 5 + Math.ceil((term.base64.length * 3) / 4);
    case 'bytelist':
      return 3 + term.latin1.length;
    case 'list':
      return 6 + sum(term.e) + (term.tail === undefined ? 0 : termBytes(term.tail));
    case 'tuple':
      return 2 + sum(term.e);
    case 'map':
      return 5 + term.e.reduce((bytes, [key, value]) => bytes + termBytes(key) + termBytes(value), 0);
    case 'atom':
      return 2 + term.v.length;
    case 'big':
      return 3 + Math.ceil(term.v.length / 2);
    default:
      return 9;
  }
}

function sum(terms: readonly Term[]): number {
  return terms.reduce((bytes, term) => bytes + termBytes(term), 0);
}

/** The term with its largest parts elided, so that about `maxBytes` are left. */
export function limitTerm(term: Term, maxBytes: number): Term {
  const bytes = termBytes(term);
  if (bytes <= maxBytes) return term;
  switch (term.t) {
    case 'tuple':
      return { t: 'tuple', e: shareOut(term.e, maxBytes) };
    case 'map': {
      const keyBytes = sum(term.e.map(([key]) => key));
      if (keyBytes * 2 > maxBytes) return { t: 'elided', was: 'map', size: term.e.length };
      const values = shareOut(
        term.e.map(([, value]) => value),
        maxBytes - keyBytes,
      );
      return { t: 'map', e: term.e.map(([key, value], at) => [key, values[at] ?? value] as const) };
    }
    case 'list':
    case 'bytelist':
      return { t: 'elided', was: 'list', size: listElements(term)?.length ?? 0 };
    default:
      return { t: 'elided', was: 'binary', size: bytes };
  }
}

function shareOut(terms: readonly Term[], maxBytes: number): readonly Term[] {
  const share = Math.max(16, Math.floor(maxBytes / Math.max(1, terms.length)));
  return terms.map((term) => limitTerm(term, share));
}
