/** What the states of supervisors tell: their kind and flags. A layout that is not known is not guessed at. */
import type { Strategy, SupervisorFlags, SupervisorKind } from '../../model.ts';
import type { Term } from '../../term/term.ts';
import { atomName, numberOf, tupleOf } from './read.ts';

const strategies: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];
const autoShutdowns: readonly SupervisorFlags['autoShutdown'][] = ['never', 'any_significant', 'all_significant'];

/** The kind that a callback module of Elixir's own, or of Horde, gives away; else an ordinary supervisor until its state is read. */
export function kindByModule(module: string): SupervisorKind {
  if (module === 'Elixir.PartitionSupervisor') return 'partition_supervisor';
  if (module === 'Elixir.Task.Supervisor') return 'task_supervisor';
  return module.startsWith('Elixir.Horde.') ? 'horde_supervisor' : 'supervisor';
}

/** Reads what `sup_flags` (agent/supervisors.erl) made of a state: `{Layout, Strategy, Intensity, Period, AutoShutdown}`. */
export function readLayout(
  term: Term,
  module: string,
): { readonly kind: SupervisorKind; readonly flags: SupervisorFlags | null } | null {
  const [layout, strategyTerm, intensityTerm, periodTerm, autoTerm] = tupleOf(term, 5) ?? [];
  const struct = atomName(layout);
  if (struct === null) return null;
  const strategy = strategies.find((known) => known === atomName(strategyTerm));
  const autoShutdown = autoShutdowns.find((known) => known === atomName(autoTerm));
  const intensity = numberOf(intensityTerm);
  const periodSeconds = numberOf(periodTerm);
  const flags =
    strategy === undefined || autoShutdown === undefined || intensity === null || periodSeconds === null
      ? null
      : { strategy, intensity, periodSeconds, autoShutdown };
  return { kind: kindByLayout(struct, module), flags };
}

function kindByLayout(struct: string, module: string): SupervisorKind {
  const named = kindByModule(module);
  if (named !== 'supervisor' || struct === 'supervisor') return named;
  return struct.startsWith('Elixir.Horde.') ? 'horde_supervisor' : 'dynamic_supervisor';
}

/** Whether the supervisor's children stand in start order (those of dynamic ones are in no order). */
export function hasStartOrder(kind: SupervisorKind): boolean {
  return kind === 'supervisor' || kind === 'partition_supervisor';
}

/** Whether it answers `get_childspec`; Elixir's dynamic ones do not, and would log what they do not know. */
export function answersChildSpec(kind: SupervisorKind): boolean {
  return kind === 'supervisor' || kind === 'partition_supervisor';
}
