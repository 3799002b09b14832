/** Supervisors through the operations, on a live Elixir cluster. */
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { describeSupervision } from '../operations/supervisionSuite.ts';
import { withShopHouse } from './shopHouse.ts';

let runtime: Runtime;
let house: House;
let nodes: readonly [string, string] = ['', ''];
withShopHouse({ nodes: 2 }, (live) => {
  ({ runtime, house } = live);
  const [one = '', two = ''] = live.shop.nodes;
  nodes = [one, two];
});

describeSupervision('a live Elixir cluster', () => ({
  house,
  runtime,
  nodes,
  supervisor: 'Shop.Supervisor',
  child: 'Shop.Catalogue',
  worker: { module: 'shop_ledger', arg: { $term: ':income' } },
}));
