/** How nodes are, told apart on a live cluster: one that hangs, one that is down. */
import { expect, it } from 'vitest';
import process from 'node:process';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { withShopHouse } from './shopHouse.ts';

let shop: Shop;
let house: House;
withShopHouse({ nodes: 3, access: 'read_only' }, (live) => {
  ({ shop, house } = live);
});

const patience = { timeout: 90_000, interval: 100 };

// @row OP-36, OP-37, T013.d1, T013.a2
it('cluster_health tells a node that hangs from one that is down, and when it is well again', async () => {
  const [, two = '', three = ''] = shop.nodes;
  const conditions = async () => {
    const items = listAt(
      await house.result('cluster_health', { answerMs: 3_000, runQueuePerScheduler: 1_000 }),
      'items',
    );
    return new Map(items.map((item) => [at(item, 'node'), at(item, 'condition')]));
  };
  await expect.poll(async () => [...(await conditions()).values()], patience).toEqual(['up', 'up', 'up']);
  const pid = Number(await shop.rpc(three, 'list_to_integer(os:getpid()).'));
  expect(shop.osPids).toContain(pid);
  process.kill(pid, 'SIGSTOP');
  try {
    await expect.poll(async () => (await conditions()).get(three), patience).toBe('silent');
    const told = await house.result('cluster_health', { answerMs: 3_000, runQueuePerScheduler: 1_000 });
    const ill = listAt(told, 'items').find((item) => at(item, 'node') === three) ?? null;
    expect(ill).toMatchObject({ health: 'critical' });
    expect(listAt(ill, 'reasons').map((reason) => at(reason, 'code'))).toContain('node.silent');
    expect(at(told, 'status')).not.toBe('healthy');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await expect.poll(async () => (await conditions()).get(three), patience).toBe('up');
  await shop.killNode(two);
  await expect.poll(async () => (await conditions()).get(two), patience).toBe('down');
}, 300_000);
