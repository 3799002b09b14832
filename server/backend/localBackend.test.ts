import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { FakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Runtime, WatchQuery } from '../../runtime/port.ts';
import type { WatchFeed } from '../../runtime/watch.ts';
import { Type } from 'typebox';
import { defineOperation } from '../core/operation.ts';
import { anyText, errorOf, valueOf } from '../core/testKit.ts';
import type { ArsenalEvent } from '../protocol/connection.ts';
import { FaultyFiles } from '../services/audit/faultyFiles.ts';
import type { LocalBackend } from './localBackend.ts';
import { createBackend } from './localBackend.ts';
import type { House } from './testKit.ts';
import { editor, fakeShop, houseOn, temporaryHome } from './testKit.ts';

const options = { caller: editor, signal: new AbortController().signal };
const beam = { kind: 'beam', node: 'shop1@h', cookie: { from: 'default' } } as const;
const nodes: WatchQuery = { minIntervalMs: 1, of: { rows: 'nodes' } };
const rowsOf = (feed: WatchFeed) => [...(feed.state?.rows ?? [])].map(([key, row]) => [key, row['status']]);

describe('createBackend', () => {
  it('wants a folder, in full', async () => {
    const made = await createBackend({ home: 'relative', simulatedWorkerFile: '', sandboxChildFile: '' });
    expect(errorOf(made)).toMatchObject({ class: 'validation', code: 'home.invalid' });
  });

  it('knows its operations before it is connected to anything', async () => {
    const backend = valueOf(
      await createBackend({ home: temporaryHome(), simulatedWorkerFile: '', sandboxChildFile: '' }),
    );
    expect(backend.catalogue().length).toBeGreaterThan(15);
    expect(backend.connections()).toEqual([]);
    const call = { requestId: 'r', connection: null, operation: 'list_operations', params: {}, mode: 'run' } as const;
    expect((await backend.execute(call, options)).ok).toBe(true);
    await backend.close();
    await backend.close();
  });
});

