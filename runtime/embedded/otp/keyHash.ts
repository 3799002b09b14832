/** Spreads keys over partitions as a BEAM does. */
import { phash2 } from '../../term/phash2.ts';
import type { Value } from '../../term/values.ts';
import { toTerm } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import { atoms } from '../kernel/values.ts';

/** `erlang:phash2(Key, Range)` */
export function hashOf(key: Value, range: number): number {
  const term = toTerm(key);
  if (!term.ok) throw new ErrorException(atoms.badarg);
  return phash2(term.value, range);
}
