/** A node dies in the middle of an operation, on a live Elixir cluster. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { describeMidway } from '../operations/midwaySuite.ts';
import { describeSupervisionMidway } from '../operations/supervisionMidwaySuite.ts';
import { connectShop } from './shop.ts';

let shop: Shop;
let house: House;
let nodes: readonly [string, string] = ['', ''];
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  ends.push(() => shop.stop());
  const [one = '', two = ''] = shop.nodes;
  nodes = [one, two];
  const runtime = await connectShop(shop);
  ends.push(() => runtime.close());
  house = await houseOn(runtime, { spec: { kind: 'beam', node: one, cookie: { from: 'default' } } });
  ends.push(() => house.close());
  valueOf(house.backend.setAccess(one, 'full', house.options));
}, 90_000);
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

const asked = async () => (await house.run('get_system_info', { node: nodes[1] })).ok;

const cluster = () => ({
  house,
  nodes,
  down: async () => {
    await shop.killNode(nodes[1]);
    await expect.poll(asked, { timeout: 60_000 }).toBe(false);
  },
  up: async () => {
    await shop.startNode(nodes[1]);
    await expect.poll(asked, { timeout: 60_000 }).toBe(true);
  },
  supervisor: 'Shop.Supervisor',
  child: 'Shop.Catalogue',
  movableUnder: 'Shop.Carts',
  movable: { id: '1', module: 'shop_ledger', args: [{ $term: ':income' }] },
  // OTP's supervisor hears nothing while it starts a child; it ends when that is over.
  late: { name: 'shop_ledger', child: { id: '1', module: 'timer', function: 'sleep', args: [12_000] } },
});
describeMidway('a live Elixir cluster', cluster);
describeSupervisionMidway('a live Elixir cluster', cluster);
