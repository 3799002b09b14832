/** Faults on a scripted cluster: what is agreed to before, how they are held, and how they are taken back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, failing } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Json } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { MethodName, MethodTable } from '../../../runtime/port.ts';
import { at } from '../../backend/testKit.ts';
import { errorOf, textWith } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { holding, late, lost, nodeInfo, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const fault = (id: string, requestId = 'r0') =>
  holding(id, { kind: 'fault', target: null, owner: { ...holding(id).owner, requestId }, lingerMs: 9 });
const link = { from: 'a@h', to: 'b@h' };

const heldFaults: readonly {
  readonly operation: string;
  readonly method: MethodName;
  readonly params: { readonly [key: string]: Json };
  readonly asks: object;
  readonly summary: string;
}[] = [
  {
    operation: 'delay_link',
    method: 'faults.delayLink',
    params: { ...link, delayMs: 500 },
    asks: { ...link, delayMs: 500, jitterMs: 0, lingerMs: 600_000 },
    summary: 'Delay what a@h sends to b@h by 500 ms',
  },
  {
    operation: 'drop_link',
    method: 'faults.dropLink',
    params: { ...link, lossRatio: 0.125, lingerMs: 9 },
    asks: { ...link, lossRatio: 0.125, bytesPerSecond: null, lingerMs: 9 },
    summary: 'Lose 12.5 % of what a@h sends to b@h',
  },
  {
    operation: 'hang_node',
    method: 'faults.hangNode',
    params: { node: 'a@h' },
    asks: { node: 'a@h', lingerMs: 600_000 },
    summary: 'Hang a@h',
  },
  {
    operation: 'partition_cluster',
    method: 'faults.partition',
    params: { islands: [['a@h'], ['b@h', 'c@h']], mode: 'blackhole' },
    asks: { islands: [['a@h'], ['b@h', 'c@h']], mode: 'blackhole', lingerMs: 600_000 },
    summary: 'Partition the cluster: a@h | b@h, c@h (blackhole)',
  },
];

describe.each(heldFaults)('$operation', ({ operation, method, params, asks, summary }) => {
  const scripted = (change: MethodTable = {}) => {
    const made = answering({ ...fault('f1'), preventsOverlap: true });
    bench.script({
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': answering({ wasHeld: true }),
      [method]: made,
      ...change,
    });
  };

  it('asks for the fault with its owner, and answers what it is held by', async () => {
    scripted();
    const made = await bench.result(operation, params);
    expect(made).toMatchObject({ holding: 'f1', lingerMs: 9 });
    expect(bench.runtime.asked(method)).toMatchObject([{ ...asks, owner: { principal: 'ada', operation } }]);
    const { plan } = await bench.planned(operation, params);
    expect(plan).toMatchObject({ summary, undo: 'yes' });
    scripted({ [method]: failing(lost) });
    expect(errorOf(await bench.run(operation, params)).effect).toBe('unknown');
  });

  it('is taken back by its holding, and known later by its request', async () => {
    scripted();
    const made = await bench.planned(operation, params);
    expect(await made.compensate(await made.apply())).toEqual(ok(null));
    expect(bench.runtime.asked('holdings.release')).toEqual([{ id: 'f1' }]);
    expect(await made.compensate(await failing(late)())).toEqual(ok(null));
    expect(await made.probe()).toBe('none');
    const requestId = at(made.plan.steps, 'owner', 'requestId');
    const mine = fault('f1', typeof requestId === 'string' ? requestId : '');
    scripted({ 'holdings.list': answering({ holdings: [fault('f0'), mine], nodes: [] }) });
    expect(await made.probe()).toBe('applied');
    scripted({ 'holdings.list': failing(late), 'holdings.release': failing(late) });
    expect(await made.probe()).toBe('unknown');
    expect(errorOf(await made.compensate(ok({ holding: 'f1' }))).class).toBe('timeout');
  });
});

describe('drop_link', () => {
  it('loses everything when nothing is said, and nothing when only the bytes are bounded', async () => {
    bench.script({
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': answering({ wasHeld: true }),
      'faults.dropLink': answering(fault('f1')),
    });
    expect(await bench.result('drop_link', link)).toMatchObject({ lossRatio: 1, bytesPerSecond: null });
    expect(await bench.result('drop_link', { ...link, bytesPerSecond: 900 })).toMatchObject({ lossRatio: 0 });
    expect(bench.runtime.asked('faults.dropLink')).toMatchObject([
      { lossRatio: 1, bytesPerSecond: null },
      { lossRatio: 0, bytesPerSecond: 900 },
    ]);
    const { plan } = await bench.planned('drop_link', { ...link, lossRatio: 0.5, bytesPerSecond: 900 });
    expect(plan.summary).toBe('Lose 50 % of what a@h sends to b@h, let 900 bytes a second through');
    expect(errorOf(await bench.run('drop_link', { ...link, lossRatio: 50 })).pointer).toBe('/lossRatio');
  });
});

describe('partition_cluster', () => {
  it('refuses one group, and a node in two', async () => {
    bench.script({
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': failing(late),
      'faults.partition': failing(late),
    });
    for (const islands of [[['a@h']], [['a@h', 'b@h'], ['b@h']], [['a@h'], []]]) {
      expect(errorOf(await bench.run('partition_cluster', { islands })).class).toBe('validation');
    }
    expect(bench.runtime.asked('faults.partition')).toEqual([]);
  });
});

describe('a dry run of a fault', () => {
  const sights = {
    nodes: [],
    links: [
      { node: 'a@h', sees: ['b@h'], silent: [] },
      { node: 'd@h', sees: ['a@h'], silent: [] },
    ],
  };
  const stats = { processCount: 77, processLimit: 100, runQueue: 0, reductions: 1, schedulersOnline: 1 };
  const figures = { ...stats, uptimeMs: null, memoryBytes: null, atomCount: null };
  const scripted = (change: MethodTable = {}) => {
    bench.script({
      'cluster.links': answering(sights),
      'system.stats': answering(figures),
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': failing(late),
      'faults.crashNode': failing(late),
      'faults.startNode': failing(late),
      'faults.removeNode': failing(late),
      'faults.hangNode': failing(late),
      'faults.partition': failing(late),
      'faults.delayLink': failing(late),
      'faults.dropLink': failing(late),
      ...change,
    });
  };

  it.each([
    ['crash_node', 'all 77 processes on it end', 'closes'],
    ['remove_node', 'all 77 processes on it end', 'closes'],
    ['restart_node', 'all 77 processes on it end, its applications start anew', 'closes'],
    ['hang_node', 'all 77 processes on it stand still', 'falls silent'],
  ])('%s counts who ends with the node, and names who loses its link', async (operation, what, how) => {
    scripted();
    const touches = async () => (await bench.planned(operation, { node: 'a@h' })).plan.touches;
    expect(await touches()).toEqual([
      { node: 'a@h', what },
      { node: 'b@h', what: `its link to a@h ${how}` },
      { node: 'd@h', what: `its link to a@h ${how}` },
    ]);
    scripted({ 'cluster.links': failing(late), 'system.stats': failing(late) });
    expect(await touches()).toEqual([{ node: 'a@h', what: what.replace('all 77 processes', 'every process') }]);
  });

  it('of a node that is down says that nothing ends', async () => {
    scripted({
      'cluster.nodes': answering({ nodes: [nodeInfo('a@h', { reach: { via: 'none', since: 0, why: 'down' } })] }),
    });
    expect((await bench.planned('crash_node', { node: 'a@h' })).plan.touches).toEqual([]);
    expect(bench.runtime.asked('system.stats')).toEqual([]);
  });

  it('names the links that a partition cuts, and refuses nodes that there are not', async () => {
    scripted();
    const islands = [['a@h', 'b@h'], ['c@h']];
    expect((await bench.planned('partition_cluster', { islands })).plan.touches).toEqual([
      { node: 'a@h', what: 'links to c@h' },
      { node: 'b@h', what: 'links to c@h' },
      { node: 'c@h', what: 'links to a@h, b@h' },
    ]);
    const refused = async (operation: string, params: { readonly [key: string]: Json }) => {
      const { code, pointer } = errorOf(await bench.run(operation, params, { mode: 'dry_run' }));
      return [code, pointer];
    };
    const strange = [['a@h'], ['b@h', 'x@h']];
    expect(await refused('partition_cluster', { islands: strange })).toEqual(['node.not_found', '/islands/1/1']);
    const off = { from: 'a@h', to: 'x@h', delayMs: 5 };
    expect(await refused('delay_link', off)).toEqual(['node.not_found', '/to']);
    expect(await refused('drop_link', { from: 'x@h', to: 'a@h' })).toEqual(['node.not_found', '/from']);
  });
});

describe('heal_cluster', () => {
  const holdings = [fault('f1'), fault('f2'), holding('s1'), fault('f3')];
  const heals = (change: MethodTable = {}) => {
    bench.script({
      'holdings.list': answering({ holdings, nodes: [] }),
      'holdings.release': ({ id }) => Promise.resolve(ok({ wasHeld: id !== 'f2' })),
      ...change,
    });
  };

  it('takes back all faults and nothing else that is held, or those named', async () => {
    heals();
    // f2 had gone by itself meanwhile.
    expect(await bench.result('heal_cluster')).toEqual({ released: ['f1', 'f3'] });
    expect(bench.runtime.asked('holdings.release')).toEqual([{ id: 'f1' }, { id: 'f2' }, { id: 'f3' }]);
    expect(await bench.result('heal_cluster', { holdings: ['f3', 's1'] })).toEqual({ released: ['f3'] });
    const { plan } = await bench.planned('heal_cluster', {});
    expect(plan).toMatchObject({
      summary: 'Take back 3 faults',
      touches: [{ what: 'what ada did by x (f1)' }, {}, {}],
    });
  });

  it('says what it took back when it fails half way, and is known later by what is left', async () => {
    heals({ 'holdings.release': ({ id }) => (id === 'f2' ? failing(lost)() : answering({ wasHeld: true })()) });
    const error = errorOf(await bench.run('heal_cluster'));
    expect(error).toMatchObject({ code: lost.code, effect: 'partial', details: { released: ['f1'] } });
    const healed = await bench.planned('heal_cluster', {});
    expect(await healed.probe()).toBe('none');
    heals({ 'holdings.list': answering({ holdings: [holding('s1')], nodes: [] }), 'holdings.release': failing(lost) });
    expect(await healed.probe()).toBe('applied');
    expect((await bench.planned('heal_cluster', {})).plan.summary).toBe('There is no fault to take back');
    heals({ 'holdings.release': failing(lost) });
    expect(errorOf(await bench.run('heal_cluster')).effect).toBe('unknown');
    heals({ 'holdings.list': failing(late) });
    expect(await healed.probe()).toBe('unknown');
    expect(errorOf(await bench.run('heal_cluster')).class).toBe('timeout');
  });
});

describe('nodes that come and go', () => {
  const restarted = answering({ nodes: [nodeInfo('a@h', { creation: 8 })] });
  const node = { node: 'a@h' };
  const all: MethodTable = {
    'faults.addNode': answering(nodeInfo('d@h')),
    'faults.removeNode': answering({ wasUp: true }),
    'faults.crashNode': answering({ wasUp: true }),
    'faults.startNode': answering(nodeInfo('a@h', { creation: 8 })),
    'faults.hangNode': answering(fault('f1')),
    'holdings.list': answering({ holdings: [], nodes: [] }),
    'holdings.release': failing(late),
  };

  it('are added, removed, and known later by whether they are there', async () => {
    bench.script(all);
    expect(await bench.result('add_node', { node: 'd@h' })).toMatchObject({ node: 'd@h', status: 'up' });
    expect(await bench.result('remove_node', node)).toEqual({ node: 'a@h', wasUp: true });
    const added = await bench.planned('add_node', { node: 'd@h' });
    const removed = await bench.planned('remove_node', node);
    expect([await added.probe(), await removed.probe()]).toEqual(['none', 'none']);
    bench.script({ ...all, 'cluster.nodes': answering({ nodes: [nodeInfo('d@h')] }) });
    expect([await added.probe(), await removed.probe()]).toEqual(['applied', 'applied']);
    bench.script({ ...all, 'cluster.nodes': failing(late) });
    expect([await added.probe(), await removed.probe()]).toEqual(['unknown', 'unknown']);
    bench.script({ ...all, 'faults.addNode': failing(lost), 'faults.removeNode': failing(lost) });
    expect(errorOf(await bench.run('add_node', { node: 'd@h' })).effect).toBe('unknown');
    expect(errorOf(await bench.run('remove_node', node)).effect).toBe('unknown');
    expect(errorOf(await bench.run('remove_node', { node: 'x@h' })).code).toBe('node.not_found');
    expect(errorOf(await bench.run('hang_node', { node: 'x@h' })).code).toBe('node.not_found');
  });

  it.each(['crash_node', 'restart_node', 'remove_node', 'hang_node'])(
    '%s does nothing to another life of the node than the one agreed to',
    async (operation) => {
      bench.script(all);
      const planned = await bench.planned(operation, node);
      bench.script({ ...all, 'cluster.nodes': restarted });
      const done = await planned.apply();
      expect(errorOf(done)).toMatchObject({ code: 'node.restarted', class: 'conflict', effect: 'none' });
      for (const method of ['faults.crashNode', 'faults.startNode', 'faults.removeNode', 'faults.hangNode'] as const) {
        expect(bench.runtime.asked(method), method).toEqual([]);
      }
    },
  );

  it('are known to have crashed or restarted by their life', async () => {
    const down = nodeInfo('a@h', { reach: { via: 'none', since: 0, why: 'down' } });
    bench.script(all);
    const crashed = await bench.planned('crash_node', node);
    const begun = await bench.planned('restart_node', node);
    expect(begun.plan.summary).toBe('Crash a@h and bring it up again');
    expect([await crashed.probe(), await begun.probe()]).toEqual(['none', 'none']);
    bench.script({ ...all, 'cluster.nodes': answering({ nodes: [down] }) });
    expect([await crashed.probe(), await begun.probe()]).toEqual(['applied', 'unknown']);
    expect((await bench.planned('crash_node', node)).plan.summary).toBe('a@h is down already');
    expect((await bench.planned('restart_node', node)).plan.summary).toBe('Bring a@h up again');
    bench.script({ ...all, 'cluster.nodes': restarted });
    expect([await crashed.probe(), await begun.probe()]).toEqual(['applied', 'applied']);
    bench.script({ ...all, 'cluster.nodes': failing(late) });
    expect([await crashed.probe(), await begun.probe()]).toEqual(['unknown', 'unknown']);
  });
});

describe('connect_node and disconnect_node', () => {
  const methods: MethodTable = {
    'cluster.connect': answering(nodeInfo('b@h')),
    'cluster.disconnect': answering({ wasConnected: true }),
  };

  it('undo only what they did', async () => {
    bench.script(methods);
    const address = { host: '::1', port: 9_100 };
    const opened = await bench.planned('connect_node', { node: 'c@h', address });
    expect(await opened.compensate(await opened.apply())).toEqual(ok(null));
    expect(bench.runtime.asked('cluster.connect')).toEqual([{ node: 'c@h', address }]);
    expect(bench.runtime.asked('cluster.disconnect')).toEqual([{ node: 'c@h' }]);
    const already = await bench.planned('connect_node', { node: 'b@h' });
    expect(already.plan.summary).toBe('b@h is connected already');
    expect(await already.compensate(ok(null))).toEqual(ok(null));
    const apart = await bench.planned('disconnect_node', { node: 'c@h' });
    expect(apart.plan.summary).toContain('no link of ours');
    expect(await apart.compensate(ok(null))).toEqual(ok(null));
    expect(bench.runtime.asked('cluster.disconnect')).toHaveLength(1);
    const closed = await bench.planned('disconnect_node', { node: 'b@h' });
    expect(await closed.compensate(ok(null))).toEqual(ok(null));
    expect(bench.runtime.asked('cluster.connect')[1]).toEqual({ node: 'b@h' });
  });

  it('pass on what failed', async () => {
    bench.script({ 'cluster.connect': failing(lost), 'cluster.disconnect': failing(lost) });
    expect(errorOf(await bench.run('connect_node', { node: 'c@h' })).effect).toBe('unknown');
    expect(errorOf(await bench.run('disconnect_node', { node: 'b@h' })).effect).toBe('unknown');
    const opened = await bench.planned('connect_node', { node: 'c@h' });
    expect(errorOf(await opened.compensate(ok(null)))).toMatchObject({ message: textWith('broke') });
    const closed = await bench.planned('disconnect_node', { node: 'b@h' });
    expect(errorOf(await closed.compensate(ok(null))).code).toBe(lost.code);
  });
});

describe('connect_node and disconnect_node, asked for after a crash', () => {
  it('say that the link was one of the process that is gone', async () => {
    bench.script({ 'cluster.connect': failing(lost), 'cluster.disconnect': failing(lost) });
    // A link is the server's own: with the server that opened it, it has ended, and so has one that was to be closed.
    expect(await (await bench.planned('connect_node', { node: 'c@h' })).probe()).toBe('none');
    expect(await (await bench.planned('disconnect_node', { node: 'b@h' })).probe()).toBe('applied');
  });
});
