/** A node dies in the middle of an operation, on a live Elixir cluster. */
import { expect } from 'vitest';
import type { House } from '../../server/backend/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { describeMidway } from '../operations/midwaySuite.ts';
import { describeSupervisionMidway } from '../operations/supervisionMidwaySuite.ts';
import { withShopHouse } from './shopHouse.ts';

let shop: Shop;
let house: House;
let nodes: readonly [string, string] = ['', ''];
withShopHouse({ nodes: 2 }, (live) => {
  ({ shop, house } = live);
  const [one = '', two = ''] = shop.nodes;
  nodes = [one, two];
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
  // It never comes up.
  late: { name: 'shop_ledger', child: { id: '1', module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }] } },
});
describeMidway('a live Elixir cluster', cluster);
describeSupervisionMidway('a live Elixir cluster', cluster);
