/** Traces, profiles, deadlocks and leaks, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure, processNotFound } from '../../../runtime/errors.ts';
import { answering, failing, streaming, streamFailing, streamOf } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Json, TraceEvent, Wait } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Frame, MethodTable } from '../../../runtime/port.ts';
import { atom, integer } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import { errorOf, textWith } from '../../core/testKit.ts';
import type { OperationProgress } from '../../protocol/operation.ts';
import type { Bench } from '../testKit.ts';
import { butNotB, holding, idOf, late, lost, nodeInfo, page, ref, scriptedHouse } from '../testKit.ts';
import { eventRow, tracedFunctions } from './traceParameters.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const cart = { pid: 'Shop.Cart', node: 'b@h' };
const fuses = { timeMs: 10_000, events: 10_000, eventsPerSecond: 20_000, tracerQueue: 20_000, termBytes: 4_096 };
const traced = { node: 'a@h', slot: 'shared', observer: 'agent', fuses, processes: 3 } as const;

describe('functions as people write them', () => {
  const every = { every: 'function' };
  it.each([
    ['Shop.Cart.add/2', 'Elixir.Shop.Cart', 'add', 2],
    ['Shop.Cart.add', 'Elixir.Shop.Cart', 'add', 'any'],
    ['Shop.Cart.empty?/1', 'Elixir.Shop.Cart', 'empty?', 1],
    [':lists.map/2', 'lists', 'map', 2],
    ['lists:map/2', 'lists', 'map', 2],
    ["'Elixir.Shop.Cart':'add!'/255", 'Elixir.Shop.Cart', 'add!', 255],
    ["'Foo':bar/0", 'Foo', 'bar', 0],
    ["'Foo'", 'Foo', every, 'any'],
    ['Shop.Cart', 'Elixir.Shop.Cart', every, 'any'],
    [':lists', 'lists', every, 'any'],
    ['lists', 'lists', every, 'any'],
  ])('%s', (text, module, name, arity) => {
    expect(tracedFunctions([text], false)).toEqual(ok([{ module, function: name, arity }]));
  });

  it.each(['Shop.Cart/2', 'lists:map/256', 'lists:map/', 'Shop.', 'Shop..Cart', 'Shop.Cart:add/1', '1', "''", 'a b'])(
    '%s names none',
    (text) => {
      const error = errorOf(tracedFunctions(['lists', text], false));
      expect(error).toMatchObject({ code: 'trace.bad_function', pointer: '/functions/1', message: textWith(text) });
    },
  );

  it('show results where they are wanted', () => {
    expect(tracedFunctions(['lists'], true)).toMatchObject({ value: [{ shows: ['return'] }] });
  });
});

describe('trace_process and trace_messages', () => {
  const refused = [{ node: 'b@h', error: late }];
  const start: MethodTable = { 'trace.start': answering({ id: 't1', started: [traced], refused }) };

  it('begin on the node of the process, with fuses on', async () => {
    bench.script(start);
    expect(await bench.result('trace_process', { ...cart, timeMs: 50 })).toEqual({
      trace: 't1',
      started: [{ node: 'a@h', slot: 'shared', observer: 'agent', processes: 3, fuses }],
      refused: [{ node: 'b@h', code: late.code, message: late.message }],
    });
    const [asked] = bench.runtime.asked('trace.start');
    expect(asked).toMatchObject({
      nodes: ['b@h'],
      targets: [ref('b@h', 10)],
      events: ['send', 'receive', 'process'],
      fuses: { ...fuses, timeMs: 50 },
      require: 'all',
      costly: 'refused',
      owner: { principal: 'ada', operation: 'trace_process' },
    });
    expect(asked).not.toHaveProperty('functions');
  });

  it('begin on all nodes that we have a link to, or those named', async () => {
    bench.script({
      ...start,
      'cluster.nodes': answering({
        nodes: [nodeInfo('a@h'), nodeInfo('b@h', { reach: { via: 'relay', relay: 'a@h' } }), nodeInfo('d@h')],
      }),
    });
    const calls = { trace: ['call'], functions: ['lists:map/2'], returns: true, costly: true, targets: 'all' };
    await bench.result('trace_messages', calls);
    await bench.result('trace_messages', { nodes: ['b@h'], require: 'all' });
    const [all, named] = bench.runtime.asked('trace.start');
    expect(all).toMatchObject({
      nodes: ['a@h', 'd@h'],
      targets: 'all',
      events: ['call'],
      functions: [{ module: 'lists', function: 'map', arity: 2, shows: ['return'] }],
      costly: 'allowed',
      require: 'any',
    });
    expect(named).toMatchObject({ nodes: ['b@h'], targets: 'existing', require: 'all' });
    bench.script({ ...start, 'cluster.nodes': answering({ nodes: [] }) });
    expect(errorOf(await bench.run('trace_messages')).code).toBe('node.none');
    bench.script({ ...start, 'cluster.nodes': failing(late) });
    expect(errorOf(await bench.run('trace_messages')).class).toBe('timeout');
  });

  it('want functions for calls, and only for them', async () => {
    bench.script(start);
    for (const params of [{ trace: ['call'] }, { trace: ['send'], functions: ['lists'] }]) {
      expect(errorOf(await bench.run('trace_messages', params)).pointer).toBe('/functions');
      expect(errorOf(await bench.run('trace_process', { ...cart, ...params })).pointer).toBe('/functions');
    }
    const bad = { trace: ['call'], functions: ['1'] };
    expect(errorOf(await bench.run('trace_messages', bad)).code).toBe('trace.bad_function');
    expect(errorOf(await bench.run('trace_process', { ...cart, ...bad })).code).toBe('trace.bad_function');
    expect(errorOf(await bench.run('trace_process', { ...cart, timeMs: 1 })).pointer).toBe('/timeMs');
    expect(errorOf(await bench.run('trace_process', { pid: 'Nobody' })).class).toBe('not_found');
    expect(bench.runtime.asked('trace.start')).toEqual([]);
    const costly = failure('conflict', 'trace.costly', 'Too many.', 'Trace less.').error;
    bench.script({ 'trace.start': failing(costly) });
    expect(errorOf(await bench.run('trace_process', cart)).code).toBe('trace.costly');
    expect(errorOf(await bench.run('trace_messages')).code).toBe('trace.costly');
  });
});

function event(seq: number, what: TraceEvent['what']): TraceEvent {
  const time = { node: 'a@h', creation: 7, monotonicUs: 1, estimatedAt: 1_000 + seq, errorUs: 250 };
  return { at: time, seq, process: ref('a@h', 10), what };
}
const received = (seq: number) => event(seq, { is: 'receive', message: integer(seq), sentBy: null });

describe('an event as a row', () => {
  const fn = { module: 'Elixir.Shop.Cart', function: 'add' };
  const value = atom('ok');
  const rows: readonly (readonly [string, TraceEvent['what']])[] = [
    ['→ <0.12.0> on b@h: :ok', { is: 'send', to: ref('b@h', 12), message: value }],
    ['→ cart: :ok', { is: 'send', to: { in: 'local', node: 'a@h', name: 'cart' }, message: value }],
    ['→ 7: :ok', { is: 'send', to: { term: integer(7) }, message: value }],
    ['Shop.Cart.add(1, :ok)', { is: 'call', ...fn, args: [integer(1), value], caller: null }],
    ['Shop.Cart.add/2', { is: 'call', ...fn, args: 2, caller: null }],
    ['Shop.Cart.add/2 = :ok', { is: 'return', ...fn, arity: 2, value }],
    ['Shop.Cart.add/2 raised error :ok', { is: 'raise', ...fn, arity: 2, class: 'error', reason: value }],
    ['link :ok', { is: 'link', detail: value }],
  ];
  it.each(rows)('%s', (text, what) => {
    expect(eventRow(event(3, what))).toEqual({
      seq: 3,
      at: 1_003,
      errorMs: 0.25,
      pid: idOf('a@h', 10),
      node: 'a@h',
      event: what.is,
      text,
      sentBy: null,
    });
  });

  it('names the send that a receive belongs to', () => {
    const row = eventRow(event(4, { is: 'receive', message: value, sentBy: 3 }));
    expect(row).toMatchObject({ text: '← :ok', sentBy: 3 });
  });
});

describe('get_trace_results', () => {
  const frame = (events: readonly TraceEvent[], change: Partial<Frame<'trace.read'>> = {}): Frame<'trace.read'> => ({
    events,
    watermarkAt: 0,
    missed: 0,
    late: [],
    ended: [],
    ...change,
  });
  const info = { id: 't1', startedAt: 5, owner: holding('x').owner, nodes: [traced], ended: [], events: 9 };
  const end = { node: 'a@h', why: 'events', dropped: 4 } as const;
  const ended = { 'trace.list': answering({ traces: [{ ...info, ended: [end] }] }) };
  /** Brings the frames, and then nothing until it is given up. */
  const unending = (...frames: readonly Frame<'trace.read'>[]): MethodTable => ({
    'trace.list': answering({ traces: [info] }),
    'trace.read': async function* (_params, { signal }) {
      for (const one of frames) yield { is: 'frame' as const, frame: one };
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      yield { is: 'end' as const, result: failure('cancelled', 'call.cancelled', 'x', 'y') };
    },
  });

  it('reads to the end of a trace that has ended', async () => {
    const frames = [frame([received(4), received(5)], { missed: 3, late: ['b@h'] }), frame([], { missed: 1 })];
    bench.script({ ...ended, 'trace.read': streaming(frames, { ended: [end] }) });
    const read = await bench.result('get_trace_results', { trace: 't1', after: 3 });
    expect(read).toMatchObject({ trace: 't1', next: 5, missed: 4, late: ['b@h'], running: false, ended: [end] });
    expect(listAt(read, 'items').map((row) => at(row, 'seq'))).toEqual([4, 5]);
    expect(bench.runtime.asked('trace.read')).toEqual([{ id: 't1', after: 3 }]);
  });

  it('answers no more than the limit, so that nothing is lost between two answers', async () => {
    bench.script(unending(frame([received(1), received(2), received(3)])));
    const shown: OperationProgress[] = [];
    const onProgress = (progress: OperationProgress) => void shown.push(progress);
    const params = { trace: 't1', limit: 2, waitMs: 60_000 };
    const answer = await bench.run('get_trace_results', params, {}, { onProgress });
    expect(answer).toMatchObject({ ok: true, value: { result: { next: 2, running: true, items: [{}, {}] } } });
    expect(shown).toMatchObject([{ is: 'rows', rows: [{ seq: 1 }, { seq: 2 }] }]);
  });

  it('waits as long as it is told, and starts again where it was', async () => {
    bench.script(unending(frame([])));
    const read = await bench.result('get_trace_results', { trace: 't1', after: 7, waitMs: 1 });
    expect(read).toMatchObject({ items: [], next: 7, running: true, ended: [] });
  });

  it('tells a trace that nobody lists any more by how its stream ended', async () => {
    const read = streaming([frame([received(1)], { ended: [end] })], { ended: [] });
    bench.script({ 'trace.list': failing(late), 'trace.read': read });
    expect(await bench.result('get_trace_results', { trace: 't1' })).toMatchObject({ running: false, ended: [end] });
    bench.script({ 'trace.list': answering({ traces: [] }), 'trace.read': streamFailing(late) });
    expect(await bench.result('get_trace_results', { trace: 't1' })).toMatchObject({ running: true });
    bench.script({ ...ended, 'trace.read': streamFailing(lost, [frame([received(1)])]) });
    expect(errorOf(await bench.run('get_trace_results', { trace: 't1' })).class).toBe('unavailable');
  });
});

