/** A child specification as Horde is to be given it. */
import type { ChildSpec } from '../../model.ts';
import { map } from '../../term/order.ts';
import { phash2 } from '../../term/phash2.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, termKey } from '../../term/term.ts';
import { specTerm } from './childSpecs.ts';

/**
 * The specification as `child_spec/1` of a module that uses GenServer makes it: without what is the default. Horde's strategies hash
 * the map as it is, so that one that says more would go to another member than the application's own child.
 */
export function hordeSpec(spec: ChildSpec): Term {
  // Horde makes up an id in any case, and nobody's typing is to make an atom, or fail for want of one, over it.
  const whole = specTerm({ ...spec, childId: atom('undefined') });
  const defaults: readonly (readonly [string, Term])[] = [
    ['restart', atom('permanent')],
    ['type', atom('worker')],
    ['shutdown', spec.type === 'supervisor' ? atom('infinity') : integer(5_000)],
    // Horde knows nothing of it.
    ['significant', atom('true')],
  ];
  const left = new Set(defaults.map(([key, value]) => `${key} ${termKey(value)}`));
  const pairs = whole.t === 'map' ? whole.e : [];
  return map(pairs.filter(([key, value]) => key.t !== 'atom' || !left.has(`${key.v} ${termKey(value)}`)));
}

/** Of what Horde is given, without the id that it makes up: as the agent tells it of each child (agent/horde.erl). */
export function specHash(spec: ChildSpec): number {
  const given = hordeSpec(spec);
  const pairs = given.t === 'map' ? given.e : [];
  return phash2(map(pairs.filter(([key]) => !isAtom(key, 'id'))), 2 ** 32);
}
