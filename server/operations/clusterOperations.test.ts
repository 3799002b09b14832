/** Supervisors, names, nodes, faults, sandboxes and the catalogue: on a fake where faults are wanted, on the simulated cluster elsewhere. */
import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { liveRuntime } from '../../runtime/embedded/liveRuntime.ts';
import type { Json } from '../../runtime/model.ts';
import type { House } from '../backend/testKit.ts';
import { at, bundled, fakeShop, houseOn, listAt, temporaryHome } from '../backend/testKit.ts';
import { anyNumber, anyText, errorOf, listWith, objectWith, valueOf } from '../core/testKit.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import { islandsOf, linksOf } from './nodeRows.ts';

describe('on a fake cluster', () => {
  let runtime: FakeRuntime;
  let house: House;
  beforeEach(async () => {
    runtime = fakeShop();
    house = await houseOn(runtime);
  });
  afterEach(() => house.close());
  const get = (operation: string, params: { readonly [key: string]: Json } = {}) => house.result(operation, params);
  const late = failure('timeout', 'call.timeout', 'Late.', 'Wait.').error;

  // @row OP-20
  it('list_supervisors lists those of all nodes or of one, with strategy and parent', async () => {
    const all = await get('list_supervisors', { sort: 'name' });
    expect(all).toMatchObject({ total: 4 });
    expect(at(all, 'items', 0)).toMatchObject({
      name: 'Elixir.Shop.Supervisor',
      kind: 'supervisor',
      application: 'shop',
      strategy: 'one_for_one',
      parent: null,
    });
    const filter = { kind: { eq: 'dynamic_supervisor' } };
    expect(listAt(await get('list_supervisors', { node: 'shop2@h', filter }), 'items')).toHaveLength(1);
    runtime.crashNode('shop2@h');
    expect(errorOf(await house.run('list_supervisors', { node: 'shop2@h' })).class).toBe('unavailable');
    runtime.fault('supervisors.find', { is: 'error', error: late });
    expect(errorOf(await house.run('list_supervisors')).class).toBe('timeout');
  });

  // @row OP-14
  it('which_children lists the children of what is surely a supervisor, and asks nothing else', async () => {
    const children = await get('which_children', { supervisor: 'Shop.Supervisor', node: 'shop2@h' });
    expect(children).toMatchObject({
      items: [
        { childIdText: ':catalog', type: 'worker', state: 'running', node: 'shop2@h' },
        { childIdText: ':gateway', type: 'worker', state: 'running', supervisor: null },
        { childIdText: ':carts', type: 'supervisor', state: 'running', supervisor: 'dynamic_supervisor' },
      ],
      nodes: [{ node: 'shop2@h', status: 'ok' }],
    });
    expect(at(await get('which_children', { supervisor: 'Shop.Supervisor', limit: 2 }), 'next')).not.toBeNull();
    expect(errorOf(await house.run('which_children', { supervisor: 'only_here' })).effect).toBe('none');
    expect(errorOf(await house.run('which_children', { supervisor: 'nobody' })).class).toBe('not_found');
  });

  // @row OP-24
  it('supervision_tree shows trees, and a supervisor that does not answer as one that does not', async () => {
    const whole = await get('supervision_tree');
    expect(whole).toMatchObject({ total: 2, supervisors: 4, truncated: false });
    const children = listAt(whole, 'items', 0, 'children');
    expect(children.map((child) => at(child, 'tree', 'kind'))).toEqual([null, null, 'dynamic_supervisor']);
    expect(listAt(children[2] ?? null, 'tree', 'children')).toHaveLength(1);
    const flat = await get('supervision_tree', { depth: 1 });
    expect([at(flat, 'truncated'), listAt(flat, 'items', 0, 'children', 2, 'tree', 'children')]).toEqual([true, []]);
    const few = await get('supervision_tree', { childLimit: 1 });
    expect([at(few, 'truncated'), listAt(few, 'items', 0, 'children').length]).toEqual([true, 1]);
    expect(at(few, 'items', 0, 'childCount')).toBe(3);
    const one = await get('supervision_tree', { supervisor: 'Shop.Supervisor', node: 'shop2@h' });
    expect(one).toMatchObject({ total: 1, items: [{ node: 'shop2@h' }] });
    expect(await get('supervision_tree', { node: 'shop1@h', supervisorLimit: 1 })).toMatchObject({ truncated: true });
    runtime.fault('supervisors.children', { is: 'error', error: late });
    const silent = await get('supervision_tree');
    expect(at(silent, 'items', 0)).toMatchObject({ children: [], childCount: null, error: { code: 'call.timeout' } });
    expect(errorOf(await house.run('supervision_tree', { supervisor: 'nobody' })).class).toBe('not_found');
    runtime.crashNode('shop2@h');
    expect(errorOf(await house.run('supervision_tree', { node: 'shop2@h' })).class).toBe('unavailable');
    runtime.fault('supervisors.find', { is: 'error', error: late });
    expect(errorOf(await house.run('supervision_tree')).class).toBe('timeout');
  });

  // @row OP-27
  it('list_registered_processes lists local names by node, and says which registries there are none of', async () => {
    const here = await get('list_registered_processes', { node: 'shop1@h', sort: 'name' });
    const names = listAt(here, 'items').map((row) => at(row, 'name'));
    expect(names).toEqual(['Elixir.Shop.Catalog', 'Elixir.Shop.Supervisor', 'init', 'only_here']);
    expect(at(here, 'items', 0)).toMatchObject({ registry: 'local', pid: anyText, display: anyText });
    expect(await get('list_registered_processes')).toMatchObject({ total: 7 });
    for (const params of [{ registry: 'global' }, { registry: 'via', module: 'Registry' }]) {
      expect((await house.run('list_registered_processes', params)).ok).toBe(false);
    }
    for (const params of [{ registry: 'via' }, { module: 'Registry' }]) {
      expect(errorOf(await house.run('list_registered_processes', params)).pointer).toBe('/module');
    }
    runtime.crashNode('shop2@h');
    expect(errorOf(await house.run('list_registered_processes', { node: 'shop2@h' })).class).toBe('unavailable');
  });

  // @row OP-37
  it('cluster_topology shows nodes and links, and fails with whichever cannot be asked', async () => {
    expect(await get('cluster_topology')).toMatchObject({
      items: [
        { node: 'shop1@h', status: 'up' },
        { node: 'shop2@h', status: 'up' },
      ],
      links: [{ from: 'shop1@h', to: 'shop2@h', state: 'both' }],
      islands: [['shop1@h', 'shop2@h']],
    });
    for (const method of ['cluster.nodes', 'cluster.links'] as const) {
      runtime.fault(method, { is: 'error', error: late });
      expect(errorOf(await house.run('cluster_topology')).class).toBe('timeout');
      runtime.fault(method, null);
    }
  });

  // @row OP-36
  it('cluster_health says what is wrong, by thresholds that are stated', async () => {
    const long = await get('cluster_health');
    expect(long).toMatchObject({ status: 'degraded', thresholds: { mailboxLength: 10_000 } });
    expect(at(long, 'items', 0)).toMatchObject({
      health: 'degraded',
      longestMailbox: 20_000,
      reasons: [{ code: 'process.mailbox', value: 20_000 }],
    });
    expect(await get('cluster_health', { mailboxLength: 50_000 })).toMatchObject({ status: 'healthy', reasons: [] });
    runtime.fault('system.stats', { is: 'error', error: late });
    expect(await get('cluster_health', { mailboxLength: 50_000 })).toMatchObject({
      status: 'critical',
      nodes: [{ status: 'partial' }, { status: 'partial' }],
    });
    runtime.fault('system.stats', null);
    runtime.fault('processes.scan', { is: 'error', error: late });
    runtime.fault('cluster.links', { is: 'error', error: late });
    expect(await get('cluster_health')).toMatchObject({
      status: 'healthy',
      items: [{ longestMailbox: null }, {}],
      nodes: [{ status: 'partial' }, {}],
    });
    runtime.crashNode('shop2@h');
    const one = await get('cluster_health');
    expect(one).toMatchObject({ status: 'critical', reasons: [{ code: 'cluster.nodes_missing', level: 'critical' }] });
    expect(at(one, 'nodes', 1)).toMatchObject({ node: 'shop2@h', status: 'missing' });
    runtime.fault('cluster.nodes', { is: 'error', error: late });
    expect(errorOf(await house.run('cluster_health')).class).toBe('timeout');
  });

  it('cluster_health judges load and limits', async () => {
    const busy = await houseOn(createFakeRuntime({ nodes: [{ name: 'a@h', processes: [{}, {}, {}] }] }));
    const health = await busy.result('cluster_health', { runQueuePerScheduler: 0, processLimitShare: 0 });
    expect(health).toMatchObject({ items: [{ stats: { processCount: 3 } }] });
    await busy.close();
  });

  it('connect_node and disconnect_node plan what they would change', async () => {
    for (const operation of ['connect_node', 'disconnect_node']) {
      const plan = valueOf(await house.run(operation, { node: 'shop2@h' }, { mode: 'dry_run' }));
      expect(plan).toMatchObject({ plan: { severity: 'change', undo: 'yes', touches: [{ node: 'shop2@h' }] } });
      expect((await house.run(operation, { node: 'shop2@h' })).ok).toBe(true);
      expect(errorOf(await house.run(operation, { node: 'none@h' })).class).toBe('not_found');
      runtime.fault('cluster.nodes', { is: 'error', error: late });
      expect(errorOf(await house.run(operation, { node: 'shop2@h' })).class).toBe('timeout');
      runtime.fault('cluster.nodes', null);
    }
  });

  it('a restart that comes half way says so', async () => {
    runtime.fault('faults.startNode', { is: 'error', error: late });
    expect(errorOf(await house.run('restart_node', { node: 'shop2@h' }))).toMatchObject({
      class: 'timeout',
      effect: 'partial',
    });
    runtime.fault('faults.crashNode', { is: 'error', error: late });
    expect(errorOf(await house.run('restart_node', { node: 'shop1@h' }))).toMatchObject({
      class: 'timeout',
      effect: 'none',
    });
    expect(errorOf(await house.run('crash_node', { node: 'shop1@h' })).class).toBe('timeout');
    for (const operation of ['crash_node', 'restart_node']) {
      expect(errorOf(await house.run(operation, { node: 'none@h' })).class).toBe('not_found');
      runtime.fault('cluster.nodes', { is: 'error', error: late });
      expect(errorOf(await house.run(operation, { node: 'shop1@h' })).class).toBe('timeout');
      runtime.fault('cluster.nodes', null);
    }
  });

  // @row RG-04
  // @row RG-05
  it('the catalogue describes itself, without a connection', async () => {
    const none = { connection: null };
    const listed = valueOf(
      await house.run('list_operations', { category: 'process', sort: 'name', fields: ['title'] }, none),
    );
    expect(listed).toMatchObject({
      result: { items: listWith({ name: 'kill_process', title: 'Kill Process' }) },
    });
    const found = valueOf(await house.run('search_operations', { query: 'kill' }, none));
    expect(found).toMatchObject({
      result: { items: [{ name: 'kill_process' }, { name: 'kill_processes' }, { name: 'remote_execute' }] },
    });
    const described = valueOf(await house.run('describe_operation', { operation: 'process_list' }, none));
    expect(described).toMatchObject({
      result: { name: 'list_processes', params: { type: 'object' }, aliases: [{ name: 'process_list' }] },
    });
    expect(errorOf(await house.run('describe_operation', { operation: 'explode' }, none)).code).toBe(
      'operation.not_found',
    );
  });
});

