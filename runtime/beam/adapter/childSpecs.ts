/** Child specifications as terms, and back (stdlib, supervisor:child_spec()). */
import type { ChildSpec, SupervisorFlags } from '../../model.ts';
import { map } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, tuple } from '../../term/term.ts';
import { atomName, listOf, numberOf, propertiesOf, tupleOf } from './read.ts';

/** Reads `#{id, start, restart, shutdown, type, significant, modules}`; null for what is none. */
export function readSpec(term: Term | undefined): ChildSpec | null {
  const spec = propertiesOf(term);
  const childId = spec.get('id');
  const [module, name, args] = tupleOf(spec.get('start'), 3) ?? [];
  const restart = (['permanent', 'transient', 'temporary'] as const).find(
    (known) => known === atomName(spec.get('restart')),
  );
  const shutdown = shutdownOf(spec.get('shutdown'));
  const [moduleName, functionName] = [atomName(module), atomName(name)];
  if (childId === undefined || moduleName === null || functionName === null) return null;
  if (restart === undefined || shutdown === null) return null;
  return {
    childId,
    start: { module: moduleName, function: functionName, args: listOf(args) },
    restart,
    shutdown,
    type: isAtom(spec.get('type'), 'supervisor') ? 'supervisor' : 'worker',
    significant: isAtom(spec.get('significant'), 'true'),
  };
}

function shutdownOf(term: Term | undefined): ChildSpec['shutdown'] | null {
  const name = atomName(term);
  return name === 'brutal_kill' || name === 'infinity' ? name : numberOf(term);
}

/** The specification as the map that `supervisor:start_child/2` takes. `modules` is left to its default, the start module. */
export function specTerm({ childId, start, restart, shutdown, type, significant }: ChildSpec): Term {
  const pairs: readonly (readonly [string, Term])[] = [
    ['id', childId],
    ['start', tuple(atom(start.module), atom(start.function), list(start.args))],
    ['restart', atom(restart)],
    ['shutdown', typeof shutdown === 'number' ? integer(shutdown) : atom(shutdown)],
    ['type', atom(type)],
    // Only where it says something: OTP 23, and Elixir's dynamic supervisors, do not know it.
    ...(significant ? ([['significant', atom('true')]] as const) : []),
  ];
  return map(pairs.map(([key, value]) => [atom(key), value] as const));
}

/** `{Strategy, Intensity, Period, AutoShutdown}`, as the agent compares and sets them (agent/supervisors.erl). */
export function flagsTerm({ strategy, intensity, periodSeconds, autoShutdown }: SupervisorFlags): Term {
  return tuple(atom(strategy), integer(intensity), integer(periodSeconds), atom(autoShutdown));
}
