import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { connectShop } from '../beam/shop.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { fleetHolds, fleetSequences, supervisorName } from './modelFleet.ts';

let shop: Shop;
let house: House;
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  house = await houseOn(await connectShop(shop));
  // No operation makes an atom of a text there.
  const atom = { module: 'erlang', function: 'binary_to_atom', args: [supervisorName] };
  await house.result('remote_execute', { ...atom, nodes: [...shop.nodes] });
}, 90_000);
afterAll(async () => {
  await house.close();
  await shop.stop();
});

/** The processes that what is done here makes, by what they run, and all that are suspended. */
async function remains(): Promise<readonly string[]> {
  const fields = ['initialCall', 'status', 'registeredName'];
  const listed = listAt(await house.result('list_processes', { limit: 1_000, fields }), 'items');
  return listed
    .map((row) => ['node', 'initialCall', 'status', 'registeredName'].map((field) => JSON.stringify(at(row, field))))
    .filter(([, call, status, name]) => /Cart|supervisor/.test(`${call} ${name}`) || status === '"suspended"')
    .map(([node, call, , name]) => `${node} ${call} ${name}`)
    .toSorted();
}

// @row IV-14
it('whatever is done to supervised processes in whatever order, live nodes are as the model says, and as before', async () => {
  const [one = '', two = ''] = shop.nodes;
  const fleet = { house, nodes: [one, two], worker: 'Shop.Cart', collects: true, remains } as const;
  const property = fc.asyncProperty(fleetSequences(8), (sequence) => fleetHolds(fleet, sequence));
  await fc.assert(property, { numRuns: process.env['ARSENAL_PROVE'] === '1' ? 100 : 15 });
}, 600_000);