describe('list_traces and stop_trace', () => {
  it('tell whose they are, where, and whether they run', async () => {
    const { owner } = holding('x');
    const end = { node: 'a@h', why: 'stopped', dropped: 0 } as const;
    const trace = (id: string, ends: readonly (typeof end)[]) => ({
      ...{ id, startedAt: 5, owner, nodes: [traced, { ...traced, node: 'b@h' }], ended: ends, events: 9 },
    });
    const traces = [trace('t1', [end]), trace('t2', [end, { ...end }])];
    bench.script({ 'trace.list': answering({ traces }), 'trace.stop': answering({ ended: [end] }) });
    expect(await bench.result('list_traces')).toMatchObject({
      total: 2,
      items: [
        { trace: 't1', startedBy: 'ada', nodes: ['a@h', 'b@h'], events: 9, running: true, ended: [end] },
        { trace: 't2', running: false },
      ],
    });
    expect(await bench.result('stop_trace', { trace: 't1' })).toEqual({ trace: 't1', ended: [end] });
    expect(bench.runtime.asked('trace.stop')).toEqual([{ id: 't1' }]);
    bench.script({ 'trace.list': failing(late), 'trace.stop': failing(late) });
    expect(errorOf(await bench.run('list_traces')).class).toBe('timeout');
    expect(errorOf(await bench.run('stop_trace', { trace: 't1' })).class).toBe('timeout');
  });
});

