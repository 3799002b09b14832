/** What `arsenal generate operation` writes in TypeScript, as its user runs it: installed from the package, untouched. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import * as esbuild from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiBundle } from '../../scripts/lib/apiBundle.mjs';
import { inProject } from '../../scripts/lib/paths.mjs';
import { writeGenerated } from './generated.ts';

const run = promisify(execFile);
let root: string;

beforeAll(async () => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-generated-')));
  const installed = path.join(root, 'node_modules', 'arsenal-otp');
  await esbuild.build(apiBundle(path.join(installed, 'dist', 'api')));
  await esbuild.build({
    entryPoints: [inProject('server', 'operation.ts')],
    outfile: path.join(installed, 'dist', 'operation.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
  });
  fs.copyFileSync(inProject('package.json'), path.join(installed, 'package.json'));
  fs.symlinkSync(inProject('node_modules', 'vitest'), path.join(root, 'node_modules', 'vitest'));
}, 120_000);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** A program without what vitest sets for its own children; answers what it printed, and how it ended. */
async function ran(file: string, args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  const { NODE_OPTIONS: _options, VITEST: _vitest, ...env } = process.env;
  try {
    const { stdout, stderr } = await run(file, args, { cwd, env });
    return { code: 0, output: stdout + stderr };
  } catch (thrown) {
    const said = (key: string) => (thrown instanceof Error ? String(Reflect.get(thrown, key)) : '');
    return { code: 1, output: said('stdout') + said('stderr') };
  }
}

/** What the compiler says of the folder, with the settings that were written. */
function complaints(folder: string): readonly string[] {
  const config = path.join(folder, 'arsenal', 'tsconfig.json');
  const read: unknown = ts.readConfigFile(config, (file) => ts.sys.readFile(file)).config;
  const parsed = ts.parseJsonConfigFileContent(read, ts.sys, path.dirname(config));
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

// @row T002.d2
// @row T002.d3
// @row T002.a3
it('passes its own test with node:test, on the oldest Node too, and type-checks', async () => {
  const folder = fs.mkdtempSync(path.join(root, 'plain-'));
  const written = writeGenerated({ name: 'count_idle_carts', workspaceFolder: folder });
  const test = path.join('arsenal', 'operations', 'countIdleCarts.test.mjs');
  expect(written.files.slice(0, 2)).toEqual([path.join('arsenal', 'operations', 'countIdleCarts.ts'), test]);
  expect(written.notes.join('\n')).toContain(`node --test ${test}`);
  const { code, output } = await ran(process.execPath, ['--test', '--test-reporter=tap', test], folder);
  expect(output).toContain('# pass 2');
  expect(code, output).toBe(0);
  expect(complaints(folder)).toEqual([]);
}, 120_000);

it('passes its own test with vitest, where the workspace uses that, and type-checks', async () => {
  const folder = fs.mkdtempSync(path.join(root, 'vitest-'));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module", "devDependencies": { "vitest": "*" } }');
  const written = writeGenerated({ name: 'count_idle_carts', workspaceFolder: folder });
  const test = path.join('arsenal', 'operations', 'countIdleCarts.test.ts');
  expect(written.files[1]).toBe(test);
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { code, output } = await ran(process.execPath, [vitest, 'run', '--root', folder, test], folder);
  expect(output).toMatch(/2 passed/);
  expect(code, output).toBe(0);
  expect(complaints(folder)).toEqual([]);
}, 120_000);
