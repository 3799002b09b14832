import { describe, expect, it } from 'vitest';
import { callOptions } from '../callOptions.ts';
import { arsenalError } from '../errors.ts';
import type { ProcessRef, Result } from '../model.ts';
import { pidText, processId } from '../model.ts';
import type { ScanQuery, StreamItem, WatchTarget } from '../port.ts';
import { methodNames } from '../port.ts';
import { valueAt } from '../processQuery.ts';
import type { Term } from '../term/term.ts';
import { atom } from '../term/term.ts';
import { WatchView } from '../watch.ts';
import type { FakeNode, FakeProcess } from './fakeRuntime.ts';
import { createFakeRuntime } from './fakeRuntime.ts';

const budget = () => callOptions(2_000);
const kill = { term: atom('kill') } as const;
const owner = { principal: 'me', client: 'c', operation: 'o', requestId: 'r' };
const worker = (name: string, more: Partial<FakeProcess> = {}): FakeProcess => ({
  name,
  initialCall: 'w:init/1',
  ...more,
});
const supervisor = (name: string, children: readonly FakeProcess[], flags = {}): FakeProcess => ({
  name,
  initialCall: 's:init/1',
  trapsExits: true,
  supervisor: { children, flags },
});

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

async function all<F, R>(items: AsyncIterable<StreamItem<F, R>>): Promise<{ frames: F[]; end: Result<R> }> {
  const frames: F[] = [];
  for await (const item of items) {
    if (item.is === 'end') return { frames, end: item.result };
    frames.push(item.frame);
  }
  throw new Error('no end');
}

function make(processes: readonly FakeProcess[], now: () => number = () => 0) {
  const node: FakeNode = { name: 'a@fake', otpRelease: '25', processes };
  const runtime = createFakeRuntime({ nodes: [node, { name: 'b@fake', processes: [worker('there')] }], now });
  const { port } = runtime;
  const named = (name: string): ProcessRef => {
    const pid = runtime.processNamed(name);
    if (pid === null) throw new Error(`nobody is ${name}`);
    return pid;
  };
  const exit = async (name: string, reason: { term: Term } | { syntax: 'erlang'; source: string } = kill) =>
    value(await port.processes.exit({ pid: named(name), reason, confirmMs: 10 }, budget()));
  const living = (...names: string[]) => names.filter((name) => runtime.processNamed(name) !== null);
  return { runtime, port, named, exit, living };
}

