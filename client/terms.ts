/** Terms and names from a system, in the syntax the user has chosen. */
import { printTerm } from '../runtime/term/print.ts';
import type { Term } from '../runtime/term/term.ts';
import { termSyntax } from './settings.ts';

/** A term for a label. */
export function termText(term: Term): string {
  return printTerm(term, { syntax: termSyntax(), maxLength: 80, maxDepth: 6 });
}

/** A module or a registered name: `Shop.Cart` or `'Elixir.Shop.Cart'`. */
export function nameText(name: string): string {
  return printTerm({ t: 'atom', v: name }, { syntax: termSyntax(), maxLength: 120, maxDepth: 2 });
}
