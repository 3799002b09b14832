/** Operations that act on several nodes or processes at once, and failures made on purpose, on a live Elixir cluster. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { processId } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, tuple } from '../../runtime/term/term.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, listAt } from '../../server/backend/testKit.ts';
import { errorOf, valueOf } from '../../server/core/testKit.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { loadAllPorters, porter } from './porters.ts';
import { inTime, named } from './shop.ts';
import { withShopHouse } from './shopHouse.ts';

let shop: Shop;
let runtime: Runtime;
let house: House;
let [one, two, three] = ['', '', ''];
withShopHouse({ nodes: 3, prepare: loadAllPorters }, (live) => {
  ({ shop, runtime, house } = live);
  [one = '', two = '', three = ''] = shop.nodes;
});

const call = (module: string, name: string, args: readonly Json[], more: { readonly [key: string]: Json } = {}) => ({
  module,
  function: name,
  args,
  ...more,
});

// @row XT-11
describe('remote_execute', () => {
  it('answers what each node returned, and what it wrote', async () => {
    const named = await house.result('remote_execute', call('erlang', 'node', [], { nodes: [one, two, three] }));
    expect(listAt(named, 'items').map((item) => [at(item, 'node'), at(item, 'value', 'term', 'v')])).toEqual([
      [one, one],
      [two, two],
      [three, three],
    ]);
    const args = [{ $term: '"~p and ~ts~n"' }, { $term: '[7, "Käse"]' }];
    const written = await house.result('remote_execute', call('io', 'format', args, { nodes: [two] }));
    expect(at(written, 'items', 0)).toMatchObject({
      became: 'returned',
      value: { display: ':ok' },
      output: '7 and Käse\n',
      outputWhole: true,
    });
    const cut = await house.result('remote_execute', call('io', 'format', args, { nodes: [two], maxOutputChars: 3 }));
    expect(at(cut, 'items', 0)).toMatchObject({ output: '7 a', outputWhole: false });
  });

  it('tells what was raised, leaves out what is too large, and refuses what is not there', async () => {
    const item = async (params: { readonly [key: string]: Json }) =>
      at(await house.result('remote_execute', { ...params, nodes: [one] }), 'items', 0);
    expect(await item(call('erlang', 'throw', [7]))).toMatchObject({ class: 'throw', reason: { display: '7' } });
    expect(await item(call('erlang', 'exit', [7]))).toMatchObject({ class: 'exit', reason: { display: '7' } });
    expect(await item(call('lists', 'nth', [2, []]))).toMatchObject({
      class: 'error',
      reason: { display: ':function_clause' },
    });
    const large = await item(call('lists', 'duplicate', [10_000, { $term: '{1}' }], { maxBytes: 1_000 }));
    expect(at(large, 'value', 'term')).toMatchObject({ t: 'elided', was: 'list' });
    const refused = async (params: { readonly [key: string]: Json }) =>
      errorOf(await house.run('remote_execute', { ...params, nodes: [one] }));
    expect(await refused(call('lists', 'no_such_function_here', []))).toMatchObject({
      code: 'process.undef',
      effect: 'none',
    });
    // No atom is made there from what somebody typed.
    expect(await refused(call('erlang', 'exit', [{ $term: ':an_atom_of_nobody_8731' }]))).toMatchObject({
      code: 'term.unknown_atom',
      effect: 'none',
    });
  });

  it('ends what takes too long', async () => {
    const late = call('timer', 'sleep', [{ $term: ':infinity' }], { nodes: [one], nodeTimeoutMs: 2_000 });
    // On a machine that is slow enough the time is over before the function is called, which the effect then says.
    const { class: kind, effect } = errorOf(await house.run('remote_execute', late));
    expect([kind, ['unknown', 'none'].includes(effect)]).toEqual(['timeout', true]);
    const asleep = async () =>
      shop.rpc(
        one,
        'length([P || P <- processes(), element(2, process_info(P, initial_call)) =:= {erpc, execute_call, 4}, process_info(P, current_function) =:= {current_function, {timer, sleep, 1}}]).',
      );
    await expect.poll(asleep, { timeout: 20_000 }).toBe('0');
  });
});

// @row XT-03
it('cluster_supervision_trees shows every node, and where they differ', async () => {
  const all = await house.result('cluster_supervision_trees', { application: 'shop' });
  expect(listAt(all, 'items').map((item) => at(item, 'node'))).toEqual([one, two, three].toSorted());
  expect(listAt(all, 'items').map((item) => at(item, 'trees', 0, 'name'))).toEqual([
    'Elixir.Shop.Supervisor',
    'Elixir.Shop.Supervisor',
    'Elixir.Shop.Supervisor',
  ]);
  expect(listAt(all, 'differences').filter((row) => at(row, 'what') === 'application')).toEqual([]);
});

// @row XT-04
describe('simulate_failure', () => {
  const warehouse = () => ({ supervisor: 'Shop.Warehouse', node: three, settleMs: 30_000 });

  it('ends a child, and shows how its supervisor starts it and those behind it anew', async () => {
    const children = listAt(
      await house.result('which_children', { supervisor: 'Shop.Warehouse', node: three }),
      'items',
    );
    const [first, ...later] = children.map((row) => at(row, 'childIdText'));
    const flags = await house.result('get_supervisor_flags', { supervisor: 'Shop.Warehouse', node: three });
    expect(at(flags, 'flags', 'strategy')).toBe('rest_for_one');
    const seen = await house.result('simulate_failure', { ...warehouse(), child: first ?? '' });
    expect(seen).toMatchObject({ restarts: 1, exceeded: false, asPredicted: true, stopped: null });
    expect(at(seen, 'prediction', 'affected')).toEqual(later);
    expect(at(seen, 'rounds', 0, 'others')).toEqual(later);
  });

  it('refuses more than the supervisor allows; allowed, it is seen to give up', async () => {
    const ledger = { supervisor: 'shop_ledger_sup', node: three };
    const [child] = listAt(await house.result('which_children', ledger), 'items').map((row) => at(row, 'childIdText'));
    const limit = 2;
    // A period that no machine is too slow for.
    await house.result('change_supervisor_strategy', { ...ledger, intensity: limit, periodSeconds: 86_400 });
    const over = { ...ledger, child: child ?? '', times: limit + 1, settleMs: 30_000 };
    expect(errorOf(await house.run('simulate_failure', over))).toMatchObject({
      code: 'supervisor.would_give_up',
      effect: 'none',
    });
    const seen = await house.result('simulate_failure', { ...over, allowExceeded: true });
    expect(seen).toMatchObject({ exceeded: true, asPredicted: true, restarts: limit });
  });
});

// @row OP-41
// @row OP-42
describe('migrate_processes and balance_cluster_load', () => {
  let lastId = 0;
  async function start(how = atom('plain')): Promise<string> {
    lastId += 1;
    const supervisor = await named(runtime, one, 'Elixir.Shop.Carts');
    const spec = porter(tuple(atom('shop_here'), integer(lastId)), how);
    const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
    if (pid === null) throw new Error('It has no process.');
    return processId(pid);
  }
  const cartsOn = async (node: string) =>
    listAt(await house.result('which_children', { supervisor: 'Shop.Carts', node }), 'items').map((row) =>
      at(row, 'pid'),
    );

  it('move several, and put them back', async () => {
    const pids = [await start(), await start()];
    const moved = await house.result('migrate_processes', { pids, to: two, forwardMs: 60_000 });
    expect(listAt(moved, 'items').map((item) => [at(item, 'became'), at(item, 'error')])).toEqual([
      ['moved', null],
      ['moved', null],
    ]);
    const there = await cartsOn(two);
    expect(listAt(moved, 'items').every((item) => there.includes(at(item, 'after')))).toBe(true);
    const undone = await house.result('balance_cluster_load', { undo: at(moved, 'undo') });
    expect(listAt(undone, 'back').map((row) => [at(row, 'became'), at(row, 'error')])).toEqual([
      ['back', null],
      ['back', null],
    ]);
    const home = await cartsOn(one);
    expect(listAt(undone, 'back').every((row) => home.includes(at(row, 'after')))).toBe(true);
    await house.result('kill_processes', { pids: listAt(undone, 'back').map((row) => at(row, 'after')) });
  });

  it('move all or none', async () => {
    const pids = [await start(), await start(atom('reference'))];
    const done = await house.result('migrate_processes', { pids, to: two, atomic: true, concurrency: 1 });
    expect(listAt(done, 'items').map((item) => at(item, 'became'))).toEqual(['undone', 'failed']);
    expect((await cartsOn(one)).includes(at(done, 'items', 0, 'after'))).toBe(true);
  });

  it('propose what should move and why, and move it', async () => {
    for (let more = 0; more < 4; more += 1) await start();
    const crowd = Array.from({ length: 60 }, () =>
      house.result('start_process', { node: one, module: 'timer', function: 'sleep', args: [{ $term: ':infinity' }] }),
    );
    await Promise.all(crowd);
    const asked = { nodes: [one, two], sampleMs: 50, tolerancePercent: 0, maxMoves: 2 };
    const proposed = await house.result('balance_cluster_load', asked);
    expect(listAt(proposed, 'moves')).toMatchObject([
      { node: one, to: two, share: 1 },
      { node: one, to: two, share: 1 },
    ]);
    const before = (await cartsOn(two)).length;
    const applied = await house.result('balance_cluster_load', { ...asked, maxMoves: 6, apply: true });
    // Carts of the shop have names of Elixir's Registry, which do not move: those say so.
    const items = listAt(applied, 'items');
    const moved = items.filter((item) => at(item, 'became') === 'moved');
    expect(moved.length).toBeGreaterThan(0);
    expect((await cartsOn(two)).length).toBe(before + moved.length);
    expect(items.every((item) => at(item, 'became') === 'moved' || at(item, 'error', 'effect') === 'none')).toBe(true);
  });
});
