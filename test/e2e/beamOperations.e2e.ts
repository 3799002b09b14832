/** Every operation through the command line, on a live Elixir cluster of three nodes: what a user types, and what comes of it. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { builtinOperations } from '../../server/operations/catalogue.ts';
import { ScanStore } from '../../server/services/scans.ts';
import { TaskStore } from '../../server/services/tasks/tasks.ts';
import type { Served } from './support/cli.ts';
import { makeHome, runCli, serve, stopAll } from './support/cli.ts';

let shop: Shop;
let home: string;
let served: Served;
let [one, two, three] = ['', '', ''];
beforeAll(async () => {
  shop = await startShop({ nodes: 3 });
  [one = '', two = '', three = ''] = shop.nodes;
  home = makeHome();
  const system = ['--runtime', 'beam', '--connect', one, '--cookie-file', shop.cookieFile];
  served = await serve([...system, '--allow-writes'], home, { ERL_EPMD_PORT: String(shop.epmdPort) });
});
afterAll(async () => {
  await served.stop();
  stopAll();
  await shop.stop();
  fs.rmSync(home, { recursive: true, force: true });
});

type Params = { readonly [key: string]: unknown };
/** A JSON document, looked into without ceremony. */
interface Answer {
  readonly [key: string]: Answer | undefined;
}
/** The elements of a list that lies there. */
function listOf(found: Answer | undefined): readonly Answer[] {
  return Object.values(found ?? {}).flatMap((element) => (element === undefined ? [] : [element]));
}
/** The text that lies there; empty when it is none. */
function textOf(found: unknown): string {
  return typeof found === 'string' ? found : '';
}

/** Operations that were run here, whatever came of them. */
const ran = new Set<string>();

async function arsenal(operation: string, params: Params = {}) {
  ran.add(operation);
  const args = ['run', operation, '--params', JSON.stringify(params), '--json', '--url', served.url];
  // A trace is read while it runs; the others are followed to their results.
  const ids = operation.startsWith('trace_') ? ['--no-follow'] : [];
  const { code, json, err } = await runCli([...args, ...ids, '--key', served.key], home);
  return { code, err, json: json as Answer };
}
/** The result of an operation that must succeed. */
async function run(operation: string, params: Params = {}): Promise<Answer> {
  const { code, json, err } = await arsenal(operation, params);
  expect(`${operation} ${String(code)} ${code === 0 ? '' : `${JSON.stringify(json)} ${err}`}`).toBe(`${operation} 0 `);
  return json['data']?.['attributes']?.['result'] ?? json['result'] ?? json;
}
/** The code of the error of an operation that must fail. */
async function refused(operation: string, params: Params = {}): Promise<string> {
  const { code, json } = await arsenal(operation, params);
  expect(code).toBe(1);
  return textOf(json['errors']?.[0]?.['code']);
}
const ask = (source: string, node = one) => shop.rpc(node, source);
const named = (items: Answer | undefined, field: string, value: string) =>
  listOf(items).find((item) => textOf(item[field]) === value);

