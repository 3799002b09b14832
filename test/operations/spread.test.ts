/** Operations that act on several nodes or processes at once, on the simulated cluster, through the pipeline. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';
import { errorOf } from '../../server/core/testKit.ts';

const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
const [one = '', two = '', three = ''] = nodes;
let house: House;
beforeEach(async () => {
  house = await houseOn(liveRuntime({ id: 'sim', nodes, seed: 1, time: 'deterministic', sandboxChildFile: '' }));
});
afterEach(() => house.close());

const call = (module: string, name: string, args: readonly Json[], on: readonly string[], more = {}) => ({
  module,
  function: name,
  args,
  nodes: on,
  ...more,
});

// @row XT-11
describe('remote_execute', () => {
  it('answers what each node returned', async () => {
    const done = await house.result('remote_execute', call('erlang', 'node', [], nodes));
    expect(at(done, 'called')).toBe('erlang.node/0');
    expect(
      listAt(done, 'items').map((item) => [at(item, 'node'), at(item, 'became'), at(item, 'value', 'display')]),
    ).toEqual(nodes.map((node) => [node, 'returned', `:${node}`]));
    expect(listAt(done, 'nodes')).toEqual(nodes.map((node) => ({ node, status: 'ok' })));
  });

  it('tells what was raised as an answer, with its class', async () => {
    const raised = async (name: string) =>
      at(await house.result('remote_execute', call('erlang', name, [{ $term: '{:no, 7}' }], [one])), 'items', 0);
    expect(await raised('exit')).toMatchObject({ became: 'raised', class: 'exit', reason: { display: '{:no, 7}' } });
    expect(await raised('error')).toMatchObject({ became: 'raised', class: 'error', error: null });
  });

  it('refuses a function that is not there, and a node that is not up, before anything is called', async () => {
    expect(errorOf(await house.run('remote_execute', call('erlang', 'nothing', [], [one])))).toMatchObject({
      code: 'process.undef',
      effect: 'none',
    });
    await house.result('crash_node', { node: three });
    expect(errorOf(await house.run('remote_execute', call('erlang', 'node', [], nodes)))).toMatchObject({
      class: 'unavailable',
      pointer: '/nodes/2',
      effect: 'none',
    });
    expect(errorOf(await house.run('remote_execute', call('erlang', 'node', [], ['x@y']))).class).toBe('not_found');
  });

  it('kills what takes too long, and says that it may have done something', async () => {
    const asleep = async () => {
      const filter = { currentFunction: { prefix: 'timer:sleep' } };
      return at(await house.result('list_processes', { node: one, filter }), 'total');
    };
    await house.result('start_process', { node: one, module: 'timer', function: 'sleep', args: [600_000] });
    expect(await asleep()).toBe(1);
    const late = call('timer', 'sleep', [{ $term: ':infinity' }], [one], { nodeTimeoutMs: 50 });
    expect(errorOf(await house.run('remote_execute', late))).toMatchObject({ class: 'timeout', effect: 'unknown' });
    expect(await asleep()).toBe(1);
  });

  it('is for administrators, and says before what it will do', async () => {
    const params = call('erlang', 'node', [], [one]);
    const operator = { caller: { ...house.options.caller, role: 'operator' as const } };
    expect(errorOf(await house.run('remote_execute', params, {}, operator)).code).toBe('role.insufficient');
    const planned = await house.run('remote_execute', params, { mode: 'dry_run' });
    expect(planned).toMatchObject({ ok: true, value: { plan: { undo: 'no', touches: [{ node: one }] } } });
  });
});

// @row XT-03
describe('cluster_supervision_trees', () => {
  it('shows the trees of every node, and where they differ', async () => {
    const all = await house.result('cluster_supervision_trees', { application: 'shop' });
    expect(listAt(all, 'items').map((item) => at(item, 'node'))).toEqual(nodes);
    expect(listAt(all, 'items').map((item) => at(item, 'trees', 0, 'application'))).toEqual(['shop', 'shop', 'shop']);
    expect(at(all, 'items', 0, 'shown', 'workers')).toBeGreaterThan(3);
    const extra = { node: two, strategy: 'one_for_one', name: 'extra_sup' };
    await house.result('start_supervisor', extra);
    expect(listAt(await house.result('cluster_supervision_trees'), 'differences')).toContainEqual({
      what: 'supervisor',
      name: 'extra_sup',
      on: [two],
      notOn: [one, three],
      values: [],
    });
  });

  it('says which node did not answer, and shows the others', async () => {
    await house.result('crash_node', { node: two });
    const left = await house.result('cluster_supervision_trees', { depth: 1 });
    expect(listAt(left, 'items').map((item) => at(item, 'node'))).toEqual([one, three]);
    expect(listAt(left, 'nodes').find((node) => at(node, 'node') === two)).toMatchObject({ status: 'missing' });
    expect(at(left, 'truncated')).toBe(true);
  });
});

// @row OP-02
describe('kill_process', () => {
  it('says before who is linked to it and will be hit, and who watches it', async () => {
    const sleeper = { node: one, module: 'timer', function: 'sleep', args: [600_000] };
    const owner = at(await house.result('start_process', sleeper), 'pid');
    const linked = await house.result('start_process', { ...sleeper, link: owner, monitoredBy: 'Shop.Catalog' });
    const planned = await house.run('kill_process', { pid: at(linked, 'pid') }, { mode: 'dry_run' });
    expect(planned).toMatchObject({
      ok: true,
      value: {
        plan: {
          touches: [{ what: 'exit signal' }, { node: one, pid: owner, what: 'linked to it: gets its exit signal' }],
        },
      },
    });
    const plan = planned.ok && planned.value.mode === 'dry_run' ? planned.value.plan.summary : '';
    expect(plan).toMatch(/with reason :kill; 1 linked to it, 1 watching it$/);
    await house.result('kill_process', { pid: at(linked, 'pid') });
    expect((await house.run('get_process_info', { pid: owner })).ok).toBe(false);
  });
});

describe('kill_processes', () => {
  const start = async () =>
    at(await house.result('start_process', { node: one, module: 'timer', function: 'sleep', args: [600_000] }), 'pid');

  // @row T005.a3
  it('ends each, and tells what became of it', async () => {
    const pids = [await start(), await start(), await start()];
    await house.result('kill_process', { pid: pids[1] ?? '' });
    const done = await house.result('kill_processes', { pids });
    expect(at(done, 'ended')).toBe(2);
    expect(listAt(done, 'items').map((item) => [at(item, 'pid'), at(item, 'became')])).toEqual([
      [pids[0], 'ended'],
      [pids[1], 'gone'],
      [pids[2], 'ended'],
    ]);
    const again = await house.result('kill_processes', { pids });
    expect(listAt(again, 'items').map((item) => at(item, 'became'))).toEqual(['gone', 'gone', 'gone']);
  });

  // @row T004.a2
  it('is written down before and after, with who ended what and why', async () => {
    const pid = await start();
    const written = JSON.stringify(pid);
    await house.result('kill_processes', { pids: [pid], reason: 'kill' });
    const folder = path.join(house.home, 'audit');
    const records = fs
      .readdirSync(folder)
      .flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').split('\n'))
      .filter((line) => line.includes('kill_processes'));
    expect(records.some((line) => line.includes('"intent"') && line.includes(written) && line.includes('"ada"'))).toBe(
      true,
    );
    expect(records.some((line) => line.includes('"outcome"') && line.includes('"ended":1'))).toBe(true);
  });

  it('ends none when one is not to be found', async () => {
    const pid = await start();
    const failed = errorOf(await house.run('kill_processes', { pids: [pid, 'nobody'], node: one }));
    expect(failed).toMatchObject({ class: 'not_found', effect: 'none' });
    expect((await house.run('get_process_info', { pid })).ok).toBe(true);
  });
});

const carts = { supervisor: 'Shop.CartSupervisor', node: one };
const cartsOf = async (node: string) =>
  listAt(await house.result('which_children', { ...carts, node }), 'items').map((row) => at(row, 'pid'));

/** Waits for visitors: their carts are what can move. */
async function visited(least: number): Promise<readonly Json[]> {
  for (let step = 0; step < 100; step += 1) {
    const there = await cartsOf(one);
    if (there.length >= least) return there;
    await house.result('step_time', { ms: 500 });
  }
  throw new Error('Nobody came.');
}

