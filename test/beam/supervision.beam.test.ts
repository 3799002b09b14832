/** Supervisors through the operations, on a live Elixir cluster. */
import { afterAll, beforeAll } from 'vitest';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { describeSupervision } from '../operations/supervisionSuite.ts';
import { connectShop } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let house: House;
let nodes: readonly [string, string] = ['', ''];
/** What is to be ended, the last first: also what was started when a later step failed. */
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  ends.push(() => shop.stop());
  const [one = '', two = ''] = shop.nodes;
  nodes = [one, two];
  runtime = await connectShop(shop);
  ends.push(() => runtime.close());
  house = await houseOn(runtime, { spec: { kind: 'beam', node: one, cookie: { from: 'default' } } });
  ends.push(() => house.close());
  valueOf(house.backend.setAccess(one, 'full', house.options));
}, 90_000);
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

describeSupervision('a live Elixir cluster', () => ({
  house,
  runtime,
  nodes,
  supervisor: 'Shop.Supervisor',
  child: 'Shop.Catalogue',
  worker: { module: 'shop_ledger', arg: { $term: ':income' } },
}));
