/** A test of many seeds: the first that fails is made simpler, and kept as a file that replays. */
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ScheduleSource } from '../../runtime/embedded/record/choices.ts';
import type { Budget } from '../../runtime/embedded/record/shrink.ts';
import { shrink } from '../../runtime/embedded/record/shrink.ts';
import { fileNameOf, replayTest } from '../../runtime/embedded/record/scenarioFormat.ts';
import type { RecordedCall } from './calls.ts';
import { isFault } from './calls.ts';
import type { TestClusterOptions } from './clusterOptions.ts';
import { scenarioText } from './scenarioFile.ts';
import type { ScenarioFile } from './scenarioFile.ts';
import type { TestCluster } from './testCluster.ts';
import { openTestCluster } from './withTestCluster.ts';

export type ScenarioOptions = Omit<TestClusterOptions, 'seed'> & {
  /** How many (1, 2, …), or which; 20 unless said. */
  readonly seeds?: number | readonly number[];
  /**
   * `import.meta.url` of the module that exports this scenario: then the test that is generated for a failure runs its steps. Without
   * it that test can only repeat the calls.
   */
  readonly module?: string;
  /** Where a failure is written; beside `module`, else where the test was started; null: nowhere. */
  readonly folder?: string | null;
  /** How many runs may be spent to make a failure simpler; 200 unless said. */
  readonly shrinkRuns?: number;
};
export type ScenarioSteps = (cluster: TestCluster) => void | Promise<void>;

export interface Scenario {
  readonly name: string;
  readonly options: ScenarioOptions;
  readonly steps: ScenarioSteps;
  /** Runs all seeds; the body of a test. Rejects with {@link ScenarioFailure}. */
  readonly run: () => Promise<void>;
}

/** What a scenario rejects with; `cause` is what its steps threw with the fewest calls. */
export class ScenarioFailure extends Error {
  readonly seed: number;
  /** The `.scenario.json`; null when none was written. */
  readonly file: string | null;

  constructor(message: string, seed: number, file: string | null, cause: unknown) {
    super(message, { cause });
    this.name = 'ScenarioFailure';
    this.seed = seed;
    this.file = file;
  }
}

/**
 * A scenario: `steps` is run on a new cluster for each seed, and must not throw. What it does is to depend on the cluster alone (no
 * wall clock, no chance but `cluster.chance`), so that a seed replays it. With a test runner: `test(orders.name, orders.run)`.
 */
export function scenario(name: string, options: ScenarioOptions, steps: ScenarioSteps): Scenario {
  const made: Scenario = { name, options, steps, run: () => runSeeds(made) };
  return made;
}

/** One run among the many that were or could be made. */
export type Variant = {
  readonly seed: number;
  readonly leftOut: readonly number[];
  readonly choices: ScheduleSource;
};
export type Run = {
  /** null: it went well. */
  readonly thrown: { readonly value: unknown } | null;
  readonly calls: readonly RecordedCall[];
  /** The numbers of all calls asked for, and which of them are faults. */
  readonly asked: readonly { readonly number: number; readonly fault: boolean }[];
  readonly nodes: readonly string[];
  readonly choices: Extract<ScheduleSource, { by: 'list' }>;
  readonly endedAtMs: number;
  readonly events: { readonly count: number; readonly sha256: string };
};

const defaultSeeds = 20;
const defaultShrinkRuns = 200;

/** Runs the steps once. */
export async function runOnce({ options, steps }: Scenario, variant: Variant): Promise<Run> {
  const { seed, leftOut, choices } = variant;
  const opened = openTestCluster({ schedule: 'random', ...options, seed }, { leftOut: new Set(leftOut) }, choices);
  const { cluster, simulation } = opened;
  const nodes = cluster.nodes;
  let thrown: Run['thrown'] = null;
  try {
    await steps(cluster);
  } catch (value) {
    thrown = { value };
  }
  const run: Run = {
    thrown,
    calls: cluster.calls,
    asked: cluster.asked.map((call, number) => ({ number, fault: isFault(call) })),
    nodes,
    choices: { by: 'list', deviations: simulation.choices.deviations },
    endedAtMs: cluster.nowMs,
    events: { count: simulation.log.count, sha256: simulation.log.sha256 },
  };
  await opened.close();
  return run;
}

async function runSeeds(tested: Scenario): Promise<void> {
  const { seeds = defaultSeeds } = tested.options;
  const all = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, at) => at + 1) : seeds;
  if (all.length === 0) throw new RangeError('A scenario has one seed or more.');
  for (const seed of all) {
    const run = await runOnce(tested, { seed, leftOut: [], choices: { by: 'seed' } });
    if (run.thrown !== null) await failed(tested, seed, run);
  }
}

