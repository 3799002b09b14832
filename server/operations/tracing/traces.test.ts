/** Traces, profiles, deadlocks and leaks, on a scripted cluster. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure, processNotFound } from '../../../runtime/errors.ts';
import { answering, failing, streaming, streamFailing, streamOf } from '../../../runtime/fake/scriptedRuntime.ts';
import type { Failure, Json, TraceEvent, Wait } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Frame, MethodTable } from '../../../runtime/port.ts';
import { atom, integer } from '../../../runtime/term/term.ts';
import { at, listAt, outcomeOf, taskResult } from '../../backend/testKit.ts';
import { errorOf, textWith } from '../../core/testKit.ts';
import type { OperationProgress } from '../../protocol/operation.ts';
import type { Bench } from '../testKit.ts';
import { butNotB, holding, idOf, late, lost, nodeInfo, page, ref, scriptedHouse, plainTable } from '../testKit.ts';
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
const anyNumber: unknown = expect.any(Number);
/** A trace that neither brings anything nor ends. */
const goesOn: MethodTable = {
  'trace.list': answering({ traces: [] }),
  'trace.stop': answering({ ended: [] }),
  'trace.read': async function* (_params, { signal }) {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    yield { is: 'end' as const, result: failure('cancelled', 'call.cancelled', 'x', 'y') };
  },
};
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
  const start: MethodTable = { 'trace.start': answering({ id: 't1', started: [traced], refused }), ...goesOn };

  it('begin on the node of the process, with fuses on', async () => {
    bench.script(start);
    expect(await bench.result('trace_process', { ...cart, timeMs: 50 })).toEqual({
      trace: 't1',
      until: anyNumber,
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
    bench.script({ ...goesOn, 'trace.start': failing(costly) });
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
      display: '<0.10.0>',
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
  const basis: MethodTable = {
    'trace.start': answering({ id: 't1', started: [traced], refused: [] }),
    'trace.stop': answering({ ended: [end] }),
    'trace.list': answering({ traces: [info] }),
  };
  /** Brings the frames to who reads from the beginning, and then nothing until it is given up. */
  const unending = (...frames: readonly Frame<'trace.read'>[]): MethodTable => ({
    ...basis,
    'trace.read': async function* ({ after }, { signal }) {
      if (after < Number.MAX_SAFE_INTEGER) for (const one of frames) yield { is: 'frame' as const, frame: one };
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      yield { is: 'end' as const, result: failure('cancelled', 'call.cancelled', 'x', 'y') };
    },
  });
  const begun = async (methods: MethodTable) => {
    bench.script(methods);
    return at(await bench.result('trace_process', cart), 'trace');
  };
  afterEach(async () => {
    await bench.run('stop_trace', { trace: 't1' });
  });

  it('reads to the end of a trace that has ended, and says how it did', async () => {
    const frames = [frame([received(4), received(5)], { missed: 3, late: ['b@h'] }), frame([], { missed: 1 })];
    await begun({ ...basis, 'trace.read': streaming(frames, { ended: [end] }) });
    const read = await bench.result('get_trace_results', { trace: 't1', after: 3 });
    expect(read).toMatchObject({ trace: 't1', kind: 'trace', next: 5, missed: 4, late: ['b@h'], running: false });
    expect(read).toMatchObject({ ended: [end], outcome: { is: 'trace', result: { events: 9, ended: [end] } } });
    expect(listAt(read, 'items').map((row) => at(row, 'seq'))).toEqual([4, 5]);
    expect(bench.runtime.asked('trace.read')).toContainEqual({ id: 't1', after: 3 });
  });

  it('answers no more than the limit, so that nothing is lost between two answers', async () => {
    await begun(unending(frame([received(1), received(2), received(3)])));
    const shown: OperationProgress[] = [];
    const onProgress = (progress: OperationProgress) => void shown.push(progress);
    const params = { trace: 't1', limit: 2, waitMs: 60_000 };
    const answer = await bench.run('get_trace_results', params, {}, { onProgress });
    expect(answer).toMatchObject({ ok: true, value: { result: { next: 2, running: true, items: [{}, {}] } } });
    expect(shown).toMatchObject([{ is: 'rows', rows: [{ seq: 1 }, { seq: 2 }] }]);
  });

  it('keeps the outcome back until all was read', async () => {
    const all = frame([received(1), received(2), received(3)]);
    await begun({ ...basis, 'trace.read': streaming([all], { ended: [end] }) });
    const some = await bench.result('get_trace_results', { trace: 't1', limit: 2 });
    expect(some).toMatchObject({ next: 2, outcome: null });
  });

  it('waits as long as it is told, or until there is enough, and starts again where it was', async () => {
    await begun(unending(frame([])));
    const read = await bench.result('get_trace_results', { trace: 't1', after: 7, waitMs: 1 });
    expect(read).toMatchObject({ items: [], next: 7, running: true, ended: [], outcome: null });
    await bench.run('stop_trace', { trace: 't1' });
    await begun(unending(frame([received(8)])));
    const enough = await bench.result('get_trace_results', { trace: 't1', after: 7, waitMs: 60_000, enough: 1 });
    expect(enough).toMatchObject({ next: 8, running: true, outcome: null });
  });

  it('fails where the trace cannot be read, and tells what became of it once that is known', async () => {
    await begun({ ...unending(), 'trace.list': failing(late) });
    expect(listAt(await bench.result('list_traces'), 'items')[0]).toMatchObject({ trace: 't1', events: 0 });
    bench.script({ ...basis, 'trace.read': streamFailing(lost, [frame([received(1)])]) });
    expect(errorOf(await bench.run('get_trace_results', { trace: 't1' })).class).toBe('unavailable');
    await bench.run('stop_trace', { trace: 't1' });
    const after = await bench.result('get_trace_results', { trace: 't1' });
    expect(after).toMatchObject({ running: false, items: [], outcome: { is: 'trace', result: { ended: [end] } } });
    expect(errorOf(await bench.run('get_trace_results', { trace: 't2' })).code).toBe('trace.not_found');
  });
});

describe('list_traces and stop_trace', () => {
  it('tell whose they are, of what, where, and how they ended', async () => {
    const end = { node: 'a@h', why: 'stopped', dropped: 0 } as const;
    bench.script({
      ...goesOn,
      'trace.start': answering({ id: 't7', started: [traced], refused: [] }),
      'trace.stop': answering({ ended: [end] }),
      'processes.monitor': streaming([], { reason: atom('gone') }),
    });
    await bench.result('trace_process', cart);
    await outcomeOf(bench, 'monitor_process', cart);
    const rows = listAt(await bench.result('list_traces'), 'items');
    const trace = { trace: 't7', kind: 'trace', operation: 'trace_process', startedBy: 'ada', nodes: ['a@h'] };
    const monitor = { kind: 'monitor', operation: 'monitor_process', subject: '<0.10.0>', nodes: ['b@h'] };
    expect(rows.slice(0, 2)).toMatchObject([
      { ...monitor, running: false, outcome: 'finished', code: null, ended: [] },
      { ...trace, running: true, outcome: null, ended: [] },
    ]);
    const stopped = await bench.result('stop_trace', { trace: 't7' });
    expect(stopped).toMatchObject({ trace: 't7', ended: [end], outcome: { is: 'trace', result: { ended: [end] } } });
    expect(bench.runtime.asked('trace.stop')).toEqual([{ id: 't7' }]);
    // Done twice it is as done once.
    expect(await bench.result('stop_trace', { trace: 't7' })).toEqual(stopped);
    const [, ended] = listAt(await bench.result('list_traces'), 'items');
    expect(ended).toMatchObject({ ...trace, running: false, outcome: 'stopped', ended: [end] });
    expect(errorOf(await bench.run('stop_trace', { trace: 'nobody' })).code).toBe('trace.not_found');
  });

  it('tell of a trace that cannot be stopped that it failed', async () => {
    const started = { 'trace.start': answering({ id: 't8', started: [traced], refused: [] }) };
    bench.script({ ...goesOn, ...started, 'trace.stop': failing(late) });
    await bench.result('trace_process', cart);
    const stopped = await bench.result('stop_trace', { trace: 't8' });
    expect(stopped).toMatchObject({ ended: [], outcome: { is: 'failed', error: { class: 'timeout' } } });
    const [row] = listAt(await bench.result('list_traces'), 'items');
    expect(row).toMatchObject({ trace: 't8', outcome: 'failed', code: late.code });
  });
});

describe('profile_process', () => {
  const stack = (text: string, samples: number, state: 'running' | 'waiting' = 'running') => ({
    functions: text.split(' '),
    state,
    samples,
  });

  const unit = 'samples' as const;
  it('adds samples up: by what ran, by what was on the stack, by stack', async () => {
    const frames = [
      { stacks: [stack('main loop hot', 3), stack('main loop', 1), stack('main loop wait', 5, 'waiting')], unit },
      { stacks: [stack('main loop hot', 1), stack('main f f', 0)], unit },
    ];
    const profile = { 'profile.calls': failing(late) };
    bench.script({
      ...profile,
      'profile.sample': streaming(frames, { samples: 10, dropped: 0, unit: 'samples', ended: 'time' }),
    });
    const told = await taskResult(bench, 'profile_process', { ...cart, forMs: 60, everyMs: 2, limit: 3 });
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
    expect(at(await outcomeOf(bench, 'profile_process', cart), 'error', 'class')).toBe('unavailable');
  });

  it('shows the time of each function without those it calls', async () => {
    const functions = [
      { function: 'a:f/0', calls: 9, own: 500 },
      { function: 'a:g/1', calls: 1, own: 1_500 },
    ];
    const answer = { functions, unit: 'us', modules: ['a'], forUs: 2_000, ended: 'costs' } as const;
    bench.script({ 'profile.sample': streamFailing(lost), 'profile.calls': answering(answer) });
    const told = await taskResult(bench, 'profile_process', { ...cart, how: 'calls', modules: ['a'], limit: 1 });
    expect(told).toMatchObject({
      ended: 'costs',
      unit: 'us',
      functions: [{ function: 'a:g/1', share: 0.75, calls: 1, ownTimeMs: 1.5, ownReductions: null, samples: null }],
    });
    await taskResult(bench, 'profile_process', { ...cart, how: 'calls' });
    expect(bench.runtime.asked('profile.calls')).toEqual([
      { pid: ref('b@h', 10), forMs: 3_000, callsPerSecond: 2_000_000, modules: ['a'] },
      { pid: ref('b@h', 10), forMs: 3_000, callsPerSecond: 2_000_000 },
    ]);
    bench.script({ 'profile.sample': streamFailing(lost), 'profile.calls': failing(late) });
    expect(at(await outcomeOf(bench, 'profile_process', { ...cart, how: 'calls' }), 'error', 'class')).toBe('timeout');
    expect(errorOf(await bench.run('profile_process', { pid: 'Nobody' })).class).toBe('not_found');
  });

  it('is, when it is stopped, a profile of the time until then; by calls there is none', async () => {
    const untilStopped = (signal: AbortSignal) =>
      new Promise<Failure>((resolve) => {
        signal.addEventListener('abort', () => resolve(failure('cancelled', 'call.cancelled', 'x', 'y')), {
          once: true,
        });
      });
    bench.script({
      'profile.sample': async function* (_params, { signal }) {
        yield { is: 'frame' as const, frame: { stacks: [stack('main hot', 3), stack('main', 1)], unit } };
        yield { is: 'end' as const, result: await untilStopped(signal) };
      },
      'profile.calls': (_params, { signal }) => untilStopped(signal),
    });
    const sampling = at(await bench.result('profile_process', cart), 'trace');
    const first = await bench.result('get_trace_results', { trace: sampling, enough: 1, waitMs: 60_000 });
    expect(first).toMatchObject({ kind: 'profile', items: [{ seq: 1, samples: 4, stacks: 2, unit }], running: true });
    expect(await bench.result('stop_trace', { trace: sampling })).toMatchObject({
      outcome: { is: 'profile', result: { ended: 'stopped', samples: 4, unit, functions: [{ function: 'hot' }, {}] } },
    });
    const counting = at(await bench.result('profile_process', { ...cart, how: 'calls' }), 'trace');
    expect(await bench.result('stop_trace', { trace: counting })).toMatchObject({
      outcome: { is: 'failed', error: { code: 'profile.stopped', class: 'cancelled' } },
    });
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
        const table = { ...plainTable, name: 'carts', owner: ref('a@h', 10), objects: 1 };
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
    const told = await taskResult(bench, 'memory_leak_detection', quick);
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
    const told = await taskResult(bench, 'memory_leak_detection', quick);
    const unseen = listAt(told, 'unseen').map((row) => [at(row, 'node'), at(row, 'code')]);
    expect(unseen).toEqual([
      ['a@h', 'call.timeout'],
      ['a@h', 'runtime.unsupported'],
      ['a@h', 'runtime.unsupported'],
    ]);
    expect(at(told, 'suspects')).toEqual([]);
  });

  it('has what it had of a node that goes away in the middle, or when it is stopped', async () => {
    let reading = 0;
    const grows = () => {
      reading += 1;
      return answering({ bytes: { total: 1, binary: reading * 4 * mib } })();
    };
    const others: MethodTable = {
      'processes.scan': streaming([], { nodes: [], total: 0, scanned: 0 }),
      'processes.info': answering({ pages: [], gone: [] }),
    };
    bench.script({ ...others, 'system.memory': () => (reading < 5 ? grows() : failing(lost)()) });
    const told = await taskResult(bench, 'memory_leak_detection', { ...quick, forMs: 600_000 });
    expect(told).toMatchObject({ readings: 5, endedBy: 'time', suspects: [{ kind: 'memory', subject: 'binary' }] });
    expect(at(told, 'nodes')).toMatchObject([{ node: 'a@h', status: 'partial', error: { code: lost.code } }]);
    bench.script({ ...others, 'system.memory': grows });
    const trace = at(await bench.result('memory_leak_detection', { ...quick, forMs: 600_000 }), 'trace');
    const five = await bench.result('get_trace_results', { trace, enough: 5, limit: 5, waitMs: 60_000 });
    expect(listAt(five, 'items').map((row) => at(row, 'reading'))).toEqual([1, 2, 3, 4, 5]);
    const stopped = at(await bench.result('stop_trace', { trace }), 'outcome', 'result');
    expect(stopped).toMatchObject({ endedBy: 'stopped', suspects: [{ kind: 'memory', subject: 'binary' }] });
    expect(at(stopped, 'nodes')).toEqual([{ node: 'a@h', status: 'ok' }]);
  });

  it('fails with the node that was named, and refuses too few readings to tell', async () => {
    bench.script({
      'system.memory': failing(late),
      'processes.scan': streamFailing(late),
      'processes.info': failing(processNotFound('x').error),
    });
    expect(at(await outcomeOf(bench, 'memory_leak_detection', quick), 'error', 'class')).toBe('timeout');
    expect(errorOf(await bench.run('memory_leak_detection', { node: 'c@h' })).code).toBe('node.unavailable');
    expect(errorOf(await bench.run('memory_leak_detection', { node: 'd@h' })).code).toBe('node.not_found');
    bench.script({
      'cluster.nodes': answering({ nodes: [] }),
      'system.memory': failing(late),
      'processes.scan': streamFailing(late),
      'processes.info': failing(late),
    });
    expect(errorOf(await bench.run('memory_leak_detection')).code).toBe('node.none');
    const few = await bench.run('memory_leak_detection', { everyMs: 1_000, forMs: 2_000 });
    expect(errorOf(few)).toMatchObject({ class: 'validation', pointer: '/everyMs' });
  });
});
