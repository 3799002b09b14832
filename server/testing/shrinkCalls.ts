/** Makes a recorded run simpler without the steps that made it: by leaving out calls. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Budget } from '../../runtime/embedded/record/shrink.ts';
import { shrink } from '../../runtime/embedded/record/shrink.ts';
import type { RecordedCall } from './calls.ts';
import { isFault } from './calls.ts';
import { repeat } from './replay.ts';
import type { ScenarioFile } from './scenarioFile.ts';

/**
 * Leaves out faults, then other calls, as long as the last call that failed fails with the same code at the same instant. Each call keeps
 * its instant. Error: `scenario.nothing_fails`.
 */
export async function shrunkCalls(
  scenario: ScenarioFile,
  folder: string,
  runs: number,
): Promise<Result<{ readonly scenario: ScenarioFile; readonly runs: number }>> {
  const at = scenario.calls.findLastIndex(({ outcome }) => outcome !== 'ok');
  const failing = scenario.calls[at];
  if (failing === undefined) {
    const remedy = 'Shrink one that ends with a call that fails.';
    return failure('validation', 'scenario.nothing_fails', 'No call of it fails.', remedy);
  }
  const short: ScenarioFile = { ...scenario, endedAtMs: failing.atMs };
  const budget: Budget = { runs };
  let left: readonly RecordedCall[] = scenario.calls.slice(0, at);
  for (const fault of [true, false]) {
    const others = left;
    const together = (some: readonly RecordedCall[]): readonly RecordedCall[] =>
      others.filter((call) => isFault(call) !== fault || some.includes(call));
    const parts = others.filter((call) => isFault(call) === fault);
    const kept = await shrink(
      parts,
      async (some) => {
        const { calls } = await repeat(short, folder, [...together(some), failing]);
        return calls.at(-1)?.outcome === failing.outcome;
      },
      budget,
    );
    left = together(kept);
  }
  const { calls, endedAtMs, events } = await repeat(short, folder, [...left, failing]);
  return ok({ scenario: { ...scenario, calls, endedAtMs, events }, runs: runs - budget.runs });
}
