/** From a process to the way to its node, as long as it is the same life of that node. */
import { processNotFound } from '../../errors.ts';
import type { ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { answered } from './callError.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import type { Session } from './session.ts';

/**
 * Those of `pids` that can be processes of this life of the node. The others have ended, or never were: they belong to another
 * life, or have numbers that no pid of the node can have.
 */
export async function possibleOn(
  target: NodeTarget,
  pids: readonly ProcessRef[],
  options: CallOptions,
): Promise<Result<readonly ProcessRef[]>> {
  const limits = answered(await target.pidLimits(options), target.node, 'The form of its pids');
  if (!limits.ok) return limits;
  const { id: mostId, serial: mostSerial } = limits.value;
  const isOne = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;
  return ok(
    pids.filter(
      ({ node, creation, id, serial }) =>
        node === target.node && creation === target.creation && isOne(id, mostId) && isOne(serial, mostSerial),
    ),
  );
}

async function ofThisLife<T extends NodeTarget>(target: T, pid: ProcessRef, options: CallOptions): Promise<Result<T>> {
  const possible = await possibleOn(target, [pid], options);
  if (!possible.ok) return possible;
  return possible.value.length === 1 ? ok(target) : processNotFound(pidText(pid), pid.node);
}

/** The target of a call about `pid`; `process.not_found` when its node has restarted since. */
export async function lifeOf(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<NodeTarget>> {
  const target = await session.reach(pid.node, options);
  return target.ok ? ofThisLife(target.value, pid, options) : target;
}

/** As {@link lifeOf}, for acting on it: over our link to its own node. */
export async function ownLinkOf(
  session: Session,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<DirectTarget>> {
  const target = await session.reachDirectly(pid.node, options);
  return target.ok ? ofThisLife(target.value, pid, options) : target;
}
