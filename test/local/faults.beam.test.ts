/** Three plain Erlang nodes, and what is done to them and between them; told by the nodes themselves. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Incarnation } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import { errorOf } from '../beam/shop.ts';
import { valueOf } from '../port/results.ts';
import type { TestCluster } from './support.ts';
import { held, infoOf, isAlive, LocalBench } from './support.ts';

let bench: LocalBench;
let cluster: TestCluster;
let one: string;
let two: string;
let three: string;

const inTime = () => callOptions(30_000);
const whole = [
  [2, 3],
  [1, 3],
  [1, 2],
];

beforeAll(async () => {
  bench = await LocalBench.open();
  // Seconds in place of a minute, so that a silent link is noticed within the test.
  cluster = await bench.cluster({ netTicktimeSeconds: 4 });
  [one = '', two = '', three = ''] = cluster.names;
});
afterAll(() => bench.dispose());
afterEach(async () => {
  const { holdings } = valueOf(await cluster.runtime.port.holdings.list({}, inTime()));
  for (const { id } of holdings) await cluster.runtime.port.holdings.release({ id }, inTime());
  await expect.poll(() => cluster.seen(), { timeout: 20_000 }).toEqual(whole);
});

const faults = () => cluster.runtime.port.faults;
const release = (id: string) => cluster.runtime.port.holdings.release({ id }, inTime());

/** Nodes with the creations of their lives. */
function lives(nodes: readonly Incarnation[]): readonly string[] {
  return nodes.map(({ node, creation }) => `${node} ${creation}`).sort();
}

/** Median of some calls from one node to another, in milliseconds, as the caller measures them. */
async function callMs(from: string, to: string, times = 15): Promise<number> {
  const source = `
    Times = [element(1, timer:tc(fun() -> '${to}' = rpc:call('${to}', erlang, node, []) end)) || _ <- lists:seq(1, ${times})],
    lists:nth(${Math.ceil(times / 2)}, lists:sort(Times)).`;
  return Number(await cluster.print(from, source)) / 1_000;
}