describe('start_process and start_supervisor', () => {
  const sleeper = { module: 'timer', function: 'sleep', args: [600_000] };

  // @row OP-01, OP-12
  it('go where it is wished, and say where they went and why', async () => {
    await house.result('crash_node', { node: three });
    const second = await house.result('start_process', { ...sleeper, prefer: [three, two] });
    expect(second).toMatchObject({ node: two, placed: { wanted: three, got: two, why: 'unavailable' } });
    const first = await house.result('start_supervisor', { prefer: [two, one] });
    expect(first).toMatchObject({ node: two, placed: { wanted: two, got: two, why: 'as_asked' } });
    for (let more = 0; more < 40; more += 1) await house.result('start_process', { ...sleeper, node: one });
    const roomy = await house.result('start_process', { ...sleeper, place: 'fewest_processes' });
    expect(roomy).toMatchObject({ node: two, placed: { wanted: 'fewest_processes', got: two, why: 'as_asked' } });
    expect(errorOf(await house.run('start_process', { ...sleeper, prefer: [three] }))).toMatchObject({
      class: 'unavailable',
      pointer: '/prefer',
      effect: 'none',
    });
  });

  it.each([
    ['permanent', true],
    ['temporary', false],
  ])('what is %s under a supervisor is started anew: %s', async (restart, isAnew) => {
    const supervisor = { supervisor: 'Shop.Supervisor', node: one };
    const spec = { id: 'extra', module: 'Shop.Cart', args: [7], restart };
    const pid = at(await house.result('add_child', { ...supervisor, spec }), 'pid');
    await house.result('kill_process', { pid: pid ?? '' });
    const extra = async () =>
      listAt(await house.result('which_children', supervisor), 'items')
        .filter((row) => at(row, 'childIdText') === ':extra')
        .map((row) => at(row, 'pid') !== pid);
    expect(await extra()).toEqual(isAnew ? [true] : []);
  });
});

