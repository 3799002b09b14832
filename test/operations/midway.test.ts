/** A node dies in the middle of an operation, on the simulated cluster. */
import { afterEach, beforeEach } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { describeMidway } from './midwaySuite.ts';
import { describeSupervisionMidway } from './supervisionMidwaySuite.ts';

const nodes = ['demo1@sim', 'demo2@sim'] as const;
let house: House;
beforeEach(async () => {
  house = await houseOn(liveRuntime({ id: 'sim', nodes: [...nodes], seed: 1, sandboxChildFile: '' }));
});
afterEach(() => house.close());

const cluster = () => ({
  house,
  nodes,
  down: async () => {
    await house.result('crash_node', { node: nodes[1] });
  },
  up: async () => {
    await house.result('restart_node', { node: nodes[1] });
  },
  supervisor: 'Shop.Supervisor',
  child: 'Shop.Catalog',
  movableUnder: 'Shop.CartSupervisor',
  movable: { id: '1', module: 'Shop.Cart', args: [7] },
  late: { name: 'late_sup', child: { id: '1', module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }] } },
});
describeMidway('the simulated cluster', cluster);
describeSupervisionMidway('the simulated cluster', cluster);