describe('processes', () => {
  // @row OP-11, T004.d3, T004.d4, T004.d5, T006.d3, T006.a3, XT-05
  it('are listed, looked into, and stand among their own', async () => {
    const listed = await run('list_processes', { filter: { registeredName: { eq: 'Elixir.Shop.Catalogue' } } });
    expect(listed['total']).toBe(3);
    const info = await run('get_process_info', { pid: 'Shop.Catalogue', node: two });
    expect(info['node']).toBe(two);
    const state = await run('get_process_state', { pid: 'Shop.Catalogue', node: one });
    expect(state['state']?.['display']).toContain('"tea" => 320');
    const tree = await run('get_process_tree', { pid: 'Shop.Catalogue', node: one, depth: 1 });
    expect(tree['ancestors']?.[0]).toBe('Elixir.Shop.Supervisor');
  });

  // @row XT-01
  it('are sent to, and answer', async () => {
    const price = await run('send_message', {
      pid: 'Shop.Catalogue',
      node: three,
      message: { $term: '{:price, "tea"}' },
      how: 'call',
    });
    expect(price['reply']?.['display']).toBe('{:ok, 320}');
    await run('send_message', { pid: 'Shop.Plain', node: one, message: { $term: ':go' } });
    expect(await ask("gen_server:call('Elixir.Shop.Plain', received).")).toContain('{info,go}');
  });

  // @row OP-09, OP-10, T004.d1, T004.d2, R3.1
  it('are started, suspended over the end of the call, resumed, watched and ended', async () => {
    const started = await run('start_process', { module: 'timer', function: 'sleep', args: [600_000], node: two });
    const pid = started['pid'];
    const held = await run('suspend_process', { pid });
    expect(await ask(`process_info(list_to_pid("${textOf(started['display'])}"), status).`, two)).toBe(
      '{status,suspended}',
    );
    const holdings = await run('list_holdings');
    expect(named(holdings['items'], 'id', textOf(held['holding']))).toMatchObject({ kind: 'suspension', target: pid });
    expect((await run('resume_process', { pid }))['released']).toEqual([held['holding']]);
    expect(await ask(`process_info(list_to_pid("${textOf(started['display'])}"), status).`, two)).toBe(
      '{status,waiting}',
    );
    const again = await run('suspend_process', { pid, lingerMs: 60_000 });
    expect((await run('release_holding', { id: again['holding'] }))['wasHeld']).toBe(true);
    const watched = await run('monitor_process', { pid, everyMs: 100, forMs: 5_000 });
    expect(watched).toMatchObject({ endedBy: 'time', ended: null });
    expect(watched['readings']).toBeGreaterThan(0);
    await run('garbage_collect_process', { pid });
    expect((await run('kill_process', { pid }))['reason']?.['display']).toBe(':killed');
  });

  // @row T005.d3, T005.a1
  it('are restarted by their supervisor, with the state they had', async () => {
    await ask("gen_server:cast('Elixir.Shop.Checkout', order), gen_server:cast('Elixir.Shop.Checkout', order).", two);
    const kept = await run('restart_process', { pid: 'Shop.Checkout', node: two, keepState: true });
    expect(kept['state']).toBe('kept');
    expect(kept['pid']).not.toBe(kept['before']);
    expect(await ask("gen_server:call('Elixir.Shop.Checkout', orders).", two)).toBe('2');
    await run('restart_process', { pid: 'Shop.Checkout', node: two });
    expect(await ask("gen_server:call('Elixir.Shop.Checkout', orders).", two)).toBe('0');
  });

  // @row T005.d4, T005.a2, T015.d1
  it('move to another node with an equal state', async () => {
    await ask("[gen_server:cast('Elixir.Shop.Checkout', order) || _ <- lists:seq(1, 7)].");
    // There each node has a checkout of its own: the one there gives up its place.
    await run('terminate_child', { supervisor: 'Shop.Supervisor', child: 'Shop.Checkout', node: two });
    await run('delete_child', { supervisor: 'Shop.Supervisor', child: 'Shop.Checkout', node: two });
    const moved = await run('migrate_process', { pid: 'Shop.Checkout', node: one, to: two, forwardMs: 500 });
    expect(moved['node']).toBe(two);
    expect(await ask("gen_server:call('Elixir.Shop.Checkout', orders).", two)).toBe('7');
  });

  it('are ended together, and moved together', async () => {
    const sleeper = { module: 'timer', function: 'sleep', args: [600_000], node: three };
    const pids = [(await run('start_process', sleeper))['pid'], (await run('start_process', sleeper))['pid']];
    expect((await run('kill_processes', { pids }))['ended']).toBe(2);
    expect(await refused('migrate_processes', { pids: ['Shop.Catalogue'], node: one, to: one })).toBe(
      'process.same_node',
    );
    const proposed = await run('balance_cluster_load', { sampleMs: 50 });
    expect(proposed['did']).toBe('proposed');
    expect(listOf(proposed['loads'])).toHaveLength(3);
  });

  // @row XT-11
  it('run what an administrator wants on every node', async () => {
    const done = await run('remote_execute', { module: 'erlang', function: 'node', nodes: [one, two, three] });
    expect(listOf(done['items']).map((item) => item['value']?.['term']?.['v'])).toEqual([one, two, three]);
  });

  it('that crashed are told of', async () => {
    await run('list_crashes', { node: three });
    await ask("gen_server:cast('Elixir.Shop.Checkout', crash).", three);
    const latest = async () => (await run('list_crashes', { node: three }))['items']?.[0];
    await expect.poll(latest).toMatchObject({ registeredName: 'Elixir.Shop.Checkout', kind: 'error' });
  });
});

