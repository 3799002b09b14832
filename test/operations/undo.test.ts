/** Taking back what operations did, on the simulated cluster. */
import { afterAll, beforeAll } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { describeUndo } from './undoSuite.ts';

const [node, other] = ['demo1@sim', 'demo2@sim'];
let runtime: Runtime;
let house: House;
beforeAll(async () => {
  runtime = liveRuntime({ id: 'sim', nodes: [node, other], seed: 1, time: 'deterministic', sandboxChildFile: '' });
  house = await houseOn(runtime);
});
afterAll(() => house.close());

/** Waits for a visitor, whose cart can move. */
async function movable() {
  const supervisor = 'Shop.CartSupervisor';
  for (let step = 0; step < 100; step += 1) {
    const carts = await house.result('which_children', { supervisor, node });
    const pid = at(listAt(carts, 'items')[0] ?? null, 'pid');
    if (typeof pid === 'string') return { pid, supervisor };
    await house.result('step_time', { ms: 500 });
  }
  throw new Error('Nobody came.');
}

// @row T015.a3
describeUndo('the simulated cluster', () => ({
  house,
  runtime,
  node,
  other,
  server: 'Shop.Catalog',
  supervisor: 'Shop.Supervisor',
  spec: { id: 'spare', module: 'Shop.Cart', args: [7] },
  movable,
}));
