/** Changing the flags of a supervisor, where they are what is expected. */
import { unsupported } from '../../errors.ts';
import type { Failure, Result, SupervisorFlags } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, Params } from '../../port.ts';
import { flagsChanged, impossibleFlags, strategyFixed } from '../../supervisorFlagErrors.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { fun } from '../kernel/localFun.ts';
import { partsOf } from '../kernel/values.ts';
import { replaceState } from '../otp/sys.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { isProtected, protectedProcess } from './context.ts';
import { kindOf } from './children.ts';
import { sysFailure, sysLimit } from './serverState.ts';
import { supervisorOf } from './supervisors.ts';

const what = 'Changing the flags';

/** See `supervisors.setFlags`. Done within the supervisor's own process, between two messages, by its record's fields. */
export async function setFlags(
  context: Context,
  { supervisor, expect, flags }: Params<'supervisors.setFlags'>,
  options: CallOptions,
): Promise<Result<SupervisorFlags>> {
  const found = supervisorOf(context, supervisor);
  if (!found.ok) return found;
  const { node, process, supervisor: view } = found.value;
  if (isProtected(process)) return protectedProcess(supervisor, process);
  const refused = impossible(expect, flags, kindOf(view) === 'dynamic');
  if (refused !== null) return refused;
  const limitMs = sysLimit(options);
  return command(context, node, options.signal, function* (self): Flow<Result<SupervisorFlags>> {
    const seen: { now: SupervisorFlags | null } = { now: null };
    const change = fun('arsenal', 'set_flags', 1, (_self, record) => {
      if (!same(view.flags, expect)) {
        seen.now = view.flags;
        throw new ErrorException(a('$arsenal_changed'));
      }
      const fields = partsOf(record);
      return tup(
        ...fields.slice(0, 2),
        a(flags.strategy),
        ...fields.slice(3, 5),
        flags.intensity,
        flags.periodSeconds,
        ...fields.slice(7),
      );
    });
    try {
      yield* replaceState(self, process.pid, change, limitMs);
      return ok(view.flags);
    } catch (thrown) {
      return seen.now === null ? sysFailure(thrown, supervisor, what) : flagsChanged(supervisor, seen.now);
    }
  });
}

function same(one: SupervisorFlags, other: SupervisorFlags): boolean {
  return (
    one.strategy === other.strategy &&
    one.intensity === other.intensity &&
    one.periodSeconds === other.periodSeconds &&
    one.autoShutdown === other.autoShutdown
  );
}

function impossible(expect: SupervisorFlags, flags: SupervisorFlags, isDynamic: boolean): Failure | null {
  if (isDynamic) {
    return unsupported(
      what,
      'a simulated DynamicSupervisor takes no other state.',
      'Change its init/1, and restart it.',
    );
  }
  if ((expect.strategy === 'simple_one_for_one') !== (flags.strategy === 'simple_one_for_one')) return strategyFixed();
  return impossibleFlags(expect, flags);
}
