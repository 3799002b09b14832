/** Operations that act on processes, on a scripted cluster: what they ask of the port, say before, and make of its answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, failing, streaming, streamFailing } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Crash } from '../../../runtime/model.ts';
import { fail, ok } from '../../../runtime/model.ts';
import { atom, integer, tuple } from '../../../runtime/term/term.ts';
import { at, listAt, outcomeOf, taskResult } from '../../backend/testKit.ts';
import { errorOf, textWith, valueOf } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { butNotB, holding, idOf, late, lost, page, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const cart = { pid: 'Shop.Cart', node: 'b@h' };
const cartId = idOf('b@h', 10);

describe('restart_process', () => {
  const done = { pid: ref('b@h', 11), supervisor: ref('b@h', 20), state: 'kept' } as const;

  it('asks for the state to be kept only when it is wanted, and tells who it was and is', async () => {
    bench.script({ 'processes.restart': answering(done) });
    expect(await bench.result('restart_process', { ...cart, keepState: true, maxBytes: 64 })).toEqual({
      pid: idOf('b@h', 11),
      node: 'b@h',
      display: '<0.11.0>',
      before: cartId,
      supervisor: idOf('b@h', 20),
      state: 'kept',
    });
    await bench.result('restart_process', cart);
    expect(bench.runtime.asked('processes.restart')).toEqual([
      { pid: ref('b@h', 10), keepMaxBytes: 64 },
      { pid: ref('b@h', 10) },
    ]);
  });

  it('says before that it ends the process, and passes on what became of it', async () => {
    bench.script({ 'processes.restart': failing(lost) });
    const { plan } = await bench.planned('restart_process', { ...cart, keepState: true });
    expect(plan).toMatchObject({ summary: 'Restart <0.10.0> on b@h with its state', severity: 'destroy', undo: 'no' });
    expect(bench.runtime.asked('processes.restart')).toEqual([]);
    expect(errorOf(await bench.run('restart_process', cart))).toMatchObject({ code: lost.code, effect: 'unknown' });
    expect(errorOf(await bench.run('restart_process', { pid: 'Nobody', node: 'b@h' })).class).toBe('not_found');
    expect(errorOf(await bench.run('restart_process', { ...cart, keep: true })).class).toBe('validation');
  });
});

describe('migrate_process', () => {
  const moved = {
    pid: ref('a@h', 31),
    supervisor: ref('a@h', 20),
    digest: 'd',
    bytes: 900,
    pauseMs: 1.5,
    waited: 2,
    left: { localPids: 1, monitors: 2, links: 3 },
    names: [{ name: { in: 'global', name: atom('cart') }, moved: true }],
    namesGapMs: 0,
    steps: [],
    forwarder: 'h1',
  } as const;

  it('resolves the supervisor on the node it goes to, and forwards as long as it is told', async () => {
    bench.script({ 'processes.migrate': answering(moved) });
    const params = { ...cart, to: 'a@h', supervisor: 'Shop.Supervisor', forwardMs: 250 };
    expect(await bench.result('migrate_process', params)).toMatchObject({
      pid: idOf('a@h', 31),
      before: cartId,
      stateBytes: 900,
      waited: 2,
      left: { localPids: 1, monitors: 2, links: 3 },
      names: [{ name: '{:global, :cart}', moved: true }],
      forwarder: 'h1',
    });
    expect(bench.runtime.asked('processes.migrate')).toMatchObject([
      {
        pid: ref('b@h', 10),
        node: 'a@h',
        supervisor: ref('a@h', 20),
        forwardMs: 250,
        lingerMs: 250,
        maxBytes: 8_388_608,
        owner: { principal: 'ada', operation: 'migrate_process' },
      },
    ]);
  });

  it('names no supervisor when none is given, and touches both nodes', async () => {
    bench.script({ 'processes.migrate': failing(late) });
    const { plan } = await bench.planned('migrate_process', { ...cart, to: 'a@h' });
    expect(plan).toMatchObject({ undo: 'partly', touches: [{ node: 'b@h', pid: cartId }, { node: 'a@h' }] });
    expect(errorOf(await bench.run('migrate_process', { ...cart, to: 'a@h' })).class).toBe('timeout');
    expect(bench.runtime.asked('processes.migrate')[0]).not.toHaveProperty('supervisor');
    const nobody = { ...cart, to: 'a@h', supervisor: 'Nobody' };
    expect(errorOf(await bench.run('migrate_process', nobody)).class).toBe('not_found');
    expect(errorOf(await bench.run('migrate_process', { ...cart, pid: 'Nobody', to: 'a@h' })).class).toBe('not_found');
  });
});

describe('suspend_process', () => {
  it('holds with the owner, the kind and the time that were asked for', async () => {
    bench.script({
      'processes.suspend': answering(holding('s1', { lingerMs: 77 })),
      'holdings.list': answering({ holdings: [], nodes: [] }),
      'holdings.release': answering({ wasHeld: true }),
    });
    const held = await bench.result('suspend_process', { ...cart, how: 'sys', lingerMs: 77 });
    expect(held).toMatchObject({ pid: cartId, holding: 's1', how: 'sys', lingerMs: 77 });
    expect(bench.runtime.asked('processes.suspend')).toMatchObject([
      { pid: ref('b@h', 10), how: 'sys', lingerMs: 77, owner: { principal: 'ada', client: 'editor' } },
    ]);
  });

  it('is undone by releasing what it held, and only that', async () => {
    bench.script({
      'processes.suspend': answering(holding('s1')),
      'holdings.list': failing(late),
      'holdings.release': ({ id }) => Promise.resolve(id === 's1' ? ok({ wasHeld: true }) : failing(late)()),
    });
    const suspended = await bench.planned('suspend_process', cart);
    expect(await suspended.compensate(await suspended.apply())).toEqual(ok(null));
    expect(bench.runtime.asked('holdings.release')).toEqual([{ id: 's1' }]);
    expect(await suspended.compensate(await failing(late)())).toEqual(ok(null));
    expect(bench.runtime.asked('holdings.release')).toHaveLength(1);
    const other = ok({ holding: 's2', how: 'sys', lingerMs: 1, pid: cartId, node: 'b@h', display: '' });
    expect(errorOf(await suspended.compensate(other)).class).toBe('timeout');
    expect(await suspended.probe()).toBe('unknown');
  });

  it('is known later by its request, not by anybody’s suspension of that process', async () => {
    const script = (requestId: string) => {
      const owner = { principal: 'bob', client: 'cli', operation: 'suspend_process', requestId };
      const held = holding('s1', { target: ref('b@h', 10), owner });
      bench.script({
        'processes.suspend': failing(lost),
        'holdings.list': answering({ holdings: [held, holding('t', { target: null })], nodes: [] }),
        'holdings.release': failing(late),
      });
    };
    script('another');
    const suspended = await bench.planned('suspend_process', cart);
    expect(await suspended.probe()).toBe('none');
    const owner = at(suspended.plan.steps, 'owner', 'requestId');
    script(typeof owner === 'string' ? owner : '');
    expect(await suspended.probe()).toBe('applied');
    expect(errorOf(await bench.run('suspend_process', cart)).effect).toBe('unknown');
  });
});

describe('resume_process', () => {
  const holdings = [
    holding('s1', { target: ref('b@h', 10), at: { node: 'b@h', creation: 7 } }),
    holding('s2', { target: ref('b@h', 10), kind: 'sys_suspension', at: { node: 'b@h', creation: 7 } }),
    holding('t1', { target: ref('b@h', 10), kind: 'trace' }),
    holding('s3', { target: { ...ref('b@h', 10), creation: 6 } }),
  ];

  it('releases the suspensions of that very process, and nothing else that is held', async () => {
    bench.script({
      'holdings.list': answering({ holdings, nodes: [] }),
      'holdings.release': ({ id }) => Promise.resolve(ok({ wasHeld: id === 's1' })),
    });
    const { plan } = await bench.planned('resume_process', cart);
    expect(plan).toMatchObject({ summary: 'Resume <0.10.0> on b@h', touches: [{ node: 'b@h', pid: cartId }, {}] });
    // s2 had gone by itself meanwhile.
    expect(at(await bench.result('resume_process', cart), 'released')).toEqual(['s1']);
    expect(bench.runtime.asked('holdings.release')).toEqual([{ id: 's1' }, { id: 's2' }]);
  });

  it('says what it had released when it fails half way', async () => {
    bench.script({
      'holdings.list': answering({ holdings, nodes: [] }),
      'holdings.release': ({ id }) => (id === 's2' ? failing(lost)() : Promise.resolve(ok({ wasHeld: true }))),
    });
    const error = errorOf(await bench.run('resume_process', cart));
    expect(error).toMatchObject({ code: lost.code, effect: 'partial', node: 'b@h', details: { released: ['s1'] } });
    bench.script({ 'holdings.list': answering({ holdings, nodes: [] }), 'holdings.release': failing(lost) });
    expect(errorOf(await bench.run('resume_process', cart)).effect).toBe('unknown');
  });

  it('is done when none of what it would release is held any more', async () => {
    const script = (left: typeof holdings) => {
      bench.script({ 'holdings.list': answering({ holdings: left, nodes: [] }), 'holdings.release': failing(late) });
    };
    script(holdings);
    const resumed = await bench.planned('resume_process', cart);
    expect(await resumed.probe()).toBe('none');
    script(holdings.slice(2));
    expect(await resumed.probe()).toBe('applied');
    expect((await bench.planned('resume_process', cart)).plan.summary).toBe('Nothing holds <0.10.0> on b@h');
    bench.script({ 'holdings.list': failing(late), 'holdings.release': failing(late) });
    expect(await resumed.probe()).toBe('unknown');
    expect(errorOf(await bench.run('resume_process', cart)).class).toBe('timeout');
  });
});

describe('send_message, garbage_collect_process and get_process_state', () => {
  it('send the message as it was written, and give the reply back', async () => {
    bench.script({ 'processes.send': answering({ reply: tuple(atom('ok'), integer(3)) }) });
    const params = { ...cart, message: { $term: '{:add, 1}' }, how: 'call' };
    expect(at(await bench.result('send_message', params), 'reply', 'display')).toBe('{:ok, 3}');
    expect(bench.runtime.asked('processes.send')).toEqual([
      { pid: ref('b@h', 10), message: { term: tuple(atom('add'), integer(1)) }, how: 'call' },
    ]);
    const { plan } = await bench.planned('send_message', { ...cart, message: 'x'.repeat(200) });
    expect(plan.summary.length).toBeLessThan(130);
    expect(plan.summary).toContain('…');
    bench.script({ 'processes.send': failing(late) });
    expect(errorOf(await bench.run('send_message', params)).class).toBe('timeout');
    expect(errorOf(await bench.run('send_message', { ...params, pid: 'Nobody' })).class).toBe('not_found');
  });

  it('say what a collection freed', async () => {
    bench.script({ 'processes.collectGarbage': answering({ bytesBefore: 900, bytesAfter: 400 }) });
    const collected = await bench.result('garbage_collect_process', cart);
    expect(collected).toMatchObject({ pid: cartId, bytesBefore: 900, bytesAfter: 400, freedBytes: 500 });
    bench.script({ 'processes.collectGarbage': failing(late) });
    expect(errorOf(await bench.run('garbage_collect_process', cart)).class).toBe('timeout');
    expect(errorOf(await bench.run('garbage_collect_process', { pid: 'Nobody' })).class).toBe('not_found');
  });

  it('show a state that was cut as cut', async () => {
    bench.script({ 'processes.state': answering({ state: tuple(atom('s')), whole: false }) });
    expect(await bench.result('get_process_state', { ...cart, maxBytes: 64 })).toMatchObject({
      state: { display: '{:s}' },
      whole: false,
    });
    expect(bench.runtime.asked('processes.state')).toEqual([{ pid: ref('b@h', 10), maxBytes: 64 }]);
    bench.script({ 'processes.state': failing(late) });
    expect(errorOf(await bench.run('get_process_state', cart)).class).toBe('timeout');
  });
});

describe('monitor_process', () => {
  it('fails with what ended it before the first reading', async () => {
    bench.script({ 'processes.monitor': streamFailing(late) });
    const begun = await bench.result('monitor_process', cart);
    expect(begun).toMatchObject({ trace: textWith('monitor~'), pid: idOf('b@h', 10), node: 'b@h' });
    const failed = await outcomeOf(bench, 'monitor_process', cart);
    expect(failed).toMatchObject({ is: 'failed', error: { class: 'timeout' } });
    bench.script({ 'processes.monitor': streamFailing(lost, [page('b@h', [10], {})]) });
    expect(at(await outcomeOf(bench, 'monitor_process', cart), 'error', 'class')).toBe('unavailable');
    bench.script({ 'processes.monitor': streaming([page('b@h', [10], {})], { reason: atom('gone') }) });
    const seen = await taskResult(bench, 'monitor_process', cart);
    expect(seen).toMatchObject({ readings: 1, endedBy: 'process', ended: { reason: {} } });
    bench.script({
      'processes.monitor': async function* (_params, { signal }) {
        yield { is: 'frame' as const, frame: page('b@h', [10], {}) };
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve, { once: true });
        });
        yield { is: 'end' as const, result: fail(lost) };
      },
    });
    const timed = await taskResult(bench, 'monitor_process', { ...cart, forMs: 100 });
    expect(timed).toMatchObject({ readings: 1, endedBy: 'time', ended: null });
    expect(errorOf(await bench.run('monitor_process', { pid: 'Nobody' })).class).toBe('not_found');
  });
});

describe('start_process', () => {
  it('is known later by its name only', async () => {
    bench.script({ 'processes.start': answering(ref('a@h', 40)) });
    const named = await bench.planned('start_process', { node: 'a@h', module: 'm', function: 'f', name: 'fresh' });
    expect(await named.probe()).toBe('none');
    bench.script({ 'processes.start': failing(late), 'names.resolve': failing(late) });
    expect(await named.probe()).toBe('unknown');
    bench.script({
      'processes.start': failing(late),
      'names.resolve': answering({ pid: ref('a@h', 40), seenFrom: 'a@h', disagree: [] }),
    });
    expect(await named.probe()).toBe('applied');
    const nameless = await bench.planned('start_process', { node: 'a@h', module: 'm', function: 'f' });
    expect(await nameless.probe()).toBe('unknown');
    expect(errorOf(await nameless.apply().then((done) => (done.ok ? ok(null) : done))).class).toBe('timeout');
  });
});

describe('list_crashes', () => {
  const crash = (id: number, atMs: number, change: Partial<Crash> = {}): Crash => ({
    at: atMs,
    pid: ref('a@h', id),
    registeredName: null,
    initialCall: 'm:init/1',
    kind: 'error',
    reason: atom('badarg'),
    stack: [
      { call: 'm:f/1', file: 'm.erl', line: 12 },
      { call: 'm:g/0', file: 'm.erl', line: null },
      { call: 'm:h/0', file: null, line: null },
    ],
    ...change,
  });

  it('lists the newest first, over all nodes that answer, and says which did not', async () => {
    const crashes = [crash(1, 10), crash(2, 30, { kind: 'exit' }), crash(3, 20)];
    bench.script({ 'processes.crashes': butNotB(() => ({ crashes, since: 0 })) });
    const all = await bench.result('list_crashes');
    expect(listAt(all, 'items').map((row) => at(row, 'at'))).toEqual([30, 20, 10]);
    expect(at(all, 'items', 0, 'stack')).toEqual(['m:f/1 (m.erl:12)', 'm:g/0 (m.erl)', 'm:h/0']);
    expect(listAt(all, 'nodes').map((row) => at(row, 'status'))).toEqual(['ok', 'missing', 'missing']);
    expect(bench.runtime.asked('processes.crashes')).toEqual([
      { node: 'a@h', limit: 1_000 },
      { node: 'b@h', limit: 1_000 },
    ]);
    const some = await bench.result('list_crashes', { filter: { kind: { eq: 'exit' } }, fields: ['kind'] });
    expect(at(some, 'items')).toEqual([{ pid: idOf('a@h', 2), node: 'a@h', at: 30, kind: 'exit' }]);
  });

  it('pages without asking again, and fails with the one node that was named', async () => {
    bench.script({ 'processes.crashes': butNotB(() => ({ crashes: [crash(1, 1), crash(2, 2)], since: 0 })) });
    const first = await bench.result('list_crashes', { node: 'a@h', limit: 1 });
    const second = await bench.result('list_crashes', { node: 'a@h', limit: 1, after: at(first, 'next') });
    expect([at(first, 'items', 0, 'at'), at(second, 'items', 0, 'at'), at(second, 'next')]).toEqual([2, 1, null]);
    expect(bench.runtime.asked('processes.crashes')).toHaveLength(1);
    expect(errorOf(await bench.run('list_crashes', { node: 'b@h' }))).toMatchObject({ class: 'unavailable' });
    bench.script({ 'processes.crashes': failing(late), 'cluster.nodes': failing(late) });
    expect(errorOf(await bench.run('list_crashes')).class).toBe('timeout');
  });
});

describe('get_process_tree', () => {
  /** 10 is linked to 11 and 12, both to 13; 13 to 14. */
  const links: { readonly [id: number]: readonly number[] } = {
    10: [11, 12],
    11: [10, 13],
    12: [13],
    13: [14],
    14: [],
  };
  beforeEach(() => {
    bench.script({
      'processes.info': ({ pids }) => {
        const ids = pids.map(({ id }) => id);
        const columns = {
          links: ids.map((id) => (links[id] ?? []).map((other) => idOf('a@h', other))),
          ancestors: ids.map(() => ['Elixir.Shop.Supervisor', 7]),
          status: ids.map(() => 'waiting'),
        };
        return Promise.resolve(ok({ pages: [page('a@h', ids, columns)], gone: [] }));
      },
    });
  });
  const tree = (params: { readonly [key: string]: number }) =>
    bench.result('get_process_tree', { pid: idOf('a@h', 10), ...params });

  it('shows each process once, where it was met first', async () => {
    const whole = await tree({ depth: 5 });
    expect(whole).toMatchObject({ processes: 5, truncated: false, ancestors: ['Elixir.Shop.Supervisor'] });
    const [left, right] = listAt(whole, 'tree', 'links');
    expect(left).toMatchObject({ display: '<0.11.0>', status: 'waiting', links: [{ display: '<0.13.0>' }] });
    expect(right).toMatchObject({ display: '<0.12.0>', links: [], more: 0 });
  });

  it('stops at the depth and the number it is told, and says how much there is beyond', async () => {
    const flat = await tree({ depth: 1 });
    expect(flat).toMatchObject({ processes: 3, truncated: true });
    expect(listAt(flat, 'tree', 'links').map((row) => at(row, 'more'))).toEqual([1, 1]);
    const few = await tree({ limit: 2 });
    expect(few).toMatchObject({ processes: 2, truncated: true, tree: { more: 1 } });
  });

  it('fails with what it could not read', async () => {
    bench.script({ 'processes.info': failing(late) });
    expect(errorOf(await bench.run('get_process_tree', cart)).class).toBe('timeout');
    expect(errorOf(await bench.run('get_process_tree', { pid: 'Nobody' })).class).toBe('not_found');
    bench.script({ 'processes.info': answering({ pages: [], gone: [ref('b@h', 10)] }) });
    expect(await bench.result('get_process_tree', cart)).toMatchObject({ processes: 1, ancestors: [] });
  });
});