describe('on the simulated cluster', () => {
  let house: House;
  let folder: string;
  beforeAll(async () => {
    folder = temporaryHome();
    const sandboxChildFile = await bundled('runtime/embedded/sandbox/child.ts', folder);
    const nodes = ['demo1@sim', 'demo2@sim', 'demo3@sim'];
    house = await houseOn(liveRuntime({ id: 'sim', nodes, seed: 1, sandboxChildFile }));
  });
  afterAll(async () => {
    await house.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  // @row OP-38
  it('node_info shows a node, and where one is down says so', async () => {
    const info = await house.result('node_info', { node: 'demo1@sim' });
    expect(info).toMatchObject({
      node: 'demo1@sim',
      status: 'up',
      stats: { processCount: anyNumber },
      applications: listWith(objectWith({ name: 'shop', running: true })),
      sees: ['demo2@sim', 'demo3@sim'],
    });
    expect(errorOf(await house.run('node_info', { node: 'none@sim' })).class).toBe('not_found');
  });

  // @row R10.5
  it('crash_node and restart_node take a node down and bring it up as another', async () => {
    const before = await house.result('node_info', { node: 'demo3@sim' });
    expect(await house.result('crash_node', { node: 'demo3@sim' })).toEqual({ node: 'demo3@sim', wasUp: true });
    expect(errorOf(await house.run('node_info', { node: 'demo3@sim' }))).toMatchObject({
      class: 'unavailable',
      details: { status: 'down' },
    });
    // However many wait to run there at that moment.
    const health = await house.result('cluster_health', { runQueuePerScheduler: 1_000 });
    expect(health).toMatchObject({
      status: 'degraded',
      reasons: [{ code: 'cluster.nodes_missing', level: 'degraded' }],
    });
    expect(await house.result('crash_node', { node: 'demo3@sim' })).toEqual({ node: 'demo3@sim', wasUp: false });
    const restarted = await house.result('restart_node', { node: 'demo3@sim' });
    expect(restarted).toMatchObject({ node: 'demo3@sim', status: 'up', wasUp: false });
    const after = await house.result('node_info', { node: 'demo3@sim' });
    expect(at(after, 'creation')).not.toBe(at(before, 'creation'));
    expect(await house.result('restart_node', { node: 'demo3@sim' })).toMatchObject({ wasUp: true });
  });

  // @row R3.3
  it('kill_process ends a process on another node, and its supervisor starts a new one', async () => {
    const name = 'Shop.Payments.Gateway';
    const killed = await house.result('kill_process', { pid: name, node: 'demo2@sim' });
    expect(killed).toMatchObject({
      node: 'demo2@sim',
      reason: { display: ':killed', term: { t: 'atom', v: 'killed' } },
    });
    const pidNow = async () => {
      const info = await house.run('get_process_info', { pid: name, node: 'demo2@sim' });
      return info.ok && info.value.mode === 'run' ? at(info.value.result, 'pid') : null;
    };
    await expect.poll(pidNow).not.toBeNull();
    expect(await pidNow()).not.toBe(at(killed, 'pid'));
  });

  // @row OP-43
  // @row OP-44
  // @row OP-45
  it('a sandbox is created with progress, listed, and destroyed', async () => {
    const steps: OperationProgress[] = [];
    const params = { name: 'adder', text: 'exports.add = (a, b) => a + b;' };
    const plan = valueOf(await house.run('create_sandbox', params, { mode: 'dry_run' }));
    expect(plan).toMatchObject({ plan: { summary: 'Start a sandbox adder on this_machine', severity: 'change' } });
    const created = valueOf(
      await house.run('create_sandbox', params, {}, { onProgress: (step) => void steps.push(step) }),
    );
    if (created.mode !== 'run') throw new Error('It was not run.');
    const id = at(created.result, 'id');
    expect(created).toMatchObject({ result: { name: 'adder', state: 'running', osPid: anyNumber } });
    expect(steps.length).toBeGreaterThan(0);
    expect(await house.result('list_sandboxes')).toMatchObject({
      total: 1,
      items: [{ id, isolation: { files: anyText } }],
    });
    expect(await house.result('destroy_sandbox', { id })).toEqual({ id, existed: true, leftovers: [] });
    expect(errorOf(await house.run('destroy_sandbox', { id }))).toMatchObject({ class: 'not_found', effect: 'none' });
  });

  it('a sandbox is of a module or of text, and its module must be there', async () => {
    for (const params of [{}, { module: '/x.mjs', text: 'x' }]) {
      expect(errorOf(await house.run('create_sandbox', params)).pointer).toBe('/module');
    }
    const missing = errorOf(await house.run('create_sandbox', { module: '/nowhere/at/all.mjs' }));
    expect(missing.class).not.toBe('system');
  });
});

describe('links and islands', () => {
  const sight = (node: string, ...sees: string[]) => ({ node, sees, silent: [] });

  it('knows links that only one of two has, and those whose other end could not be asked', () => {
    const links = linksOf([sight('a', 'b', 'c'), sight('b', 'a'), sight('c'), sight('d', 'e')]);
    expect(links).toEqual([
      { from: 'a', to: 'b', state: 'both' },
      { from: 'a', to: 'c', state: 'one_way' },
      { from: 'd', to: 'e', state: 'unconfirmed' },
    ]);
  });

  it('knows a partition', () => {
    const islands = islandsOf([
      sight('a', 'b'),
      sight('b', 'a'),
      sight('c', 'd', 'e'),
      sight('d', 'c', 'e'),
      sight('e', 'c', 'd'),
    ]);
    expect(islands).toEqual([
      ['c', 'd', 'e'],
      ['a', 'b'],
    ]);
    expect(islandsOf([])).toEqual([]);
  });

  it('counts a link over which no answer comes as none, and says so', () => {
    const sights = [
      { node: 'a', sees: ['b', 'c'], silent: ['c'] },
      { node: 'b', sees: ['a', 'c'], silent: ['c'] },
      { node: 'c', sees: ['a', 'b'], silent: ['a', 'b'] },
    ];
    expect(islandsOf(sights)).toEqual([['a', 'b'], ['c']]);
    expect(linksOf(sights)).toEqual([
      { from: 'a', to: 'b', state: 'both' },
      { from: 'a', to: 'c', state: 'silent' },
      { from: 'b', to: 'c', state: 'silent' },
    ]);
  });

  it('knows one that only one side tells of', () => {
    expect(islandsOf([sight('b'), sight('a', 'b')])).toEqual([['a', 'b']]);
  });
});
