/** States kept on their nodes to be handed on: a holding with an id, which a new child can be given. */
import { timedOut } from '../../errors.ts';
import { stateNotHeld, stateNotTaken } from '../../handoverErrors.ts';
import type { ProcessRef, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { integer, isAtom } from '../../term/term.ts';
import { callFailure, strangeAnswer } from './callError.ts';
import { ownLinkOf } from './life.ts';
import type { DirectTarget } from './nodeTarget.ts';
import { stateTooLarge, sysAnswer, sysWait } from './processState.ts';
import { numberOf, pidOf, processOf, textOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { obstaclesText } from './stateErrors.ts';
import { TaskFrames } from './taskFrames.ts';

/** Keeps the state of a process as it is now. Errors: those of reading it. */
export async function holdState(
  session: Session,
  { pid, maxBytes, owner, lingerMs }: Params<'processes.stateHandle'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.stateHandle'>>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const agent = await session.agentOf(pid.node, options);
  if (!agent.ok) return agent;
  const args = [pidOf(pid), integer(Math.max(0, Math.trunc(maxBytes))), sysWait(options)];
  const task = await agent.value.task(
    { kind: 'state', args, holding: { kind: 'state', target: pid, owner, lingerMs }, credit: 1 },
    options,
  );
  if (!task.ok) return task;
  const frame = await new TaskFrames(task.value, pid.node).next(options);
  if (!frame.ok) {
    void task.value.stop(options);
    return fail({ ...frame.error, effect: 'none' });
  }
  if (frame.value === null) {
    const ended = await task.value.ended;
    const answer = ended.ok ? sysAnswer({ ok: true, value: ended.value }, pid, 'Reading the state', 'none') : ended;
    if (!answer.ok) return answer;
    return stateTooLarge(answer.value, pid) ?? strangeAnswer(pid.node, 'The state');
  }
  const [, keeper, digest, bytes, obstacles] = tupleOf(frame.value, 5) ?? [];
  const [kept, hash, size] = [processOf(keeper), textOf(digest), numberOf(bytes)];
  if (kept === null || hash === null || size === null) return strangeAnswer(pid.node, 'The state');
  const stays = obstaclesText(obstacles);
  session.keepers.set(task.value.id, kept);
  void task.value.ended.then(() => session.keepers.delete(task.value.id));
  return ok({
    digest: hash,
    bytes: size,
    portable: stays.length === 0 ? 'yes' : { not: stays },
    handle: task.value.id,
  });
}

/** The process that keeps the state with this handle. */
export function keeperOf(session: Session, handle: string): Result<ProcessRef> {
  const keeper = session.keepers.get(handle);
  return keeper === undefined ? stateNotHeld() : ok(keeper);
}

/** Gives a process the state; its node has to be connected to the one that keeps it. Errors: `state.not_held`, `state.not_taken`. */
export async function handState(
  target: DirectTarget,
  keeper: ProcessRef,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<null>> {
  const said = await target.run('mig_take_state', [pidOf(keeper), pidOf(pid), sysWait(options)], options);
  if (!said.ok && said.error.kind !== 'exception') {
    return callFailure(said.error, { node: target.node, what: 'The new process', effect: 'unknown' });
  }
  if (said.ok && isAtom(said.value, 'late')) return timedOut('The process that keeps the state', 'none', keeper.node);
  if (said.ok && isAtom(said.value, 'no_keeper')) return stateNotHeld();
  if (said.ok && isAtom(tupleOf(said.value, 3)?.[1], 'true')) return ok(null);
  return stateNotTaken(pid);
}