describe('a local cluster', () => {
  it('is three nodes that know each other, under names of their own, joined past the proxies', async () => {
    expect(cluster.names).toEqual(['node1@127.0.0.1', 'node2@127.0.0.1', 'node3@127.0.0.1']);
    expect(await cluster.seen()).toEqual(whole);
    expect(cluster.runtime).toMatchObject({ kind: 'local-cluster', state: { is: 'ready' } });
    const { nodes } = valueOf(await cluster.runtime.port.cluster.nodes({}, inTime()));
    expect(lives(nodes)).toEqual(lives((await infoOf(cluster.runtime)).nodes));
    expect(nodes.map(({ reach }) => reach.via)).toEqual(['direct', 'direct', 'direct']);
  });

  it('shows its cookie nowhere but in files of its owner', async () => {
    const cookie = readFileSync(cluster.first.cookieFile, 'utf8');
    expect(cookie).toMatch(/^[0-9a-f]{48}$/);
    expect(await cluster.print(two, `erlang:get_cookie() =:= '${cookie}'.`)).toBe('true');
    expect(statSync(cluster.first.cookieFile).mode & 0o777).toBe(0o400);
    const seen = execFileSync('ps', ['axeww', '-o', 'args'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    expect(seen).toContain('node2@127.0.0.1');
    expect(seen).not.toContain(cookie);
  });

  it('leaves the user’s environment as it was, once a node runs', async () => {
    const home = JSON.stringify(process.env['HOME'] ?? '');
    expect(await cluster.print(one, `os:getenv("HOME") =:= ${home}.`)).toBe('true');
    expect(await cluster.print(one, 'os:getenv("ERL_AFLAGS").')).toBe('false');
    expect(await cluster.print(one, 'os:getenv("ARSENAL_LOCAL_NODE").')).toBe('false');
  });

  it('listens on loopback only', async () => {
    const bound = await cluster.print(
      one,
      '[element(1, element(2, inet:sockname(P))) || P <- erlang:ports(), {ok, _} <- [inet:sockname(P)]].',
    );
    expect(bound).toContain('{127,0,0,1}');
    expect(bound).not.toContain('{0,0,0,0}');
  });
});

describe('a partition', () => {
  // @row XT-08
  // @row R10.2
  it('{1,2} | {3} is seen by the nodes themselves, and by us on both sides; and heals', async () => {
    const islands = [[one, two], [three]];
    const holding = valueOf(await faults().partition({ islands, mode: 'cut', ...held }, inTime()));
    expect(holding).toMatchObject({ kind: 'fault', preventsOverlap: true, lingerMs: 1_000 });
    await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual([[2], [1], []]);
    // A message makes OTP connect again: here it cannot.
    expect(await cluster.print(one, `net_kernel:connect_node('${three}').`)).toBe('false');
    const { links } = valueOf(await cluster.runtime.port.cluster.links({}, inTime()));
    expect(Object.fromEntries(links.map(({ node, sees }) => [node, sees]))).toEqual({
      [one]: [two],
      [two]: [one],
      [three]: [],
    });
    expect(await infoOf(cluster.runtime)).toMatchObject({ faults: [{ id: holding.id }] });
    expect(valueOf(await release(holding.id))).toEqual({ wasHeld: true });
    await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual(whole);
    expect(valueOf(await release(holding.id))).toEqual({ wasHeld: false });
  });

  it('by black hole is noticed by the nodes when their ticks run out', async () => {
    const islands = [[one, two], [three]];
    const holding = valueOf(await faults().partition({ islands, mode: 'blackhole', ...held }, inTime()));
    expect(await cluster.seen()).toEqual(whole);
    await expect.poll(() => cluster.seen(), { timeout: 12_000, interval: 100 }).toEqual([[2], [1], []]);
    valueOf(await release(holding.id));
    await expect.poll(() => cluster.seen(), { timeout: 10_000 }).toEqual(whole);
  }, 30_000);

  it('that makes no sense is refused, and nothing happens', async () => {
    const partition = (islands: readonly (readonly string[])[]) =>
      faults().partition({ islands, mode: 'cut', ...held }, inTime());
    expect(errorOf(await partition([[one, two]])).code).toBe('fault.bad_islands');
    expect(errorOf(await partition([[one, two], [two]])).code).toBe('fault.bad_islands');
    expect(errorOf(await partition([[one], []])).code).toBe('fault.bad_islands');
    expect(errorOf(await partition([[one], ['no@where']])).code).toBe('node.not_found');
    expect(await cluster.seen()).toEqual(whole);
  });
});

describe('a link', () => {
  it('that is slow makes calls so much longer', async () => {
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      valueOf(await faults().delayLink({ from, to, delayMs: 25, jitterMs: 0, ...held }, inTime()));
    }
    const slow = await callMs(one, two);
    // There and back; timers are a millisecond coarse.
    expect(slow).toBeGreaterThan(49);
    expect(await callMs(one, three)).toBeLessThan(slow);
  });

  it('that loses everything in one direction is closed by the one who hears nothing', async () => {
    valueOf(await faults().dropLink({ from: one, to: two, lossRatio: 1, bytesPerSecond: null, ...held }, inTime()));
    await expect.poll(() => cluster.sees(two), { timeout: 12_000, interval: 100 }).not.toContain(one);
  }, 30_000);

  it('that is narrow takes its time for much', async () => {
    const bytesPerSecond = 1_000_000;
    valueOf(await faults().dropLink({ from: one, to: two, lossRatio: 0, bytesPerSecond, ...held }, inTime()));
    const tookMs =
      Number(
        await cluster.print(
          one,
          `element(1, timer:tc(fun() -> rpc:call('${two}', erlang, byte_size, [binary:copy(<<0>>, 1000000)]) end)).`,
        ),
      ) / 1_000;
    expect(tookMs).toBeGreaterThan(950);
  });

  it('needs two nodes, and numbers in range', async () => {
    const delay = (from: string, to: string, delayMs: number) =>
      faults().delayLink({ from, to, delayMs, jitterMs: 0, ...held }, inTime());
    expect(errorOf(await delay(one, one, 1)).code).toBe('fault.bad_link');
    expect(errorOf(await delay(one, 'no@where', 1)).code).toBe('node.not_found');
    expect(errorOf(await delay(one, two, -1)).code).toBe('fault.out_of_range');
    expect(
      errorOf(await faults().dropLink({ from: one, to: two, lossRatio: 1.5, bytesPerSecond: null, ...held }, inTime()))
        .code,
    ).toBe('fault.out_of_range');
  });
});

/** Rows of the watch `nodes` as they change. */
function watchNodes(runtime: Runtime) {
  const view = new WatchView();
  const aborter = new AbortController();
  const stream = runtime.port.watch.open(
    { minIntervalMs: 100, of: { rows: 'nodes' } },
    callOptions(2_147_483_647, aborter.signal),
  );
  void (async () => {
    for await (const item of stream) if (item.is === 'frame') view.apply(item.frame);
  })();
  return { view, end: () => aborter.abort() };
}

describe('a node', () => {
  it('crashes, and comes back under its name as another life, which is seen at once', async () => {
    const before = (await infoOf(cluster.runtime)).nodes.find(({ node }) => node === three)!;
    expect(valueOf(await faults().crashNode({ node: three }, inTime()))).toEqual({ wasUp: true });
    expect(isAlive(before.osPid ?? 0)).toBe(false);
    expect(valueOf(await faults().crashNode({ node: three }, inTime()))).toEqual({ wasUp: false });
    await expect.poll(() => cluster.sees(one), { timeout: 5_000 }).toEqual([two]);
    expect(errorOf(await faults().startNode({ node: two }, inTime())).code).toBe('node.up');

    const back = valueOf(await faults().startNode({ node: three }, inTime()));
    bench.note(await infoOf(cluster.runtime));
    expect(back).toMatchObject({ node: three, reach: { via: 'direct' } });
    expect(back.creation).not.toBe(before.creation);
    await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual(whole);
  });

  it('hangs, and goes on when it is released', async () => {
    const { osPid } = (await infoOf(cluster.runtime)).nodes.find(({ node }) => node === two)!;
    const stateOf = () => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${osPid}/status`, 'utf8'))?.[1];
    const holding = valueOf(await faults().hangNode({ node: two, ...held }, inTime()));
    await expect.poll(stateOf).toBe('T');
    expect((await infoOf(cluster.runtime)).nodes.map(({ state }) => state)).toEqual(['up', 'hung', 'up']);
    valueOf(await release(holding.id));
    await expect.poll(stateOf).not.toBe('T');
    expect(await cluster.print(two, 'node().')).toContain('node2');
  });

  it('is added, joins, and is taken away for good', async () => {
    const node = 'extra@127.0.0.1';
    const watch = watchNodes(cluster.runtime);
    expect(valueOf(await faults().addNode({ node }, inTime()))).toMatchObject({ node, reach: { via: 'direct' } });
    bench.note(await infoOf(cluster.runtime));
    await expect.poll(() => cluster.sees(node), { timeout: 5_000 }).toEqual([one, two, three]);
    await expect.poll(() => [...(watch.view.state?.rows.keys() ?? [])], { timeout: 5_000 }).toContain(node);
    expect(errorOf(await faults().addNode({ node }, inTime())).code).toBe('node.exists');
    expect(errorOf(await faults().addNode({ node: 'extra@elsewhere' }, inTime())).code).toBe('local.bad_name');
    expect(errorOf(await faults().addNode({ node: 'Bad Name@127.0.0.1' }, inTime())).code).toBe('local.bad_name');

    expect(valueOf(await faults().removeNode({ node }, inTime()))).toEqual({ wasUp: true });
    const { nodes } = valueOf(await cluster.runtime.port.cluster.nodes({}, inTime()));
    expect(nodes.map(({ node: name }) => name).sort()).toEqual(cluster.names);
    expect(errorOf(await faults().startNode({ node }, inTime())).code).toBe('node.not_found');
    watch.end();
  });

  it('that is not there is not found', async () => {
    const node = 'no@where';
    for (const method of ['crashNode', 'startNode', 'removeNode'] as const) {
      expect(errorOf(await faults()[method]({ node }, inTime())).code).toBe('node.not_found');
    }
    expect(errorOf(await faults().hangNode({ node, ...held }, inTime())).code).toBe('node.not_found');
  });

  it('has a log', async () => {
    await cluster.eval(one, 'io:format(user, "a word to the log~n", []).');
    const said = async () => valueOf(await cluster.runtime.log(one, { last: 5 }, inTime())).lines;
    await expect.poll(said).toContain('a word to the log');
    const { file } = valueOf(await cluster.runtime.log(one, { last: 5 }, inTime()));
    expect(statSync(file).mode & 0o077).toBe(0);
  });
});

describe('who looks second', () => {
  it('sees the same cluster, and its own faults end with it', async () => {
    const second = valueOf(await bench.start());
    try {
      expect((await infoOf(second)).nodes).toEqual((await infoOf(cluster.runtime)).nodes);
      expect((await infoOf(second)).windows).toBe(2);
      const islands = [[one], [two, three]];
      valueOf(await second.port.faults.partition({ islands, mode: 'cut', owner: held.owner, lingerMs: 300 }, inTime()));
      await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual([[], [3], [2]]);
    } finally {
      await second.close();
    }
    await expect.poll(() => cluster.seen(), { timeout: 5_000 }).toEqual(whole);
    expect((await infoOf(cluster.runtime)).windows).toBe(1);
  });

  it('is shown a node that is down too, and can start it', async () => {
    valueOf(await faults().crashNode({ node: three }, inTime()));
    const second = valueOf(await bench.start());
    try {
      const { nodes } = valueOf(await second.port.cluster.nodes({}, inTime()));
      expect(Object.fromEntries(nodes.map(({ node, reach }) => [node, reach.via]))).toEqual({
        [one]: 'direct',
        [two]: 'direct',
        [three]: 'none',
      });
      valueOf(await second.port.faults.startNode({ node: three }, inTime()));
      bench.note(await infoOf(second));
    } finally {
      await second.close();
    }
    // The one who did not start it learns of it as soon.
    await expect
      .poll(async () =>
        valueOf(await cluster.runtime.port.cluster.nodes({}, inTime())).nodes.map(({ reach }) => reach.via),
      )
      .toEqual(['direct', 'direct', 'direct']);
  });

  it('cannot have another cluster of the same project, and is told so', async () => {
    expect(errorOf(await bench.start({ nodes: 5 }))).toMatchObject({ code: 'local.runs_otherwise', class: 'conflict' });
  });
});