// @row OP-41
// @row T015.d3
describe('migrate_processes', () => {
  it('moves several, and takes them back by what it answered', async () => {
    const pids = (await visited(2)).slice(0, 2);
    const done = await house.result('migrate_processes', { pids, to: two });
    expect(at(done, 'moved')).toBe(2);
    expect(listAt(done, 'items').map((item) => [at(item, 'pid'), at(item, 'became'), at(item, 'to')])).toEqual(
      pids.map((pid) => [pid, 'moved', two]),
    );
    const after = listAt(done, 'items').map((item) => at(item, 'after'));
    const there = await cartsOf(two);
    expect(after.every((pid) => there.includes(pid))).toBe(true);
    const undone = await house.result('balance_cluster_load', { undo: at(done, 'undo') });
    expect(listAt(undone, 'back').map((row) => [at(row, 'to'), at(row, 'became')])).toEqual([
      [one, 'back'],
      [one, 'back'],
    ]);
    const home = await cartsOf(one);
    expect(listAt(undone, 'back').every((row) => home.includes(at(row, 'after')))).toBe(true);
  });

  it('with atomic moves all or none', async () => {
    const [cart] = await visited(1);
    const params = { pids: [cart ?? '', 'Shop.Catalog'], node: one, to: two, atomic: true, concurrency: 1 };
    const done = await house.result('migrate_processes', params);
    expect(listAt(done, 'items').map((item) => at(item, 'became'))).toEqual(['undone', 'failed']);
    expect(at(done, 'moved')).toBe(0);
    expect(at(done, 'undo')).toBeNull();
    expect((await cartsOf(one)).includes(at(done, 'items', 0, 'after'))).toBe(true);
  });

  it('with atomic moves back what was moved when the call is given up', async () => {
    const carts = await visited(3);
    const givingUp = new AbortController();
    const params = { pids: carts.slice(0, 3), node: one, to: two, atomic: true, concurrency: 1 };
    const answer = await house.run(
      'migrate_processes',
      params,
      {},
      {
        signal: givingUp.signal,
        onProgress: () => {
          givingUp.abort();
        },
      },
    );
    if (!answer.ok || answer.value.mode !== 'run') throw new Error('It says what became of each.');
    const items = listAt(answer.value.result, 'items');
    expect(items.map((item) => at(item, 'became'))).toEqual(['undone', 'not_run', 'not_run']);
    expect(await cartsOf(one)).toContain(at(items[0] ?? null, 'after'));
  });

  it('fails as a whole when nothing was done, and looks all up first', async () => {
    const same = errorOf(await house.run('migrate_processes', { pids: ['Shop.Catalog'], node: one, to: one }));
    expect(same).toMatchObject({ code: 'process.same_node', effect: 'none' });
    const gone = errorOf(await house.run('migrate_processes', { pids: ['nobody'], node: one, to: two }));
    expect(gone).toMatchObject({ class: 'not_found', effect: 'none' });
  });
});

