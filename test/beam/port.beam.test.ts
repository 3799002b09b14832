/** The port's own suite on a live cluster. */
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import type { PortFixture } from '../port/portSuite.ts';
import { describePort } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, inTime, named } from './shop.ts';

async function fixture(): Promise<PortFixture> {
  const shop: Shop = await startShop({ nodes: 2 });
  const runtime = await connectShop(shop);
  const [, second = ''] = shop.nodes;
  return {
    runtime,
    nodes: shop.nodes,
    aProcess: async () => {
      const args = [{ syntax: 'erlang', source: '600000' } as const];
      const sleep = { node: shop.node, module: 'timer', function: 'sleep', args };
      return valueOf(await runtime.port.processes.start(sleep, inTime()));
    },
    aSupervisor: () => named(runtime, shop.node, 'shop_ledger_sup'),
    nodeControl: { node: second, down: () => shop.killNode(second), up: () => shop.startNode(second) },
    dispose: async () => {
      await runtime.close();
      await shop.stop();
    },
  };
}

describePort('a live BEAM cluster', fixture);
