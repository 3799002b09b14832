/** What real OTP and the simulated runtime answered in the same scenario, made comparable. */
import type { Term } from '../../../runtime/term/term.ts';
import { integer, termKey } from '../../../runtime/term/term.ts';
import type { Value } from '../../../runtime/term/values.ts';
import { toTerm } from '../../../runtime/term/values.ts';
import type { EtsScenario, Own } from './etsScenarios.ts';

export type EtsDifference = {
  readonly seed: number;
  readonly step: number;
  readonly operation: string;
  readonly otp: string;
  readonly ours: string;
};

/** The elements of a proper list, also where all are bytes. */
export function elements(term: Term): readonly Term[] {
  if (term.t === 'bytelist') return Array.from(term.latin1, (character) => integer(character.charCodeAt(0)));
  return term.t === 'list' ? term.e : [];
}

/** The text of an answer: a list whose order is the table's own affair, by its elements' texts. */
function comparable(answer: Term, own: Own): string {
  if (own === 'nothing') return termKey(answer);
  if (own === 'all') return answer.t === 'tuple' ? answer.e.slice(0, 1).map(termKey).join('') : termKey(answer);
  if (answer.t === 'list' && answer.tail === undefined) return answer.e.map(termKey).sort().join(' ');
  if (answer.t === 'bytelist') return elements(answer).map(termKey).sort().join(' ');
  // `{ok, List}`, `{Lengths, List}`, `{List, Size}`
  return answer.t === 'tuple' ? answer.e.map((part) => comparable(part, own)).join(' | ') : termKey(answer);
}

/** The term of a value that has one. */
export function termOf(value: Value): Term {
  const term = toTerm(value);
  if (!term.ok) throw new Error(term.error.message);
  return term.value;
}

/** The first step whose answers differ; null when none does. */
export function difference(scenario: EtsScenario, otp: readonly Term[], ours: readonly Value[]): EtsDifference | null {
  for (const [step, { by, operation, own }] of scenario.steps.entries()) {
    const theirs = otp[step];
    const [left, right] = [
      theirs === undefined ? 'nothing' : comparable(theirs, own),
      comparable(termOf(ours[step]), own),
    ];
    if (left === right) continue;
    return { seed: scenario.seed, step, operation: `${by} ${termKey(termOf(operation))}`, otp: left, ours: right };
  }
  return null;
}
