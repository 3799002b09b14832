/** Ending a supervisor that no other supervisor has. */
import { timedOut } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { Answer, CallOptions, Params } from '../../port.ts';
import { a } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { partsOf } from '../kernel/values.ts';
import { terminate } from '../otp/sys.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess } from './context.ts';
import { awaitEnd } from './processes.ts';
import { sysFailure, sysLimit } from './serverState.ts';
import { supervisorOf } from './supervisors.ts';

/** See `supervisors.stop`. Errors: `supervisor.not_one`, `process.protected`; `call.timeout` where it is busy, and may end later. */
export async function stopSupervisor(
  context: Context,
  { supervisor, confirmMs }: Params<'supervisors.stop'>,
  options: CallOptions,
): Promise<Result<Answer<'supervisors.stop'>>> {
  const found = supervisorOf(context, supervisor);
  if (!found.ok) return found;
  const { node, process } = found.value;
  if (isProtected(process)) return protectedProcess(supervisor, process);
  const limitMs = sysLimit(options);
  return command(context, node, options.signal, function* (self): Flow<Result<Answer<'supervisors.stop'>>> {
    const ref = self.monitor(process.pid);
    try {
      yield* terminate(self, process.pid, a('shutdown'), limitMs);
    } catch (thrown) {
      self.demonitor(ref, { flush: true });
      const isLate = thrown instanceof ExitException && partsOf(thrown.reason)[0] === a('timeout');
      // What it was told it still comes to.
      if (isLate) return timedOut(`Supervisor ${pidText(supervisor)}`, 'unknown', supervisor.node);
      return sysFailure(thrown, supervisor, 'Stopping it');
    }
    return ok(yield* awaitEnd(self, ref, confirmMs));
  });
}
