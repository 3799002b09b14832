/** What supervisors report of their children: stdlib `supervisor`'s reports, as the maps that OTP hands to logger. */
import type { Pid, Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import type { Spec } from './childSpec.ts';
import { shutdownValue, startValue } from './childSpec.ts';
import { logReport } from './logger.ts';

export type ReportedError = 'start_error' | 'child_terminated' | 'shutdown' | 'shutdown_error';

/** What a report says of a specification; Elixir's supervisors know no significance. */
export type ReportedSpec = Omit<Spec, 'significant' | 'modules'> & { readonly significant?: boolean };

/** Who is reported: where the child is (`pidOf`), or several children that are alike. */
export type Offender = { readonly pid: Value } | { readonly pids: readonly Pid[] };

/** Reports `{supervisor, Error}` of a child with this specification. */
export function reportChild(
  self: Self,
  supervisor: Value,
  error: ReportedError,
  reason: Value,
  spec: ReportedSpec,
  offender: Offender,
): void {
  const who = 'pids' in offender ? tup(a('nb_children'), offender.pids.length) : tup(a('pid'), offender.pid);
  const report = {
    label: tup(a('supervisor'), a(error)),
    report: [
      tup(a('supervisor'), supervisor),
      tup(a('errorContext'), a(error)),
      tup(a('reason'), reason),
      tup(a('offender'), [who, ...described(spec)]),
    ],
  };
  logReport(self, { level: 'error', kind: 'supervisor_report', module: 'supervisor', domain: ['otp', 'sasl'], report });
}

function described({ id, start, restart, significant, shutdown, type }: ReportedSpec): readonly Value[] {
  return [
    tup(a('id'), id),
    tup(a('mfargs'), startValue(start)),
    tup(a('restart_type'), a(restart)),
    ...(significant === undefined ? [] : [tup(a('significant'), significant)]),
    tup(a('shutdown'), shutdownValue(shutdown)),
    tup(a('child_type'), a(type)),
  ];
}
