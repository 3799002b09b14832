/** Taking back what operations did, on a live Elixir cluster. */
import { afterAll, beforeAll } from 'vitest';
import { processId } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom } from '../../runtime/term/term.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { describeUndo } from '../operations/undoSuite.ts';
import { loadPorters, porter } from './porters.ts';
import { connectShop, inTime, named } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let house: House;
let [node, other] = ['', ''];
/** What is to be ended, the last first: also what was started when a later step failed. */
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  ends.push(() => shop.stop());
  [node = '', other = ''] = shop.nodes;
  await loadPorters(shop, node);
  await loadPorters(shop, other);
  runtime = await connectShop(shop);
  ends.push(() => runtime.close());
  house = await houseOn(runtime, { spec: { kind: 'beam', node, cookie: { from: 'default' } } });
  ends.push(() => house.close());
  valueOf(house.backend.setAccess(node, 'full', house.options));
}, 90_000);
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

async function movable() {
  const under = 'Elixir.Shop.Returns';
  const supervisor = await named(runtime, node, under);
  const spec = porter(atom('undefined'), atom('plain'));
  const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
  if (pid === null) throw new Error('It has no process.');
  return { pid: processId(pid), supervisor: 'Shop.Returns' };
}

describeUndo('a live Elixir cluster', () => ({
  house,
  runtime,
  node,
  other,
  server: 'Shop.Catalogue',
  supervisor: 'Shop.Supervisor',
  spec: { id: '"spare"', module: 'shop_ledger', args: [{ $term: ':income' }] },
  movable,
}));
