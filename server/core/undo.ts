/** Undoes what was applied as a part of a whole. */
import { childOptions, remainingNow } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import type { Failure, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { CallOptions } from '../../runtime/port.ts';
import { withinBudget } from './budget.ts';
import type { Flight } from './flight.ts';
import { isWrite } from './operation.ts';
import { contextOf } from './prepare.ts';

/**
 * Has the operation undo what it did, within `budget`; waits first for the last word of one that was cut off. What failed without effect,
 * or did not come to do anything, needs no undoing; of what is not known to have had an effect, its operation's probe must say that none
 * is left. Errors: the operation's own, `operation.cannot_undo`, `operation.undo_unknown`.
 */
export async function undo(flight: Flight, budget: CallOptions): Promise<Result<null>> {
  const { applied, late, plan, found } = flight;
  if (found === null || !isWrite(found.operation) || applied === null || plan === null) return ok(null);
  const done = late === null ? applied : await lastWord(late, applied, budget);
  if (!done.ok && done.error.effect === 'none') return ok(null);
  const { operation } = found;
  if (operation.compensate === undefined) return cannotUndo(operation.name);
  const context = contextOf(flight, 'undo', budget);
  const compensate = operation.compensate.bind(operation);
  const { answer } = await withinBudget(operation.name, 'unknown', budget, () => compensate(context, plan, done));
  if (!answer.ok || done.ok || done.error.effect !== 'unknown') return answer;
  const probe = operation.probe?.bind(operation);
  const left = await withinBudget(operation.name, 'none', budget, async () => ok(await probe?.(context, plan)));
  return left.answer.ok && left.answer.value === 'none' ? ok(null) : undoUnknown(operation.name);
}

/** What was said instead of it when half of the time is up: the rest is for undoing. */
async function lastWord<T>(late: Promise<T>, otherwise: T, budget: CallOptions): Promise<T> {
  const half = childOptions(budget, remainingNow(budget) / 2);
  const said = await withinBudget('undo', 'unknown', half, async () => ok(await late));
  return said.answer.ok ? said.answer.value : otherwise;
}

function cannotUndo(operation: string): Failure {
  return failure(
    'unsupported',
    'operation.cannot_undo',
    `${operation} cannot be undone.`,
    'See what it did, and undo it by hand where that is possible.',
    { effect: 'none', details: { operation } },
  );
}

function undoUnknown(operation: string): Failure {
  return failure(
    'execution',
    'operation.undo_unknown',
    `Whether anything is left of ${operation} is not known.`,
    'Look at the target.',
    { effect: 'unknown', details: { operation } },
  );
}
