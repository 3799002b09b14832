/** Who owns a local cluster, and that nothing of it is left when those who looked at it are gone, however they went. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { LocalClusterInfo } from '../../runtime/local/localSpec.ts';
import { usualSpec } from '../../runtime/local/localSpec.ts';
import { attachOwner, attachRunning } from '../../runtime/local/owner/attachOwner.ts';
import { OwnerClient } from '../../runtime/local/owner/ownerClient.ts';
import { publishedOwners } from '../../runtime/local/owner/ownerFiles.ts';
import { valueOf } from '../port/results.ts';
import { infoOf, isAlive, LocalBench, within } from './support.ts';

let bench: LocalBench;
let windowFile: string;
const windows: ChildProcess[] = [];

beforeAll(async () => {
  bench = await LocalBench.open();
  windowFile = await bench.bundle('test/local/window.ts', 'window.js');
});
afterEach(async () => {
  for (const window of windows.splice(0)) window.kill('SIGKILL');
  await bench.stopAll();
});
afterAll(() => bench.dispose());

/** A window in a process of its own, and the cluster as it sees it. */
async function openWindow(...args: string[]): Promise<{ window: ChildProcess; info: LocalClusterInfo }> {
  const window = spawn(process.execPath, [windowFile, bench.home, bench.ownerFile, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  windows.push(window);
  const said = await new Promise<string>((resolve, reject) => {
    createInterface({ input: window.stdout }).once('line', resolve);
    window.once('exit', () => reject(new Error('The window ended.')));
  });
  const info: LocalClusterInfo & { readonly error?: unknown } = JSON.parse(said);
  expect(info.error).toBeUndefined();
  bench.note(info);
  return { window, info };
}

const processesOf = ({ ownerPid, nodes }: LocalClusterInfo) => [ownerPid, ...nodes.map(({ osPid }) => osPid ?? 0)];
const areGone = (osPids: readonly number[]) => !osPids.some(isAlive);

it('outlives a window while another looks, and ends five seconds after the last was killed', async () => {
  const first = await openWindow();
  const second = await openWindow();
  expect(second.info.ownerPid).toBe(first.info.ownerPid);
  expect(second.info.windows).toBe(2);
  const osPids = processesOf(first.info);
  expect(osPids.every(isAlive)).toBe(true);

  first.window.kill('SIGKILL');
  await within(6_500, () => false);
  expect(osPids.every(isAlive)).toBe(true);

  const killedAt = performance.now();
  second.window.kill('SIGKILL');
  expect(await within(15_000, () => areGone(osPids))).toBe(true);
  expect(performance.now() - killedAt).toBeGreaterThan(4_900);
  expect(await publishedOwners(await bench.clusterDir())).toEqual([]);
}, 40_000);

it('ends with its owner, when that is killed, also a node that hangs', async () => {
  const { info } = await openWindow('node2@127.0.0.1');
  const osPids = processesOf(info);
  expect(info.nodes.map(({ state }) => state)).toEqual(['up', 'hung', 'up']);
  process.kill(info.ownerPid, 'SIGKILL');
  expect(await within(5_000, () => areGone(osPids))).toBe(true);
  // Its file is still there; it keeps nobody from starting anew.
  expect(await publishedOwners(await bench.clusterDir())).toHaveLength(1);
  const again = await bench.cluster();
  expect(again.first.ownerPid).not.toBe(info.ownerPid);
  expect(await again.seen()).toEqual([
    [2, 3],
    [1, 3],
    [1, 2],
  ]);
}, 40_000);

it('is lost for a window whose owner is killed, which says so', async () => {
  const cluster = await bench.cluster();
  process.kill(cluster.first.ownerPid, 'SIGKILL');
  await expect.poll(() => cluster.runtime.state).toMatchObject({ is: 'lost', error: { code: 'local.owner_gone' } });
  expect(await cluster.runtime.port.faults.crashNode({ node: cluster.names[0]! }, callOptions(5_000))).toMatchObject({
    ok: false,
    error: { code: 'local.owner_gone' },
  });
});

it('is one for windows that open at the same moment', async () => {
  const opened = await Promise.all([openWindow(), openWindow(), openWindow()]);
  expect(new Set(opened.map(({ info }) => info.ownerPid)).size).toBe(1);
  expect(await publishedOwners(await bench.clusterDir())).toHaveLength(1);
}, 60_000);

it('that is kept waits for nobody, until it is told to stop', async () => {
  const clusterDir = await bench.clusterDir();
  const tool = valueOf(await attachOwner(clusterDir, bench.ownerFile, 'tool', new AbortController().signal));
  const info = valueOf(await tool.ask('start', { spec: { ...usualSpec, nodes: 2 }, keep: true }, callOptions(30_000)));
  tool.close();
  bench.note(info);
  await within(6_500, () => false);
  expect(processesOf(info).every(isAlive)).toBe(true);

  const runtime = valueOf(await bench.start());
  expect(await infoOf(runtime)).toMatchObject({ isKept: true, windows: 1 });
  await runtime.close();

  const again = await attachRunning(clusterDir, 'tool');
  expect(await again?.ask('stop', {}, callOptions(15_000))).toEqual({ ok: true, value: null });
  expect(await within(5_000, () => areGone(processesOf(info)))).toBe(true);
}, 40_000);

it('gives up a start that nobody waits for any more, with what has started', async () => {
  const project = path.join(bench.folder, 'slow');
  mkdirSync(path.join(project, 'ebin'), { recursive: true });
  writeFileSync(
    path.join(project, 'slow.erl'),
    '-module(slow). -export([start/2]). start(_, _) -> timer:sleep(60000).',
  );
  writeFileSync(
    path.join(project, 'ebin', 'slow.app'),
    '{application, slow, [{vsn, "1"}, {mod, {slow, []}}, {applications, [kernel, stdlib]}]}.',
  );
  execFileSync('erlc', ['-o', 'ebin', 'slow.erl'], { cwd: project });
  const clusterDir = await bench.clusterDir(project);
  const window = valueOf(await attachOwner(clusterDir, bench.ownerFile, 'window', new AbortController().signal));
  const starting = window.ask(
    'start',
    { spec: { ...usualSpec, project, nodes: 2, applications: ['slow'] }, keep: false },
    callOptions(60_000),
  );
  const running = () =>
    execFileSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' }).match(/-name slow\d@/g)?.length ?? 0;
  expect(await within(20_000, () => running() === 2)).toBe(true);
  window.close();
  expect(await starting).toMatchObject({ error: { code: 'local.owner_gone' } });
  expect(await within(15_000, () => running() === 0 && !isAlive(window.address.pid))).toBe(true);
}, 60_000);

it('hears nobody who does not know the secret, which only its user can read', async () => {
  await bench.cluster({ nodes: 1 });
  const clusterDir = await bench.clusterDir();
  const [address] = await publishedOwners(clusterDir);
  if (address === undefined) throw new Error('No owner.');
  expect(statSync(address.file).mode & 0o777).toBe(0o600);
  expect(statSync(clusterDir).mode & 0o777).toBe(0o700);
  expect(await OwnerClient.attach({ ...address, token: `${address.token.slice(0, -1)}x` }, 'tool')).toBe('gone');
  expect(await OwnerClient.attach({ ...address, token: '' }, 'tool')).toBe('gone');
});

it('leaves no secret behind', async () => {
  const cluster = await bench.cluster({ nodes: 1 });
  const cookie = readFileSync(cluster.first.cookieFile, 'utf8');
  await bench.stopAll();
  const clusterDir = await bench.clusterDir();
  const files = readdirSync(clusterDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(0);
  for (const { parentPath, name } of files) {
    expect(readFileSync(path.join(parentPath, name), 'utf8').includes(cookie), name).toBe(false);
  }
});
