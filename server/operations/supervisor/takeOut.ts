/** Taking a child out of its supervisor again. */
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { fail, ok, parseProcessId, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { childrenOf } from './failurePrediction.ts';
import { isDynamic } from './childParameters.ts';

type TakingOut = Context<'supervisors.children' | 'supervisors.terminateChild' | 'supervisors.deleteChild'>;

/** Ends the child that runs as `id`, or has none (its start answered `ignore`), and has the supervisor forget it. */
export async function takeOut(
  context: TakingOut,
  supervisor: ProcessRef,
  childId: Term,
  id: string | null,
): Promise<Result<null>> {
  const pid = id === null ? null : parseProcessId(id);
  const children = await childrenOf(context, supervisor);
  // With the supervisor its children are gone.
  if (!children.ok) return children.error.class === 'not_found' ? ok(null) : children;
  if (children.value.some((child) => isDynamic(child.childId))) {
    return pid === null ? ok(null) : settled(await end(context, supervisor, { pid }));
  }
  const ended = settled(await end(context, supervisor, { childId }));
  if (!ended.ok) return ended;
  const deleted = await context.port.supervisors.deleteChild({ supervisor, childId }, context.options());
  const forgotten = settled(deleted);
  return forgotten.ok ? forgotten : fail({ ...forgotten.error, effect: 'partial' });
}

/** As {@link takeOut}, for the child whose process is known and whose id is not. */
export async function takeOutProcess(context: TakingOut, supervisor: ProcessRef, id: string): Promise<Result<null>> {
  const children = await childrenOf(context, supervisor);
  if (!children.ok) return children.error.class === 'not_found' ? ok(null) : children;
  const child = children.value.find(({ state }) => state.is === 'running' && processId(state.pid) === id);
  return child === undefined ? ok(null) : takeOut(context, supervisor, child.childId, id);
}

function end(
  context: TakingOut,
  supervisor: ProcessRef,
  child: { readonly childId: Term } | { readonly pid: ProcessRef },
) {
  return context.port.supervisors.terminateChild({ supervisor, child }, context.options());
}

/** A child that is not there any more is what was wanted. */
function settled(answer: Result<unknown>): Result<null> {
  return answer.ok || answer.error.class === 'not_found' ? ok(null) : answer;
}