describe('supervisors', () => {
  const ledger = { supervisor: 'shop_ledger_sup', node: 'ONE' };
  // @row OP-19, OP-22, T007.d3, T009.d1, T009.d3, T009.d4, T009.a2
  it('are found, looked into and counted', async () => {
    const supervisors = await run('list_supervisors', { node: one });
    const kinds = new Set(listOf(supervisors['items']).map((item) => item['kind']));
    expect(kinds).toEqual(new Set(['supervisor', 'dynamic_supervisor', 'task_supervisor', 'partition_supervisor']));
    const at = { ...ledger, node: one };
    expect((await run('which_children', at))['total']).toBe(2);
    expect((await run('get_supervisor_flags', at))['flags']?.['strategy']).toBe('one_for_all');
    expect((await run('supervisor_stats', at))['children']?.['active']).toBe(2);
    expect((await run('supervision_tree', { node: one }))['supervisors']).toBeGreaterThan(5);
  });

  // @row OP-23, T009.d2
  it('record how often they restart their children', async () => {
    const at = { ...ledger, node: one };
    await run('restart_frequency', at);
    const [child] = listOf((await run('which_children', at))['items']);
    await run('kill_process', { pid: child?.['pid'] });
    await expect.poll(async () => (await run('restart_frequency', at))['total']).toBeGreaterThan(0);
  });

  // @row OP-16, OP-17, T007.d4, T008.d1, T008.d2, T008.d3
  it('have children added, restarted, terminated and deleted, and their strategy changed', async () => {
    const at = { supervisor: 'Shop.Warehouse', node: one };
    const spec = { id: '"spare"', module: 'shop_ledger', args: [{ $term: ':income' }] };
    const added = await run('add_child', { ...at, spec });
    const id = added['childId'];
    const restarted = await run('restart_child', { ...at, child: id });
    expect(restarted['before']).toBe(added['pid']);
    await run('terminate_child', { ...at, child: id });
    await run('delete_child', { ...at, child: id });
    const changed = await run('change_supervisor_strategy', { ...at, strategy: 'one_for_one', intensity: 9 });
    expect([changed['before']?.['strategy'], changed['after']?.['strategy']]).toEqual(['rest_for_one', 'one_for_one']);
    expect((await run('get_supervisor_flags', at))['flags']?.['intensity']).toBe(9);
  });

  // @row XT-04
  it('start anew what is made to fail', async () => {
    const failed = await run('simulate_failure', { supervisor: 'Shop.Supervisor', node: two, child: 'Shop.Catalogue' });
    expect([failed['restarts'], failed['asPredicted']]).toEqual([1, true]);
    expect(listOf((await run('cluster_supervision_trees', { depth: 2 }))['items'])).toHaveLength(3);
  });

  // @row T007.d1, T007.d2
  it('are started, restarted and stopped; the root of an application is not', async () => {
    const spec = { id: 'book', module: 'shop_ledger', args: [{ $term: ':income' }] };
    const started = await run('start_supervisor', { node: one, strategy: 'one_for_all', children: [spec] });
    const own = { supervisor: started['pid'] };
    expect((await run('which_children', own))['total']).toBe(1);
    await run('stop_supervisor', own);
    expect(await refused('which_children', own)).toMatch(/not_found|not_one/);
    const before = await run('list_supervisors', { node: two, filter: { name: { eq: 'Elixir.Shop.Warehouse' } } });
    const restarted = await run('restart_supervisor', { supervisor: 'Shop.Warehouse', node: two });
    expect(restarted['before']).toBe(before['items']?.[0]?.['pid']);
    expect(restarted['pid']).not.toBe(restarted['before']);
    expect(await refused('restart_supervisor', { supervisor: 'Shop.Supervisor', node: two })).toBe(
      'supervisor.is_root',
    );
  });
});