describe('processes of a fake', () => {
  it('die of kill, survive normal, and survive all but kill when they trap exits', async () => {
    const { exit, living } = make([worker('plain'), worker('trapping', { trapsExits: true })]);
    expect(await exit('plain', { term: atom('normal') })).toEqual({ outcome: 'survived' });
    expect(await exit('trapping', { syntax: 'erlang', source: ' :shutdown ' })).toEqual({ outcome: 'survived' });
    expect(await exit('trapping')).toEqual({ outcome: 'exited', reason: atom('killed') });
    expect(await exit('plain', { syntax: 'erlang', source: 'boom' })).toEqual({
      outcome: 'exited',
      reason: atom('boom'),
    });
    expect(living('plain', 'trapping')).toEqual([]);
  });

  it('take no reason that is not understood', async () => {
    const { port, named } = make([worker('one')]);
    const reason = { syntax: 'erlang', source: '{a,b}' } as const;
    expect(await port.processes.exit({ pid: named('one'), reason, confirmMs: 1 }, budget())).toMatchObject({
      error: { class: 'validation', effect: 'none' },
    });
  });

  it('are started under a name once', async () => {
    const { port, runtime } = make([]);
    const start = { node: 'a@fake', module: 'm', function: 'f', args: [kill], name: 'new' };
    const pid = value(await port.processes.start(start, budget()));
    expect(runtime.processNamed('new')).toEqual(pid);
    expect(await port.processes.start(start, budget())).toMatchObject({ error: { class: 'conflict' } });
    const anonymous = value(
      await port.processes.start({ node: 'a@fake', module: 'm', function: 'f', args: [] }, budget()),
    );
    const { pages } = value(
      await port.processes.info({ pids: [anonymous], keys: ['registered_name', 'initial_call'] }, budget()),
    );
    expect(valueAt(pages[0]?.columns ?? {}, 'registered_name', 0)).toBeNull();
    expect(valueAt(pages[0]?.columns ?? {}, 'initial_call', 0)).toBe('m:f/0');
    expect(await port.processes.start({ ...start, node: 'nobody@x' }, budget())).toMatchObject({
      error: { class: 'not_found' },
    });
  });

  it('are filtered, ordered, cut to the best and paged', async () => {
    const { port } = make([
      worker('a', { memory: 1 }),
      worker('b', { memory: 3, messageQueueLen: 2 }),
      worker('c', { memory: 2 }),
    ]);
    const names = async (query: Partial<ScanQuery>) => {
      const scan = { nodes: ['a@fake'], keys: ['registered_name'], pageRows: 2, ...query } as const;
      const { frames, end } = await all(port.processes.scan(scan, budget()));
      if (!end.ok) return end.error.code;
      return frames.flatMap(({ ids, columns }) => [...ids].map((_id, at) => valueAt(columns, 'registered_name', at)));
    };
    const top = (direction: 'ascending' | 'descending', n = 2) => ({
      top: { n, by: 'memory', direction } as const,
      allowCostly: true,
    });
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names(top('descending'))).toEqual(['b', 'c']);
    expect(await names(top('ascending', 9))).toEqual(['a', 'c', 'b']);
    expect(await names({ top: { n: 1, by: 'registered_name', direction: 'descending' } })).toEqual(['c']);
    expect(await names({ where: { key: 'message_queue_len', op: 'gt', value: 0 } })).toEqual(['b']);
    expect(await names({ where: { key: 'message_queue_len', op: 'le', value: 0 } })).toEqual(['a', 'c']);
    expect(await names({ where: { key: 'message_queue_len', op: 'lt', value: '2' } })).toEqual([]);
    expect(await names({ where: { key: 'registered_name', op: 'ge', value: 'b' } })).toEqual(['b', 'c']);
    expect(await names({ where: { key: 'registered_name', op: 'prefix', value: 'a' } })).toEqual(['a']);
    expect(await names({ where: { key: 'initial_call', op: 'contains', value: 'init' } })).toEqual(['a', 'b', 'c']);
    expect(await names({ where: { not: { key: 'registered_name', op: 'eq', value: 'a' } } })).toEqual(['b', 'c']);
    expect(
      await names({
        where: {
          any: [
            { key: 'registered_name', op: 'eq', value: 'a' },
            { all: [{ key: 'registered_name', op: 'ne', value: 'b' }] },
          ],
        },
      }),
    ).toEqual(['a', 'c']);
    expect(await names({ where: { all: [{ any: [{ not: { key: 'memory', op: 'gt', value: 1 } }] }] } })).toBe(
      'scan.costly',
    );
    expect(await names({ top: { n: 1, by: 'memory', direction: 'ascending' } })).toBe('scan.costly');
    expect(await names({ top: { n: 0, by: 'reductions', direction: 'ascending' } })).toBe('scan.top');
    expect(await names({ pageRows: 0 })).toBe('scan.page_rows');
  });

  it('have every key there is', async () => {
    const { port, named } = make([supervisor('sup', [worker('kid', { reductions: 4 })])]);
    const keys = [
      ...(['status', 'reductions', 'group_leader', 'label', 'memory', 'current_function', 'total_heap_size'] as const),
      ...(['links', 'monitors', 'dictionary', 'current_stacktrace', 'trap_exit', 'parent', 'ancestors'] as const),
    ];
    const { pages } = value(await port.processes.info({ pids: [named('kid')], keys }, budget()));
    const [page] = pages;
    const parent = processId(named('sup'));
    expect(Object.fromEntries(keys.map((key) => [key, valueAt(page?.columns ?? {}, key, 0)]))).toEqual({
      status: 'waiting',
      reductions: 4,
      group_leader: null,
      label: null,
      memory: 0,
      current_function: 'w:init/1',
      total_heap_size: 0,
      links: [parent],
      monitors: [],
      dictionary: [],
      current_stacktrace: [],
      trap_exit: false,
      parent,
      ancestors: [parent],
    });
    expect(valueAt({}, 'status', 0)).toBeUndefined();
    expect(valueAt(page?.columns ?? {}, 'status', 9)).toBeUndefined();
  });
});

