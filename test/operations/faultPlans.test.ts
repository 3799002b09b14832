/** What the plans of faults say, and what cluster_health says of the nodes they hit, on the simulated cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { valueOf } from '../../server/core/testKit.ts';
import { plannedOn } from '../../server/operations/testKit.ts';

const [one, two, three] = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
let runtime: Runtime;
let house: House;
beforeEach(async () => {
  runtime = liveRuntime({ id: 'sim', nodes: [one, two, three], seed: 1, sandboxChildFile: '' });
  house = await houseOn(runtime);
});
afterEach(() => house.close());

const plan = (operation: string, params: { readonly [key: string]: Json }) =>
  plannedOn(house, runtime, operation, params);
const patience = { timeout: 60_000, interval: 20 };

// @row XT-08
describe('the plan of a fault', () => {
  it('that takes faults back names each, and it is known afterwards what is left of them', async () => {
    await house.result('delay_link', { from: one, to: two, delayMs: 50 });
    await house.result('hang_node', { node: three });
    const heal = await plan('heal_cluster', {});
    expect(heal.plan.touches).toHaveLength(2);
    expect(await heal.probe()).toBe('none');
    valueOf(await heal.apply());
    expect(await heal.probe()).toBe('applied');
  });

  it('counts exactly those that run on the node, and names who loses its link', async () => {
    await house.result('pause_time', {});
    const count = at(await house.result('node_info', { node: three }), 'stats', 'processCount');
    const crash = await plan('crash_node', { node: three });
    expect(crash.plan.touches).toEqual([
      { node: three, what: `all ${JSON.stringify(count)} processes on it end` },
      { node: one, what: `its link to ${three} closes` },
      { node: two, what: `its link to ${three} closes` },
    ]);
  });
});

// @row OP-36, T013.d1
describe('cluster_health', () => {
  /** However many wait to run there at that moment. */
  const quiet = { runQueuePerScheduler: 1_000 };
  const conditions = async () =>
    listAt(await house.result('cluster_health', quiet), 'items').map((item) => [
      at(item, 'condition'),
      at(item, 'health'),
    ]);

  it('tells a node that is down, and one that the others hear nothing of, with what to do', async () => {
    const up = ['up', 'healthy'];
    await expect.poll(conditions, patience).toEqual([up, up, up]);
    const { holding } = await hung(three);
    await expect.poll(conditions, patience).toEqual([
      ['up', 'degraded'],
      ['up', 'degraded'],
      ['parted', 'critical'],
    ]);
    const told = await house.result('cluster_health', quiet);
    const reasons = [told, ...listAt(told, 'items')].flatMap((of) => listAt(of, 'reasons'));
    expect(reasons.length).toBeGreaterThan(2);
    expect(reasons.every((reason) => JSON.stringify(at(reason, 'remedy')).length > 10)).toBe(true);
    const topology = await house.result('cluster_topology', {});
    expect(listAt(topology, 'items').map((item) => at(item, 'condition'))).toEqual(['up', 'up', 'parted']);
    await house.result('heal_cluster', { holdings: [holding] });
    await expect.poll(conditions, patience).toEqual([up, up, up]);
    await house.result('crash_node', { node: two });
    await expect.poll(conditions, patience).toEqual([up, ['down', 'critical'], up]);
  }, 180_000);
});

async function hung(node: string): Promise<{ readonly holding: Json }> {
  return { holding: at(await house.result('hang_node', { node }), 'holding') };
}
