/** simulate_failure on the simulated cluster, through the pipeline: what is predicted, what is refused, and what is seen. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const node = 'demo1@sim';
const root = { supervisor: 'Shop.Supervisor', node };
const quick = { settleMs: 10_000 };
let house: House;
beforeEach(async () => {
  const nodes = [node, 'demo2@sim'];
  house = await houseOn(liveRuntime({ id: 'sim', nodes, seed: 1, time: 'deterministic', sandboxChildFile: '' }));
});
afterEach(() => house.close());

async function pidOf(name: string): Promise<unknown> {
  return at(await house.result('get_process_info', { pid: name, node }), 'pid');
}

// @row XT-04
describe('simulate_failure', () => {
  it('ends a child, and shows how its supervisor starts it anew', async () => {
    const before = await pidOf('Shop.Catalog');
    const seen = await house.result('simulate_failure', { ...root, ...quick, child: 'Shop.Catalog' });
    const after = await pidOf('Shop.Catalog');
    expect(after).not.toBe(before);
    expect(seen).toMatchObject({
      child: 'Shop.Catalog',
      prediction: { strategy: 'one_for_one', restart: 'permanent', restarted: true, exceeded: false, affected: [] },
      rounds: [{ before, after, ended: true, child: 'running', others: [] }],
      restarts: 1,
      exceeded: false,
      asPredicted: true,
      stopped: null,
    });
  });

  it('shows what the strategy does to the others', async () => {
    const rest = { supervisor: 'Shop.Pipeline', node };
    const children = listAt(await house.result('which_children', rest), 'items');
    const [first, ...later] = children.map((row) => at(row, 'childIdText'));
    if (typeof first !== 'string') throw new Error('no child');
    const flags = await house.result('get_supervisor_flags', rest);
    expect(at(flags, 'flags', 'strategy')).toBe('rest_for_one');
    const seen = await house.result('simulate_failure', { ...rest, ...quick, child: first });
    expect(at(seen, 'prediction', 'affected')).toEqual(later);
    expect(at(seen, 'rounds', 0, 'others')).toEqual(later);
    expect(at(seen, 'asPredicted')).toBe(true);
  });

  it('says in a dry run what will come of it, and does nothing', async () => {
    const before = await pidOf('Shop.Catalog');
    const planned = await house.run('simulate_failure', { ...root, child: 'Shop.Catalog', dryRun: true });
    expect(planned).toMatchObject({
      ok: true,
      value: { mode: 'dry_run', plan: { undo: 'no', severity: 'destroy', touches: [{ node, pid: before }] } },
    });
    expect(planned.ok && planned.value.mode === 'dry_run' ? planned.value.plan.summary : '').toMatch(/started anew/);
    expect(await pidOf('Shop.Catalog')).toBe(before);
  });

  it('refuses more failures than the supervisor allows, unless they are wanted', async () => {
    const before = await pidOf('Shop.Catalog');
    const many = { ...root, ...quick, child: 'Shop.Catalog', times: 6 };
    expect(errorOf(await house.run('simulate_failure', many))).toMatchObject({
      class: 'conflict',
      code: 'supervisor.would_give_up',
      effect: 'none',
      details: { prediction: { exceeded: true, intensity: 5 } },
    });
    expect(await pidOf('Shop.Catalog')).toBe(before);
    const sub = { supervisor: 'Shop.Pipeline', node };
    const [child] = listAt(await house.result('which_children', sub), 'items').map((row) => at(row, 'childIdText'));
    const limit = Number(at(await house.result('get_supervisor_flags', sub), 'flags', 'intensity'));
    const over = { ...sub, ...quick, child: child ?? '', times: limit + 1, allowExceeded: true };
    const seen = await house.result('simulate_failure', over);
    expect(seen).toMatchObject({ exceeded: true, asPredicted: true, restarts: limit });
    expect(at(seen, 'rounds', limit, 'child')).toBe('supervisor_ended');
  });

  it('counts what the supervisor has restarted lately', async () => {
    // Restarts are looked at over the supervisor's period: one that no machine is too slow for.
    await house.result('change_supervisor_strategy', { ...root, periodSeconds: 86_400 });
    for (let times = 0; times < 5; times += 1) await house.result('kill_process', { pid: 'Shop.Catalog', node });
    expect(errorOf(await house.run('simulate_failure', { ...root, child: 'Shop.Catalog' }))).toMatchObject({
      code: 'supervisor.would_give_up',
      details: { prediction: { recent: 5 } },
    });
  });

  it('fails a supervisor as a child of the one above it; the root of an application is refused', async () => {
    const carts = { supervisor: 'Shop.CartSupervisor', node };
    const before = await pidOf('Shop.CartSupervisor');
    const seen = await house.result('simulate_failure', { ...carts, ...quick });
    expect(seen).toMatchObject({ pid: await pidOf('Shop.Supervisor'), restarts: 1, asPredicted: true });
    expect(await pidOf('Shop.CartSupervisor')).not.toBe(before);
    expect(errorOf(await house.run('simulate_failure', root)).code).toBe('supervisor.is_root');
    const survived = await house.result('simulate_failure', { ...carts, settleMs: 100, reason: 'boom' });
    expect(survived).toMatchObject({ rounds: [{ ended: false, child: 'running', after: null }], restarts: 0 });
  });

  it('names a child that is not there, and one that does not run', async () => {
    expect(errorOf(await house.run('simulate_failure', { ...root, child: 'nobody' })).code).toBe('child.not_found');
    await house.result('terminate_child', { ...root, child: 'Shop.Catalog' });
    expect(errorOf(await house.run('simulate_failure', { ...root, child: 'Shop.Catalog' }))).toMatchObject({
      code: 'child.not_running',
      pointer: '/child',
    });
  });
});