describe('supervisors of a fake', () => {
  it.each([
    ['one_for_one', ['two']],
    ['rest_for_one', ['two', 'three']],
    ['one_for_all', ['one', 'two', 'three']],
  ] as const)('restart what %s says', async (strategy, restarted) => {
    const names = ['one', 'two', 'three'];
    const { named, exit } = make([
      supervisor(
        'sup',
        names.map((name) => worker(name)),
        { strategy },
      ),
    ]);
    const before = new Map(names.map((name) => [name, processId(named(name))]));
    await exit('two');
    expect(names.filter((name) => processId(named(name)) !== before.get(name))).toEqual(restarted);
  });

  it('restart by type, forget temporary children, and give up beyond their intensity, in the window', async () => {
    let now = 0;
    const { exit, living, port, named } = make(
      [
        supervisor('top', [
          supervisor(
            'sup',
            [
              worker('permanent'),
              worker('transient', { restart: 'transient' }),
              worker('temporary', { restart: 'temporary' }),
            ],
            { intensity: 2, periodSeconds: 1 },
          ),
        ]),
      ],
      () => now,
    );
    const children = async () =>
      (await all(port.supervisors.children({ supervisor: named('sup'), offset: 0, limit: 9 }, budget()))).frames.flat();
    await exit('temporary');
    expect((await children()).map(({ registeredName }) => registeredName)).toEqual(['permanent', 'transient']);
    await exit('transient', { term: atom('shutdown') });
    expect((await children()).map(({ state }) => state.is)).toEqual(['running', 'undefined']);
    expect(value(await port.supervisors.count({ supervisor: named('sup') }, budget()))).toEqual({
      specs: 2,
      active: 1,
      supervisors: 0,
      workers: 2,
    });
    const { restarts } = value(await port.supervisors.restarts({ supervisor: named('sup'), limit: 5 }, budget()));
    expect(restarts).toEqual([]);
    const before = named('sup');
    await exit('permanent');
    await exit('permanent');
    now = 2_000;
    await exit('permanent');
    expect(named('sup')).toEqual(before);
    expect(value(await port.supervisors.restarts({ supervisor: before, limit: 2 }, budget())).restarts).toHaveLength(2);
    await exit('permanent');
    await exit('permanent');
    // Beyond its intensity it ends, and its own supervisor starts it anew, with all its children.
    expect(named('sup')).not.toEqual(before);
    expect(living('permanent', 'transient', 'temporary')).toEqual(['permanent', 'transient', 'temporary']);
  });

  it('take temporary siblings away for good when one_for_all ends them', async () => {
    const { exit, living } = make([
      supervisor('sup', [worker('one'), worker('two', { restart: 'temporary' })], { strategy: 'one_for_all' }),
    ]);
    await exit('one');
    expect(living('one', 'two')).toEqual(['one']);
  });

  it('terminate, restart and delete children by request', async () => {
    const { port, named, living } = make([supervisor('sup', [worker('one'), { childId: 'nameless' }])]);
    const at = { supervisor: named('sup') };
    const one = { ...at, childId: atom('one') };
    expect(await port.supervisors.restartChild(one, budget())).toMatchObject({ error: { class: 'conflict' } });
    expect(await port.supervisors.deleteChild(one, budget())).toMatchObject({ error: { class: 'conflict' } });
    value(await port.supervisors.terminateChild({ ...at, child: { pid: named('one') } }, budget()));
    expect(living('one')).toEqual([]);
    value(await port.supervisors.terminateChild({ ...at, child: { childId: atom('one') } }, budget()));
    expect(value(await port.supervisors.restartChild(one, budget())).pid).toEqual(named('one'));
    value(await port.supervisors.terminateChild({ ...at, child: { childId: atom('one') } }, budget()));
    value(await port.supervisors.deleteChild(one, budget()));
    for (const answer of [
      await port.supervisors.deleteChild(one, budget()),
      await port.supervisors.terminateChild({ ...at, child: { childId: atom('one') } }, budget()),
    ])
      expect(answer).toMatchObject({ error: { class: 'not_found' } });
    expect(value(await port.supervisors.flags(at, budget()))).toMatchObject({ strategy: 'one_for_one', intensity: 1 });
    const there = { supervisor: named('there') };
    expect(await port.supervisors.flags(there, budget())).toMatchObject({ error: { code: 'supervisor.not_one' } });
  });
});

