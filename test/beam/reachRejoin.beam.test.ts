/** Nodes that go and come back, or do not, while a session lasts; windows that do. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { epmdNames } from '../../runtime/beam/dist/epmd.ts';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { NodeInfo } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { FaultProxy } from '../harness/faultProxy.ts';
import { startFaultProxy } from '../harness/faultProxy.ts';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { freshLeaseDir, inTime, shopSpec, supervisorsOf } from './shop.ts';

let shop: Shop;
let epmd: FaultProxy;
const open: Runtime[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'arsenal-rejoin-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  shop = await startShop({ nodes: 3 });
  epmd = await startFaultProxy(shop.epmdPort);
}, 60_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((runtime) => runtime.close()));
  await epmd.close();
  await shop.stop();
});

/** Joined, with a link to each node. */
async function connect(): Promise<Runtime> {
  const runtime = valueOf(await connectBeam(shopSpec(shop, { epmd: { port: epmd.port } })));
  open.push(runtime);
  await eventually(
    () => nodesOf(runtime),
    (nodes) => nodes.length === 3 && nodes.every(({ reach }) => reach.via === 'direct'),
  );
  return runtime;
}

async function nodesOf(runtime: Runtime): Promise<readonly NodeInfo[]> {
  return valueOf(await runtime.port.cluster.nodes({}, inTime())).nodes;
}

const becomes = (runtime: Runtime, wanted: Runtime['state']['is']) =>
  eventually(
    () => Promise.resolve(runtime.state),
    ({ is }) => is === wanted,
    15_000,
  );

async function isInEpmd(node: string): Promise<boolean> {
  const options = { timeoutMs: 1_000, signal: new AbortController().signal };
  const names = await epmdNames({ host: '127.0.0.1', port: shop.epmdPort }, options);
  return names.ok && names.value.some(({ name }) => node.startsWith(`${name}@`));
}

describe('a node that comes back', () => {
  it('is up with its new creation at the second look at the latest, and nobody is troubled while it is away', async () => {
    const runtime = await connect();
    const [, second = ''] = shop.nodes;
    const creationOf = async () => (await nodesOf(runtime)).find(({ node }) => node === second)?.creation ?? 0;
    const before = await creationOf();
    const abort = new AbortController();
    const view = new WatchView();
    const watching = (async () => {
      const query = { minIntervalMs: 1_000, of: { rows: 'nodes' } } as const;
      for await (const item of runtime.port.watch.open(query, callOptions(longestMs, abort.signal))) {
        if (item.is === 'frame') view.apply(item.frame);
      }
    })();
    const statusOf = (name: string) =>
      [...(view.state?.rows.values() ?? [])].find(({ node }) => node === name)?.['status'];
    await eventually(
      () => Promise.resolve(statusOf(second)),
      (status) => status === 'up',
    );
    await shop.killNode(second);
    await becomes(runtime, 'degraded');
    const asked = epmd.accepted();
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // One small question for all lost nodes of a host, at most every 300 ms, and what the watch asks when it looks.
    expect(epmd.accepted() - asked).toBeLessThan((performance.now() - from) / 300 + 4);
    const starting = shop.startNode(second);
    await eventually(
      () => isInEpmd(second),
      (isThere) => isThere,
    );
    const looked = epmd.accepted();
    await becomes(runtime, 'ready');
    // The look that is under way or the next one sees it, and one more question says where it is.
    expect(epmd.accepted() - looked).toBeLessThanOrEqual(4);
    await starting;
    expect(await creationOf()).not.toBe(before);
    await eventually(
      () => Promise.resolve(statusOf(second)),
      (status) => status === 'up',
    );
    abort.abort();
    await watching;
  });

  it('is the way back for all, though it is not the node joined first, under a new epoch', async () => {
    const runtime = await connect();
    const [first = '', second = '', third = ''] = shop.nodes;
    const before = await becomes(runtime, 'ready');
    for (const node of [first, second, third]) await shop.killNode(node);
    const lost = await becomes(runtime, 'lost');
    expect(lost).toMatchObject({ retryAt: expect.any(Number) });
    await shop.startNode(third);
    const after = await becomes(runtime, 'degraded');
    expect('epoch' in before && 'epoch' in after && before.epoch !== after.epoch).toBe(true);
    expect((await supervisorsOf(runtime, third)).length).toBeGreaterThan(10);
    await shop.startNode(first);
    await shop.startNode(second);
    await becomes(runtime, 'ready');
  });
});

describe('a node joined first that is gone for good', () => {
  // @row T013.a2
  it('is not missed: the others are listed, watched, lost and found without it', async () => {
    const runtime = await connect();
    const [first = '', second = '', third = ''] = shop.nodes;
    await shop.killNode(first);
    await becomes(runtime, 'degraded');
    expect((await supervisorsOf(runtime, second)).length).toBeGreaterThan(10);
    await shop.killNode(third);
    await eventually(
      () => nodesOf(runtime),
      (nodes) => nodes.find(({ node }) => node === third)?.reach.via === 'none',
    );
    await shop.startNode(third);
    const nodes = await eventually(
      () => nodesOf(runtime),
      (all) => all.find(({ node }) => node === third)?.reach.via === 'direct',
    );
    expect(nodes.find(({ node }) => node === first)?.reach).toMatchObject({ via: 'none', why: 'down' });
    expect(runtime.state).toMatchObject({ is: 'degraded', missing: [{ node: first }] });
  });
});

describe('the name of a window', () => {
  /** Another window: a process that joins, says so, and stays until it is killed. */
  async function otherWindow(leaseDir: string, home: string) {
    const script = path.join(folder, 'window.mjs');
    await build({
      stdin: {
        contents: `
          import { connectBeam } from './runtime/beam/beamRuntime.ts';
          const joined = await connectBeam(JSON.parse(process.env.SPEC));
          console.log(joined.ok ? 'ready' : joined.error.code);
          setInterval(() => undefined, 1000);`,
        resolveDir: path.join(import.meta.dirname, '..', '..'),
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'silent',
    });
    const spec = JSON.stringify(shopSpec(shop, { leaseDir }));
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, HOME: home, SPEC: spec },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const kill = async (): Promise<void> => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    };
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'ready') return { kill };
      await kill();
      throw new Error(line);
    }
    throw new Error('The other window said nothing.');
  }

  const names = async (): Promise<readonly string[]> => {
    const hidden = await shop.rpc(shop.node, 'nodes(hidden).');
    return [...new Set(hidden.match(/arsenal_\d+_\w+@127.0.0.1/g))].sort();
  };
  const namesOf = (count: number) => eventually(names, (all) => all.length === count);

  it('is another for each window at once, the same again after one was killed, and another for another home', async () => {
    const leaseDir = freshLeaseDir();
    const one = await otherWindow(leaseDir, folder);
    const [first = ''] = await namesOf(1);
    const two = await otherWindow(leaseDir, folder);
    const both = await namesOf(2);
    expect(both).toContain(first);
    await one.kill();
    await eventually(names, (left) => left.length === 1 && left[0] !== first);
    const again = await otherWindow(leaseDir, folder);
    expect(await namesOf(2)).toEqual(both);
    const elsewhere = await otherWindow(freshLeaseDir(), path.join(folder, 'other-home'));
    const three = await namesOf(3);
    expect(three).toEqual(expect.arrayContaining([...both]));
    // The slot is the first of its own pool; what tells it apart is the pool.
    expect(three.filter((name) => name.startsWith('arsenal_0_'))).toHaveLength(2);
    await Promise.all([two.kill(), again.kill(), elsewhere.kill()]);
  });
});
