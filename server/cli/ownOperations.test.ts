/** Operations of the user's own on the command line: generated, listed, described. (On live nodes: test/beam/cliOperations.beam.test.ts.) */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome } from '../backend/testKit.ts';
import { buildWorker } from '../workspace/testWorkspace.ts';
import type { CliIo } from './io.ts';
import { runCommandLine } from './program.ts';
import { createCliBackend } from './workspace.ts';

let built: Awaited<ReturnType<typeof buildWorker>>;
let home: string;
beforeAll(async () => {
  built = await buildWorker();
  fs.mkdirSync(path.join(built.folder, 'types'));
  for (const each of ['operation', 'testing']) fs.writeFileSync(path.join(built.folder, 'types', `${each}.d.ts`), '');
  home = fs.realpathSync(temporaryHome());
}, 60_000);
afterAll(() => {
  built.remove();
  fs.rmSync(home, { recursive: true, force: true });
});

async function cli(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const io: CliIo = {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { ARSENAL_HOME: home },
    distDir: built.folder,
    stop: new AbortController().signal,
    version: '0',
    createBackend: (options) => createCliBackend(options, built.folder, (line) => (said.err += `${line}\n`)),
  };
  const code = await runCommandLine(io, args);
  return { code, ...said };
}

describe('arsenal generate operation', { timeout: 60_000 }, () => {
  it.each([
    [
      'ts',
      path.join('arsenal', 'operations', 'countCarts.ts'),
      path.join('arsenal', 'operations', 'countCarts.test.mjs'),
    ],
    [
      'elixir',
      path.join('lib', 'my', 'operations', 'count_carts.ex'),
      path.join('test', 'my', 'operations', 'count_carts_test.exs'),
    ],
    ['erlang', path.join('src', 'count_carts_operation.erl'), path.join('test', 'count_carts_operation_tests.erl')],
  ])('writes module, test and the next steps: %s', async (language, module, test) => {
    const folder = fs.mkdtempSync(path.join(home, 'folder-'));
    const { code, out } = await cli('generate', 'operation', 'count_carts', '--language', language, '--folder', folder);
    expect({ code, lines: out.split('\n').slice(0, 2) }).toEqual({
      code: 0,
      lines: [`wrote ${module}`, `wrote ${test}`],
    });
    expect(out).toContain('Next:\n  1. ');
    for (const file of [module, test])
      expect(fs.readFileSync(path.join(folder, file), 'utf8')).toContain('count_carts');
    const again = await cli(
      'generate',
      'operation',
      'count_carts',
      '--language',
      language,
      '--folder',
      folder,
      '--json',
    );
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out)).toMatchObject({ errors: [{ code: 'scaffold.file_exists' }] });
  });

  it('says as JSON what it wrote, and refuses the name of a builtin and a folder that is none', async () => {
    const folder = fs.mkdtempSync(path.join(home, 'folder-'));
    const made = await cli('generate', 'operation', 'count_carts', '--folder', folder, '--json');
    expect(JSON.parse(made.out)).toMatchObject({
      folder,
      files: expect.arrayContaining([path.join('arsenal', 'tsconfig.json')]),
    });
    expect((await cli('generate', 'operation', 'kill_process', '--folder', folder)).err).toContain('already');
    expect((await cli('generate', 'operation', 'fine', '--folder', path.join(folder, 'gone'))).code).toBe(1);
  });
});

describe('operations of the folder', { timeout: 60_000 }, () => {
  it('are in the catalogue; what is broken is told, and keeps no other out', async () => {
    const folder = fs.mkdtempSync(path.join(home, 'folder-'));
    await cli('generate', 'operation', 'count_carts', '--folder', folder);
    const broken = path.join(folder, 'arsenal', 'operations', 'broken.ts');
    fs.writeFileSync(broken, 'export const b = {;\n');
    const listed = await cli('operations', '--workspace', folder, '--category', 'custom');
    expect(listed.out).toContain('count_carts');
    expect(listed.err).toContain(`${broken}:2:1: `);
    expect((await cli('describe', 'count_carts', '--workspace', folder)).out).toContain('From      ');
    expect((await cli('describe', 'count_carts', '--no-workspace')).code).toBe(1);
    expect((await cli('run', 'count_carts', '--workspace', folder, 'more=1')).code).toBe(1);
    expect((await cli('run', 'no_such_operation', '--workspace', folder)).err).toContain('no_such_operation');
    expect((await cli('run', 'no_such_operation', '--workspace', home)).err).toContain('no_such_operation');
  });
});