describe('the cluster of a fake', () => {
  it('resolves names and printed pids, and says what it does not know', async () => {
    const { port, named } = make([worker('one')]);
    const pid = named('one');
    const resolve = (target: Parameters<typeof port.names.resolve>[0]['target']) =>
      port.names.resolve({ target, seenFrom: 'any' }, budget());
    for (const target of [
      { pid },
      { printed: pidText(pid), printedOn: 'a@fake' },
      { printed: `#PID${pidText(pid)}` },
      { name: { in: 'local', node: 'a@fake', name: 'one' } },
    ] as const)
      expect(value(await resolve(target)).pid).toEqual(pid);
    expect(await resolve({ printed: 'one', printedOn: 'a@fake' })).toMatchObject({ error: { class: 'validation' } });
    expect(await resolve({ printed: '<0.1.0>', printedOn: 'x@y' })).toMatchObject({
      error: { code: 'node.not_found' },
    });
    expect(await resolve({ name: { in: 'global', name: atom('x') } })).toMatchObject({
      error: { class: 'unsupported' },
    });
    expect(await resolve({ name: { in: 'local', node: 'a@fake', name: 'x' } })).toMatchObject({
      error: { class: 'not_found' },
    });
    expect(await resolve({ name: { in: 'local', node: 'x@y', name: 'x' } })).toMatchObject({
      error: { class: 'not_found' },
    });
    const { end } = await all(port.names.list({ nodes: 'all', registry: 'global' }, budget()));
    expect(end).toMatchObject({ error: { class: 'unsupported' } });
  });

  it('has nodes that go, come again as another incarnation, and are added', async () => {
    const { runtime, port, named } = make([worker('one')]);
    const before = named('one');
    runtime.crashNode('a@fake');
    runtime.crashNode('a@fake');
    runtime.crashNode('no@where');
    expect(runtime.processNamed('one')).toBeNull();
    expect(await port.system.stats({ node: 'a@fake' }, budget())).toMatchObject({ error: { class: 'unavailable' } });
    expect(await port.processes.info({ pids: [before], keys: [] }, budget())).toMatchObject({
      error: { class: 'unavailable' },
    });
    runtime.startNode('a@fake');
    runtime.startNode('no@where');
    expect(named('one')).toEqual({ ...before, creation: before.creation + 1 });
    expect(await port.faults.startNode({ node: 'a@fake' }, budget())).toMatchObject({ error: { class: 'conflict' } });
    expect(await port.faults.crashNode({ node: 'no@where' }, budget())).toMatchObject({
      error: { class: 'not_found' },
    });
    expect(value(await port.faults.addNode({ node: 'c@fake' }, budget()))).toMatchObject({
      node: 'c@fake',
      creation: 1,
    });
    expect(await port.faults.addNode({ node: 'c@fake' }, budget())).toMatchObject({ error: { class: 'conflict' } });
    const { links } = value(await port.cluster.links({}, budget()));
    expect(links.find(({ node }) => node === 'c@fake')?.sees).toEqual(['a@fake', 'b@fake']);
    expect(value(await port.system.stats({ node: 'a@fake' }, budget()))).toMatchObject({ processCount: 1 });
  });

  it('cannot be asked about a node whose link is closed, until it is opened again', async () => {
    const { port, named } = make([worker('one')]);
    expect(value(await port.cluster.disconnect({ node: 'a@fake' }, budget()))).toEqual({ wasConnected: true });
    expect(await port.processes.exit({ pid: named('one'), reason: kill, confirmMs: 1 }, budget())).toMatchObject({
      error: { class: 'unavailable', effect: 'none' },
    });
    const view = new WatchView();
    for await (const item of port.watch.open({ minIntervalMs: 0, of: { rows: 'nodes' } }, budget())) {
      if (item.is === 'frame') view.apply(item.frame);
      break;
    }
    expect(view.state?.rows.get('a@fake')).toMatchObject({
      status: 'unreachable',
      stats: null,
      reach: { via: 'none' },
    });
    expect(value(await port.cluster.connect({ node: 'a@fake' }, budget()))).toMatchObject({ reach: { via: 'direct' } });
    expect(await port.cluster.connect({ node: 'x@y' }, budget())).toMatchObject({ error: { class: 'not_found' } });
  });

  it('holds suspensions for their owner, and gives them back when they are released or the connection is new', async () => {
    const { runtime, port, named } = make([worker('one')]);
    const suspend = async (how: 'process' | 'sys') =>
      value(await port.processes.suspend({ pid: named('one'), how, owner, lingerMs: 5 }, budget()));
    const status = async () => {
      const { pages } = value(await port.processes.info({ pids: [named('one')], keys: ['status'] }, budget()));
      return valueAt(pages[0]?.columns ?? {}, 'status', 0);
    };
    const holding = await suspend('sys');
    expect(holding).toMatchObject({ kind: 'sys_suspension', target: named('one'), owner });
    expect(await status()).toBe('suspended');
    expect(value(await port.holdings.list({ client: 'c' }, budget())).holdings).toEqual([holding]);
    expect(value(await port.holdings.list({ client: 'other' }, budget())).holdings).toEqual([]);
    expect(value(await port.holdings.release({ id: holding.id }, budget()))).toEqual({ wasHeld: true });
    expect(value(await port.holdings.release({ id: holding.id }, budget()))).toEqual({ wasHeld: false });
    expect(await status()).toBe('waiting');
    await suspend('process');
    runtime.reconnect();
    expect(value(await port.holdings.list({}, budget())).holdings).toEqual([]);
    expect(await status()).toBe('waiting');
  });

  it('is watched exactly: nodes, supervisors, children, names, processes, the best, holdings', async () => {
    const { runtime, port, named, exit } = make([
      supervisor('sup', [worker('one', { memory: 5 }), worker('two')], { intensity: 5 }),
    ]);
    const top = {
      nodes: 'all',
      keys: ['registered_name', 'memory'],
      pageRows: 9,
      top: { n: 1, by: 'memory', direction: 'descending' },
      allowCostly: true,
    } as const;
    const targets: WatchTarget[] = [
      { rows: 'nodes' },
      { rows: 'supervisors', nodes: 'all' },
      { rows: 'children', supervisor: named('sup'), window: { offset: 0, limit: 1 } },
      { rows: 'names', registry: 'local' },
      {
        rows: 'processes',
        pids: [named('one')],
        keys: [
          'registered_name',
          'initial_call',
          'current_function',
          'status',
          'memory',
          'reductions',
          'message_queue_len',
        ],
      },
      { rows: 'top', query: top },
      { rows: 'holdings' },
    ];
    const watches = targets.map((of) => {
      const items = port.watch.open({ minIntervalMs: 0, of }, callOptions(2_000))[Symbol.asyncIterator]();
      return { view: new WatchView(), items };
    });
    const pull = async (at: number): Promise<unknown> => {
      const watch = watches[at];
      const next = await watch?.items.next();
      if (watch === undefined || next?.done === true || next?.value.is !== 'frame') return next?.value;
      watch.view.apply(next.value.frame);
      return [...(watch.view.state?.rows.values() ?? [])];
    };
    expect(await Promise.all(targets.map((_of, at) => pull(at)))).toMatchObject([
      [{ node: 'a@fake', status: 'up', sees: ['b@fake'] }, { node: 'b@fake' }],
      [{ supervisor: named('sup'), name: { name: 'sup' }, kind: 'supervisor', parent: null, evidence: 'builtin' }],
      [{ childId: atom('one'), type: 'worker', modules: ['w'], state: { is: 'running' }, index: 0 }],
      [{ name: { name: 'sup' } }, { name: { name: 'one' } }, { name: { name: 'two' } }, { name: { name: 'there' } }],
      [{ pid: processId(named('one')), registeredName: 'one', status: 'waiting', memory: 5 }],
      [{ registeredName: 'one', memory: 5 }],
      [],
    ]);
    expect(watches[2]?.view.state).toMatchObject({ total: 2, fidelity: { is: 'exact' } });
    await exit('one');
    expect(await pull(2)).toMatchObject([{ state: { pid: named('one') } }]);
    expect(await pull(4)).toEqual([]);
    runtime.crashNode('a@fake');
    expect(await pull(2)).toMatchObject({ is: 'end', result: { error: { class: 'unavailable' } } });
    for (const { items } of watches) await items.return?.();
  });

  it('refuses watches that cannot be', async () => {
    const { port, named } = make([worker('one')]);
    const window = { offset: 0, limit: 1 };
    const cases: [WatchTarget, string][] = [
      [{ rows: 'sandboxes' }, 'runtime.unsupported'],
      [{ rows: 'names', registry: 'global' }, 'runtime.unsupported'],
      [{ rows: 'children', supervisor: named('one'), window }, 'supervisor.not_one'],
      [{ rows: 'children', supervisor: { ...named('one'), node: 'x@y' }, window }, 'node.not_found'],
      [{ rows: 'top', query: { nodes: 'all', keys: [], pageRows: 0 } }, 'scan.page_rows'],
    ];
    for (const [of, code] of cases) {
      const { frames, end } = await all(port.watch.open({ minIntervalMs: 0, of }, budget()));
      expect([frames, end]).toMatchObject([[], { error: { code } }]);
    }
  });
});

