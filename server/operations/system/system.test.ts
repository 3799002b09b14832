/** A node's figures, tables, ports, mailboxes, holdings and bottlenecks, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, choosing, failing, streaming, streamFailing } from '../../../runtime/fake/scriptedRuntime.ts';
import { portValue, tableValue } from '../../../runtime/listFields.ts';
import type { Json, NodeStats, PortRow } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Answer, MethodTable, Params } from '../../../runtime/port.ts';
import { nodeUnavailable } from '../../../runtime/errors.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { atom, integer, tuple } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import { errorOf, textWith } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { butNotB, holding, idOf, late, lost, page, ref, scriptedHouse, plainTable } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const statuses = (answer: Json) => listAt(answer, 'nodes').map((row) => [at(row, 'node'), at(row, 'status')]);
const oneAnswers = [
  ['a@h', 'ok'],
  ['b@h', 'missing'],
  ['c@h', 'missing'],
];
const stats: NodeStats = {
  uptimeMs: 1,
  processCount: 10,
  processLimit: 100,
  runQueue: 0,
  memoryBytes: 1,
  atomCount: 5,
  reductions: 1,
  schedulersOnline: 2,
};

describe('what every node is asked', () => {
  it('get_allocator_info tells how much of what the system gave is in use', async () => {
    const allocators = [
      { name: 'ets_alloc', instances: 2, carrierBytes: 100, blockBytes: 90 },
      { name: 'binary_alloc', instances: 2, carrierBytes: 300, blockBytes: 10 },
      { name: 'temp_alloc', instances: 1, carrierBytes: 0, blockBytes: 0 },
    ];
    bench.script({ 'system.allocators': butNotB(() => ({ allocators })) });
    const told = await bench.result('get_allocator_info');
    expect(told).toMatchObject({ total: 1, items: [{ node: 'a@h', carrierBytes: 400, blockBytes: 100, usage: 0.25 }] });
    expect(listAt(told, 'items', 0, 'allocators').map((row) => [at(row, 'name'), at(row, 'usage')])).toEqual([
      ['binary_alloc', 10 / 300],
      ['ets_alloc', 0.9],
      ['temp_alloc', 1],
    ]);
    expect(statuses(told)).toEqual(oneAnswers);
    expect(errorOf(await bench.run('get_allocator_info', { node: 'b@h' })).class).toBe('unavailable');
  });

  it('get_scheduler_info measures as long as it is told', async () => {
    const schedulers = [{ id: 1, kind: 'normal', utilisation: 0.5, runQueue: null }] as const;
    bench.script({ 'system.schedulers': butNotB(() => ({ schedulers })) });
    const told = await bench.result('get_scheduler_info', { forMs: 100 });
    expect(at(told, 'items')).toEqual([{ node: 'a@h', schedulers }]);
    expect(bench.runtime.asked('system.schedulers')).toContainEqual({ node: 'a@h', forMs: 100 });
    // A node that is down is not asked.
    expect(bench.runtime.asked('system.schedulers')).toHaveLength(2);
    expect(errorOf(await bench.run('get_scheduler_info', { node: 'b@h' })).node).toBe('b@h');
  });

  it('list_ets_tables sorts by any figure, and tells tables without a name apart', async () => {
    const table = {
      ...{ ...plainTable, name: 'carts', owner: ref('a@h', 4), objects: 1, bytes: 10 },
      ...{ ownerName: 'Elixir.Shop.Cart', readConcurrency: true },
      writeConcurrency: 'auto',
    } as const;
    const other: Term = { t: 'ref', node: 'a@h', creation: 7, ids: [1, 2, 3] };
    bench.script({
      'system.ets': ({ node, ...select }) =>
        node === 'b@h'
          ? streamFailing(late)()
          : choosing(
              [
                { ...table, id: atom('carts') },
                { ...table, id: other, bytes: 99, isNamed: false, ownerName: null, objects: 0 },
              ],
              tableValue,
            )(select),
    });
    const told = await bench.result('list_ets_tables', { sort: '-bytes', filter: { objects: { le: 1 } } });
    expect(told).toMatchObject({
      total: 2,
      items: [
        { table: textWith('#Reference<'), bytes: 99, named: false, ownerName: null, bytesPerObject: null },
        {
          ...{ table: ':carts', node: 'a@h', owner: idOf('a@h', 4), ownerName: 'Elixir.Shop.Cart', named: true },
          ...{ keyPosition: 1, compressed: false, readConcurrency: true, writeConcurrency: 'auto', bytesPerObject: 10 },
        },
      ],
    });
    expect(statuses(told)).toEqual(oneAnswers);
    const owned = await bench.result('list_ets_tables', {
      filter: { ownerName: { like: 'Elixir.Shop.*' } },
      fields: ['named'],
    });
    expect(at(owned, 'items')).toEqual([{ table: ':carts', node: 'a@h', named: true }]);
    expect(errorOf(await bench.run('list_ets_tables', { node: 'b@h' })).class).toBe('timeout');
    expect(errorOf(await bench.run('list_ets_tables', { filter: { objects: { contains: '1' } } })).class).toBe(
      'validation',
    );
  });

  it('list_ets_tables asks each node for what is meant of it, and for its first rows only', async () => {
    const tables = (node: string) =>
      Array.from({ length: 1_500 }, (_none, at) => ({
        ...{ ...plainTable, id: atom(`t${String(at)}`), name: `t${String(at)}`, owner: ref(node, 4) },
        ...{ objects: 1, bytes: at % 700 },
      }));
    bench.script({ 'system.ets': ({ node, ...select }) => choosing(tables(node), tableValue)(select) });
    const told = await bench.result('list_ets_tables', { filter: { node: { eq: 'b@h' }, bytes: { ge: 699 } } });
    expect(told).toMatchObject({ total: 2, next: null, truncated: false, items: [{ node: 'b@h' }, { node: 'b@h' }] });
    const size = { key: 'bytes', op: 'ge', value: 699 };
    expect(bench.runtime.asked('system.ets')).toEqual([
      { node: 'a@h', where: { all: [{ any: [] }, size] }, first: 1_000 },
      { node: 'b@h', where: { all: [size] }, first: 1_000 },
    ]);
    const sorted = await bench.result('list_ets_tables', { sort: '-node', limit: 1 });
    expect(sorted).toMatchObject({ total: 3_000, truncated: false, items: [{ node: 'b@h' }] });
    // By whose pid is the owner's is an order of ours.
    bench.script({ 'system.ets': ({ node, ...select }) => choosing(tables(node), tableValue)(select) });
    expect(await bench.result('list_ets_tables', { sort: 'owner', limit: 1 })).toMatchObject({ total: 3_000 });
    expect(bench.runtime.asked('system.ets')).toEqual([{ node: 'a@h' }, { node: 'b@h' }]);
  });

  const port: PortRow = {
    ...{
      id: '#Port<0.5>',
      kind: 'port',
      name: 'tcp_inet',
      owner: null,
      ownerName: null,
      inputBytes: 1,
      outputBytes: 2,
    },
    ...{ queueBytes: null, memoryBytes: null, local: null, remote: null },
  };

  it('list_ports tells what flows between two looks, of ports that were there at both', async () => {
    let looks = 0;
    const shown = (at: number): readonly PortRow[] => [
      { ...port, id: 'busy', inputBytes: at * 1_000_000, outputBytes: 5 },
      { ...port, id: 'idle' },
      { ...port, id: 'anew', inputBytes: 100 - at },
      ...(at > 0 ? [{ ...port, id: 'late' }] : []),
    ];
    bench.script({
      'system.ports': ({ node }) =>
        node === 'b@h' ? streamFailing(late)() : streaming([shown(looks++)], { total: 4 })(),
    });
    const told = await bench.result('list_ports', { forMs: 100, sort: '-inputBytesPerSecond' });
    const rows = listAt(told, 'items').map((row) => [at(row, 'id'), at(row, 'outputBytesPerSecond')]);
    expect(rows).toEqual([
      ['busy', 0],
      ['idle', 0],
      ['anew', null],
      ['late', null],
    ]);
    // A million bytes in a tenth of a second or longer.
    const perSecond = Number(at(told, 'items', 0, 'inputBytesPerSecond'));
    expect(perSecond).toBeGreaterThan(0);
    expect(perSecond).toBeLessThanOrEqual(10_100_000);
    expect(looks).toBe(2);
    const still = await bench.result('list_ports', { fields: ['inputBytesPerSecond'] });
    expect(at(still, 'items', 0)).toEqual({ id: 'busy', node: 'a@h' });
  });

  it('list_ports lists unknown figures last, whichever way it sorts', async () => {
    const ports = [port, { ...port, id: 'x', queueBytes: 5, owner: ref('a@h', 4), remote: '1.2.3.4:5' }];
    bench.script({
      'system.ports': ({ node, ...select }) =>
        node === 'b@h' ? streamFailing(late)() : choosing(ports, portValue)(select),
    });
    for (const sort of ['queueBytes', '-queueBytes']) {
      const told = await bench.result('list_ports', { sort });
      expect(listAt(told, 'items').map((row) => [at(row, 'id'), at(row, 'owner')])).toEqual([
        ['x', idOf('a@h', 4)],
        ['#Port<0.5>', null],
      ]);
    }
    const fields = await bench.result('list_ports', { fields: ['name'], filter: { queueBytes: { gt: 4 } } });
    expect(at(fields, 'items')).toEqual([{ id: 'x', node: 'a@h', name: 'tcp_inet' }]);
    expect(errorOf(await bench.run('list_ports', { node: 'b@h' })).class).toBe('timeout');
  });

  it('get_system_info and list_applications pass on what fails', async () => {
    bench.script({ 'system.info': failing(late), 'system.stats': failing(lost), 'system.applications': failing(late) });
    expect(errorOf(await bench.run('get_system_info')).class).toBe('timeout');
    bench.script({ 'system.info': answering({ entries: { x: 1 } }), 'system.stats': failing(lost) });
    expect(errorOf(await bench.run('get_system_info', { node: 'b@h' })).class).toBe('unavailable');
    // Once more: a link that was lost is mostly back.
    expect(bench.runtime.asked('system.info')).toEqual([{ node: 'b@h' }, { node: 'b@h' }]);
    bench.script({ 'system.info': answering({ entries: { x: 1 } }), 'system.stats': answering(stats) });
    expect(await bench.result('get_system_info')).toEqual({ node: 'a@h', entries: { x: 1 }, stats });
    const named = { name: 'shop', description: '', version: '1' };
    const application = { ...named, running: true, root: ref('a@h', 4), failure: null };
    const failed = { ...named, running: false, root: null, failure: '{no_port,4000}' };
    bench.script({
      'system.applications': butNotB(() => ({ applications: [application, { ...application, root: null }, failed] })),
    });
    expect(await bench.result('list_applications', { filter: { running: { eq: true } } })).toMatchObject({
      items: [{ root: idOf('a@h', 4), state: 'running', failure: null }, { root: null }],
    });
    expect(await bench.result('list_applications', { filter: { state: { eq: 'failed' } } })).toMatchObject({
      items: [{ name: 'shop', failure: '{no_port,4000}' }],
    });
    bench.script({ 'system.applications': failing(late), 'cluster.nodes': failing(lost) });
    expect(errorOf(await bench.run('list_applications')).class).toBe('unavailable');
  });
});

describe('analyze_message_queue', () => {
  const cart = { pid: 'Shop.Cart', node: 'a@h' };

  it('tells kinds of messages by tag and size, and what the process does', async () => {
    const messages: readonly Term[] = [
      atom('tick'),
      tuple(atom('$gen_cast'), tuple(atom('add'), integer(1))),
      tuple(atom('$gen_cast'), tuple(atom('add'), integer(2))),
      tuple(atom('$gen_call'), atom('from'), atom('get')),
      tuple(integer(1), integer(2)),
      tuple(),
      { t: 'text', v: 'x' },
    ];
    const info = page('a@h', [10], { status: ['waiting'], current_function: ['m:f/0'] });
    bench.script({
      'processes.mailbox': answering({ length: 7, messages }),
      'processes.info': answering({ pages: [info], gone: [] }),
    });
    const told = await bench.result('analyze_message_queue', { ...cart, limit: 1 });
    expect(told).toMatchObject({ length: 7, read: true, status: 'waiting', currentFunction: 'm:f/0' });
    expect(listAt(told, 'kinds').map((row) => [at(row, 'kind'), at(row, 'count')])).toEqual([
      ['cast {add, …}/2', 2],
      ['tick', 1],
      ['call get', 1],
      ['tuple/2', 1],
      ['tuple/0', 1],
      ['text', 1],
    ]);
    expect(listAt(told, 'first')).toHaveLength(1);
  });

  it('counts what is too long to be read, also when nothing else is known', async () => {
    bench.script({
      'processes.mailbox': answering({ length: 90_000, messages: null }),
      'processes.info': failing(late),
    });
    expect(await bench.result('analyze_message_queue', cart)).toMatchObject({
      ...{ length: 90_000, read: false, kinds: [], first: [], status: null },
    });
    expect(bench.runtime.asked('processes.mailbox')).toEqual([{ pid: ref('a@h', 10), limit: 1_000 }]);
    bench.script({ 'processes.mailbox': failing(lost), 'processes.info': failing(late) });
    expect(errorOf(await bench.run('analyze_message_queue', cart)).class).toBe('unavailable');
    expect(errorOf(await bench.run('analyze_message_queue', { pid: 'Nobody' })).class).toBe('not_found');
  });
});

describe('list_holdings and release_holding', () => {
  const holdings = [holding('s1'), holding('f1', { kind: 'sys_suspension', target: null })];

  it('tell whose they are, and take one back', async () => {
    bench.script({
      'holdings.list': answering({ holdings, nodes: [{ node: 'a@h', status: 'ok' }] }),
      'holdings.release': answering({ wasHeld: true }),
    });
    const told = await bench.result('list_holdings', { sort: 'kind' });
    expect(told).toMatchObject({
      items: [
        {
          id: 's1',
          kind: 'suspension',
          node: 'a@h',
          target: idOf('a@h', 10),
          principal: 'ada',
          requestId: 'r0',
          lingerMs: 5,
        },
        { id: 'f1', target: null },
      ],
    });
    const released = await bench.planned('release_holding', { id: 'f1' });
    expect(released.plan).toMatchObject({ summary: 'Release the sys suspension f1', touches: [{ node: 'a@h' }] });
    expect(await released.apply()).toEqual(ok({ id: 'f1', wasHeld: true }));
    expect(await released.probe()).toBe('none');
    const gone = await bench.planned('release_holding', { id: 'x' });
    expect(gone.plan).toMatchObject({ summary: 'Nothing is held as x', touches: [] });
    expect(await gone.probe()).toBe('applied');
  });

  it('pass on what fails', async () => {
    bench.script({ 'holdings.list': answering({ holdings, nodes: [] }), 'holdings.release': failing(lost) });
    expect(errorOf(await bench.run('release_holding', { id: 's1' })).effect).toBe('unknown');
    const released = await bench.planned('release_holding', { id: 's1' });
    bench.script({ 'holdings.list': failing(late), 'holdings.release': failing(lost) });
    expect(await released.probe()).toBe('unknown');
    expect(errorOf(await bench.run('release_holding', { id: 's1' })).class).toBe('timeout');
    expect(errorOf(await bench.run('list_holdings')).class).toBe('timeout');
  });
});

describe('detect_bottlenecks', () => {
  type Scheduler = Answer<'system.schedulers'>['schedulers'][number];
  const schedulers = (kind: Scheduler['kind'], ...utilisations: readonly number[]): readonly Scheduler[] =>
    utilisations.map((utilisation, index) => ({ id: index + 1, kind, utilisation, runQueue: 0 }));
  /** A node on which nothing is wrong, but for what is given. */
  const looksAt = (change: {
    readonly stats?: readonly Partial<NodeStats>[];
    readonly schedulers?: readonly Scheduler[];
    readonly entries?: { readonly [key: string]: Json };
    readonly messages?: number;
    readonly memory?: number;
    readonly ports?: readonly Partial<PortRow>[];
    readonly methods?: MethodTable;
  }) => {
    const each = [...(change.stats ?? [{}])];
    const ports = (change.ports ?? []).map((one, index): PortRow => ({
      ...{
        id: `p${String(index)}`,
        kind: 'port',
        name: 'tcp_inet',
        owner: null,
        ownerName: null,
        inputBytes: 0,
        outputBytes: 0,
      },
      ...{ queueBytes: 0, memoryBytes: null, local: null, remote: null },
      ...one,
    }));
    bench.script({
      'system.stats': () => answering({ ...stats, ...(each.length > 1 ? each.shift() : each[0]) })(),
      'system.schedulers': answering({ schedulers: change.schedulers ?? [] }),
      'system.info': answering({ entries: change.entries ?? {} }),
      'system.ports': choosing(ports, portValue),
      'processes.scan': ({ top }: Params<'processes.scan'>) => {
        const columns = {
          message_queue_len: [change.messages ?? 999],
          memory: [change.memory ?? 1],
          registered_name: [null],
          initial_call: ['Elixir.Shop.Cart:init/1'],
        };
        const { message_queue_len, memory, ...rest } = columns;
        const figure = top?.by === 'memory' ? { memory } : { message_queue_len };
        return streaming([page('a@h', [10], { ...rest, ...figure })], { nodes: [], total: 1, scanned: 1 })();
      },
      ...change.methods,
    });
  };
  const findings = async () => at(await bench.result('detect_bottlenecks', { node: 'a@h', forMs: 100 }), 'findings');

  it('finds nothing where nothing is', async () => {
    looksAt({});
    expect(await bench.result('detect_bottlenecks', { node: 'a@h' })).toEqual({
      findings: [],
      unseen: [],
      nodes: [{ node: 'a@h', status: 'ok' }],
    });
    expect(bench.runtime.asked('system.schedulers')).toEqual([{ node: 'a@h', forMs: 50 }]);
  });

  it('looks longer where it sees half of what would be a finding, and takes the longer look', async () => {
    const busy = [0.5, 0.95];
    const longer = { 'system.schedulers': () => answering({ schedulers: schedulers('normal', busy.shift() ?? 0) })() };
    looksAt({ methods: longer });
    expect(await findings()).toMatchObject([{ kind: 'schedulers', value: 0.95 }]);
    expect(bench.runtime.asked('system.schedulers').map((asked) => Reflect.get(Object(asked), 'forMs'))).toEqual([
      50, 100,
    ]);
    busy.push(1, 0.2);
    looksAt({ methods: longer });
    expect(await findings()).toEqual([]);
    busy.push(0.4);
    looksAt({ methods: longer });
    expect(await findings()).toEqual([]);
    expect(bench.runtime.asked('system.schedulers')).toHaveLength(1);
  });

  it('a run queue that is long before and after, not at one moment', async () => {
    looksAt({ stats: [{ runQueue: 50 }, { runQueue: 5 }] });
    expect(await findings()).toMatchObject([{ kind: 'run_queue', value: 5, threshold: 4, pid: null }]);
    looksAt({ stats: [{ runQueue: 50 }, { runQueue: 4 }] });
    expect(await findings()).toEqual([]);
  });

  it('schedulers that are busy, by kind, however many sleep beside them', async () => {
    looksAt({
      schedulers: [
        ...schedulers('normal', 0.95, 0.05, 0.97, 0),
        ...schedulers('dirty_io', 0.5, 1),
        ...schedulers('dirty_cpu', 0.89),
      ],
    });
    expect(await findings()).toMatchObject([
      { kind: 'schedulers', message: textWith('normal schedulers were busy 96 %'), remedy: textWith('reductions') },
      { kind: 'schedulers', message: textWith('dirty io'), value: 1, remedy: textWith('native') },
    ]);
  });

  it('tables that are nearly full, where both figures are known', async () => {
    looksAt({
      stats: [{ processCount: 80, processLimit: 100, atomCount: null }],
      entries: { atomCount: 95, atomLimit: 100, portCount: 79, portLimit: 100, etsCount: 9, etsLimit: 0 },
    });
    expect(await findings()).toMatchObject([
      { kind: 'limit', message: '80 % of the processes that the node can have: 80 of 100.', value: 0.8 },
      { kind: 'limit', message: textWith('95 % of the atoms') },
    ]);
    looksAt({ stats: [{ processCount: 90, processLimit: null }], entries: { processLimit: 100 } });
    expect(await findings()).toMatchObject([{ message: textWith('90 of 100') }]);
  });

  it('mailboxes, processes and connections that are too large', async () => {
    looksAt({
      messages: 1_000,
      memory: 200 * 1024 * 1024,
      ports: [
        { queueBytes: 1024 * 1024, remote: '10.0.0.9:80', owner: ref('a@h', 4) },
        { queueBytes: 2 * 1024 * 1024 },
        { queueBytes: null },
        { queueBytes: 1024 * 1024 - 1 },
      ],
    });
    const pid = idOf('a@h', 10);
    const who = '<0.10.0> (Shop.Cart:init/1)';
    expect(await findings()).toMatchObject([
      { kind: 'mailbox', message: `1000 messages wait in the mailbox of ${who}.`, value: 1_000, pid },
      { kind: 'process_memory', message: `${who} holds 200 MiB.`, pid },
      { kind: 'port_queue', message: textWith('to be written to 10.0.0.9:80'), pid: idOf('a@h', 4) },
      { kind: 'port_queue', message: textWith('to p1'), pid: null },
    ]);
  });

  it('by the thresholds of who asks, as many as are asked for', async () => {
    looksAt({ stats: [{ runQueue: 3, processCount: 30, processLimit: 100 }], messages: 100, memory: 5_000 });
    const thresholds = { messages: 100, queuedPerScheduler: 1, partOfLimit: 0.3, processBytes: 5_000 };
    const asked = { node: 'a@h', forMs: 100, thresholds, perKind: 3 };
    const found = listAt(at(await bench.result('detect_bottlenecks', asked)), 'findings');
    expect(found.map((one) => [at(one, 'kind'), at(one, 'threshold')])).toEqual([
      ['run_queue', 2],
      ['limit', 0.3],
      ['mailbox', 100],
      ['process_memory', 5_000],
    ]);
    expect(bench.runtime.asked('processes.scan')).toMatchObject([{ top: { n: 3 } }, { top: { n: 3 } }]);
    // What is not said is as it always is.
    looksAt({ messages: 999 });
    expect(at(await bench.result('detect_bottlenecks', { thresholds: { processBytes: 5 } }), 'findings')).toEqual([]);
    expect(errorOf(await bench.run('detect_bottlenecks', { thresholds: { partOfLimit: 2 } })).pointer).toBe(
      '/thresholds/partOfLimit',
    );
  });

  it('says what it could not look at, and which nodes did not answer', async () => {
    const methods: MethodTable = {
      'system.stats': butNotB(() => stats),
      'system.schedulers': failing(late),
      'system.info': failing(late),
      'system.ports': streamFailing(late),
      'processes.scan': streamFailing(late),
    };
    looksAt({ methods });
    const told = await bench.result('detect_bottlenecks');
    expect(listAt(told, 'unseen').map((row) => [at(row, 'node'), at(row, 'what'), at(row, 'error', 'code')])).toEqual(
      ['schedulers', 'limits', 'mailboxes', 'memory of processes', 'ports'].map((what) => ['a@h', what, late.code]),
    );
    expect(statuses(told)).toEqual(oneAnswers);
    expect(errorOf(await bench.run('detect_bottlenecks', { node: 'b@h' })).class).toBe('unavailable');
  });

  it('gives a node up that goes while it is looked at', async () => {
    let looks = 0;
    const going = () => {
      looks += 1;
      return looks === 1 ? answering(stats)() : Promise.resolve(nodeUnavailable('a@h'));
    };
    looksAt({ methods: { 'system.stats': going } });
    expect(errorOf(await bench.run('detect_bottlenecks', { node: 'a@h' })).class).toBe('unavailable');
  });
});

describe('cluster_health', () => {
  it('judges load, limits and links that are silent or one-sided', async () => {
    bench.script({
      'cluster.links': answering({
        links: [
          { node: 'a@h', sees: ['b@h'], silent: ['b@h'] },
          { node: 'b@h', sees: ['a@h'], silent: [] },
        ],
        nodes: [],
      }),
      'system.stats': answering({ ...stats, runQueue: 100, processCount: 99, processLimit: 100 }),
      'processes.scan': streaming([page('a@h', [1], { message_queue_len: [3] })], { nodes: [], total: 1, scanned: 1 }),
    });
    const told = await bench.result('cluster_health');
    expect(at(told, 'status')).toBe('critical');
    const [first] = listAt(told, 'items');
    expect(first).toMatchObject({ node: 'a@h', health: 'critical', longestMailbox: 3 });
    const codes = listAt(first ?? null, 'reasons').map((reason) => at(reason, 'code'));
    expect(codes).toEqual(['node.run_queue', 'node.process_limit', 'link.silent']);
  });
});
