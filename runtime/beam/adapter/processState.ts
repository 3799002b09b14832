/** What a process holds: its state, by `sys`, where it surely answers that; its mailbox while it is short. */
import { childOptions, remainingNow } from '../../callOptions.ts';
import { processNotFound, timedOut, unsupported } from '../../errors.ts';
import { stateChanged, stateTooLarge as tooLargeToCopy } from '../../handoverErrors.ts';
import type { Failure, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, text } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { answered, callFailure, strangeAnswer } from './callError.ts';
import { lifeOf, ownLinkOf } from './life.ts';
import { atomName, functionText, listOf, numberOf, pidOf, textOf, tupleOf } from './read.ts';
import { termOnNode } from './safeTerm.ts';
import type { Session } from './session.ts';

/** A process that works on something long answers late. */
const longestStateMs = 5_000;
/** OTP reads a mailbox as a whole or not at all, and a long one has brought nodes down: it is read only when it is short. */
const mostMessages = 1_000;

/** Time for the process on the node, a little less than what is left here, so that the node can say that it did not answer. */
export function sysWait(options: CallOptions): Term {
  return integer(Math.max(1, Math.floor(Math.min(remainingNow(options), longestStateMs) * 0.9)));
}

/** What came of a function that asks by `sys`: its answer, or the failure for a process that cannot be asked. */
export function sysAnswer(
  said: DistResult<Term>,
  pid: ProcessRef,
  what: string,
  effect: 'none' | 'unknown',
): Result<Term> {
  if (!said.ok && said.error.kind === 'exception') {
    const why = atomName(tupleOf(said.error.reason)?.[0] ?? said.error.reason);
    if (why === 'timeout') return timedOut(`Process ${pidText(pid)}`, effect, pid.node);
    if (why === 'noproc' || why === 'normal' || why === 'killed' || why === 'shutdown') {
      return processNotFound(pidText(pid), pid.node);
    }
  }
  if (!said.ok) return callFailure(said.error, { node: pid.node, what, effect });
  if (isAtom(said.value, 'gone')) return processNotFound(pidText(pid), pid.node);
  if (isAtom(said.value, 'late')) return timedOut(`Process ${pidText(pid)}`, 'none', pid.node);
  const [verdict, where] = tupleOf(said.value, 2) ?? [];
  if (!isAtom(verdict, 'no')) return said;
  return unsupported(
    what,
    `${pidText(pid)} is not surely a server of OTP that answers it (${functionText(where) ?? atomName(where) ?? 'no function'}), and a process that may not answer is not called.`,
    'It may be deep in its work: try again. A process that is no gen_server or gen_statem cannot be asked.',
  );
}

/** The state, when it has no more than `maxBytes` in external term format. Errors: `process.state_too_large`, `call.timeout`. */
export async function readState(
  session: Session,
  { pid, maxBytes }: Params<'processes.state'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.state'>>> {
  const reached = await lifeOf(session, pid, options);
  if (!reached.ok) return reached;
  const within = childOptions(options, longestStateMs);
  const args = [pidOf(pid), integer(Math.max(0, Math.trunc(maxBytes))), sysWait(within)];
  const said = await reached.value.run('act_state', args, within);
  const answer = sysAnswer(said, pid, 'Reading the state', 'none');
  if (!answer.ok) return answer;
  const tooLarge = stateTooLarge(answer.value, pid);
  if (tooLarge !== null) return tooLarge;
  const [, , digest, , state] = tupleOf(answer.value, 5) ?? [];
  const hash = textOf(digest);
  if (state === undefined || hash === null) return strangeAnswer(pid.node, 'The state');
  return ok({ state, whole: true, digest: hash });
}

/** The failure for `{too_large, Bytes}`. */
export function stateTooLarge(answer: Term, pid: ProcessRef): Failure | null {
  const [verdict, held] = tupleOf(answer, 2) ?? [];
  const bytes = numberOf(held);
  return isAtom(verdict, 'too_large') && bytes !== null ? tooLargeToCopy(pid, bytes) : null;
}

/** Replaces the state where it still has the digest it was read with. Errors: `process.state_changed`, `call.timeout`. */
export async function replaceState(
  session: Session,
  { pid, expectDigest, state }: Params<'processes.replaceState'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.replaceState'>>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const term = await termOnNode(reached.value, state, '/state', options);
  if (!term.ok) return term;
  const within = childOptions(options, longestStateMs);
  const args = [pidOf(pid), text(expectDigest), term.value, sysWait(within)];
  const said = await reached.value.run('act_replace_state', args, within);
  // Late, the process leaves its state as it is: what did not come in time was not done, unless the answer was on its way.
  const answer = sysAnswer(said, pid, 'Replacing the state', 'unknown');
  if (!answer.ok) return answer;
  const [verdict, digest] = tupleOf(answer.value, 2) ?? [];
  const now = textOf(digest);
  if (now === null) return strangeAnswer(pid.node, 'The digest of the state');
  return isAtom(verdict, 'set') ? ok({ digest: now }) : stateChanged(pid);
}

/** The messages that wait, or only how many when they are more than `limit` or a thousand. */
export async function readMailbox(
  session: Session,
  { pid, limit }: Params<'processes.mailbox'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.mailbox'>>> {
  const target = await lifeOf(session, pid, options);
  if (!target.ok) return target;
  const most = integer(Math.max(0, Math.min(Math.trunc(limit), mostMessages)));
  const said = answered(await target.value.run('act_mailbox', [pidOf(pid), most], options), pid.node, 'The mailbox');
  if (!said.ok) return said;
  if (isAtom(said.value, 'gone')) return processNotFound(pidText(pid), pid.node);
  const [count, held] = tupleOf(said.value, 2) ?? [];
  const length = numberOf(count);
  if (length === null) return strangeAnswer(pid.node, 'The mailbox');
  const messages = tupleOf(held, 2)?.[1];
  return ok({ length, messages: messages === undefined ? null : listOf(messages) });
}

/** `none` in the place of a process or a name that is not given. */
export const none = atom('none');
