/** A local cluster from the command line, as a user types it. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { isAlive, LocalBench, within } from './support.ts';

let bench: LocalBench;
let cliFile: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  bench = await LocalBench.open();
  cliFile = await bench.bundle('server/cli/main.ts', 'cli.js');
});
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await cli('cluster', 'stop');
});
afterAll(() => bench.dispose());

function start(args: readonly string[]): ChildProcess {
  const env = { ...process.env, ARSENAL_HOME: bench.home };
  const child = spawn(process.execPath, [cliFile, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return child;
}

/** Runs one command line to its end. */
async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(args);
  let [out, err] = ['', ''];
  child.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

/** The same with `--json`; what it says must be one JSON value. */
async function json(...args: string[]) {
  const { code, out } = await cli(...args, '--json');
  return { code, value: JSON.parse(out) };
}

// @row XT-06
it('is started, looked at, parted, healed and stopped', async () => {
  expect(await cli('cluster', 'status')).toMatchObject({ code: 3 });
  const started = await json('cluster', 'start', '--nodes', '3', '--net-ticktime', '8', '--overlap', 'allow');
  expect(started.code).toBe(0);
  bench.note(started.value);
  const osPids: number[] = started.value.nodes.map((node: { osPid: number }) => node.osPid);
  expect(started.value).toMatchObject({ launcher: 'erl', isKept: true, netTicktimeSeconds: 8, preventsOverlap: false });

  const status = await cli('cluster', 'status');
  for (const word of [
    'node1@127.0.0.1',
    'net_ticktime 8 s',
    'prevent_overlapping_partitions false',
    String(osPids[2]),
  ]) {
    expect(status.out).toContain(word);
  }

  const links = async () => {
    const { value } = await json('run', 'cluster_topology', '--runtime', 'local-cluster');
    return value.data.attributes.result.links
      .map(({ from, to }: { from: string; to: string }) => `${from[4]}${to[4]}`)
      .sort()
      .join(' ');
  };
  expect(await links()).toBe('12 13 23');
  const parted = await cli('cluster', 'partition', '1,node2', 'node3@127.0.0.1');
  expect(parted).toMatchObject({ code: 0 });
  expect(parted.out).toContain('node1@127.0.0.1, node2@127.0.0.1 | node3@127.0.0.1');
  // It stays though the command has ended.
  await expect.poll(links, { timeout: 15_000 }).toBe('12');
  expect((await cli('cluster', 'status')).out).toContain('cut between');
  expect(await cli('cluster', 'heal', 'fault:none')).toMatchObject({ code: 1 });
  expect((await cli('cluster', 'heal')).out).toContain('Healed one fault');
  await expect.poll(links, { timeout: 15_000 }).toBe('12 13 23');
  expect(await cli('cluster', 'partition', '1', '9')).toMatchObject({ code: 1 });
  expect(await cli('cluster', 'partition', '1')).toMatchObject({ code: 1 });

  // Writable without being asked: it is ours.
  expect(await cli('run', 'crash_node', 'node=node3@127.0.0.1', '--runtime', 'local-cluster')).toMatchObject({
    code: 0,
  });
  expect((await json('cluster', 'status')).value.nodes[2]).toMatchObject({ state: 'down', osPid: null });
  expect((await cli('cluster', 'logs', '3')).out).toContain('signal SIGKILL');
  expect(await cli('run', 'restart_node', 'node=node3@127.0.0.1', '--runtime', 'local-cluster')).toMatchObject({
    code: 0,
  });
  await expect.poll(links, { timeout: 15_000 }).toBe('12 13 23');

  bench.note((await json('cluster', 'status')).value);
  expect(await cli('cluster', 'stop')).toMatchObject({ code: 0 });
  expect(osPids.some(isAlive)).toBe(false);
  expect(await cli('cluster', 'logs', '1')).toMatchObject({ code: 3 });
}, 120_000);

it('takes every fault as an operation, and heals', async () => {
  bench.note((await json('cluster', 'start', '--nodes', '3')).value);
  const [one, two, three] = [1, 2, 3].map((n) => `node${n}@127.0.0.1`);
  const run = async (operation: string, params: object = {}) => {
    const local = ['--runtime', 'local-cluster', '--params', JSON.stringify(params)];
    const { code, value } = await json('run', operation, ...local);
    expect(code, JSON.stringify(value)).toBe(0);
    return value.data.attributes.result;
  };
  const faults = async () => {
    const { value } = await json('cluster', 'status');
    return value.faults.map(({ what }: { what: string }) => what);
  };
  expect(await run('partition_cluster', { islands: [[one, two], [three]] })).toMatchObject({ preventsOverlap: true });
  await run('delay_link', { from: one, to: two, delayMs: 30, jitterMs: 5 });
  await run('drop_link', { from: two, to: one, lossRatio: 0.2, bytesPerSecond: 1_000_000 });
  await run('hang_node', { node: three });
  // Each was made by a command that has ended since: they last as long as they said.
  expect(await faults()).toEqual([
    `cut between ${one}, ${two} and ${three}`,
    `${one} to ${two}: 30 ms late, up to 5 ms more`,
    `${two} to ${one}: 20 % lost, at most 1000000 bytes per second`,
    `${three} hangs`,
  ]);
  expect((await run('heal_cluster')).released).toHaveLength(4);
  expect(await faults()).toEqual([]);
  const added = 'node4@127.0.0.1';
  expect(await run('add_node', { node: added })).toMatchObject({ node: added, status: 'up' });
  bench.note((await json('cluster', 'status')).value);
  await run('remove_node', { node: added });
  expect((await json('cluster', 'status')).value.nodes).toHaveLength(3);
}, 120_000);

it('is served, and ends with the one who serves it', async () => {
  const child = start(['serve', '--runtime', 'local-cluster', '--nodes', '2', '--json']);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', () => reject(new Error('It ended.')));
  });
  const ready = JSON.parse(line);
  expect(ready).toMatchObject({
    event: 'ready',
    runtime: 'local-cluster',
    nodes: ['node1@127.0.0.1', 'node2@127.0.0.1'],
  });
  const { value } = await json('cluster', 'status');
  bench.note(value);
  expect(value).toMatchObject({ isKept: false, windows: 1 });
  child.kill('SIGKILL');
  const osPids: number[] = value.nodes.map((node: { osPid: number }) => node.osPid);
  expect(await within(15_000, () => ![value.ownerPid, ...osPids].some(isAlive))).toBe(true);
}, 60_000);

it('shows what a node prints as it prints it', async () => {
  bench.note((await json('cluster', 'start', '--nodes', '1')).value);
  const following = start(['cluster', 'logs', '1', '--follow', '--lines', '1']);
  let out = '';
  following.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
  await expect.poll(() => out, { timeout: 10_000 }).toContain('erl');
  await cli('run', 'crash_node', 'node=node1@127.0.0.1', '--runtime', 'local-cluster');
  await expect.poll(() => out, { timeout: 10_000 }).toContain('ended: signal SIGKILL');
  following.kill('SIGINT');
  expect(await new Promise((resolve) => following.once('exit', resolve))).toBe(0);
}, 60_000);

it('says what is wrong before it starts anything', async () => {
  const project = path.join(bench.folder, 'nowhere');
  const run = await cli('cluster', 'start', '--project', project);
  expect(run).toMatchObject({ code: 1 });
  expect(run.err).toContain('There is no folder');
  expect(run.err).toContain('[local.no_project]');
}, 30_000);
