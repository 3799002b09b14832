/** What a batch says of itself: before, in its plan; afterwards, in its result. */
import type { Effect } from '../../../runtime/model.ts';
import type { BatchResult, BatchSteps, ItemRow } from '../../operations/registry/executeBatch.ts';

/** `list_processes × 3, kill_process`: at most ten of them by name. */
export function namesOf(items: readonly { readonly operation: string }[]): string {
  const counts = new Map<string, number>();
  for (const { operation } of items) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  const shown = [...counts].slice(0, mostNames).map(([name, count]) => (count === 1 ? name : `${name} × ${count}`));
  return [...shown, ...(counts.size > mostNames ? [`${counts.size - mostNames} others`] : [])].join(', ');
}

const mostNames = 10;

/** The result of a batch whose items ended so; `wrote` tells the items that change something by their place. */
export function resultOf(
  mode: BatchSteps['mode'],
  items: readonly ItemRow[],
  wrote: (index: number) => boolean,
  stopped: BatchResult['stopped'],
): BatchResult {
  const counts = countsOf(items);
  const left = items.filter((item) => leavesSomething(item, wrote(item.index)));
  const isDone = counts.done === items.length;
  const outcome = isDone ? 'done' : mode === 'independent' ? 'partial' : left.length === 0 ? 'undone' : 'not_undone';
  return {
    mode,
    outcome,
    effect: effectOf(left, isDone),
    stopped: isDone ? null : stopped,
    message: messageOf(outcome, counts, left),
    counts,
    items,
  };
}

function countsOf(items: readonly ItemRow[]): BatchResult['counts'] {
  const of = (status: ItemRow['status']) => items.filter((item) => item.status === status).length;
  return {
    done: of('done'),
    failed: of('failed'),
    undone: of('undone'),
    not_undone: of('not_undone'),
    not_run: of('not_run'),
  };
}

function leavesSomething({ status, error }: ItemRow, wrote: boolean): boolean {
  switch (status) {
    case 'done':
      return wrote;
    case 'failed':
      return error?.effect !== 'none';
    case 'not_undone':
      return true;
    case 'undone':
    case 'not_run':
      return false;
  }
}

function effectOf(left: readonly ItemRow[], isDone: boolean): Effect {
  if (left.length === 0) return 'none';
  if (isDone) return 'applied';
  return left.some(({ error }) => error?.effect === 'unknown') ? 'unknown' : 'partial';
}

function messageOf(outcome: BatchResult['outcome'], counts: BatchResult['counts'], left: readonly ItemRow[]): string {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  switch (outcome) {
    case 'done':
      return `All ${total} are done.`;
    case 'partial':
      return `${counts.done} of ${total} are done, ${counts.failed} failed, ${counts.not_run} were not run.`;
    case 'undone':
      return `Nothing is left of it: ${counts.undone} were undone, ${counts.failed} failed, ${counts.not_run} were not run.`;
    case 'not_undone':
      return `Of these, something is left, or may be: ${left
        .slice(0, mostNames)
        .map(({ id, operation }) => `${operation} (${id})`)
        .join(', ')}${left.length > mostNames ? ` and ${left.length - mostNames} others` : ''}.`;
  }
}
