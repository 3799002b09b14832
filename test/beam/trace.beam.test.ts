/** Tracing on live nodes, with the agent loaded and interpreted: what is seen, in which order, and what ends it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../runtime/port.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { atom, integer } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, inTime } from './shop.ts';
import * as kit from './traceKit.ts';

const { begin, fuses, leftOn, nothingLeft, planted, query, readOut, stopAfter } = kit;
const erlang = (source: string) => ({ syntax: 'erlang', source }) as const;
const sum = { module: 'lists', function: 'sum', arity: 1 } as const;

afterAll(() => {
  stopAll();
});

describe.each(['load', 'interpret'] as const)('a trace, with the choice %s', (agent) => {
  let one: LiveNode;
  let two: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    [one, two] = await kit.plantedPair(`trace_${agent}`);
    runtime = await kit.connectTo(one, { agent });
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    await Promise.all([one.stop(), two.stop()]);
  });

  // @row T024.d3
  it('shows calls that meet a condition, with arguments, callers, results and exceptions', async () => {
    const pid = await planted(runtime, one);
    const when = [
      {
        any: [
          { arg: 1, op: 'eq', value: erlang('[3, 1]') },
          { not: { arg: 1, type: 'list' } },
          {
            all: [
              { arg: 1, type: 'tuple' },
              { arg: 1, inside: [{ element: 1 }], op: 'eq', value: erlang('lists') },
            ],
          },
        ],
      },
    ] as const;
    const functions = [{ ...sum, when, shows: ['return', 'caller'] }] as const;
    const asked = query([pid], { events: ['call'], functions });
    const { id, started } = valueOf(await runtime.port.trace.start(asked, inTime()));
    expect(started).toMatchObject([
      { node: one.node, processes: 1, observer: agent === 'load' ? 'agent' : 'interpreted', slot: 'shared' },
    ]);
    await one.eval('planted ! {calls, 4}.');
    await one.eval("begin planted ! {raise, self()}, receive {'EXIT', _} -> ok end end.");
    const { events, ended } = await stopAfter(runtime, id);
    expect(ended).toEqual([{ node: one.node, why: 'stopped', dropped: 0 }]);
    expect(events.map(({ what }) => what)).toMatchObject([
      { is: 'call', module: 'lists', function: 'sum', caller: expect.stringContaining('planted:') as string },
      { is: 'return', module: 'lists', function: 'sum', arity: 1, value: integer(4) },
      { is: 'call', args: [atom('not_a_list')] },
      { is: 'raise', module: 'lists', function: 'sum', arity: 1, class: 'error', reason: atom('function_clause') },
    ]);
    expect(await leftOn(one)).toBe(nothingLeft);
  });

  it.each([
    [{ arg: 1, op: 'ge', value: erlang('5') }, ['5', '7.5', 'seven', '#{job => 7}', '{job,{deep,7}}', '[8000]']],
    [{ arg: 1, op: 'lt', value: erlang('7.5') }, ['1', '5']],
    [{ arg: 1, op: 'ne', value: erlang('seven') }, ['1', '5', '7.5', '#{job => 7}', '{job,{deep,7}}', '[8000]']],
    [{ arg: 1, inside: [{ key: erlang('job') }], op: 'eq', value: erlang('7') }, ['#{job => 7}']],
    [{ arg: 1, inside: [{ element: 2 }, { element: 1 }], op: 'eq', value: erlang('deep') }, ['{job,{deep,7}}']],
    [{ arg: 1, type: 'number' }, ['1', '5', '7.5']],
    [
      {
        not: {
          any: [
            { arg: 1, type: 'number' },
            { arg: 1, type: 'atom' },
          ],
        },
      },
      ['#{job => 7}', '{job,{deep,7}}', '[8000]'],
    ],
    [{ arg: 2, type: 'atom' }, []],
    [{ any: [] }, []],
  ] as const)('takes the condition %j', async (condition, expected) => {
    const pid = await planted(runtime, one);
    const values = ['1', '5', '7.5', 'seven', '#{job => 7}', '{job,{deep,7}}', '[8000]'];
    const functions = [{ module: 'proplists', function: 'get_value', arity: 3, when: [condition] }] as const;
    const id = await begin(runtime, query([pid], { events: ['call'], functions }));
    for (const value of values)
      await one.eval(`begin planted ! {apply, proplists, get_value, [${value}, [], 0]}, ok end.`);
    const { events } = await stopAfter(runtime, id, 50);
    const seen = events.flatMap(({ what }) => (what.is === 'call' && Array.isArray(what.args) ? [what.args[0]] : []));
    // In the order of Erlang terms numbers come before atoms, these before tuples, maps and lists.
    expect(seen.map((term) => printTerm(term, { syntax: 'erlang' }))).toEqual(expected);
  });

  // @row R3.5
  // @row T006.a2
  it('puts messages between two nodes in one order, each receive after its send', async () => {
    const pids = [await planted(runtime, one), await planted(runtime, two)];
    const id = await begin(runtime, query(pids, { events: ['send', 'receive'] }));
    for (let n = 1; n <= 30; n += 1) {
      await one.eval(`planted ! {relay, {relay, {ball, ${String(n % 3)}}}}.`);
    }
    const { events, ended } = await stopAfter(runtime, id);
    expect(ended.map(({ why, dropped }) => [why, dropped])).toEqual([
      ['stopped', 0],
      ['stopped', 0],
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    const sends = events.filter(({ what }) => what.is === 'send');
    const receives = events.filter(({ what }) => what.is === 'receive');
    // There and back: two sends each, both received; the first word comes from the console.
    expect([sends.length, receives.length]).toEqual([60, 90]);
    const paired = receives.flatMap(({ seq, what }) =>
      what.is === 'receive' && what.sentBy !== null ? [[what.sentBy, seq]] : [],
    );
    expect(paired).toHaveLength(60);
    for (const [sent = 0, received = 0] of paired) expect(sent).toBeLessThan(received);
    for (const { at } of events) {
      expect(at.errorUs).toBeGreaterThan(0);
      // What a busy machine adds to a round trip is in it.
      expect(at.errorUs).toBeLessThan(10_000_000);
    }
    for (const node of [one, two]) {
      const times = events.filter(({ at }) => at.node === node.node).map(({ at }) => at.monotonicUs);
      expect(times).toEqual([...times].sort((left, right) => left - right));
      expect(await leftOn(node)).toBe(nothingLeft);
    }
  });

  it('shows what happens to processes that are started, and nothing of ours', async () => {
    const id = await begin(runtime, query('new', { nodes: [one.node], events: ['process', 'send', 'receive'] }));
    // Calls of ours run in processes that are new.
    for (let n = 0; n < 5; n += 1) valueOf(await runtime.port.system.stats({ node: one.node }, inTime()));
    await one.eval('begin planted ! {spawn, 3}, ok end.');
    const { events } = await stopAfter(runtime, id);
    const spawned = events.filter(({ what }) => what.is === 'spawned');
    const parents = spawned.map(({ what }) =>
      what.is === 'spawned' && what.detail.t === 'tuple' ? what.detail.e[0] : null,
    );
    const plantedPid = await planted(runtime, one);
    // Besides, the console starts a process for each expression.
    expect(parents.filter((parent) => parent?.t === 'pid' && parent.id === plantedPid.id)).toHaveLength(3);
    expect(parents.every((parent) => parent?.t === 'pid' && parent.node === one.node)).toBe(true);
    const ours = events.filter(({ what }) => JSON.stringify(what).includes('arsenal_'));
    expect(ours).toEqual([]);
    expect(await leftOn(one)).toBe(nothingLeft);
  });

  it('ends by each of its fuses, says which, and undoes all', async () => {
    const pid = await planted(runtime, one);
    const words = '[planted ! {word, N} || N <- lists:seq(1, 100)]';
    const ends = async (change: Partial<typeof fuses>, act: string) => {
      const events = ['send', 'receive'] as const;
      const id = await begin(runtime, query([pid], { fuses: { ...fuses, ...change }, events }));
      await one.eval(`begin ${act}, ok end.`);
      const read = await readOut(runtime, id);
      expect(await leftOn(one)).toBe(nothingLeft);
      return [read.ended[0]?.why, read.events.length];
    };
    expect(await ends({ timeMs: 200 }, 'ok')).toEqual(['timeMs', 0]);
    expect(await ends({ events: 10 }, words)).toEqual(['events', 10]);
    expect(await ends({ eventsPerSecond: 20 }, words)).toEqual(['eventsPerSecond', 20]);
    // A list of a million, as message, would cost the traced too much.
    expect((await ends({}, 'planted ! {big, 1000000}'))[0]).toBe('termBytes');
  });

  it('cuts terms on the node, and says how much was left out', async () => {
    const pid = await planted(runtime, one);
    const id = await begin(runtime, query([pid], { events: ['send'], fuses: { ...fuses, events: 1, termBytes: 50 } }));
    await one.eval('begin planted ! {big, 5000}, ok end.');
    const { events } = await readOut(runtime, id);
    const [sent] = events.map(({ what }) => (what.is === 'send' ? what.message : null));
    expect(sent).toMatchObject({
      t: 'list',
      e: expect.arrayContaining([{ t: 'elided', was: 'list', size: expect.any(Number) as number }]) as unknown,
    });
    const elements = sent?.t === 'list' ? sent.e : [];
    const last = elements[elements.length - 1];
    expect(elements.length - 1 + (last?.t === 'elided' ? last.size : 0)).toBe(5_000);
  });

  it('survives a flood by ending', async () => {
    const pid = await planted(runtime, two);
    await two.eval('begin planted ! {peer, spawn(fun F() -> receive _ -> F() end end)}, ok end.');
    const most = { ...fuses, events: 1_000_000, eventsPerSecond: 1_000_000 };
    const id = await begin(runtime, query([pid], { events: ['send'], fuses: most }));
    await two.eval('begin planted ! {flood, 2000}, ok end.');
    const { ended } = await readOut(runtime, id);
    expect(ended[0]?.why).toMatch(/^(tracerQueue|eventsPerSecond|events)$/);
    // It ended while the flood went on, and the flooder lives, untraced.
    expect(await leftOn(two)).toBe(nothingLeft);
    expect(await two.eval('begin planted ! {peer, none}, is_process_alive(whereis(planted)) end.')).toBe('true');
  });

  it('says before it begins what it would cost, and begins only when told', async () => {
    const pid = await planted(runtime, one);
    await one.eval('begin register(busy, spawn(fun F() -> lists:sum([1]), erlang:yield(), F() end)), ok end.');
    try {
      const functions = [sum];
      const { estimates } = valueOf(
        await runtime.port.trace.estimate(
          { nodes: [one.node], targets: [pid], events: ['call'], functions, forMs: 50 },
          inTime(),
        ),
      );
      expect(estimates[0]?.calls[0]).toMatchObject({ function: 'lists:sum/1' });
      expect(estimates[0]?.eventsPerSecond).toBeGreaterThan(1_000);
      const asked = query([pid], { events: ['call'], functions, fuses: { ...fuses, eventsPerSecond: 500 } });
      expect(errorOf(await runtime.port.trace.start(asked, inTime()))).toMatchObject({
        code: 'trace.costly',
        class: 'conflict',
      });
      expect(await leftOn(one)).toBe(nothingLeft);
      const id = await begin(runtime, { ...asked, costly: 'allowed' });
      // The planted process calls nothing: what others call is not in the trace.
      expect((await stopAfter(runtime, id)).events).toEqual([]);
    } finally {
      await one.eval('exit(whereis(busy), kill).');
    }
  });

  it('shows what reaches a process whose mailbox is not to be read', async () => {
    const pid = await planted(runtime, one);
    const arriving = runtime.port.trace.arrivals({ pid, limit: 3, withinMs: 5_000, termBytes: 200 }, inTime());
    await one.eval(`begin ${kit.onceTraced}, [planted ! {word, N} || N <- lists:seq(1, 5)], ok end.`);
    const { messages, why } = valueOf(await arriving);
    expect(why).toBe('events');
    expect(messages.map(({ message }) => (message.t === 'tuple' ? message.e[1] : null))).toEqual(
      [1, 2, 3].map((n) => integer(n)),
    );
    expect(await leftOn(one)).toBe(nothingLeft);
  });
});
