/** Taking back what operations did, on a live Elixir cluster. */
import { processId } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom } from '../../runtime/term/term.ts';
import type { House } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import { describeUndo } from '../operations/undoSuite.ts';
import { loadAllPorters, porter } from './porters.ts';
import { inTime, named } from './shop.ts';
import { withShopHouse } from './shopHouse.ts';

let runtime: Runtime;
let house: House;
let [node, other] = ['', ''];
withShopHouse({ nodes: 2, prepare: loadAllPorters }, (live) => {
  ({ runtime, house } = live);
  [node = '', other = ''] = live.shop.nodes;
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
