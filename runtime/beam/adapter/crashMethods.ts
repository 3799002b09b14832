/** The methods that answer from what is recorded of crashes: `supervisors.restarts`, `processes.crashes`. */
import type { Result } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import { counted } from './crashRecorder.ts';
import type { Session } from './session.ts';
import { supervisorAt } from './supervisorCalls.ts';

/** Reports of these contexts come before a child is started anew, or are of a start that failed and is tried again. */
const restarting = new Set(['child_terminated', 'start_error']);

async function restarts(
  session: Session,
  { supervisor, limit }: Params<'supervisors.restarts'>,
  options: CallOptions,
): Promise<Result<Answer<'supervisors.restarts'>>> {
  const known = await supervisorAt(session, supervisor, options);
  if (!known.ok) return known;
  const recorded = await session.recorders.of(session, supervisor.node, options);
  if (!recorded.ok) return recorded;
  const { since, children } = recorded.value;
  const mine = children.filter(
    (report) =>
      report.isRestarted && restarting.has(report.context) && processId(report.supervisor) === processId(supervisor),
  );
  return ok({ since, restarts: counted(mine).slice(-Math.max(1, limit)) });
}

async function crashes(
  session: Session,
  { node, limit }: Params<'processes.crashes'>,
  options: CallOptions,
): Promise<Result<Answer<'processes.crashes'>>> {
  const recorded = await session.recorders.of(session, node, options);
  if (!recorded.ok) return recorded;
  return ok({
    since: recorded.value.since,
    crashes: recorded.value.crashes.slice(-Math.max(1, limit)).toReversed(),
  });
}

export function crashMethods(session: Session): MethodTable {
  return {
    'supervisors.restarts': (params, options) => restarts(session, params, options),
    'processes.crashes': (params, options) => crashes(session, params, options),
  };
}