describe('connections', () => {
  let opened: ((result: Result<Runtime>) => void)[];
  let backend: LocalBackend;
  let events: ArsenalEvent[];
  beforeEach(async () => {
    opened = [];
    events = [];
    const openRuntime = () => new Promise<Result<Runtime>>((resolve) => opened.push(resolve));
    backend = valueOf(
      await createBackend({ home: temporaryHome(), simulatedWorkerFile: '', sandboxChildFile: '', openRuntime }),
    );
    backend.onEvent((event) => void events.push(event));
  });
  afterEach(() => backend.close());
  const states = () => events.flatMap(({ what }) => (what.is === 'connection_state' ? [what.state] : []));

  it('are listed while they are opened, and have readable ids that are never used twice at once', async () => {
    const first = backend.connect({ kind: 'simulated' }, options);
    const second = backend.connect({ kind: 'simulated' }, options);
    const third = backend.connect(beam, options);
    const fourth = backend.connect(beam, options);
    expect(backend.connections().map(({ id, label, state }) => [id, label, state.is])).toEqual([
      ['sim', 'Simulated cluster', 'connecting'],
      ['sim2', 'Simulated cluster 2', 'connecting'],
      ['shop1@h', 'shop1@h', 'connecting'],
      ['shop1@h#2', 'shop1@h', 'connecting'],
    ]);
    expect(
      errorOf(
        await backend.execute(
          { requestId: 'r', connection: 'sim', operation: 'cluster_health', params: {}, mode: 'run' },
          options,
        ),
      ).class,
    ).toBe('unavailable');
    expect(errorOf(backend.availability('sim')).class).toBe('unavailable');
    for (const open of opened) open(ok(fakeShop({ kind: 'beam' })));
    expect(valueOf(await third)).toMatchObject({ access: 'confirm', state: { is: 'ready' }, kind: 'beam' });
    expect(valueOf(await first)).toMatchObject({ access: 'full' });
    await Promise.all([second, fourth]);
    expect(states().filter((state) => state === 'ready')).toHaveLength(4);
  });

  it('that fail are gone, with why', async () => {
    const connecting = backend.connect(beam, options);
    opened[0]?.(failure('authentication', 'connect.bad_cookie', 'Wrong cookie.', 'Give the right one.'));
    expect(errorOf(await connecting)).toMatchObject({ class: 'authentication', code: 'connect.bad_cookie' });
    expect(backend.connections()).toEqual([]);
    expect(states()).toEqual(['connecting', 'closed']);
  });

  it('that throw are a bug, not a crash', async () => {
    const openRuntime = () => Promise.reject(new Error('oh'));
    const odd = valueOf(
      await createBackend({ home: temporaryHome(), simulatedWorkerFile: '', sandboxChildFile: '', openRuntime }),
    );
    expect(errorOf(await odd.connect(beam, options))).toMatchObject({ class: 'system', code: 'connection.threw' });
  });

  it('that are cancelled, or closed while they open, leave nothing open', async () => {
    const control = new AbortController();
    const cancelled = backend.connect(beam, { ...options, signal: control.signal });
    control.abort();
    const runtimes = [fakeShop(), fakeShop()];
    opened[0]?.(ok(runtimes[0] ?? fakeShop()));
    expect(errorOf(await cancelled)).toMatchObject({ class: 'cancelled', effect: 'none' });
    const dropped = backend.connect({ kind: 'simulated' }, options);
    valueOf(await backend.disconnect('sim', options));
    opened[1]?.(ok(runtimes[1] ?? fakeShop()));
    expect(errorOf(await dropped).class).toBe('cancelled');
    expect(runtimes.map(({ state }) => state.is)).toEqual(['closed', 'closed']);
    expect(errorOf(await backend.connect(beam, { ...options, signal: control.signal })).class).toBe('cancelled');
    expect(backend.connections()).toEqual([]);
  });

  it('that are lost can be tried again, under their id, when nobody else is', async () => {
    const connecting = backend.connect(beam, options);
    const first = fakeShop({ kind: 'beam' });
    opened[0]?.(ok(first));
    valueOf(await connecting);
    expect(valueOf(await backend.retry('shop1@h', options)).state.is).toBe('ready');
    expect(opened).toHaveLength(1);
    first.loseConnection();
    expect(backend.connections()[0]?.state.is).toBe('lost');
    const failing = backend.retry('shop1@h', options);
    await expect.poll(() => opened.length).toBe(2);
    expect(first.state.is).toBe('closed');
    const refused = failure('unavailable', 'connect.refused', 'Refused.', 'Start it.');
    opened[1]?.(refused);
    expect(errorOf(await failing).code).toBe('connect.refused');
    expect(backend.connections()[0]?.state).toMatchObject({
      is: 'lost',
      error: { code: 'connect.refused' },
      retryAt: null,
    });
    const again = backend.retry('shop1@h', options);
    await expect.poll(() => opened.length).toBe(3);
    opened[2]?.(ok(fakeShop({ kind: 'beam' })));
    expect(valueOf(await again)).toMatchObject({ id: 'shop1@h', state: { is: 'ready' } });
    expect(states()).toEqual(['connecting', 'ready', 'lost', 'connecting', 'lost', 'connecting', 'ready']);
  });

  it('that are none are said to be none', async () => {
    for (const result of [
      await backend.disconnect('x', options),
      await backend.retry('x', options),
      backend.setAccess('x', 'full', options),
      backend.availability('x'),
    ]) {
      expect(errorOf(result)).toMatchObject({ class: 'not_found', code: 'connection.not_found' });
    }
    expect(errorOf(await backend.openWatch({ of: 'runtime', connection: 'x', query: nodes }, options)).class).toBe(
      'not_found',
    );
  });

  it('are opened and closed by those who may, and by nobody unknown', async () => {
    const viewer = { ...options, caller: { ...editor, role: 'viewer' as const } };
    const nobody = { ...options, caller: { ...editor, principal: '' } };
    for (const [who, errorClass] of [
      [viewer, 'authorization'],
      [nobody, 'authentication'],
    ] as const) {
      for (const result of [
        await backend.connect(beam, who),
        await backend.disconnect('x', who),
        await backend.retry('x', who),
      ]) {
        expect(errorOf(result).class).toBe(errorClass);
      }
    }
    expect(errorOf(backend.setAccess('x', 'full', nobody)).class).toBe('authentication');
    expect(errorOf(await backend.outcome('r', nobody)).class).toBe('authentication');
    expect(errorOf(await backend.openWatch({ of: 'connections' }, nobody)).class).toBe('authentication');
    expect(opened).toEqual([]);
  });
});

