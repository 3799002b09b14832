/** Terms in parameters and results. */
import { failure } from '../../runtime/errors.ts';
import type { Json, NameRef, Result, TermInput } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { parseTerm } from '../../runtime/term/parse.ts';
import { printTerm } from '../../runtime/term/print.ts';
import type { Term } from '../../runtime/term/term.ts';
import { toTerm } from '../../runtime/term/values.ts';
import type { ShownTerm } from './parameters.ts';

const shownCharacters = 2_000;

/** A term for a result: as text for the eye, and without loss. */
export function shownTerm(term: Term): ShownTerm {
  return { display: displayOf(term), term };
}

/** A term as text, cut where it gets long. */
export function displayOf(term: Term): string {
  return printTerm(term, { syntax: 'elixir', maxLength: shownCharacters, maxDepth: 20 });
}

/**
 * A term from text in either syntax. Text that both read (`{1, 2}`) means the same in both, but for `"text"`: a binary in Elixir, a list
 * in Erlang; Elixir is tried first. A plain word (`kill`, `normal`) is an atom. Error: `term.unreadable`.
 */
export function termFromText(source: string, pointer: string): Result<Term> {
  if (/^[a-z][A-Za-z0-9_@]*[?!]?$/.test(source)) return ok({ t: 'atom', v: source });
  const elixir = parseTerm(source, 'elixir');
  if (elixir.ok) return ok(elixir.value);
  const erlang = parseTerm(source, 'erlang');
  if (erlang.ok) return ok(erlang.value);
  return failure(
    'validation',
    'term.unreadable',
    `This is no term: ${elixir.error.message}`,
    'Write a term as in Elixir ({:job, 7}) or Erlang ({job, 7}).',
    { pointer },
  );
}

/** The most processes a name's text could mean is one: how a name is written in results. */
export function nameText(name: NameRef): string {
  switch (name.in) {
    case 'local':
      return name.name;
    case 'global':
      return `{:global, ${displayOf(name.name)}}`;
    case 'via':
      return `{:via, ${displayOf({ t: 'atom', v: name.module })}, ${displayOf(name.name)}}`;
  }
}

/**
 * Arguments from JSON, by the table of docs/terms.md; `{"$term": "{:job, 7}"}` is a term as text. Errors: `term.unreadable`,
 * `term.impossible`, with the pointer of the argument.
 */
export function argsFromJson(args: readonly Json[], pointer: string): Result<readonly TermInput[]> {
  const inputs: TermInput[] = [];
  for (const [index, arg] of args.entries()) {
    const at = `${pointer}/${index}`;
    const term = termFromJson(arg, at);
    if (!term.ok) return term;
    inputs.push({ term: term.value });
  }
  return ok(inputs);
}

/** One value, as {@link argsFromJson} reads each. */
export function termFromJson(arg: Json, pointer: string): Result<Term> {
  const source = typeof arg === 'object' && arg !== null && '$term' in arg ? arg.$term : undefined;
  if (typeof source === 'string') return termFromText(source, pointer);
  const converted = toTerm(arg);
  if (converted.ok) return ok(converted.value);
  return failure('validation', 'term.impossible', converted.error.message, 'Give a value that has a term.', {
    pointer: pointer + converted.error.path.map((step) => `/${step}`).join(''),
  });
}

/** `Foo.Bar` is how Elixir writes the atom `Elixir.Foo.Bar`; any other name is as it stands, without the marks of an atom. */
export function atomName(written: string): string {
  if (/^[A-Z]/.test(written)) return written.startsWith('Elixir.') ? written : `Elixir.${written}`;
  const quoted = /^:?(["'])(.*)\1$/.exec(written)?.[2];
  return quoted ?? (written.startsWith(':') ? written.slice(1) : written);
}

/** The same name as people write it. */
export function shownName(name: string): string {
  return name.replace(/^Elixir\.(?=[A-Z])/, '');
}
