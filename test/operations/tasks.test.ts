/** What goes on beside the call that began it, on the simulated cluster. */
import { afterEach, beforeEach, expect } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn, outcomeOf } from '../../server/backend/testKit.ts';
import { describeTasks } from './tasksSuite.ts';

const nodes = ['demo1@sim', 'demo2@sim'] as const;
const newHouse = () => houseOn(liveRuntime({ id: 'sim', nodes: [...nodes], seed: 1, sandboxChildFile: '' }));
let house: House;
beforeEach(async () => {
  house = await newHouse();
});
afterEach(() => house.close());

describeTasks('the simulated cluster', () => ({
  house,
  nodes,
  server: 'Shop.Catalog',
  // A simulated cluster is its connection’s.
  open: newHouse,
  down: async () => {
    await house.result('crash_node', { node: nodes[1] });
  },
  up: async () => {
    await house.result('restart_node', { node: nodes[1] });
  },
  // One profile at a time: that there can be one says that none is left.
  isLeftAlone: async () => {
    const params = { pid: 'Shop.Catalog', node: nodes[0], how: 'calls', forMs: 50 };
    expect(await outcomeOf(house, 'profile_process', params)).toMatchObject({ is: 'profile' });
  },
}));
