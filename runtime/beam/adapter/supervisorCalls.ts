/** Asking a supervisor: only what is surely one is ever called, with a deadline. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { notSupervisor, processNotFound, timedOut } from '../../errors.ts';
import type { Effect, Failure, ProcessRef, Result, SupervisorKind } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { integer, isAtom } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { callFailure } from './callError.ts';
import { lifeOf, ownLinkOf } from './life.ts';
import type { DirectTarget, NodeTarget } from './nodeTarget.ts';
import { protection } from './protection.ts';
import { atomName, pidOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';

/** A supervisor that is restarting children answers late; one that is suspended never does. */
export const longestCallMs = 5_000;

export type Known<T extends NodeTarget = NodeTarget> = {
  readonly target: T;
  readonly pid: ProcessRef;
  readonly kind: SupervisorKind;
  readonly module: string;
};

/** `pid` as what it surely is: a supervisor; else why it is not called (`process.not_found`, `supervisor.not_one`). */
export async function supervisorAt(session: Session, pid: ProcessRef, options: CallOptions): Promise<Result<Known>> {
  const target = await lifeOf(session, pid, options);
  return target.ok ? identified(session, target.value, pid, options) : target;
}

/** As {@link supervisorAt}, for changing something: over our link to its own node, and not one that keeps the node alive. */
export async function supervisorToChange(
  session: Session,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<Known<DirectTarget>>> {
  const target = await ownLinkOf(session, pid, options);
  if (!target.ok) return target;
  const known = await identified(session, target.value, pid, options);
  if (!known.ok) return known;
  return (await protection(target.value, pid, options)) ?? known;
}

async function identified<T extends NodeTarget>(
  session: Session,
  target: T,
  pid: ProcessRef,
  options: CallOptions,
): Promise<Result<Known<T>>> {
  const found = await session.finders.of(target).identify(target, pid, options);
  if (!found.ok) return found;
  if (found.value !== null) return ok({ target, pid, ...found.value });
  const alive = await target.call('erlang', 'is_process_alive', [pidOf(pid)], options);
  if (alive.ok && isAtom(alive.value, 'false')) return processNotFound(pidText(pid), pid.node);
  return notSupervisor(pidText(pid), pid.node);
}

/** The time that `gen_server:call` on the node may take, a little less than what is left here, so that it can say so. */
export function waitOf(options: CallOptions): number {
  return Math.max(1, Math.floor(Math.min(remainingNow(options), longestCallMs) * 0.9));
}

/** What a supervisor answered, or why not; `effect` is that of an answer that stays away. */
export function supervisorAnswer(
  said: DistResult<Term>,
  { target, pid }: Known,
  effect: Effect = 'none',
): Result<Term> {
  if (said.ok) return said;
  const context = { node: target.node, what: `Supervisor ${pidText(pid)}`, effect };
  if (said.error.kind !== 'exception') return callFailure(said.error, context);
  const why = atomName(tupleOf(said.error.reason)?.[0] ?? said.error.reason);
  if (why === 'timeout') return late(pid, effect);
  if (why === 'noproc' || why === 'normal' || why === 'shutdown' || why === 'killed') {
    return processNotFound(pidText(pid), pid.node);
  }
  return callFailure(said.error, context);
}

export function late(pid: ProcessRef, effect: Effect = 'none'): Failure {
  return timedOut(`Supervisor ${pidText(pid)} (it may be suspended, or starting a slow child)`, effect, pid.node);
}

/** Asks what changes nothing. */
export async function callSupervisor(known: Known, request: Term, options: CallOptions): Promise<Result<Term>> {
  const args = [pidOf(known.pid), request, integer(waitOf(options))];
  const said = await known.target.call('gen_server', 'call', args, childOptions(options, longestCallMs));
  return supervisorAnswer(said, known);
}
