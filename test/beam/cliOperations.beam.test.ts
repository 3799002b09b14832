/** The user's own operations and the nodes' on the command line: listed, described, run, and through a gateway. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCliBackend } from '../../server/cli/workspace.ts';
import type { CliIo } from '../../server/cli/io.ts';
import { runCommandLine } from '../../server/cli/program.ts';
import { isRecord } from '../../client/decode.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, stopAll } from '../harness/erlang.ts';

let node: LiveNode;
let root: string;
let distDir: string;
let folder: string;

beforeAll(async () => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-cli-ops-')));
  distDir = path.join(root, 'dist');
  folder = path.join(root, 'project');
  fs.mkdirSync(folder);
  const shared = { bundle: true, platform: 'node', format: 'cjs', target: 'node20' } as const;
  await build({
    ...shared,
    entryPoints: ['server/workspace/worker.ts'],
    outfile: path.join(distDir, 'operationWorker.js'),
  });
  await build({ ...shared, entryPoints: ['server/operation.ts'], outfile: path.join(distDir, 'operation.js') });
  fs.cpSync(path.resolve('dist', 'types'), path.join(distDir, 'types'), { recursive: true });
  node = await startElixir({ name: 'cli_ops', cookie: 'cli_ops' });
  const source = fs.readFileSync(path.resolve('test/fixtures/user-operations/plain.ex'), 'utf8');
  await node.eval(`Code.compile_string(Base.decode64!("${Buffer.from(source).toString('base64')}")); :ok`);
}, 120_000);
afterAll(() => {
  stopAll();
  fs.rmSync(root, { recursive: true, force: true });
});

function surroundings() {
  const stop = new AbortController();
  const said = { out: '', err: '' };
  const io: CliIo = {
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { ARSENAL_HOME: path.join(root, 'home') },
    distDir,
    stop: stop.signal,
    version: '0',
    createBackend: (options) => createCliBackend(options, distDir, (line) => (said.err += `${line}\n`)),
  };
  return { io, stop, said };
}

async function cli(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const { io, said } = surroundings();
  const code = await runCommandLine(io, args);
  return { code, ...said };
}

const connecting = (): readonly string[] => [
  '--connect',
  node.node,
  '--cookie-file',
  node.cookieFile,
  '--epmd',
  `127.0.0.1:${String(node.epmdPort)}`,
];

describe('operations of the folder', { timeout: 120_000 }, () => {
  it('are generated, listed, described and run', async () => {
    const made = await cli('generate', 'operation', 'count_idle_carts', '--folder', folder);
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).toContain(`wrote ${path.join('arsenal', 'operations', 'countIdleCarts.ts')}`);
    expect(made.out).toContain('Next:\n  1. ');
    expect((await cli('generate', 'operation', 'kill_process', '--folder', folder)).err).toContain('already');
    expect((await cli('operations', '--workspace', folder, '--category', 'custom')).out).toContain('count_idle_carts');
    expect((await cli('describe', 'count_idle_carts', '--workspace', folder)).out).toContain('countIdleCarts.ts');
    const without = await cli('describe', 'count_idle_carts', '--no-workspace');
    expect(without).toMatchObject({ code: 1 });
    const ran = await cli('run', 'count_idle_carts', 'atLeast=1', '--workspace', folder, '--json', ...connecting());
    expect(ran, ran.err).toMatchObject({ code: 0 });
    expect(JSON.parse(ran.out)).toMatchObject({
      data: { attributes: { result: { nodes: [{ node: node.node, processes: expect.any(Number) }] } } },
    });
  });

  it('that are broken are told, with line and column, and keep the others from nothing', async () => {
    const broken = path.join(folder, 'arsenal', 'operations', 'broken.ts');
    fs.writeFileSync(broken, 'export const a = 1;\nexport const b = {;\n');
    const listed = await cli('operations', '--workspace', folder);
    expect(listed.err).toContain(`${broken}:3:1: `);
    expect(listed.out).toContain('count_idle_carts');
    fs.rmSync(broken);
  });
});

describe('operations of a node', { timeout: 120_000 }, () => {
  it('are listed, described and run, and refused without consent to writes', async () => {
    expect((await cli('operations', '--no-workspace', ...connecting())).out).toContain('demo_sum');
    const described = await cli('describe', 'demo_sum', '--no-workspace', ...connecting());
    expect(described.out).toContain(`From      the node ${node.node}`);
    expect(described.out).toContain('numbers');
    const refused = await cli('run', 'demo_sum', 'numbers=[1]', '--no-workspace', ...connecting());
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('read-only') });
    const ran = await cli(
      'run',
      'demo_sum',
      '--params',
      '{"numbers":[1,2]}',
      '--allow-writes',
      '--json',
      ...connecting(),
    );
    expect(ran, ran.err).toMatchObject({ code: 0 });
    expect(JSON.parse(ran.out)).toMatchObject({
      data: { attributes: { result: { node: node.node, value: [3, null] } } },
    });
    expect(await cli('run', 'no_such_operation', '--no-workspace', ...connecting())).toMatchObject({ code: 1 });
  });

  it('and those of the folder are served, and run through the gateway', async () => {
    const { io, stop, said } = surroundings();
    const serving = runCommandLine(io, ['serve', '--json', '--allow-writes', '--workspace', folder, ...connecting()]);
    try {
      await expect.poll(() => said.out, { timeout: 60_000 }).toContain('"ready"');
      const ready: unknown = JSON.parse(said.out);
      const { url, key } = isRecord(ready) ? ready : {};
      const at = ['--url', String(url), '--key', String(key), '--json'];
      const ran = await cli('run', 'demo_sum', '--params', '{"numbers":[4]}', ...at);
      expect(ran, ran.err).toMatchObject({ code: 0 });
      expect(JSON.parse(ran.out)).toMatchObject({ data: { attributes: { result: { value: [4, null] } } } });
      const own = await cli('run', 'count_idle_carts', 'atLeast=1', ...at);
      expect(own, own.err).toMatchObject({ code: 0 });
      fs.rmSync(path.join(folder, 'arsenal', 'operations', 'countIdleCarts.ts'));
      const gone = () => cli('run', 'count_idle_carts', ...at).then(({ code }) => code);
      await expect.poll(gone, { timeout: 60_000 }).toBe(1);
    } finally {
      stop.abort();
      expect(await serving).toBe(0);
    }
  });
});