// @row OP-42
describe('balance_cluster_load', () => {
  const uneven = { sampleMs: 0, tolerancePercent: 0, nodes: [one, two], maxMoves: 3 };
  const crowded = async () => {
    await visited(3);
    const sleepers = Array.from({ length: 40 }, () =>
      house.result('start_process', { node: one, module: 'timer', function: 'sleep', args: [600_000_000] }),
    );
    await Promise.all(sleepers);
  };

  it('proposes with reasons and does nothing, applies on request, and is undone', async () => {
    await crowded();
    const before = await cartsOf(two);
    const proposed = await house.result('balance_cluster_load', uneven);
    expect(proposed).toMatchObject({ did: 'proposed', by: 'processes', items: [], undo: null });
    const moves = listAt(proposed, 'moves');
    expect(moves).toHaveLength(3);
    expect(moves[0]).toMatchObject({ node: one, to: two, share: 1 });
    expect(at(moves[0] ?? null, 'reason')).toMatch(/Shop\.CartSupervisor takes 1 process from demo1@sim/);
    expect(await cartsOf(two)).toEqual(before);
    expect(listAt(proposed, 'staying').map((row) => at(row, 'why'))).toContain('the other nodes have them already');

    const applied = await house.result('balance_cluster_load', { ...uneven, apply: true });
    expect(applied).toMatchObject({ did: 'applied' });
    const moved = listAt(applied, 'items').filter((item) => at(item, 'became') === 'moved');
    expect(moved.length).toBeGreaterThan(0);
    const there = await cartsOf(two);
    expect(moved.every((item) => there.includes(at(item, 'after')))).toBe(true);
    const undone = await house.result('balance_cluster_load', { undo: at(applied, 'undo') });
    expect(undone).toMatchObject({ did: 'undone', moves: [], undo: null });
    expect(new Set(listAt(undone, 'back').map((row) => at(row, 'became')))).toEqual(new Set(['back']));
  });

  it.each(['memory', 'reductions', 'run_queue'])('measures by %s', async (by) => {
    await visited(1);
    const proposed = await house.result('balance_cluster_load', { by, sampleMs: 1 });
    expect(listAt(proposed, 'loads').map((row) => at(row, 'node'))).toEqual(nodes);
    expect(listAt(proposed, 'loads').every((row) => typeof at(row, 'load') === 'number')).toBe(true);
  });

  it('says that one node alone cannot be balanced, and what is no undo handle', async () => {
    await house.result('crash_node', { node: two });
    expect(errorOf(await house.run('balance_cluster_load', { ...uneven }))).toMatchObject({
      code: 'cluster.too_small',
      effect: 'none',
    });
    expect(errorOf(await house.run('balance_cluster_load', { undo: 'nonsense' }))).toMatchObject({
      code: 'undo.unreadable',
      pointer: '/undo',
    });
  });

  it('tells of what has ended meanwhile that it is gone', async () => {
    const [cart] = await visited(1);
    const done = await house.result('migrate_processes', { pids: [cart ?? ''], to: two });
    await house.result('kill_process', { pid: at(done, 'items', 0, 'after') });
    const undone = await house.result('balance_cluster_load', { undo: at(done, 'undo') });
    expect(listAt(undone, 'back')).toMatchObject([{ became: 'gone', after: null, error: null }]);
  });
});