describe('a fake runtime', () => {
  // @row IV-09
  it('has the methods chosen, with the reasons given, and changes them when told', async () => {
    const runtime = createFakeRuntime({
      id: 'x',
      kind: 'beam',
      methods: ['cluster.nodes', 'code.load'],
      refusals: { otherwise: { why: 'no', remedy: 'Yes.' } },
      nodesCannot: { 'a@x': { 'cluster.nodes': { can: false, why: 'old', remedy: 'Upgrade.' } } },
    });
    let changes = 0;
    const listening = runtime.onChange(() => (changes += 1));
    expect([runtime.id, runtime.kind]).toEqual(['x', 'beam']);
    expect(methodNames().filter((name) => runtime.capabilities.runtime[name].can)).toEqual(['cluster.nodes']);
    expect(runtime.capabilities.nodes['a@x']).toMatchObject({ 'cluster.nodes': { can: false } });
    expect(await runtime.port.cluster.links({}, budget())).toMatchObject({
      error: { class: 'unsupported', remedy: 'Yes.' },
    });
    runtime.setMethods(['cluster.links']);
    expect(value(await runtime.port.cluster.links({}, budget()))).toEqual({ links: [], nodes: [] });
    expect(runtime.capabilities.version).toBe(2);
    expect(runtime.calls('cluster.links')).toBe(2);
    listening.dispose();
    runtime.setMethods([]);
    expect(changes).toBe(1);
  });

  it('fails as it is told: error, after the deed, late, never, thrown; unary and streamed', async () => {
    const { runtime, port, named, living } = make([worker('one')]);
    const error = arsenalError('execution', 'x', 'X.', 'Y.');
    const exit = () => port.processes.exit({ pid: named('one'), reason: kill, confirmMs: 1 }, callOptions(100));
    const names = async () => (await all(port.names.list({ nodes: 'all', registry: 'local' }, callOptions(100)))).end;
    for (const method of ['processes.exit', 'names.list'] as const) {
      const call = method === 'names.list' ? names : exit;
      runtime.fault(method, { is: 'error', error });
      expect(await call()).toEqual({ ok: false, error });
      runtime.fault(method, { is: 'hang' });
      expect(await call()).toMatchObject({ error: { class: 'timeout' } });
      runtime.fault(method, { is: 'throw', message: 'bug' });
      expect(await call()).toMatchObject({ error: { class: 'system' } });
      runtime.fault(method, { is: 'delay', delayMs: 30 });
      const began = performance.now();
      if (method === 'names.list') expect((await call()).ok).toBe(true);
      else
        expect(
          await port.processes.exit(
            { pid: named('one'), reason: { term: atom('normal') }, confirmMs: 1 },
            callOptions(100),
          ),
        ).toMatchObject({ ok: true });
      expect(performance.now() - began).toBeGreaterThan(25);
      expect(living('one')).toEqual(['one']);
      runtime.fault(method, null);
    }
    runtime.fault('processes.exit', { is: 'done_but_error', error });
    expect(await exit()).toEqual({ ok: false, error });
    expect(living('one')).toEqual([]);
  });

  it('loses its connection with all that is under way, and is a new epoch afterwards', async () => {
    const { runtime, port, named } = make([worker('one')]);
    runtime.fault('processes.exit', { is: 'delay', delayMs: 1_000 });
    const write = port.processes.exit({ pid: named('one'), reason: kill, confirmMs: 1 }, budget());
    const stream = port.watch.open({ minIntervalMs: 0, of: { rows: 'nodes' } }, budget())[Symbol.asyncIterator]();
    await stream.next();
    const pulled = stream.next();
    runtime.loseConnection();
    expect(runtime.state).toMatchObject({ is: 'lost' });
    expect(await write).toMatchObject({ error: { class: 'unavailable', effect: 'unknown' } });
    expect((await pulled).value).toMatchObject({ is: 'end', result: { error: { class: 'unavailable' } } });
    expect(await port.cluster.nodes({}, budget())).toMatchObject({ error: { class: 'unavailable', effect: 'none' } });
    const { end } = await all(port.names.list({ nodes: 'all', registry: 'local' }, budget()));
    expect(end).toMatchObject({ error: { class: 'unavailable' } });
    runtime.reconnect();
    expect(runtime.state).toEqual({ is: 'ready', epoch: 'fake-2' });
    expect(await port.cluster.nodes({}, budget())).toMatchObject({ ok: true });
  });
});
