/** Ending a supervisor that no other supervisor has. */
import { remainingNow } from '../../callOptions.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { integer, isAtom } from '../../term/term.ts';
import { strangeAnswer } from './callError.ts';
import { pidOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { supervisorAnswer, supervisorToChange, waitOf } from './supervisorCalls.ts';

/** See `supervisors.stop`. Errors: `supervisor.not_one`, `process.protected`; `call.timeout` where it is busy, and may end later. */
export async function stopSupervisor(
  session: Session,
  { supervisor, confirmMs }: Params<'supervisors.stop'>,
  options: CallOptions,
): Promise<Result<Answer<'supervisors.stop'>>> {
  const found = await supervisorToChange(session, supervisor, options);
  if (!found.ok) return found;
  const { target } = found.value;
  const waitMs = waitOf(options);
  const confirmedMs = Math.max(0, Math.floor(Math.min(confirmMs, remainingNow(options) * 0.9 - waitMs)));
  const args = [pidOf(supervisor), integer(waitMs), integer(confirmedMs)];
  const said = supervisorAnswer(await target.run('sup_stop', args, options), found.value, 'unknown');
  if (!said.ok) return said;
  if (isAtom(said.value, 'ending')) return ok({ outcome: 'survived' });
  const [verdict, reason] = tupleOf(said.value, 2) ?? [];
  if (!isAtom(verdict, 'ended') || reason === undefined) return strangeAnswer(target.node, 'The supervisor');
  return ok({ outcome: 'exited', reason });
}
