/** The supervisor above a supervisor: what may stop or restart it. */
import { failure } from '../../../runtime/errors.ts';
import type { ProcessRef, Result, SupervisorInfo } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { mostRows } from '../lists.ts';
import { collect } from '../streams.ts';

/** What is known of a supervisor. Error: `supervisor.not_one`. */
export async function supervisorInfo(
  context: Context<'supervisors.find'>,
  supervisor: ProcessRef,
): Promise<Result<SupervisorInfo>> {
  const found = await collect(context.port.supervisors.find({ nodes: [supervisor.node] }, context.options()), mostRows);
  if (!found.ok) return found;
  const id = processId(supervisor);
  const info = found.value.rows.find((row) => processId(row.supervisor) === id);
  if (info !== undefined) return ok(info);
  return failure(
    'validation',
    'supervisor.not_one',
    `${pidText(supervisor)} on ${supervisor.node} is not surely a supervisor.`,
    'Choose one from list_supervisors.',
    { node: supervisor.node, pointer: '/supervisor' },
  );
}

/** The root of an application ends the application with it: OTP has application:stop for that. */
export function isRoot(info: SupervisorInfo): Result<never> {
  return failure(
    'conflict',
    'supervisor.is_root',
    `${pidText(info.supervisor)} is the root of ${info.application ?? 'its tree'}: with it the whole application ends.`,
    'Choose a supervisor below it, or stop the application itself.',
    { node: info.supervisor.node, pointer: '/supervisor' },
  );
}
