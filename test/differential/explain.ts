/** Compares a scenario's log from OTP with ours, by other schedules of ours where the first one differs. */
import type { Difference } from './compare.ts';
import { firstDifference } from './compare.ts';
import { runEmbedded } from './embedded.ts';
import type { Log, Scenario } from './scenario.ts';

export type Verdict =
  /** `tried` schedules were drawn until one saw what OTP saw; 0: our usual one did. */
  { readonly is: 'same'; readonly tried: number } | { readonly is: 'different'; readonly difference: Difference };

const mostSchedules = 300;

/** Whether some schedule of the embedded kernel sees what OTP saw. */
export function explain(scenario: Scenario, otp: Log): Verdict {
  const difference = firstDifference(otp, runEmbedded(scenario));
  if (difference === null) return { is: 'same', tried: 0 };
  for (let tried = 1; tried <= mostSchedules; tried += 1) {
    const log = runEmbedded(scenario, { is: 'random', seed: tried });
    if (firstDifference(otp, log) === null) return { is: 'same', tried };
  }
  return { is: 'different', difference };
}
