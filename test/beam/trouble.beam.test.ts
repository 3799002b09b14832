/** A cluster in trouble: the node joined first restarts, another hangs, another has a cookie of its own. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, tuple } from '../../runtime/term/term.ts';
import { WatchView } from '../../runtime/watch.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, errorOf, inTime, named, supervisorsOf } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let second: string;
beforeEach(async () => {
  shop = await startShop({ nodes: 2 });
  [, second = ''] = shop.nodes;
  runtime = await connectShop(shop);
  valueOf(await runtime.port.cluster.nodes({}, inTime()));
}, 60_000);
afterEach(async () => {
  await runtime.close();
  await shop.stop();
});

const stateIs = (wanted: Runtime['state']['is']) =>
  eventually(
    () => Promise.resolve(runtime.state),
    ({ is }) => is === wanted,
    15_000,
  );

describe('a cluster in trouble', () => {
  it('goes on without the node joined first, and has it back in a new epoch', async () => {
    const before = await stateIs('ready');
    await shop.killNode(shop.node);
    const without = await stateIs('degraded');
    expect(without).toMatchObject({ missing: [{ node: shop.node }] });
    expect((await supervisorsOf(runtime, second)).length).toBeGreaterThan(10);
    const { nodes } = valueOf(await runtime.port.cluster.nodes({}, inTime()));
    expect(nodes.find(({ node }) => node === shop.node)?.reach).toMatchObject({ via: 'none', why: 'down' });
    expect(errorOf(await runtime.port.system.stats({ node: shop.node }, inTime()))).toMatchObject({
      class: 'unavailable',
      effect: 'none',
      node: shop.node,
    });
    await shop.startNode(shop.node);
    const after = await stateIs('ready');
    expect('epoch' in before && 'epoch' in after && before.epoch !== after.epoch).toBe(true);
  });

  it('gives watches a new epoch, without a row of the life before', async () => {
    const abort = new AbortController();
    const view = new WatchView();
    const epochs = new Set<string>();
    const plain = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    let restarted = false;
    const of = { rows: 'names', registry: 'local' } as const;
    for await (const item of runtime.port.watch.open({ minIntervalMs: 50, of }, callOptions(longestMs, abort.signal))) {
      if (item.is === 'end') break;
      view.apply(item.frame);
      epochs.add(item.frame.epoch);
      const rows = JSON.stringify([...(view.state?.rows.values() ?? [])]);
      if (!restarted) {
        restarted = true;
        await shop.killNode(second);
        await shop.killNode(shop.node);
        await stateIs('lost');
        await shop.startNode(shop.node);
        // The second node is still missed.
        await stateIs('degraded');
      } else if (epochs.size === 2) {
        expect(rows).not.toContain(`"creation":${String(plain.creation)}`);
        // We are back before the node has started its applications.
        if (rows.includes('Elixir.Shop.Plain')) abort.abort();
      }
    }
    expect(epochs.size).toBe(2);
  });

  it.runIf(process.platform !== 'win32')('shows a node that hangs, while the others go on', async () => {
    const osPid = Number(await shop.rpc(second, 'list_to_integer(os:getpid()).'));
    process.kill(osPid, 'SIGSTOP');
    try {
      const abort = new AbortController();
      const view = new WatchView();
      const statusOf = (name: string) =>
        [...(view.state?.rows.values() ?? [])].find(({ node }) => node === name)?.['status'];
      const moments: number[] = [];
      const options = callOptions(longestMs, abort.signal);
      for await (const item of runtime.port.watch.open({ minIntervalMs: 50, of: { rows: 'nodes' } }, options)) {
        if (item.is === 'end') break;
        view.apply(item.frame);
        if (statusOf(second) === 'unreachable') moments.push(performance.now());
        if (moments.length === 4) abort.abort();
      }
      expect(statusOf(shop.node)).toBe('up');
      const gaps = moments.slice(1).map((moment, at) => moment - (moments[at] ?? 0));
      expect(Math.max(...gaps)).toBeLessThan(5_000);
      const stuck = await runtime.port.system.stats({ node: second }, callOptions(300));
      expect(errorOf(stuck)).toMatchObject({ class: 'timeout', effect: 'none' });
      const start = {
        node: second,
        module: 'timer',
        function: 'sleep',
        args: [{ syntax: 'erlang', source: '1' } as const],
      };
      const cut = errorOf(await runtime.port.processes.start(start, callOptions(300)));
      expect(cut).toMatchObject({ class: 'timeout', effect: 'none' });
    } finally {
      process.kill(osPid, 'SIGCONT');
    }
    await eventually(
      () => runtime.port.system.stats({ node: second }, inTime()),
      (result) => result.ok,
    );
  });

  it.runIf(process.platform !== 'win32')('lists what the others have while one hangs, and says which', async () => {
    await shop.rpc(
      shop.node,
      "global:re_register_name({shop, catalogue}, whereis('Elixir.Shop.Catalogue'), fun global:random_exit_name/3).",
    );
    const osPid = Number(await shop.rpc(second, 'list_to_integer(os:getpid()).'));
    process.kill(osPid, 'SIGSTOP');
    try {
      const { port } = runtime;
      const within = () => callOptions(6_000);
      const lists = [
        await readAll(port.processes.scan({ nodes: 'all', keys: ['status'], pageRows: 1_000 }, within())),
        await readAll(port.supervisors.find({ nodes: 'all' }, within())),
        await readAll(port.names.list({ nodes: 'all', registry: 'local' }, within())),
      ];
      for (const { frames, end } of lists) {
        expect(frames.length).toBeGreaterThan(0);
        expect(valueOf(end).nodes).toMatchObject([
          { node: shop.node, status: 'ok' },
          { node: second, status: 'missing', error: { class: 'timeout' } },
        ]);
      }
      const name = { in: 'global', name: tuple(atom('shop'), atom('catalogue')) } as const;
      const target = { name };
      const found = valueOf(await port.names.resolve({ target, seenFrom: 'any' }, within()));
      expect(found).toMatchObject({ pid: { node: shop.node }, disagree: [] });
    } finally {
      process.kill(osPid, 'SIGCONT');
    }
  });

  it('asks a node with another cookie through the others, and tries its door once', async () => {
    await runtime.close();
    await shop.rpc(
      second,
      "erlang:set_cookie(other_cookie), erlang:set_cookie('" + shop.node + "', '" + shop.cookie + "').",
    );
    runtime = await connectShop(shop);
    for (let times = 0; times < 5; times += 1) {
      const { nodes } = valueOf(await runtime.port.cluster.nodes({}, inTime()));
      expect(nodes.find(({ node }) => node === second)?.reach).toEqual({ via: 'relay', relay: shop.node });
    }
    expect((await supervisorsOf(runtime, second)).length).toBeGreaterThan(10);
    const refusals = async () => (await shop.logOf(second)).match(/Invalid challenge/g)?.length ?? 0;
    await eventually(refusals, (count) => count > 0);
    expect(await refusals()).toBe(1);
    const connect = await runtime.port.cluster.connect({ node: second }, inTime());
    expect(errorOf(connect)).toMatchObject({ code: 'connect.bad_cookie', class: 'authentication', node: second });
  });
});
