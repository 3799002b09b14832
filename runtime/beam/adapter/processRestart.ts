/** Beginning a process anew through its supervisor, with the state it had where that is wanted and can be. */
import { remainingNow } from '../../callOptions.ts';
import { childRefused } from '../../childErrors.ts';
import { stateLost } from '../../handoverErrors.ts';
import type { ProcessRef, Restarted, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom } from '../../term/term.ts';
import { briefly, callFailure, strangeAnswer } from './callError.ts';
import { ownLinkOf } from './life.ts';
import { protection } from './protection.ts';
import { atomName, pidOf, processOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import { notDone } from './stateErrors.ts';

/** For each question to the process or its supervisor; a child may take as long to end as its specification allows. */
const longestStepMs = 5_000;

/** Errors: `process.protected`, `unsupported` with why, `process.state_lost` and `child.start_failed` when it was ended. */
export async function restartProcess(
  session: Session,
  { pid, keepMaxBytes }: Params<'processes.restart'>,
  options: CallOptions,
): Promise<Result<Restarted>> {
  const reached = await ownLinkOf(session, pid, options);
  if (!reached.ok) return reached;
  const target = reached.value;
  const refused = await protection(target, pid, options);
  if (refused !== null) return refused;
  const keep = keepMaxBytes === undefined ? atom('fresh') : integer(Math.max(0, Math.trunc(keepMaxBytes)));
  const wait = integer(Math.max(1, Math.floor(Math.min(remainingNow(options) / 2, longestStepMs))));
  const said = await target.run('restart_process', [pidOf(pid), keep, wait], options);
  if (!said.ok) return callFailure(said.error, { node: target.node, what: 'The restart', effect: 'unknown' });
  const [verdict, detail, supervisor, state] = tupleOf(said.value) ?? [];
  switch (atomName(verdict)) {
    case 'restarted':
      return restarted(pid, [detail, supervisor, state]);
    case 'refused':
      return notDone('Restarting it', detail, pid);
    case 'ended': {
      const [error, reason] = tupleOf(detail, 2) ?? [];
      const why = isAtom(error, 'error') && reason !== undefined ? reason : (detail ?? atom('undefined'));
      const failed = childRefused(atomName(tupleOf(why)?.[0] ?? why), briefly(why), pid.node);
      return {
        ok: false,
        error: {
          ...failed.error,
          message: `${pidText(pid)} was ended, and could not be started anew.`,
          effect: 'partial',
        },
      };
    }
    default:
      return notDone('Restarting it', detail, pid);
  }
}

function restarted(
  old: ProcessRef,
  [pidTerm, supervisorTerm, state]: readonly [Term | undefined, Term | undefined, Term | undefined],
): Result<Restarted> {
  const [pid, supervisor] = [processOf(pidTerm), processOf(supervisorTerm)];
  if (pid === null || supervisor === null || state === undefined) return strangeAnswer(old.node, 'The restart');
  if (isAtom(state, 'fresh') || isAtom(state, 'kept')) {
    return ok({ pid, supervisor, state: isAtom(state, 'kept') ? 'kept' : 'fresh' });
  }
  return stateLost(old, pid, briefly(state));
}
