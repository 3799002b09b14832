/** Supervisors through the operations, on the simulated cluster. */
import { afterAll, beforeAll } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { houseOn } from '../../server/backend/testKit.ts';
import { describeSupervision } from './supervisionSuite.ts';

const nodes = ['demo1@sim', 'demo2@sim'] as const;
let runtime: Runtime;
let house: House;
beforeAll(async () => {
  runtime = liveRuntime({ id: 'sim', nodes: [...nodes], seed: 1, sandboxChildFile: '' });
  house = await houseOn(runtime);
});
afterAll(() => house.close());

describeSupervision('the simulated cluster', () => ({
  house,
  runtime,
  nodes,
  supervisor: 'Shop.Supervisor',
  child: 'Shop.Catalog',
  worker: { module: 'Shop.Cart', arg: 7 },
}));
