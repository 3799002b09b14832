/** What became of the end of a child, asked of its supervisor afterwards. */
import type { ChildRow, ProcessRef } from '../../../runtime/model.ts';
import { processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import type { ProbedEffect } from '../../core/operation.ts';
import { isDynamic } from './childParameters.ts';
import { childrenOf } from './failurePrediction.ts';

/**
 * `none` while the process it had (null: none) is still its process, `applied` when that is gone from the supervisor. With another
 * process in its place nobody knows who ended the first: `unknown`.
 */
export async function probeChild(
  context: Context<'supervisors.children'>,
  supervisor: ProcessRef,
  childId: Term,
  before: ProcessRef | null,
): Promise<ProbedEffect> {
  const children = await childrenOf(context, supervisor);
  if (!children.ok) return 'unknown';
  const wanted = before === null ? null : processId(before);
  if (wanted !== null && children.value.some((row) => runningId(row) === wanted)) return 'none';
  if (isDynamic(childId)) return wanted === null ? 'unknown' : 'applied';
  const own = children.value.find((row) => termKey(row.childId) === termKey(childId));
  if (own === undefined || own.state.is === 'undefined') return wanted === null ? 'unknown' : 'applied';
  return 'unknown';
}

/**
 * As {@link probeChild}, of a restart: `applied` when another process than `before` runs in its place. One that has ended and does not
 * run again may have been left so half way: `unknown`.
 */
export async function probeRestart(
  context: Context<'supervisors.children'>,
  supervisor: ProcessRef,
  childId: Term,
  before: ProcessRef | null,
): Promise<ProbedEffect> {
  const children = await childrenOf(context, supervisor);
  if (!children.ok) return 'unknown';
  const wanted = before === null ? null : processId(before);
  if (wanted !== null && children.value.some((row) => runningId(row) === wanted)) return 'none';
  if (isDynamic(childId)) return 'unknown';
  const own = children.value.find((row) => termKey(row.childId) === termKey(childId));
  if (own?.state.is === 'running') return 'applied';
  return own !== undefined && wanted === null ? 'none' : 'unknown';
}

function runningId({ state }: ChildRow): string | null {
  return state.is === 'running' ? processId(state.pid) : null;
}
