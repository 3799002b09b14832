/** Ending what an operation has started, to take it back. */
import type { Result } from '../../../runtime/model.ts';
import { ok, parseProcessId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';

const confirmMs = 5_000;

/** Ends the process with that id, which may have ended by itself: then there is nothing to take back. */
export async function endStarted(context: Context<'processes.exit'>, id: string): Promise<Result<null>> {
  const pid = parseProcessId(id);
  if (pid === null) return ok(null);
  const reason = { term: { t: 'atom', v: 'kill' } } as const;
  const ended = await context.port.processes.exit({ pid, reason, confirmMs }, context.options());
  return ended.ok || ended.error.code === 'process.not_found' ? ok(null) : ended;
}
