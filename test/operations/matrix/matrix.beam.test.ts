/** Every example of every operation on a live cluster of three Elixir nodes, through the pipeline. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { House } from '../../../server/backend/testKit.ts';
import { houseOn } from '../../../server/backend/testKit.ts';
import { connectShop } from '../../beam/shop.ts';
import type { Shop } from '../../fixtures/elixir-shop/start.mjs';
import { startShop } from '../../fixtures/elixir-shop/start.mjs';
import { inCatalogue } from './catalogue.ts';
import { shopNames } from './stage.ts';
import { outcomeOf, recorded } from './walk.ts';

let shop: Shop;
let house: House;
beforeAll(async () => {
  shop = await startShop({ nodes: 3 });
  house = await houseOn(await connectShop(shop));
}, 90_000);
afterAll(async () => {
  await house.close();
  await shop.stop();
});
/** What one operation has ended or changed the next one finds as it was. */
afterEach(async () => {
  await house.run('connect_node', { node: shop.nodes[1] ?? '' });
  for (const node of shop.nodes) await shop.rpc(node, 'begin application:stop(shop), application:start(shop) end.');
});

// @row T004.d5
it.each(inCatalogue)('%s', async (name, operation) => {
  const [one = '', two = '', three = ''] = shop.nodes;
  const stage = {
    runtime: 'beam',
    nodes: [one, two, three],
    names: shopNames,
    folder: house.home,
    run: house.run,
  } as const;
  const outcome = await outcomeOf(stage, operation);
  expect(outcome.is).not.toBe('failed');
  expect(outcome).toEqual(recorded('beam', name, outcome));
});