describe('writes', () => {
  it('on a real cluster are asked for in the editor, refused elsewhere, unless the backend was started to write', async () => {
    const careful = await houseOn(fakeShop({ kind: 'beam' }), { spec: beam });
    const params = { pid: 'only_here' };
    expect(errorOf(await careful.run('kill_process', params)).code).toBe('connection.confirm_writes');
    const rest = { caller: { ...editor, via: 'rest' as const } };
    expect(errorOf(await careful.run('kill_process', params, {}, rest)).code).toBe('connection.read_only');
    valueOf(careful.backend.setAccess('shop1@h', 'read_only', careful.options));
    expect(errorOf(await careful.run('kill_process', params)).code).toBe('connection.read_only');
    await careful.close();
    const bold = await houseOn(fakeShop({ kind: 'beam' }), { spec: beam, allowWrites: true });
    valueOf(await bold.run('kill_process', params, {}, rest));
    await bold.close();
  });

  // @row NF-09
  it('are not done when they cannot be written down', async () => {
    const auditFiles = new FaultyFiles();
    auditFiles.faults.add('append');
    const runtime = fakeShop();
    const logged: string[] = [];
    const house = await houseOn(runtime, { auditFiles, log: (_level, message) => void logged.push(message) });
    for (const [operation, params] of [
      ['kill_process', { pid: 'only_here' }],
      ['start_process', { module: 'm', function: 'f' }],
      ['crash_node', { node: 'shop2@h' }],
      ['disconnect_node', { node: 'shop2@h' }],
    ] as const) {
      expect(errorOf(await house.run(operation, params))).toMatchObject({ code: 'audit.unwritable', effect: 'none' });
    }
    const writes = ['processes.exit', 'processes.start', 'faults.crashNode'] as const;
    expect(writes.map((method) => runtime.calls(method))).toEqual([0, 0, 0]);
    expect((await house.run('list_processes')).ok).toBe(true);
    await house.close();
  });

  // @row NF-04
  it('asked for fifty times at once under one requestId are done once', async () => {
    const runtime = fakeShop();
    const house = await houseOn(runtime);
    const all = await Promise.all(
      Array.from({ length: 50 }, () =>
        house.run('start_process', { module: 'm', function: 'f' }, { requestId: 'once' }),
      ),
    );
    expect(runtime.calls('processes.start')).toBe(1);
    expect(new Set(all.map((answer) => JSON.stringify(valueOf(answer)))).size).toBe(1);
    expect(valueOf(await house.backend.outcome('once', house.options))).toMatchObject({
      state: 'done',
      result: { ok: true },
    });
    const other = errorOf(await house.run('start_process', { module: 'n', function: 'f' }, { requestId: 'once' }));
    expect(other).toMatchObject({ code: 'request.reused', effect: 'none' });
    await house.close();
  });
});

