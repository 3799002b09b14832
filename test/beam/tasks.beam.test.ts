/** What goes on beside the call that began it, on a live Elixir cluster. */
import { expect } from 'vitest';
import type { House } from '../../server/backend/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { describeTasks } from '../operations/tasksSuite.ts';
import { openHouse, withShopHouse } from './shopHouse.ts';

let shop: Shop;
let house: House;
let nodes: readonly [string, string] = ['', ''];
withShopHouse({ nodes: 2 }, (live) => {
  ({ shop, house } = live);
  const [one = '', two = ''] = shop.nodes;
  nodes = [one, two];
});

const asked = async () => (await house.run('get_system_info', { node: nodes[1] })).ok;
/** Monitors of others, trace flags, and calls that are counted, of the server and its callback. */
const left = `begin
  Pid = whereis('Elixir.Shop.Catalogue'),
  {monitored_by, By} = process_info(Pid, monitored_by),
  {flags, Flags} = erlang:trace_info(Pid, flags),
  {call_time, Counted} = erlang:trace_info({'Elixir.Shop.Catalogue', handle_call, 3}, call_time),
  {[One || One <- By, node(One) =/= node()], Flags, Counted}
end.`;

describeTasks('a live Elixir cluster', () => ({
  house,
  nodes,
  server: 'Shop.Catalogue',
  open: async () => (await openHouse(shop)).house,
  down: async () => {
    await shop.killNode(nodes[1]);
    await expect.poll(asked, { timeout: 60_000 }).toBe(false);
  },
  up: async () => {
    await shop.startNode(nodes[1]);
    await expect.poll(asked, { timeout: 60_000 }).toBe(true);
  },
  isLeftAlone: async () => {
    await expect.poll(() => shop.rpc(nodes[0], left), { timeout: 60_000, interval: 100 }).toBe('{[],[],false}');
  },
}));
