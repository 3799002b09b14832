/** Scenarios: many seeds, the first that fails made simpler and kept as a file that fails in the same way. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScenarioOptions, ScenarioSteps } from '../../server/testing.ts';
import { replayScenario, scenario, ScenarioFailure } from '../../server/testing.ts';
import { readScenarioFile } from '../../server/testing/scenarioFile.ts';
import {
  atom,
  cast,
  defineCluster,
  genServer,
  noreply,
  ok,
  reply,
  supervisor,
} from '../../runtime/embedded/clusterFile/api.ts';
import { errorOf, valueOf } from '../../server/core/testKit.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-scenario-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const nodes = ['a@sim', 'b@sim', 'c@sim'];
const small: ScenarioOptions = { nodes, seeds: [4, 5, 6] };

/** Faults and operations at random; wrong once `b` has been crashed, whatever else was done. */
const shaky: ScenarioSteps = async (cluster) => {
  for (let step = 0; step < 12; step += 1) {
    await cluster.advance(cluster.chance.below(500));
    if (step === 7) await cluster.crash('b@sim');
    else if (cluster.chance.below(2) === 0) await cluster.delay('a@sim', 'c@sim', 1 + cluster.chance.below(50));
    else await cluster.run('list_processes', { node: cluster.chance.pick(['a@sim', 'c@sim']), limit: 5 });
  }
  if (cluster.events.some((line) => line.includes('node_down node=b@sim'))) throw new Error('b is down');
};

/** Two servers that tell a third that they are there, at the same instant: the first first, as long as nobody is overtaken. */
const judge = genServer('judge', {
  init: () => ok([]),
  handleCall: (_self, _request, _from, state) => reply(state, state),
  handleCast: (_self, who, state) => noreply(Array.isArray(state) ? [...state, who] : [who]),
});
const runners = ['one', 'two'].map((name) =>
  genServer(name, {
    init: () => ok(null, { timeoutMs: 5 }),
    handleInfo: (self) => {
      cast(self, atom('judge'), atom(name));
      return noreply(null);
    },
  }),
);
const top = supervisor('top', { children: [judge, ...runners].map((module) => ({ module })) });
const racing = defineCluster({
  nodes: 1,
  modules: [judge, ...runners, top],
  applications: [{ name: 'race', module: top }],
});

async function failureOf(run: () => Promise<void>): Promise<ScenarioFailure> {
  const thrown: unknown = await run().then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ScenarioFailure)) throw new Error(`It was to fail: ${String(thrown)}`);
  return thrown;
}

describe('a scenario', { timeout: 60_000 }, () => {
  it('that holds for all seeds passes, each seed on a cluster of its own', async () => {
    const seen: number[] = [];
    await scenario('holds', { ...small, folder }, (cluster) => {
      expect([cluster.nowMs, cluster.nodes]).toEqual([50, nodes]);
      seen.push(cluster.seed);
    }).run();
    expect(seen).toEqual([4, 5, 6]);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('that fails says the seed, is made simpler, and replays in the same way by its steps and by its calls', async () => {
    const tested = scenario('b must not go', { ...small, folder }, shaky);
    const failure = await failureOf(tested.run);
    expect(failure.seed).toBe(4);
    expect(failure.message).toMatch(/fails with seed 4: Error: b is down/);
    expect(failure.cause).toMatchObject({ message: 'b is down' });
    const file = path.join(folder, 'b-must-not-go.scenario.json');
    expect(failure.file).toBe(file);
    const kept = valueOf(readScenarioFile(file));
    expect(kept.calls.map(({ name, params }) => ({ name, params }))).toEqual([
      { name: 'crash_node', params: { node: 'b@sim' } },
    ]);
    expect(kept.choices).toEqual({ by: 'list', deviations: [] });
    expect(kept.failure).toEqual({ name: 'Error', message: 'b is down' });
    await expect(replayScenario(file, { any: tested })).rejects.toThrow(/^b is down$/);
    await expect(replayScenario(file)).rejects.toThrow(/happened again as it was recorded.*b is down/);
    // The fault is mended.
    await replayScenario(file, { any: scenario('b must not go', small, () => undefined) });
    await expect(replayScenario(file, {})).rejects.toThrow(/exports no scenario/);
    expect(fs.readFileSync(path.join(folder, 'b-must-not-go.scenario.test.mjs'), 'utf8')).toContain(
      "replayScenario(new URL('./b-must-not-go.scenario.json', import.meta.url))",
    );
  });

  it('keeps to its budget of runs, and what is left then still fails', async () => {
    const tested = scenario('b must not go', { ...small, folder, shrinkRuns: 3 }, shaky);
    const failure = await failureOf(tested.run);
    expect(failure.message).toContain('in 3 runs');
    await expect(replayScenario(failure.file ?? '', tested)).rejects.toThrow(/^b is down$/);
  });

  it('finds a race that only another schedule shows, and keeps the choices that make it', async () => {
    const race = (schedule: 'fifo' | 'random') =>
      scenario('one is first', { cluster: racing, schedule, seeds: 40, folder }, async (cluster) => {
        const heard = await cluster.result('get_process_state', { pid: 'judge', node: 'node1@sim' });
        if (JSON.stringify(heard).includes('[:two')) throw new Error('two was first');
      });
    // As each node's oldest comes first, it never shows.
    await race('fifo').run();
    const failure = await failureOf(race('random').run);
    expect(failure.cause).toMatchObject({ message: 'two was first' });
    const kept = valueOf(readScenarioFile(failure.file ?? ''));
    if (kept.choices.by !== 'list') throw new Error('It is to be a list.');
    expect(kept.choices.deviations.length).toBeGreaterThan(0);
    expect(kept.choices.deviations.length).toBeLessThan(10);
    await expect(replayScenario(failure.file ?? '', race('random'))).rejects.toThrow(/^two was first$/);
    await expect(replayScenario(failure.file ?? '')).rejects.toThrow(/stands in its module only/);
  });

  it('is wrong without a seed', async () => {
    await expect(scenario('none', { nodes, seeds: [] }, () => undefined).run()).rejects.toThrow(/one seed or more/);
  });
});

describe('a scenario file', () => {
  const write = (text: string): string => {
    const file = path.join(folder, 'x.scenario.json');
    fs.writeFileSync(file, text);
    return file;
  };

  it('is refused with what is wrong in it', async () => {
    expect(errorOf(readScenarioFile(path.join(folder, 'none.json')))).toMatchObject({ code: 'scenario.not_found' });
    expect(errorOf(readScenarioFile(write('{')))).toMatchObject({ code: 'scenario.broken' });
    expect(errorOf(readScenarioFile(write('{"format":"other"}')))).toMatchObject({ code: 'scenario.invalid' });
    expect(errorOf(readScenarioFile(write('{"format":"arsenal.scenario","version":9}')))).toMatchObject({
      code: 'scenario.version',
      pointer: '/version',
    });
    const invalid = errorOf(readScenarioFile(write('{"format":"arsenal.scenario","version":1,"name":""}')));
    expect(invalid.code).toBe('scenario.invalid');
    expect(invalid.message).toContain('/calls');
    await expect(replayScenario(write('{'))).rejects.toThrow(/scenario\.broken/);
  });
});
