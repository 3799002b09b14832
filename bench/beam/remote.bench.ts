/** What it adds that a process is on another node than the one we joined: the same operations on both, in turns. */
import { expect, it } from 'vitest';
import { connectShop } from '../../test/beam/shop.ts';
import { startShop } from '../../test/fixtures/elixir-shop/start.mjs';
import { houseOn } from '../../server/backend/testKit.ts';
import { valueOf } from '../../test/port/results.ts';
import { figures, percentile } from '../measure.ts';

const runs = 300;

// @row R9.1
it('an operation on another node, beside the same on the node that was joined', async () => {
  const shop = await startShop({ nodes: 2 });
  const house = await houseOn(await connectShop(shop), { rateLimits: { burst: 1_000_000, perSecond: 1_000_000 } });
  try {
    const [here = '', there = ''] = shop.nodes;
    const calls = {
      get_process_info: (node: string) => house.run('get_process_info', { pid: 'Elixir.Shop.Supervisor', node }),
      which_children: (node: string) => house.run('which_children', { supervisor: 'Elixir.Shop.Supervisor', node }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const times = { here: new Array<number>(), there: new Array<number>() };
      for (let run = 0; run < runs; run += 1) {
        for (const [where, node] of [
          ['here', here],
          ['there', there],
        ] as const) {
          const from = performance.now();
          valueOf(await call(node));
          if (run >= runs / 3) times[where].push(performance.now() - from);
        }
      }
      const of = (where: 'here' | 'there', share: number) => percentile(times[where], share);
      figures(`${name} (ms)`, {
        'on the node that was joined, median': of('here', 0.5),
        'on another, median': of('there', 0.5),
        'added, median': of('there', 0.5) - of('here', 0.5),
        'added, 99th percentile': of('there', 0.99) - of('here', 0.99),
      });
      expect(times.there.length).toBe((runs * 2) / 3);
    }
  } finally {
    await house.close();
    await shop.stop();
  }
}, 300_000);