async function failed(tested: Scenario, seed: number, first: Run): Promise<never> {
  const { simplest, run, runs } = await simplified(tested, seed, first);
  const value = run.thrown?.value;
  const file = writeScenario(tested, simplest, run);
  const before = `${first.asked.length} calls and ${first.choices.deviations.length} choices of the schedule`;
  const after = `${run.calls.length} and ${run.choices.deviations.length}`;
  const said = [
    `Scenario "${tested.name}" fails with seed ${seed}: ${wordsOf(value)}`,
    `Made simpler in ${runs} runs: of ${before}, ${after} are left.`,
    ...(file === null ? [] : [`It is kept in ${file}; the test beside it replays it.`]),
  ];
  throw new ScenarioFailure(said.join('\n'), seed, file, value);
}

/** As few faults as can be, then other calls, then choices of the schedule that are not the first. */
export async function simplified(
  tested: Scenario,
  seed: number,
  first: Run,
): Promise<{ readonly simplest: Variant; readonly run: Run; readonly runs: number }> {
  const { shrinkRuns = defaultShrinkRuns } = tested.options;
  const budget: Budget = { runs: shrinkRuns };
  const way = wayOf(first.thrown?.value);
  const stillFails = async (variant: Variant): Promise<boolean> => {
    const { thrown } = await runOnce(tested, variant);
    return thrown !== null && wayOf(thrown.value) === way;
  };
  const numbers = (fault: boolean): readonly number[] =>
    first.asked.filter((call) => call.fault === fault).map(({ number }) => number);
  let leftOut: readonly number[] = [];
  for (const parts of [numbers(true), numbers(false)]) {
    const without = (kept: readonly number[]): readonly number[] => [
      ...leftOut,
      ...parts.filter((number) => !kept.includes(number)),
    ];
    const kept = await shrink(
      parts,
      (some) => stillFails({ seed, leftOut: without(some), choices: { by: 'seed' } }),
      budget,
    );
    leftOut = without(kept).toSorted((one, other) => one - other);
  }
  const { choices } = await runOnce(tested, { seed, leftOut, choices: { by: 'seed' } });
  const deviations = await shrink(
    choices.deviations,
    (some) => stillFails({ seed, leftOut, choices: { by: 'list', deviations: some } }),
    budget,
  );
  const simplest: Variant = { seed, leftOut, choices: { by: 'list', deviations } };
  return { simplest, run: await runOnce(tested, simplest), runs: shrinkRuns - budget.runs };
}

/** How a run failed, apart from what differs between runs that fail alike: pids, times, numbers. */
export function wayOf(thrown: unknown): string {
  const words = wordsOf(thrown).split('\n')[0] ?? '';
  return words.replaceAll(/\d+/g, '#');
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

/** Writes the file and its test; answers the file. */
export function writeScenario(tested: Scenario, variant: Variant, run: Run): string | null {
  const { options, name } = tested;
  const module = options.module === undefined ? null : fileURLToPath(options.module);
  const folder =
    options.folder === undefined ? (module === null ? process.cwd() : path.dirname(module)) : options.folder;
  if (folder === null) return null;
  const file = path.join(folder, `${fileNameOf(name)}.scenario.json`);
  const value = run.thrown?.value;
  const from = module === null ? null : `./${path.relative(folder, module).split(path.sep).join('/')}`;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(
    file,
    scenarioText({
      name,
      cluster: {
        runs: whatRuns(options, folder),
        nodes: run.nodes,
        ...(options.latencyMs !== undefined && { latencyMs: options.latencyMs }),
        schedule: options.schedule ?? 'random',
      },
      seed: variant.seed,
      choices: variant.choices,
      calls: run.calls,
      leftOut: variant.leftOut,
      endedAtMs: run.endedAtMs,
      failure:
        run.thrown === null
          ? null
          : {
              name: value instanceof Error ? value.name : 'thrown',
              message: value instanceof Error ? value.message : String(value),
            },
      events: run.events,
      module: from,
    }),
  );
  fs.writeFileSync(path.join(folder, `${fileNameOf(name)}.scenario.test.mjs`), replayTest(path.basename(file), from));
  return file;
}

function whatRuns({ cluster = 'empty' }: ScenarioOptions, folder: string): ScenarioFile['cluster']['runs'] {
  if (typeof cluster === 'string') return cluster;
  return 'file' in cluster
    ? { file: path.relative(folder, path.resolve(cluster.file)).split(path.sep).join('/') }
    : 'module';
}
