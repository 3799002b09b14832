import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { connectShop } from '../beam/shop.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { holds, sequences } from './model.ts';

let shop: Shop;
let house: House;
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  house = await houseOn(await connectShop(shop));
}, 90_000);
afterAll(async () => {
  await house.close();
  await shop.stop();
});

const acts = ['start', 'kill', 'suspend', 'resume', 'release', 'trace', 'monitor', 'stopTrace'] as const;

// @row IV-14
it('whatever is done in whatever order, live nodes are as the model says, and nothing is left on them', async () => {
  const property = fc.asyncProperty(sequences(acts, 12), (sequence) => holds(house, shop.nodes, sequence));
  await fc.assert(property, { numRuns: process.env['ARSENAL_PROVE'] === '1' ? 200 : 40 });
}, 600_000);
