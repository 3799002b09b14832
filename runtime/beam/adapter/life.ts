/** From a process to the way to its node, as long as it is the same life of that node. */
import { processNotFound } from '../../errors.ts';
import type { ProcessRef, Result } from '../../model.ts';
import { pidText } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import type { Session } from './session.ts';

/** Whether `process` belongs to the life of the node that is asked; one of an earlier life has ended with it. */
export function isOfThisLife(process: ProcessRef, target: NodeTarget): boolean {
  return process.node === target.node && process.creation === target.creation;
}

/** The target of a call about `pid`; `process.not_found` when its node has restarted since. */
export async function lifeOf(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<NodeTarget>> {
  const target = await session.reach(pid.node, options);
  if (!target.ok) return target;
  return isOfThisLife(pid, target.value) ? target : processNotFound(pidText(pid), pid.node);
}

/** As {@link lifeOf}, for acting on it: over our link to its own node. */
export async function ownLinkOf(
  session: Session,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<DirectTarget>> {
  const target = await session.reachDirectly(pid.node, options);
  if (!target.ok) return target;
  return isOfThisLife(pid, target.value) ? target : processNotFound(pidText(pid), pid.node);
}