describe('a process as it is written', () => {
  it('is refused while nodes see different ones under its name', async () => {
    const seen = { pid: ref('a@h', 10), seenFrom: 'a@h', disagree: [{ node: 'b@h', pid: null }] };
    bench.script({ 'processes.state': failing(late), 'names.resolve': answering(seen) });
    const error = errorOf(await bench.run('get_process_state', { pid: '{global, cart}' }));
    expect(error).toMatchObject({ code: 'name.disputed', details: { nodes: ['a@h', 'b@h'] } });
    expect(bench.runtime.asked('names.resolve')).toEqual([
      { target: { name: { in: 'global', name: atom('cart') } }, seenFrom: 'any' },
    ]);
    expect(bench.runtime.asked('processes.state')).toEqual([]);
  });

  it('can be a via name, asked where it is meant', async () => {
    const seen = { pid: ref('b@h', 10), seenFrom: 'b@h', disagree: [] };
    bench.script({ 'processes.state': failing(late), 'names.resolve': answering(seen) });
    const pid = '{:via, Registry, {Shop.Registry, 42}}';
    expect(errorOf(await bench.run('get_process_state', { pid, node: 'b@h' })).class).toBe('timeout');
    expect(bench.runtime.asked('names.resolve')).toMatchObject([
      { target: { name: { in: 'via', module: 'Elixir.Registry' }, seenFrom: 'b@h' }, seenFrom: 'b@h' },
    ]);
    bench.script({ 'processes.state': failing(late), 'names.resolve': failing(lost) });
    for (const text of [pid, '<0.1.0>', 'Shop.Cart']) {
      expect(errorOf(await bench.run('get_process_state', { pid: text })).class, text).toBe('unavailable');
    }
  });
});

it('says of a write what it would do without doing it', async () => {
  bench.script({ 'processes.collectGarbage': failing(late) });
  const dry = valueOf(await bench.run('garbage_collect_process', cart, { mode: 'dry_run' }));
  expect(dry).toMatchObject({ mode: 'dry_run', plan: { summary: textWith('<0.10.0> on b@h') } });
  expect(bench.runtime.asked('processes.collectGarbage')).toEqual([]);
});