describe('watches', () => {
  let runtime: FakeRuntime;
  let house: House;
  beforeEach(async () => {
    runtime = fakeShop();
    house = await houseOn(runtime);
  });
  afterEach(() => house.close());
  const open = async (query = nodes) =>
    valueOf(await house.backend.openWatch({ of: 'runtime', connection: 'sim', query }, house.options));

  // @row R2.1
  it('of the same are one stream; when nobody is left, it is closed', async () => {
    const [one, other] = [await open(), await open()];
    await expect
      .poll(() => rowsOf(one.source))
      .toEqual([
        ['shop1@h', 'up'],
        ['shop2@h', 'up'],
      ]);
    expect(other.source).toBe(one.source);
    expect(runtime.calls('watch.open')).toBe(1);
    one.release();
    one.release();
    const third = await open();
    expect(third.source).toBe(one.source);
    other.release();
    third.release();
    await expect.poll(() => one.source.ended).not.toBeNull();
    const later = await open();
    expect(later.source).not.toBe(one.source);
    await expect.poll(() => later.source.state?.rows.size).toBe(2);
    expect(runtime.calls('watch.open')).toBe(2);
    later.release();
  });

  // @row R2.2
  it('tell of nodes that come and go, while somebody watches', async () => {
    const events: ArsenalEvent['what'][] = [];
    house.backend.onEvent(({ what }) => void events.push(what));
    runtime.crashNode('shop2@h');
    runtime.startNode('shop2@h');
    expect(events).toEqual([]);
    const watch = await open();
    const slow = await open({ ...nodes, minIntervalMs: 50 });
    await expect.poll(() => watch.source.state?.rows.size).toBe(2);
    runtime.crashNode('shop2@h');
    await expect.poll(() => rowsOf(watch.source)[1]).toEqual(['shop2@h', 'down']);
    runtime.startNode('shop2@h');
    await expect.poll(() => rowsOf(watch.source)[1]).toEqual(['shop2@h', 'up']);
    await expect.poll(() => rowsOf(slow.source)[1]).toEqual(['shop2@h', 'up']);
    expect(events).toEqual([
      { is: 'node_down', node: 'shop2@h' },
      { is: 'node_up', node: 'shop2@h' },
    ]);
    watch.release();
    slow.release();
  });

  // @row R10.3
  it('keep their last rows while the connection is lost, and go on in a new epoch', async () => {
    const { source, release } = await open();
    await expect.poll(() => source.state?.rows.size).toBe(2);
    const { epoch } = source.state ?? { epoch: '' };
    runtime.loseConnection();
    await expect.poll(() => house.backend.connections()[0]?.state.is).toBe('lost');
    expect([source.state?.rows.size, source.ended]).toEqual([2, null]);
    runtime.reconnect();
    await expect.poll(() => source.state?.epoch).not.toBe(epoch);
    expect(source.state?.rows.size).toBe(2);
    release();
  });

  it('end with what they watch, with their connection, and with what cannot be watched', async () => {
    const pid = runtime.processNamed('only_here');
    if (pid === null) throw new Error('not there');
    const children = await open({
      minIntervalMs: 1,
      of: { rows: 'children', supervisor: pid, window: { offset: 0, limit: 9 } },
    });
    await expect.poll(() => children.source.ended?.error?.code).toBe('supervisor.not_one');
    const watch = await open();
    valueOf(await house.backend.disconnect('sim', house.options));
    expect(watch.source.ended).toMatchObject({ error: { code: 'connection.closed' } });
  });

  it('of the backend’s own topics are there at once, and live', async () => {
    const topic = async (of: 'connections' | 'catalogue' | 'events') =>
      valueOf(await house.backend.openWatch({ of }, house.options));
    const [connections, catalogue, events] = [
      await topic('connections'),
      await topic('catalogue'),
      await topic('events'),
    ];
    expect([...(connections.source.state?.rows.keys() ?? [])]).toEqual(['sim']);
    const before = catalogue.source.state?.rows.size ?? 0;
    const mine = defineOperation({
      name: 'count_nodes',
      title: 'Count Nodes',
      description: 'Counts.',
      category: 'mine',
      severity: 'read',
      idempotent: true,
      needs: ['cluster.nodes'],
      params: Type.Object({}),
      result: Type.Object({ count: Type.Integer() }),
      examples: [],
      async execute(context) {
        const found = await context.port.cluster.nodes({}, context.options());
        return found.ok ? ok({ count: found.value.nodes.length }) : found;
      },
    });
    const origin = { from: 'workspace', file: 'count.ts' } as const;
    valueOf(house.backend.registry.register(mine, origin));
    expect(catalogue.source.state?.rows.size).toBe(before + 1);
    expect(await house.result('count_nodes')).toEqual({ count: 2 });
    expect(house.backend.registry.unregister('count_nodes', origin)).toBe(true);
    expect(catalogue.source.state?.rows.size).toBe(before);
    const said = [...(events.source.state?.rows.values() ?? [])].map(({ what }) => JSON.stringify(what));
    expect(said.at(-1)).toContain('operation_removed');
    expect(said.some((what) => what.includes('operation_finished'))).toBe(true);
    expect(house.backend.metrics.all()[0]).toMatchObject({ operation: 'count_nodes', calls: 1 });
    const [last] = await house.backend.state.calls(house.options.caller);
    expect(last).toMatchObject({ state: 'ended', call: { operation: 'count_nodes' } });
    connections.release();
    await house.backend.close();
    expect(catalogue.source.ended).toEqual({ error: null });
  });
});

describe('a local cluster', () => {
  it('may be changed, and is called after its project', async () => {
    const spec = { kind: 'local-cluster', project: '/home/me/shop' } as const;
    const house = await houseOn(fakeShop({ kind: 'local-cluster' }), { spec });
    expect(house.backend.connections()).toMatchObject([{ id: 'local', label: 'Local cluster shop', access: 'full' }]);
    expect(valueOf(await house.backend.connect({ kind: 'local-cluster' }, house.options))).toMatchObject({
      id: 'local2',
      label: 'Local cluster',
    });
    await house.close();
  });

  it('alone has logs of its nodes, for those who may see what is private', async () => {
    const house = await houseOn(fakeShop());
    const log = (connection: string, role: 'viewer' | 'admin') =>
      house.backend.nodeLog(connection, null, { last: 5 }, { ...house.options, caller: { ...editor, role } });
    expect(errorOf(await log('sim', 'admin'))).toMatchObject({ class: 'unsupported', effect: 'none' });
    expect(errorOf(await log('sim', 'viewer')).class).toBe('authorization');
    expect(errorOf(await log('no', 'admin')).code).toBe('connection.not_found');
    await house.close();
  });
});

describe('availability', () => {
  it('says of every operation whether it can be run, and why not', async () => {
    const house = await houseOn(fakeShop());
    const availability = new Map(
      valueOf(house.backend.availability('sim')).map(({ operation, capability }) => [operation, capability]),
    );
    expect(availability.get('list_processes')).toEqual({ can: true });
    expect(availability.get('list_operations')).toEqual({ can: true });
    expect(availability.get('create_sandbox')).toMatchObject({
      can: false,
      why: anyText,
      remedy: anyText,
    });
    await house.close();
  });
});
