/** What `arsenal generate operation` writes in Elixir and Erlang, untouched: its own tests pass, and Arsenal finds and runs it. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describedOperation } from '../../server/services/nodeOperations/described.ts';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { freshLeaseDir, inTime } from '../beam/shop.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { writeGenerated } from './generated.ts';

const run = promisify(execFile);
let root: string;
beforeAll(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-generated-')));
});
afterAll(() => {
  stopAll();
  fs.rmSync(root, { recursive: true, force: true });
});

/** Loads what was generated into a node, and has Arsenal describe and run it. */
async function runsOn(node: LiveNode, module: string): Promise<unknown> {
  const { cookie, epmdPort } = node;
  const spec = { id: 'generated', node: node.node, cookie, epmd: { port: epmdPort }, leaseDir: freshLeaseDir() };
  const runtime = valueOf(await connectBeam(spec));
  try {
    const { operations } = valueOf(await runtime.port.operations.find({ nodes: 'all', onDisk: false }, inTime()));
    const [found] = operations;
    if (found === undefined) throw new Error('Nothing was found.');
    expect(operations.map((each) => each.module)).toEqual([module]);
    expect(describedOperation(found)).toMatchObject({
      name: 'count_idle_carts',
      severity: 'read',
      idempotent: true,
      timeoutMs: 5_000,
      params: { properties: { at_least: { type: 'integer', minimum: 0, maximum: 1_000_000 } }, required: [] },
    });
    const ran = await runtime.port.operations.query(
      {
        node: found.node,
        module,
        version: found.version,
        params: { at_least: 1_000_000 },
        caller: { principal: 'me', role: 'admin' },
        maxHeapBytes: 64_000_000,
        maxBytes: 100_000,
        maxOutputChars: 1_000,
      },
      inTime(),
    );
    return valueOf(ran).value;
  } finally {
    await runtime.close();
  }
}

describe('in Elixir', () => {
  it('without a Mix project: elixir runs its test, and a node has it', async () => {
    const folder = fs.mkdtempSync(path.join(root, 'alone-'));
    const { files, notes } = writeGenerated({ name: 'count_idle_carts', workspaceFolder: folder, language: 'elixir' });
    const [source = '', test = ''] = files;
    expect(files).toEqual([
      path.join('lib', 'my', 'operations', 'count_idle_carts.ex'),
      path.join('test', 'my', 'operations', 'count_idle_carts_test.exs'),
    ]);
    expect(notes[0]).toContain(`elixir -r ${source} -r ${test}`);
    const { stdout } = await run('elixir', ['-r', source, '-r', test], { cwd: folder });
    expect(stdout).toContain('2 tests, 0 failures');
    const node = await startElixir({ name: 'generated_ex', cookie: 'generated' });
    await node.eval(`Code.compile_file("${path.join(folder, source)}"); :ok`);
    expect(await runsOn(node, 'Elixir.My.Operations.CountIdleCarts')).toEqual({ node: node.node, processes: 0 });
    await node.stop();
  });

  it('in a Mix project: mix test runs it, offline and without warnings', async () => {
    const folder = fs.mkdtempSync(path.join(root, 'mix-'));
    fs.writeFileSync(
      path.join(folder, 'mix.exs'),
      `defmodule Shop.MixProject do
        use Mix.Project
        def project, do: [app: :shop, version: "0.1.0", elixirc_options: [warnings_as_errors: true]]
        def application, do: []
      end`,
    );
    const { files } = writeGenerated({ name: 'count_idle_carts', workspaceFolder: folder, language: 'elixir' });
    expect(files[0]).toBe(path.join('lib', 'shop', 'operations', 'count_idle_carts.ex'));
    const env = { ...process.env, HOME: folder, MIX_ENV: 'test' };
    const { stdout } = await run('mix', ['test', '--no-deps-check'], { cwd: folder, env });
    expect(stdout).toContain('2 tests, 0 failures');
  });
});

describe('in Erlang', () => {
  it('EUnit runs its test, and a node has it', async () => {
    const folder = fs.mkdtempSync(path.join(root, 'erlang-'));
    const { files } = writeGenerated({ name: 'count_idle_carts', workspaceFolder: folder, language: 'erlang' });
    const [source = '', test = ''] = files;
    expect(files).toEqual([
      path.join('src', 'count_idle_carts_operation.erl'),
      path.join('test', 'count_idle_carts_operation_tests.erl'),
    ]);
    await run('erlc', ['-Werror', '-o', folder, source, test], { cwd: folder });
    const tests = 'halt(case eunit:test(count_idle_carts_operation, [verbose]) of ok -> 0; _ -> 1 end).';
    const { stdout } = await run('erl', ['-noshell', '-pa', folder, '-eval', tests], { cwd: folder });
    expect(stdout).toMatch(/\b2 tests passed/);
    const node = await startErlang({ name: 'generated_erl', cookie: 'generated', args: ['-pa', folder] });
    await node.eval('{module, _} = code:ensure_loaded(count_idle_carts_operation).');
    expect(await runsOn(node, 'count_idle_carts_operation')).toEqual({ node: node.node, processes: 0 });
    await node.stop();
  });
});
