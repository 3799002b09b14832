/** Joining a node, every way it can fail, and what is left afterwards. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, errorOf, freshLeaseDir, inTime, named, shopSpec } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await startShop({ nodes: 1 });
}, 60_000);
afterAll(() => shop.stop());

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

describe('joining a node', () => {
  it('tells a missing EPMD', async () => {
    const result = await connectBeam(shopSpec(shop, { epmd: { port: await deadPort() } }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.epmd_unreachable', class: 'unavailable', effect: 'none' });
  });

  it('tells an unknown node, and which names EPMD knows', async () => {
    const result = await connectBeam(shopSpec(shop, { node: 'nobody@127.0.0.1' }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.no_such_node', class: 'not_found' });
    expect(errorOf(result).details).toMatchObject({ known: ['shop'] });
    expect(errorOf(result).message).toContain('shop');
  });

  it('tells a short name from a long one', async () => {
    const result = await connectBeam(shopSpec(shop, { node: 'shop@localhost' }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.name_type', class: 'validation' });
    expect(errorOf(result).remedy).toContain('shop@127.0.0.1');
  });

  it('tells a wrong cookie, tries it once, and repeats no part of it', async () => {
    const before = (await shop.logOf(shop.node)).match(/Connection attempt|Invalid challenge/g)?.length ?? 0;
    const result = await connectBeam(shopSpec(shop, { cookie: 'quite_wrong' }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.bad_cookie', class: 'authentication', effect: 'none' });
    expect(JSON.stringify(result)).not.toContain('quite_wrong');
    const attempts = async () => (await shop.logOf(shop.node)).match(/Invalid challenge/g)?.length ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await attempts()) - before).toBe(1);
  });

  it('tells a host that does not resolve', async () => {
    const result = await connectBeam(shopSpec(shop, { node: 'shop@no-such-host.invalid' }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.host_unresolved', class: 'unavailable' });
  });

  it('tells an address that refuses', async () => {
    const result = await connectBeam(shopSpec(shop, { address: { host: '127.0.0.1', port: await deadPort() } }));
    expect(errorOf(result)).toMatchObject({ code: 'connect.refused', class: 'unavailable' });
  });

  it('tells an address that never answers', async () => {
    const server = createServer(() => undefined);
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const spec = shopSpec(shop, { address: { host: '127.0.0.1', port }, connectTimeoutMs: 300 });
    const result = await connectBeam(spec);
    server.close();
    expect(errorOf(result)).toMatchObject({ code: 'connect.timeout', class: 'timeout' });
  });

  it('tells what is no node name at all', async () => {
    for (const node of ['shop', '', 'a@b@c', 'shop@', 'a b@c']) {
      const result = await connectBeam(shopSpec(shop, { node }));
      expect(errorOf(result)).toMatchObject({ code: 'connect.bad_node_name', class: 'validation' });
    }
  });

  it('joins at an address, without EPMD', async () => {
    const port = Number(await shop.rpc(shop.node, '{ok, L} = erl_epmd:names({127,0,0,1}), element(2, hd(L)).'));
    const runtime = await connectShop(shop, { address: { host: '127.0.0.1', port }, epmd: { port: await deadPort() } });
    expect(runtime.state.is).toBe('ready');
    await runtime.close();
  });

  it('is hidden, has one name for two windows in turn and two for two at once', async () => {
    const leaseDir = freshLeaseDir();
    const names = async () => (await shop.rpc(shop.node, 'nodes(hidden).')).match(/arsenal_\d+_\w+@127.0.0.1/g) ?? [];
    const seen: string[] = [];
    for (let times = 0; times < 2; times += 1) {
      const runtime = await connectShop(shop, { leaseDir });
      // The node says who is connected a moment after it has accepted us.
      await eventually(names, (all) => all.length === 1);
      seen.push(...(await names()));
      await runtime.close();
      await eventually(names, (all) => all.length === 0);
    }
    expect(seen).toHaveLength(2);
    expect(new Set(seen).size).toBe(1);
    const both = [await connectShop(shop, { leaseDir }), await connectShop(shop, { leaseDir })];
    await eventually(names, (all) => new Set(all).size === 2);
    expect(await shop.rpc(shop.node, 'nodes().')).toBe('[]');
    expect(both.map(({ state }) => state.is)).toEqual(['ready', 'ready']);
    await Promise.all(both.map((runtime) => runtime.close()));
  });

  it('leaves nothing on the node when it is closed', async () => {
    const processes = async () => Number(await shop.rpc(shop.node, 'length(processes()).'));
    const before = await processes();
    const runtime = await connectShop(shop, { agentLingerMs: 500 });
    await runtime.port.cluster.nodes({}, inTime());
    for await (const item of runtime.port.watch.open({ minIntervalMs: 10, of: { rows: 'nodes' } }, inTime())) {
      expect(item.is).toBe('frame');
      break;
    }
    await runtime.port.supervisors.count(
      { supervisor: await named(runtime, shop.node, 'Elixir.Shop.Supervisor') },
      inTime(),
    );
    await runtime.close();
    // The agent waits for us to come back before it goes.
    await eventually(processes, (now) => now <= before, 40_000);
    expect(await shop.rpc(shop.node, 'nodes(hidden).')).toBe('[]');
  });
});

describe('a node that restarts', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await connectShop(shop);
  });
  afterAll(() => runtime.close());

  it('is lost, then there again under a new epoch, and its old processes are found no more', async () => {
    const { state } = runtime;
    if (state.is !== 'ready') throw new Error(state.is);
    const plain = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    const states: string[] = [];
    runtime.onChange(() => states.push(runtime.state.is));
    await shop.killNode(shop.node);
    await eventually(
      () => Promise.resolve(runtime.state),
      ({ is }) => is === 'lost',
    );
    expect(errorOf(await runtime.port.system.stats({ node: shop.node }, inTime()))).toMatchObject({
      class: 'unavailable',
      effect: 'none',
    });
    await shop.startNode(shop.node);
    const back = await eventually(
      () => Promise.resolve(runtime.state),
      ({ is }) => is === 'ready',
      15_000,
    );
    expect(back).not.toEqual(state);
    expect(states).toContain('lost');
    const again = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    expect(again.creation).not.toBe(plain.creation);
    // The number of a living process, in the life before.
    const stale = { ...again, creation: plain.creation };
    const kill = { pid: stale, reason: { syntax: 'erlang', source: 'kill' }, confirmMs: 500 } as const;
    expect(errorOf(await runtime.port.processes.exit(kill, inTime()))).toMatchObject({ code: 'process.not_found' });
    expect(await named(runtime, shop.node, 'Elixir.Shop.Plain')).toEqual(again);
    const info = valueOf(await runtime.port.processes.info({ pids: [plain, stale], keys: ['status'] }, inTime()));
    expect(info.gone).toEqual([plain, stale]);
  }, 60_000);
});