describe('nodes', () => {
  // @row T013.d1, T013.d2, T013.d3, T013.a1
  it('are shown with what they see of each other, and how they are', async () => {
    expect((await run('cluster_topology'))['islands']).toEqual([[one, two, three].toSorted()]);
    expect(listOf((await run('cluster_health'))['items'])).toHaveLength(3);
    const info = await run('node_info', { node: two });
    expect(info['observer']).toBe('agent');
    expect((await run('disconnect_node', { node: three }))['wasConnected']).toBe(true);
    await run('connect_node', { node: three });
  });

  // @row OP-25, OP-26, R2.5, R6.1
  it('tell their figures', async () => {
    expect((await run('get_system_info', { node: one }))['entries']?.['otpRelease']).toBe('25');
    expect(listOf((await run('get_memory_info'))['items'])).toHaveLength(3);
    expect((await run('get_allocator_info', { node: one }))['items']?.[0]?.['usage']).toBeGreaterThan(0);
    const busy = await run('get_scheduler_info', { node: one, forMs: 100 });
    expect(listOf(busy['items']?.[0]?.['schedulers']).length).toBeGreaterThan(0);
    expect(named((await run('list_applications', { node: one }))['items'], 'name', 'shop')).toMatchObject({
      running: true,
    });
    expect(listOf((await run('list_ets_tables', { node: one, sort: '-bytes', limit: 5 }))['items'])).toHaveLength(5);
    expect((await run('list_ports', { node: one }))['total']).toBeGreaterThan(0);
    expect((await run('list_registered_processes', { node: one }))['total']).toBeGreaterThan(20);
  });

  // @row OP-40
  it('tell what spans them', async () => {
    const names = await run('compare_global_names');
    expect(listOf(names['items']?.[0]?.['views'])).toHaveLength(3);
    expect(await refused('list_groups', { scope: 'pg' })).toBe('registry.not_found');
    expect((await run('list_topologies'))['items']).toEqual([]);
    expect((await run('horde_registry_inspect', { findings: false }))['members']).toEqual([]);
    expect((await run('horde_supervisor_inspect', { findings: false }))['members']).toEqual([]);
    const spec = { id: 'cart', module: 'Shop.Cart' };
    expect(await refused('horde_start_child', { supervisor: 'Shop.Nobody', spec })).not.toBe('');
  });

  // @row OP-31, OP-32, OP-34, OP-35, XT-12
  it('are looked through for what is wrong', async () => {
    expect((await run('analyze_deadlocks', { confirmMs: 100 }))['circles']).toEqual([]);
    expect((await run('detect_bottlenecks', { forMs: 200 }))['unseen']).toEqual([]);
    expect((await run('memory_leak_detection', { forMs: 1_000, everyMs: 250 }))['readings']).toBe(5);
    const queue = await run('analyze_message_queue', { pid: 'Shop.Catalogue', node: one });
    expect(queue).toMatchObject({ length: 0, read: true });
  });

  it('are not taken down from here: this cluster is not ours', async () => {
    const faults: readonly (readonly [string, Params])[] = [
      ['crash_node', { node: three }],
      ['restart_node', { node: three }],
      ['hang_node', { node: three }],
      ['remove_node', { node: three }],
      ['add_node', { node: 'four@127.0.0.1' }],
      ['partition_cluster', { islands: [[one], [two, three]] }],
      ['delay_link', { from: one, to: two, delayMs: 10 }],
      ['drop_link', { from: one, to: two }],
      // Of simulated clusters only: their time, their file, their record.
      ['get_time', {}],
      ['pause_time', {}],
      ['resume_time', {}],
      ['step_time', {}],
      ['reload_cluster_file', {}],
      ['export_scenario', { name: 'nothing' }],
    ];
    for (const [operation, params] of faults) {
      const { code, json } = await arsenal(operation, params);
      expect(`${operation} ${String(code)} ${textOf(json['errors']?.[0]?.['status'])}`).toBe(`${operation} 1 501`);
    }
    expect((await run('heal_cluster'))['released']).toEqual([]);
    for (const operation of ['create_sandbox', 'destroy_sandbox', 'list_sandboxes']) {
      const params =
        operation === 'create_sandbox' ? { text: 'x' } : operation === 'destroy_sandbox' ? { sandbox: 'x' } : {};
      expect((await arsenal(operation, params)).code).toBe(1);
    }
  });
});