describe('profile_process', () => {
  const stack = (text: string, samples: number, state: 'running' | 'waiting' = 'running') => ({
    functions: text.split(' '),
    state,
    samples,
  });

  it('adds samples up: by what ran, by what was on the stack, by stack', async () => {
    const frames = [
      { stacks: [stack('main loop hot', 3), stack('main loop', 1), stack('main loop wait', 5, 'waiting')] },
      { stacks: [stack('main loop hot', 1), stack('main f f', 0)] },
    ];
    const profile = { 'profile.calls': failing(late) };
    bench.script({
      ...profile,
      'profile.sample': streaming(frames, { samples: 10, dropped: 0, unit: 'samples', ended: 'time' }),
    });
    const told = await bench.result('profile_process', { ...cart, forMs: 60, everyMs: 2, limit: 3 });
    expect(told).toMatchObject({
      how: 'sample',
      samples: 10,
      unit: 'samples',
      ended: 'time',
      functions: [
        { function: 'hot', share: 0.4, samples: 4, onStack: 4, calls: null, ownTimeMs: null },
        { function: 'loop', share: 0.1, samples: 1, onStack: 10 },
        { function: 'main', share: 0, samples: 0, onStack: 10 },
      ],
    });
    expect(listAt(told, 'stacks').map((row) => at(row, 'samples'))).toEqual([5, 4, 1, 0]);
    expect(bench.runtime.asked('profile.sample')).toEqual([{ pid: ref('b@h', 10), everyMs: 2, forMs: 60 }]);
    bench.script({ ...profile, 'profile.sample': streamFailing(lost) });
    expect(errorOf(await bench.run('profile_process', cart)).class).toBe('unavailable');
  });

  it('shows the time of each function without those it calls', async () => {
    const functions = [
      { function: 'a:f/0', calls: 9, own: 500 },
      { function: 'a:g/1', calls: 1, own: 1_500 },
    ];
    const answer = { functions, unit: 'us', modules: ['a'], forUs: 2_000, ended: 'costs' } as const;
    bench.script({ 'profile.sample': streamFailing(lost), 'profile.calls': answering(answer) });
    const told = await bench.result('profile_process', { ...cart, how: 'calls', modules: ['a'], limit: 1 });
    expect(told).toMatchObject({
      ended: 'costs',
      unit: 'us',
      functions: [{ function: 'a:g/1', share: 0.75, calls: 1, ownTimeMs: 1.5, ownReductions: null, samples: null }],
    });
    await bench.result('profile_process', { ...cart, how: 'calls' });
    expect(bench.runtime.asked('profile.calls')).toEqual([
      { pid: ref('b@h', 10), forMs: 3_000, callsPerSecond: 2_000_000, modules: ['a'] },
      { pid: ref('b@h', 10), forMs: 3_000, callsPerSecond: 2_000_000 },
    ]);
    bench.script({ 'profile.sample': streamFailing(lost), 'profile.calls': failing(late) });
    expect(errorOf(await bench.run('profile_process', { ...cart, how: 'calls' })).class).toBe('timeout');
    expect(errorOf(await bench.run('profile_process', { pid: 'Nobody' })).class).toBe('not_found');
  });
});

