/** Runs again what a scenario file says. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssertionError } from 'node:assert';
import { assertOperationSuccess } from './assertions.ts';
import type { Call, RecordedCall } from './calls.ts';
import type { TestClusterOptions } from './clusterOptions.ts';
import type { Scenario } from './scenario.ts';
import { runOnce, ScenarioFailure } from './scenario.ts';
import type { ScenarioFile } from './scenarioFile.ts';
import { readScenarioFile } from './scenarioFile.ts';
import { openTestCluster } from './withTestCluster.ts';

/**
 * Replays a scenario file, in a test. With `steps` (a {@link Scenario}, or a module that exports it) its steps are run as they were
 * recorded, and what they throw is thrown: when the fault is mended the test passes. Without, the calls alone are repeated: a run that
 * failed is thrown as it failed when it happened in every detail again; a run that did not fail must happen again.
 */
export async function replayScenario(file: string | URL, steps?: object): Promise<void> {
  const place = typeof file === 'string' ? file : fileURLToPath(file);
  const recorded = assertOperationSuccess(readScenarioFile(place));
  const { name, seed, leftOut, choices } = recorded;
  if (steps !== undefined) {
    const { thrown } = await runOnce(scenarioIn(steps, name), { seed, leftOut, choices });
    if (thrown !== null) throw thrown.value;
    return;
  }
  const { differences } = await repeat(recorded, path.dirname(place), recorded.calls);
  if (recorded.failure === null && differences.length > 0) {
    throw new AssertionError({
      message: `"${name}" went otherwise than recorded:\n${differences.join('\n')}`,
      operator: 'replayScenario',
    });
  }
  if (recorded.failure !== null && differences.length === 0) {
    const { name: kind, message } = recorded.failure;
    throw new ScenarioFailure(
      `"${name}" happened again as it was recorded. It failed then: ${kind}: ${message}`,
      seed,
      place,
      null,
    );
  }
}

/** The scenario of this name among what a module exports. */
export function scenarioIn(steps: object, name: string): Scenario {
  const candidates: readonly unknown[] = [
    steps,
    ...Object.entries(steps).map(([, exported]: [string, unknown]) => exported),
  ];
  const found = candidates.find((one) => isScenario(one) && one.name === name);
  if (isScenario(found)) return found;
  throw new AssertionError({ message: `The module exports no scenario "${name}".`, operator: 'replayScenario' });
}

function isScenario(value: unknown): value is Scenario {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'options' in value &&
    'steps' in value &&
    typeof value.steps === 'function'
  );
}

export type Repeated = {
  readonly calls: readonly RecordedCall[];
  readonly endedAtMs: number;
  readonly events: ScenarioFile['events'];
  /** What was otherwise than in the file, in words. */
  readonly differences: readonly string[];
};

/** Makes these calls again, each at its instant; `folder` is the file's. */
export async function repeat(
  recorded: ScenarioFile,
  folder: string,
  calls: readonly (Call & Pick<RecordedCall, 'atMs' | 'outcome'>)[],
): Promise<Repeated> {
  const opened = openTestCluster(optionsOf(recorded, folder), { leftOut: new Set() }, recorded.choices);
  const { cluster, simulation } = opened;
  const differences: string[] = [];
  try {
    for (const { atMs, outcome, ...call } of calls) {
      if (atMs > cluster.nowMs) await cluster.advance(atMs - cluster.nowMs);
      await cluster.enter(call);
      const made = cluster.calls.at(-1);
      if (made?.outcome !== outcome)
        differences.push(`${call.name} at ${atMs} ms: ${outcome}, now ${String(made?.outcome)}`);
    }
    if (recorded.endedAtMs > cluster.nowMs) await cluster.advance(recorded.endedAtMs - cluster.nowMs);
    const { count, sha256 } = simulation.log;
    if (sha256 !== recorded.events.sha256) {
      differences.push(`the events: ${recorded.events.count} (${recorded.events.sha256}), now ${count} (${sha256})`);
    }
    return { calls: cluster.calls, endedAtMs: cluster.nowMs, events: { count, sha256 }, differences };
  } finally {
    await opened.close();
  }
}

function optionsOf({ cluster, seed }: ScenarioFile, folder: string): TestClusterOptions {
  const { runs, nodes, latencyMs, schedule } = cluster;
  if (runs === 'module') {
    throw new AssertionError({
      message: 'What its cluster runs stands in its module only: replay it with that.',
      operator: 'replayScenario',
    });
  }
  const what = typeof runs === 'object' ? { file: path.resolve(folder, runs.file) } : runs;
  return { nodes, seed, cluster: what, schedule, ...(latencyMs !== undefined && { latencyMs }) };
}
