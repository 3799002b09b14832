/** Children of a supervisor are found by their id, which is any term. */
import type { Value } from '../../term/values.ts';
import { Atom, toTerm } from '../../term/values.ts';
import { termKey } from '../../term/term.ts';

/** A key for maps and sets: the same for two ids exactly when they are the same term. */
export function childKey(id: Value): unknown {
  if (typeof id === 'string') return `s${id}`;
  if (typeof id === 'bigint' && Number.isSafeInteger(Number(id))) return Number(id);
  if (id === null || typeof id === 'number' || typeof id === 'boolean' || id === undefined || id instanceof Atom)
    return id;
  const term = toTerm(id);
  // What has no term (a function of a test) is only the same as itself.
  return term.ok ? `t${termKey(term.value)}` : id;
}