describe('analyze_deadlocks', () => {
  const wait = (node: string, id: number, on: Wait['on'], change: Partial<Wait> = {}): Wait => {
    const call = `call of ${String(id)}`;
    return {
      process: ref(node, id),
      registeredName: null,
      on,
      evidence: 'certain',
      call,
      stack: ['gen:call/4'],
      ...change,
    };
  };
  /** The looks, one after the other; each is what the nodes answer. */
  const looks = (...each: readonly { readonly [node: string]: readonly Wait[] }[]) => {
    const count = new Map<string, number>();
    bench.script({
      'system.waits': butNotB(({ node }: { readonly node: string }) => {
        const look = count.get(node) ?? 0;
        count.set(node, look + 1);
        const waits = each[Math.min(look, each.length - 1)]?.[node] ?? [];
        return { waits, total: waits.length };
      }),
    });
  };
  const run = () => bench.result('analyze_deadlocks', { confirmMs: 50 });

  it('finds a circle, also through a name, and says how sure it is', async () => {
    const stuck = {
      'a@h': [
        wait('a@h', 10, [ref('a@h', 11)], { registeredName: 'cart' }),
        wait('a@h', 11, [{ name: 'Elixir.Shop.Cart', node: 'a@h' }], { evidence: 'likely' }),
        wait('a@h', 12, [ref('a@h', 10)]),
        wait('a@h', 13, [{ name: 'Nobody', node: 'a@h' }]),
      ],
    };
    looks(stuck);
    const told = await run();
    expect(told).toMatchObject({ waiting: 4, truncated: false, nodes: [{ status: 'ok' }, { status: 'missing' }, {}] });
    expect(at(told, 'circles')).toMatchObject([
      {
        evidence: 'likely',
        processes: [
          { pid: idOf('a@h', 10), registeredName: 'cart', waitsFor: idOf('a@h', 11), stack: ['gen:call/4'] },
          { pid: idOf('a@h', 11), waitsFor: idOf('a@h', 10) },
        ],
      },
    ]);
  });

  it('counts only what waits in the same call at both looks', async () => {
    const circle = (change: Partial<Wait>) => ({
      'a@h': [wait('a@h', 10, [ref('a@h', 11)]), wait('a@h', 11, [ref('a@h', 10)], change)],
    });
    looks(circle({}), circle({ call: 'the next call' }));
    expect(await run()).toMatchObject({ circles: [], waiting: 1 });
    looks(circle({ call: null }));
    expect(await run()).toMatchObject({ circles: [], waiting: 1 });
    looks({ 'a@h': [] }, circle({}));
    expect(await run()).toMatchObject({ circles: [], waiting: 0 });
    looks(circle({}));
    expect(await run()).toMatchObject({ circles: [{ evidence: 'certain' }], waiting: 2 });
  });

  it('says when more waited than were looked at, and fails at either look', async () => {
    bench.script({ 'system.waits': answering({ waits: [], total: 10_001 }) });
    expect(at(await run(), 'truncated')).toBe(true);
    for (const failsAt of [0, 1]) {
      let look = 0;
      bench.script({
        'system.waits': () => {
          look += 1;
          return look > failsAt ? failing(late)() : answering({ waits: [], total: 0 })();
        },
      });
      const error = errorOf(await bench.run('analyze_deadlocks', { node: 'a@h', confirmMs: 50 }));
      expect([error.class, look]).toEqual(['timeout', failsAt + 1]);
    }
  });
});

