/** What a supervisor's flags cannot be changed to, as errors: one cause has one code on every runtime. */
import { failure, unsupported } from './errors.ts';
import type { Failure, ProcessRef, SupervisorFlags } from './model.ts';
import { pidText } from './model.ts';

/** The flags cannot be these, whichever supervisor it is; null when they can. */
export function impossibleFlags(expect: SupervisorFlags, flags: SupervisorFlags): Failure | null {
  if (expect.autoShutdown !== flags.autoShutdown) {
    return unsupported(
      'Changing auto_shutdown',
      'the children were checked against it when they were started.',
      'Change its init/1, and restart it.',
    );
  }
  const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  if (isCount(flags.intensity, 0) && isCount(flags.periodSeconds, 1)) return null;
  return failure(
    'validation',
    'supervisor.bad_flags',
    'An intensity is a whole number from 0 on, a period a whole number of seconds from 1 on.',
    'Correct them.',
    { pointer: isCount(flags.intensity, 0) ? '/flags/periodSeconds' : '/flags/intensity' },
  );
}

/** The strategy cannot become another; `why`, or that the children of simple_one_for_one are kept otherwise. */
export function strategyFixed(why?: string): Failure {
  return unsupported(
    'Changing the strategy',
    why ?? 'the children of simple_one_for_one are kept in another form than those of other strategies.',
    'Change its init/1, and restart it.',
  );
}

/** They are not what the caller has looked at; `now` where that is known. */
export function flagsChanged(supervisor: ProcessRef, now: SupervisorFlags | null): Failure {
  return failure(
    'conflict',
    'supervisor.flags_changed',
    `The flags of ${pidText(supervisor)} are not what was expected.`,
    'Look at them, and decide again.',
    { node: supervisor.node, ...(now !== null && { details: { now } }) },
  );
}
