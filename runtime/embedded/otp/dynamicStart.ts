/** Starting a child of the supervisors that come from Elixir (DynamicSupervisor, and Horde's after it). */
import type { Value } from '../../term/values.ts';
import { Pid } from '../../term/values.ts';
import { reasonOf } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, errorTuple, tagged } from '../kernel/values.ts';
import type { StartFunction } from './childSpec.ts';

/** Calls the start function, `extraArguments` before its own; what it throws, and what is no answer, is an error. */
export function* startDynamic(
  self: Self,
  { module, function: name, args }: StartFunction,
  extraArguments: readonly Value[],
): Flow<Value> {
  let outcome: Value;
  try {
    outcome = yield* self.apply(module, name, [...extraArguments, ...(args ?? [])]);
  } catch (thrown) {
    return errorTuple(reasonOf(thrown));
  }
  const isAnswer = startedBy(outcome) !== null || outcome === atoms.ignore || tagged(outcome, atoms.error, 2) !== null;
  return isAnswer ? outcome : errorTuple(outcome);
}

/** The pid of `{ok, Pid}` or `{ok, Pid, Info}`; null for anything else. */
export function startedBy(outcome: Value): Pid | null {
  const pid = (tagged(outcome, atoms.ok, 2) ?? tagged(outcome, atoms.ok, 3))?.[1];
  return pid instanceof Pid ? pid : null;
}
