/** The package as a user has it: packed by npm, unpacked in a folder of its own, its documentation's examples run by node:test. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import * as esbuild from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiBundle } from '../../scripts/lib/apiBundle.mjs';
import { inProject } from '../../scripts/lib/paths.mjs';

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-user-'));
  const stage = path.join(folder, 'stage');
  await esbuild.build(apiBundle(path.join(stage, 'dist', 'api')));
  for (const file of ['package.json', '.npmignore', 'LICENSE', 'README.md']) {
    fs.copyFileSync(inProject(file), path.join(stage, file));
  }
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: stage });
  const packed = fs.readdirSync(folder).find((name) => name.endsWith('.tgz'));
  const installed = path.join(folder, 'node_modules', 'arsenal-otp');
  fs.mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', path.join(folder, packed ?? ''), '--strip-components=1', '-C', installed]);
  const page = fs.readFileSync(inProject('docs', 'testing.md'), 'utf8');
  for (const [, name = '', text = ''] of page.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)) {
    fs.writeFileSync(path.join(folder, name), text);
  }
}, 120_000);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** node:test without what vitest sets for its own children. */
async function nodeTest(file: string): Promise<{ code: number; output: string }> {
  const { NODE_OPTIONS: _options, VITEST: _vitest, ...env } = process.env;
  try {
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file], { cwd: folder, env });
    return { code: 0, output: stdout };
  } catch (thrown) {
    const output = thrown instanceof Error ? Reflect.get(thrown, 'stdout') : '';
    return { code: 1, output: String(output) };
  }
}

// @row XT-07
describe('arsenal-otp/testing from npm pack, with node:test', { timeout: 120_000 }, () => {
  // @row T002.a2, T024.d2
  it('runs the examples of docs/testing.md', async () => {
    for (const [file, tests] of [
      ['counter.test.mjs', 1],
      ['refused.test.mjs', 2],
      ['orders.test.mjs', 1],
    ] as const) {
      const { code, output } = await nodeTest(file);
      expect(output).toContain(`# pass ${tests}`);
      expect(code, output).toBe(0);
    }
  });

  it('keeps a scenario that fails as a test that fails in the same way until the fault is mended', async () => {
    const steps = (wrong: boolean): string => `
      import { scenario } from 'arsenal-otp/testing';
      export const broken = scenario('b stays', { nodes: ['a@sim', 'b@sim'], seeds: [5], module: import.meta.url }, async (cluster) => {
        await cluster.delay('a@sim', 'b@sim', 10);
        await cluster.crash('b@sim');
        if (${wrong} && cluster.events.some((line) => line.includes('node_down'))) throw new Error('b has gone');
      });`;
    fs.writeFileSync(path.join(folder, 'broken.mjs'), steps(true));
    fs.writeFileSync(
      path.join(folder, 'broken.test.mjs'),
      "import { test } from 'node:test'; import { broken } from './broken.mjs'; test('b', broken.run);",
    );
    const first = await nodeTest('broken.test.mjs');
    expect(first.output).toContain('fails with seed 5: Error: b has gone');
    const again = await nodeTest('b-stays.scenario.test.mjs');
    expect([again.code, again.output.includes('b has gone')]).toEqual([1, true]);
    fs.writeFileSync(path.join(folder, 'broken.mjs'), steps(false));
    const mended = await nodeTest('b-stays.scenario.test.mjs');
    expect(mended.code, mended.output).toBe(0);
  });
});