describe('memory_leak_detection', () => {
  const mib = 1024 * 1024;
  const quick = { node: 'a@h', everyMs: 200, forMs: 1_000 };

  it('names what grew steadily, of each kind, and leaves out what did not', async () => {
    let reading = 0;
    bench.script({
      'system.memory': () => {
        reading += 1;
        return answering({ bytes: { total: reading * mib, binary: 50 * mib + reading * 4 * mib, code: 9 * mib } })();
      },
      'processes.scan': streaming([page('a@h', [10, 11, 12], {})], { nodes: [], total: 3, scanned: 3 }),
      'processes.info': ({ pids }) => {
        const ids = pids.map(({ id }) => id).filter((id) => id !== 12);
        const columns: { readonly [key: string]: readonly Json[] } = {
          memory: ids.map((id) => (id === 10 ? reading * mib : mib)),
          message_queue_len: ids.map((id) => (id === 11 ? reading * 1_000 : 0)),
          registered_name: ids.map((id) => (id === 10 ? 'Elixir.Shop.Cart' : null)),
          initial_call: ids.map(() => 'm:init/1'),
        };
        return Promise.resolve(ok({ pages: [page('a@h', ids, columns)], gone: [ref('a@h', 12)] }));
      },
      'system.ets': () => {
        const table = { name: 'carts', type: 'set', protection: 'public', owner: ref('a@h', 10), objects: 1 };
        return streamOf(
          [
            [
              { ...table, id: atom('carts'), bytes: reading * mib },
              { ...table, id: { t: 'ref' as const, node: 'a@h', creation: 7, ids: [1, 2, 3] }, bytes: reading * mib },
            ],
          ],
          ok({ total: 2 }),
        );
      },
      'system.stats': () =>
        answering({
          ...{ uptimeMs: 1, processCount: 1, processLimit: 1, runQueue: 0, memoryBytes: 1, reductions: 1 },
          schedulersOnline: 1,
          atomCount: 10_000 + reading * 1_000,
        })(),
    });
    const told = await bench.result('memory_leak_detection', quick);
    expect(told).toMatchObject({ readings: 6, unseen: [], nodes: [{ node: 'a@h', status: 'ok' }] });
    const suspects = listAt(told, 'suspects').map((row) => [at(row, 'kind'), at(row, 'subject'), at(row, 'pid')]);
    expect(suspects).toEqual([
      ['memory', 'binary', null],
      ['process_memory', '<0.10.0> (Shop.Cart)', idOf('a@h', 10)],
      ['mailbox', '<0.11.0> (m:init/1)', idOf('a@h', 11)],
      ['ets_table', 'carts', idOf('a@h', 10)],
      ['ets_table', textWith('carts #Reference<'), idOf('a@h', 10)],
      ['atoms', 'atoms', null],
    ]);
    expect(at(told, 'suspects', 0, 'steadiness')).toBeGreaterThan(0.9);
  });

  it('says what it could not read of a node, each thing of its own', async () => {
    bench.script({
      'system.memory': answering({ bytes: { total: 1 } }),
      'processes.scan': streamFailing(late),
      'processes.info': answering({ pages: [], gone: [] }),
    });
    const told = await bench.result('memory_leak_detection', quick);
    const unseen = listAt(told, 'unseen').map((row) => [at(row, 'node'), at(row, 'code')]);
    expect(unseen).toEqual([
      ['a@h', 'call.timeout'],
      ['a@h', 'runtime.unsupported'],
      ['a@h', 'runtime.unsupported'],
    ]);
    expect(at(told, 'suspects')).toEqual([]);
  });

  it('fails with the node that was named, and refuses too few readings to tell', async () => {
    bench.script({
      'system.memory': failing(late),
      'processes.scan': streamFailing(late),
      'processes.info': failing(processNotFound('x').error),
    });
    expect(errorOf(await bench.run('memory_leak_detection', quick)).class).toBe('timeout');
    const few = await bench.run('memory_leak_detection', { everyMs: 1_000, forMs: 2_000 });
    expect(errorOf(few)).toMatchObject({ class: 'validation', pointer: '/everyMs' });
  });
});