describe('traces and profiles', () => {
  // @row OP-28, OP-29, OP-30, T006.d2
  it('show messages and calls in order, over nodes', async () => {
    const started = await run('trace_process', {
      pid: 'Shop.Catalogue',
      node: one,
      trace: ['receive', 'send'],
      timeMs: 30_000,
    });
    for (const item of ['tea', 'coffee'])
      await ask(`gen_server:call('Elixir.Shop.Catalogue', {price, <<"${item}">>}).`);
    const results = await run('get_trace_results', { trace: started['trace'], waitMs: 2_000 });
    const texts = listOf(results['items']).map((event) => event['text']);
    expect(texts.some((text) => textOf(text).includes('"tea"'))).toBe(true);
    expect(named((await run('list_traces'))['items'], 'trace', textOf(started['trace']))).toMatchObject({
      running: true,
    });
    expect((await run('stop_trace', { trace: started['trace'] }))['ended']?.[0]).toMatchObject({ why: 'stopped' });

    const calls = await run('trace_messages', {
      trace: ['call'],
      functions: ['Shop.Catalogue.handle_call/3'],
      returns: true,
    });
    await ask('gen_server:call(\'Elixir.Shop.Catalogue\', {price, <<"tea">>}).', two);
    const seen = await run('get_trace_results', { trace: calls['trace'], waitMs: 2_000 });
    expect(listOf(seen['items']).map((event) => [event['node'], event['event']])).toEqual([
      [two, 'call'],
      [two, 'return'],
    ]);
    await run('stop_trace', { trace: calls['trace'] });
  });

  it('put the planted hot function first', async () => {
    await ask('register(hot, spawn(fun Hot() -> lists:sort(lists:seq(1, 2000)), Hot() end)).');
    const profile = await run('profile_process', { pid: 'hot', node: one, forMs: 500 });
    expect(profile['samples']).toBeGreaterThan(10);
    expect(
      listOf(profile['functions'])
        .slice(0, 3)
        .map((found) => textOf(found['function']))
        .join(' '),
    ).toContain('lists:');
    await ask('exit(whereis(hot), kill).');
  });
});

describe('the catalogue', () => {
  it('tells of itself, and every operation in it was run here', async () => {
    expect((await run('list_operations', { limit: 1000 }))['total']).toBeGreaterThan(50);
    await run('describe_operation', { operation: 'kill_process' });
    await run('search_operations', { query: 'kill' });
    // The shop has no operations of its own.
    expect((await run('discover_operations'))['operations']).toEqual([]);
    expect((await run('load_operations', { node: one }))['loaded']).toEqual([]);
    const nothing = { list: () => [], search: () => [], describe: () => null };
    const all = builtinOperations({ catalogue: nothing, scans: new ScanStore(), tasks: new TaskStore() }).map(
      ({ name }) => name,
    );
    expect(all.filter((name) => !ran.has(name))).toEqual([]);
  });
});
