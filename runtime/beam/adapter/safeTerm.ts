/**
 * What people and programs give becomes a term on a node only here: as a binary that the node itself decodes with
 * `binary_to_term(Binary, [safe])`, which makes no atom. What the node answers has only atoms that it has already, and an atom is
 * never forgotten, so it can be sent there from then on.
 */
import type { Result, TermInput } from '../../model.ts';
import { ok } from '../../model.ts';
import { failure } from '../../errors.ts';
import type { CallOptions } from '../../port.ts';
import { binary } from '../../term/binary.ts';
import { encodeTerm } from '../../term/encode.ts';
import { parseTerm } from '../../term/parse.ts';
import type { AtomTerm, Term } from '../../term/term.ts';
import { atom, isAtom, list } from '../../term/term.ts';
import { callFailure } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';

/**
 * The term that `input` means on the node. Errors: `term.syntax`, `term.unknown_atom`, `term.not_sendable`, those of a call.
 */
export async function termOnNode(
  target: NodeTarget,
  input: TermInput,
  pointer: string,
  options: CallOptions,
): Promise<Result<Term>> {
  if ('term' in input) return safeTerm(target, input.term, pointer, options);
  const parsed = parseTerm(input.source, input.syntax, { node: target.node, creation: target.creation });
  if (!parsed.ok) {
    return failure(
      'validation',
      'term.syntax',
      `This is no ${input.syntax === 'elixir' ? 'Elixir' : 'Erlang'} term: ${parsed.error.message}`,
      'Write a literal: numbers, atoms, strings, lists, tuples, maps. Expressions are not evaluated.',
      { pointer, details: { line: parsed.error.line, column: parsed.error.column } },
    );
  }
  return safeTerm(target, parsed.value, pointer, options);
}

/** `term`, of which the node has every atom. Errors as {@link termOnNode}. */
export async function safeTerm(
  target: NodeTarget,
  term: Term,
  pointer: string,
  options: CallOptions,
): Promise<Result<Term>> {
  if (needsNoAtom(term)) return ok(term);
  const encoded = encodeTerm(term, { scope: target.scope });
  if (!encoded.ok) {
    return failure(
      'validation',
      'term.not_sendable',
      `The term cannot be sent to ${target.node}: ${encoded.error.message}`,
      'Parts that were left out when it was shown, and funs of another connection, cannot be sent back.',
      { pointer },
    );
  }
  const args = [binary(encoded.bytes), list([atom('safe')])];
  const decoded = await target.call('erlang', 'binary_to_term', args, options);
  if (decoded.ok) return decoded;
  if (decoded.error.kind === 'exception' && isAtom(decoded.error.reason, 'badarg')) {
    return failure(
      'validation',
      'term.unknown_atom',
      `${target.node} does not have every atom, or function, of the term.`,
      'Check the spelling. Only names that the code running there mentions can be used: Arsenal makes no atom on a node.',
      { pointer, node: target.node },
    );
  }
  return callFailure(decoded.error, { node: target.node, what: 'The term given', effect: 'none' });
}

/** Whether a term surely has no atom at all, not even in the node's name of a pid: then it needs no asking. */
function needsNoAtom(term: Term): boolean {
  return ['int', 'big', 'float', 'text', 'bits', 'bytelist'].includes(term.t);
}

/**
 * The atom of exactly this text on the node; null when the node has none, and therefore nothing of that name. How people write
 * atoms (`Shop.Cart`, `:timer`) is read before it comes here.
 */
export async function atomOnNode(
  target: NodeTarget,
  name: string,
  options: CallOptions,
): Promise<Result<AtomTerm | null>> {
  const found = await safeTerm(target, atom(name), '', options);
  if (found.ok) return ok(found.value.t === 'atom' ? found.value : null);
  return found.error.code === 'term.unknown_atom' || found.error.code === 'term.not_sendable' ? ok(null) : found;
}
