/** What a deterministic connection was asked, exported, replayed, and made simpler. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { createBackend } from '../../server/backend/localBackend.ts';
import { runCommandLine } from '../../server/cli/program.ts';
import { readScenarioFile } from '../../server/testing/scenarioFile.ts';
import { errorOf, textLike, valueOf } from '../../server/core/testKit.ts';
import { replayScenario } from '../../server/testing.ts';

let folder: string;
let house: House;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-export-'));
});
afterEach(async () => {
  await house.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function open(time: 'live' | 'deterministic'): Promise<void> {
  const nodes = ['demo1@sim', 'demo2@sim'];
  house = await houseOn(liveRuntime({ id: 'sim', nodes, seed: 9, sandboxChildFile: 'none', time }));
}

/** A story whose last call fails. */
async function story(): Promise<Json> {
  await open('deterministic');
  await house.result('step_time', { ms: 2_000 });
  await house.result('kill_process', { pid: 'Shop.Catalog', node: 'demo1@sim' });
  await house.result('partition_cluster', { islands: [['demo1@sim'], ['demo2@sim']] });
  await house.result('step_time', { ms: 30_000 });
  await house.result('list_processes', { node: 'demo2@sim' });
  await house.result('crash_node', { node: 'demo2@sim' });
  await house.run('suspend_process', { pid: 'Shop.Catalog', node: 'demo2@sim' });
  return house.result('export_scenario', { name: 'Catalog is gone!' });
}

function write(exported: Json): string {
  const file = path.join(folder, 'exported.scenario.json');
  fs.writeFileSync(file, JSON.stringify(at(exported, 'scenario')));
  return file;
}

async function cli(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await runCommandLine(
    {
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
      env: {},
      distDir: '',
      stop: new AbortController().signal,
      version: '0',
      createBackend,
    },
    args,
  );
  return { code, out, err };
}

describe('export_scenario', { timeout: 60_000 }, () => {
  it('exports what replays to the same events and the same answers', async () => {
    const exported = await story();
    expect(at(exported, 'file')).toBe('catalog-is-gone.scenario.json');
    expect(at(exported, 'testFile')).toBe('catalog-is-gone.scenario.test.mjs');
    expect(at(exported, 'test')).toContain(
      "replayScenario(new URL('./catalog-is-gone.scenario.json', import.meta.url))",
    );
    expect(listAt(exported, 'scenario', 'calls').length).toBeGreaterThan(5);
    await replayScenario(write(exported));
    // What is not as it was is said.
    const other = JSON.parse(JSON.stringify(exported));
    other.scenario.seed = 10;
    await expect(replayScenario(write(other))).rejects.toThrow(/went otherwise than recorded/);
  });

  it('exports what the command line replays and makes simpler', async () => {
    const file = write(await story());
    expect(await cli('scenario', 'replay', file)).toMatchObject({ code: 0, out: textLike(/^As recorded: \d+ calls/) });
    const shrunk = await cli('scenario', 'shrink', file, '--json');
    expect(shrunk).toMatchObject({ code: 0 });
    const kept = valueOf(readScenarioFile(file));
    // The node must be down for the last call to fail as it did: the rest is left out.
    expect(kept.calls.map(({ name }) => name)).toEqual(['faults.crashNode', textLike(/^names\.resolve$/)]);
    expect(kept.calls.at(-1)?.outcome).toBe('node.unavailable');
    expect(await cli('scenario', 'replay', file)).toMatchObject({ code: 0 });
    expect(await cli('scenario', 'replay', path.join(folder, 'none.json'))).toMatchObject({
      code: 1,
      err: textLike(/scenario\.not_found/),
    });
  });

  it('is not possible in live time', async () => {
    await open('live');
    expect(errorOf(await house.run('export_scenario', { name: 'x' })).class).toBe('unsupported');
  });
});
