/** What tracing leaves alone, what it shares, and how all of it is undone whoever dies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, inTime, named } from './shop.ts';
import * as kit from './traceKit.ts';

const { begin, fuses, leftOn, nothingLeft, planted, query, readOut, stopAfter } = kit;
const erlang = (source: string) => ({ syntax: 'erlang', source }) as const;
const sum = { module: 'lists', function: 'sum', arity: 1 } as const;

let one: LiveNode;
let two: LiveNode;
let runtime: Runtime;
beforeAll(async () => {
  [one, two] = await kit.plantedPair('traces');
  runtime = await kit.connectTo(one);
}, 60_000);
afterAll(async () => {
  await runtime.close();
  stopAll();
});

/** The tracing of some other tool on the planted process and on lists:sum/1, and how that looks when it is whole. */
const othersTrace = `begin
  register(other_tool, spawn(fun F() -> receive _ -> F() end end)),
  erlang:trace(whereis(planted), true, [call, {tracer, whereis(other_tool)}]),
  erlang:trace_pattern({lists, sum, 1}, [{'_', [], [{return_trace}]}], [local]), ok
end.`;
const othersWhole = `begin
  {erlang:trace_info(whereis(planted), tracer) =:= {tracer, whereis(other_tool)}, erlang:trace_info({lists, sum, 1}, match_spec)}
end.`;
const whole = "{true,{match_spec,[{'_',[],[{return_trace}]}]}}";

async function until(ask: () => Promise<string>, wanted: string, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  let said = await ask();
  while (said !== wanted && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    said = await ask();
  }
  expect(said).toBe(wanted);
}

describe('a trace beside others', () => {
  it("refuses what another tool's tracer has, and leaves it as it is", async () => {
    const pid = await planted(runtime, one);
    await one.eval(othersTrace);
    try {
      const messages = await runtime.port.trace.start(query([pid]), inTime());
      expect(errorOf(messages)).toMatchObject({ code: 'trace.tracer_taken', class: 'conflict', effect: 'none' });
      const free = await named(runtime, one.node, 'application_controller');
      const calls = await runtime.port.trace.start(query([free], { events: ['call'], functions: [sum] }), inTime());
      expect(errorOf(calls)).toMatchObject({ code: 'trace.function_taken', class: 'conflict', effect: 'none' });
      const all = await runtime.port.trace.start(query('existing', { nodes: [one.node], events: ['send'] }), inTime());
      if (all.ok) await runtime.port.trace.stop({ id: all.value.id }, inTime());
      expect(await one.eval(othersWhole)).toBe(whole);
    } finally {
      await one.eval(
        'begin exit(whereis(other_tool), kill), erlang:trace_pattern({lists, sum, 1}, false, [local]) end.',
      );
    }
  });

  it('of two windows share a function, and one goes on when the other stops', async () => {
    const other = await kit.connectTo(one);
    try {
      await one.eval('begin register(second, spawn(fun F() -> receive _ -> lists:sum([1, 2]), F() end end)), ok end.');
      const mine = await planted(runtime, one);
      const theirs = await named(other, one.node, 'second');
      const calls = { events: ['call'], functions: [sum] } as const;
      const first = await begin(runtime, query([mine], calls));
      const second = await begin(other, query([theirs], calls));
      expect(errorOf(await other.port.trace.start(query([mine], calls), inTime()))).toMatchObject({
        code: 'trace.tracer_taken',
      });
      const differs = [{ ...sum, when: [{ arg: 1, op: 'eq', value: erlang('[]') }] }] as const;
      const free = await named(runtime, one.node, 'application_controller');
      expect(
        errorOf(await other.port.trace.start(query([free], { events: ['call'], functions: differs }), inTime())),
      ).toMatchObject({ code: 'trace.function_taken' });
      valueOf(await runtime.port.trace.stop({ id: first }, inTime()));
      await one.eval('begin second ! go, second ! go, ok end.');
      const { events } = await stopAfter(other, second);
      expect(events.map(({ what }) => what.is)).toEqual(['call', 'call']);
      expect(await leftOn(one)).toBe(nothingLeft);
    } finally {
      await one.eval('exit(whereis(second), kill).');
      await other.close();
    }
  });

  it('never traces what carries our answers, nor ourselves', async () => {
    await begin(runtime, query([await planted(runtime, one)], { fuses: { ...fuses, timeMs: 500 } }));
    const agent = await one.eval(
      'begin [Name | _] = [N || N <- registered(), lists:prefix("arsenal_agent", atom_to_list(N))], Name end.',
    );
    for (const name of ['net_kernel', 'logger', 'user', agent]) {
      const pid = await named(runtime, one.node, name);
      expect(errorOf(await runtime.port.trace.start(query([pid]), inTime()))).toMatchObject({
        code: 'process.protected',
      });
    }
    const id = await begin(
      runtime,
      query('all', {
        nodes: [one.node],
        events: ['send', 'receive'],
        costly: 'allowed',
        fuses: { ...fuses, timeMs: 1_500 },
      }),
    );
    const flagged = await one.eval(`length([P || N <- registered(), lists:prefix("arsenal_", atom_to_list(N)),
      P <- [whereis(N)], erlang:trace_info(P, flags) =/= {flags, []}]).`);
    expect(flagged).toBe('0');
    const { events } = await readOut(runtime, id);
    expect(events.filter(({ what }) => JSON.stringify(what).includes('trace_batch'))).toEqual([]);
    await until(() => leftOn(one), nothingLeft);
  });
});

describe('nothing of a trace stays', () => {
  const start = async (by: Runtime): Promise<string> => {
    const pid = await planted(by, one);
    return begin(
      by,
      query([pid], { events: ['call', 'receive'], functions: [sum], fuses: { ...fuses, timeMs: 60_000 } }),
    );
  };
  const isTraced = () =>
    one.eval(
      `{element(2, erlang:trace_info({lists, sum, 1}, traced)), erlang:trace_info(whereis(planted), tracer) =/= {tracer, []}}.`,
    );

  it('when its window goes', async () => {
    const other = await kit.connectTo(one);
    await start(other);
    expect(await isTraced()).toBe('{local,true}');
    await other.close();
    await until(() => leftOn(one), nothingLeft);
    const { traces } = valueOf(await other.port.trace.list({}, inTime()));
    expect(traces.map(({ ended }) => ended.length)).toEqual([1]);
  });

  it.each([
    ['the agent', '[exit(whereis(N), kill) || N <- registered(), lists:prefix("arsenal_agent_", atom_to_list(N))]'],
    ['the tracer', 'begin {tracer, T} = erlang:trace_info(whereis(planted), tracer), exit(T, kill) end'],
    [
      'the account of patterns and the task',
      'begin {tracer, T} = erlang:trace_info(whereis(planted), tracer), exit(whereis(arsenal_trace_book), kill), exit(T, kill) end',
    ],
  ])('when %s is killed', async (_, kill) => {
    const other = await kit.connectTo(one);
    try {
      const id = await start(other);
      expect(await isTraced()).toBe('{local,true}');
      await one.eval(`begin ${kill}, ok end.`);
      await until(() => leftOn(one), nothingLeft);
      const { ended } = await readOut(other, id);
      expect(ended).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  it('when its holding is released, by whichever window', async () => {
    const other = await kit.connectTo(one);
    try {
      const id = await start(runtime);
      const { holdings } = valueOf(await other.port.holdings.list({}, inTime()));
      const held = holdings.filter(({ kind }) => kind === 'trace');
      expect(held).toMatchObject([{ target: await planted(other, one), owner: { operation: 'trace' } }]);
      valueOf(await other.port.holdings.release({ id: held[0]?.id ?? '' }, inTime()));
      const { ended } = await readOut(runtime, id);
      expect(ended.map(({ why }) => why)).toEqual(['stopped']);
      await until(() => leftOn(one), nothingLeft);
    } finally {
      await other.close();
    }
  });

  it('no atom of what was only typed', async () => {
    const pid = await planted(runtime, one);
    const ask = async (n: number) => {
      const word = `zz_never_${String(n)}`;
      const value = erlang(word);
      const functions = [
        { ...sum, module: `zz_module_${String(n)}` },
        { ...sum, function: `zz_function_${String(n)}` },
        { ...sum, when: [{ arg: 1, op: 'eq', value }] },
      ] as const;
      const codes = [];
      for (const one_ of functions) {
        const started = await runtime.port.trace.start(query([pid], { events: ['call'], functions: [one_] }), inTime());
        codes.push(errorOf(started).code);
      }
      return codes;
    };
    expect(await ask(0)).toEqual(['trace.module_not_loaded', 'trace.no_function', 'term.unknown_atom']);
    const before = Number(await one.eval('erlang:system_info(atom_count).'));
    for (let n = 1; n <= 50; n += 1) await ask(n);
    expect(Number(await one.eval('erlang:system_info(atom_count).')) - before).toBeLessThan(10);
  });
});

describe('a flood that is traced while another tool asks about the flooder', () => {
  it('leaves the node as it was, however the trace ends', async () => {
    const flooded = await kit.plantedNode('traces_flooded', ['+S', '2:2'], pouring);
    const by = await kit.connectTo(flooded);
    try {
      await flooded.eval('begin pouring:start(), ok end.');
      const pid = await named(by, flooded.node, 'flooder');
      const most = { ...fuses, events: 20_000, eventsPerSecond: 1_000_000, tracerQueue: 20_000 };
      for (let round = 0; round < 25; round += 1) {
        const id = await begin(by, query([pid], { events: ['send', 'receive'], fuses: most, costly: 'allowed' }));
        const { ended } = round % 5 === 0 ? await stopAfter(by, id, 2) : await readOut(by, id);
        expect(ended[0]?.why).toMatch(/^(tracerQueue|events|stopped)$/);
        expect(await flooded.eval('erlang:trace_info(whereis(flooder), flags).')).toBe('{flags,[]}');
      }
    } finally {
      await by.close();
      await flooded.stop();
    }
  }, 60_000);
});

/** One process that sends to itself as fast as it can, and one that asks how it is traced. */
const pouring = `
-module(pouring).
-export([start/0]).
start() ->
  register(flooder, spawn(fun() -> pour() end)),
  spawn_opt(fun() -> ask() end, [{priority, max}]).
pour() -> burst(100), taken(100), pour().
burst(0) -> ok;
burst(N) -> self() ! flood, burst(N - 1).
taken(0) -> ok;
taken(N) -> receive flood -> taken(N - 1) end.
ask() -> erlang:trace_info(whereis(flooder), flags), timer:sleep(1), ask().
`;

describe('a trace over nodes', () => {
  it('begins nowhere, or where it can, as asked, when a node refuses', async () => {
    const pids = [await planted(runtime, one), await planted(runtime, two)];
    await one.eval(othersTrace);
    try {
      expect(errorOf(await runtime.port.trace.start(query(pids), inTime()))).toMatchObject({
        code: 'trace.tracer_taken',
        node: one.node,
      });
      expect(await leftOn(two)).toBe(nothingLeft);
      const any = valueOf(await runtime.port.trace.start(query(pids, { require: 'any' }), inTime()));
      expect(any.started.map(({ node }) => node)).toEqual([two.node]);
      expect(any.refused).toMatchObject([{ node: one.node, error: { code: 'trace.tracer_taken' } }]);
      await two.eval('begin planted ! hello, ok end.');
      expect((await stopAfter(runtime, any.id)).events).toHaveLength(1);
    } finally {
      await one.eval(
        'begin exit(whereis(other_tool), kill), erlang:trace_pattern({lists, sum, 1}, false, [local]) end.',
      );
    }
  });

  it('goes on, and can be read again from any place, when one of them is lost', async () => {
    const third = await kit.plantedNode('traces_lost');
    await one.eval(`true = net_kernel:connect_node('${third.node}').`);
    const pids = [await planted(runtime, one), await planted(runtime, third)];
    const id = await begin(runtime, query(pids, { fuses: { ...fuses, timeMs: 30_000 } }));
    await third.eval('begin planted ! before, timer:sleep(300), ok end.');
    await third.stop();
    await one.eval('begin [planted ! {after_it, N} || N <- lists:seq(1, 3)], ok end.');
    const seen: number[] = [];
    for await (const item of runtime.port.trace.read({ id, after: 0 }, inTime(20_000))) {
      if (item.is === 'frame') seen.push(...item.frame.events.map(({ seq }) => seq));
      // This reader leaves in the middle.
      if (seen.length >= 4) break;
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    valueOf(await runtime.port.trace.stop({ id }, inTime()));
    const again = await readOut(runtime, id, 2);
    expect(again.events.map(({ seq }) => seq)).toEqual([3, 4]);
    expect(again.ended.map(({ node, why }) => [node, why]).sort()).toEqual([
      [one.node, 'stopped'],
      [third.node, 'node_lost'],
    ]);
    expect(valueOf(await runtime.port.trace.list({}, inTime())).traces.find((trace) => trace.id === id)).toMatchObject({
      events: 4,
    });
  }, 30_000);
});

describe('a connection that breaks and comes back', () => {
  it('loses nothing of a trace', async () => {
    const by = await kit.connectTo(one, { agentLingerMs: 10_000 });
    try {
      const pid = await planted(by, one);
      const id = await begin(by, query([pid], { fuses: { ...fuses, timeMs: 60_000 }, lingerMs: 10_000 }));
      const send = (n: number) => one.eval(`begin planted ! {word, ${String(n)}}, ok end.`);
      await send(1);
      await one.eval('begin timer:sleep(200), [erlang:disconnect_node(N) || N <- nodes(hidden)], ok end.');
      await send(2);
      // The shared one remembers a node that was lost above, and is `degraded` then.
      const isBack = (window: Runtime) => Promise.resolve(window.state.is === 'lost' ? 'lost' : 'back');
      for (const window of [by, runtime]) await until(() => isBack(window), 'back');
      await send(3);
      const { events, ended } = await stopAfter(by, id, 500);
      expect(
        events.map(({ what }) => (what.is === 'receive' && what.message.t === 'tuple' ? what.message.e[1] : null)),
      ).toEqual([1, 2, 3].map((n) => integer(n)));
      expect(ended).toEqual([{ node: one.node, why: 'stopped', dropped: 0 }]);
      await until(() => leftOn(one), nothingLeft);
    } finally {
      await by.close();
    }
  }, 30_000);
});

describe('a node that hangs', () => {
  it('is late, holds back nobody, and what it saw comes when it goes on', async () => {
    const hung = await kit.plantedNode('traces_hung');
    await one.eval(`true = net_kernel:connect_node('${hung.node}').`);
    const pids = [await planted(runtime, one), await planted(runtime, hung)];
    const id = await begin(runtime, query(pids, { fuses: { ...fuses, timeMs: 30_000 } }));
    await hung.eval('begin planted ! first, timer:sleep(400), ok end.');
    process.kill(hung.osPid, 'SIGSTOP');
    try {
      await one.eval('begin planted ! second, ok end.');
      const seen: string[] = [];
      const late = new Set<string>();
      for await (const item of runtime.port.trace.read({ id, after: 0 }, inTime(20_000))) {
        if (item.is === 'end') throw new Error('It ended.');
        for (const { what } of item.frame.events) if (what.is === 'receive') seen.push(JSON.stringify(what.message));
        for (const node of item.frame.late) late.add(node);
        if (seen.length >= 2) break;
      }
      expect(seen).toEqual([atom('first'), atom('second')].map((message) => JSON.stringify(message)));
      expect([...late]).toEqual([hung.node]);
    } finally {
      process.kill(hung.osPid, 'SIGCONT');
    }
    await hung.eval('begin planted ! third, ok end.');
    const { events, ended } = await stopAfter(runtime, id, 500);
    expect(events.map(({ what }) => (what.is === 'receive' ? what.message : null))).toEqual(
      ['first', 'second', 'third'].map(atom),
    );
    expect(ended.map(({ why }) => why)).toEqual(['stopped', 'stopped']);
    await hung.stop();
  }, 60_000);
});

describe('where nothing of ours may stay on a node', () => {
  it('tracing says so, and what fits into one call works', async () => {
    const bare = await kit.connectTo(one, { agent: 'none' });
    try {
      const pid = await planted(bare, one);
      expect(errorOf(await bare.port.trace.start(query([pid]), inTime()))).toMatchObject({ class: 'unsupported' });
      const asked = {
        nodes: [one.node],
        targets: [pid],
        events: ['call', 'receive'],
        functions: [sum],
        forMs: 50,
      } as const;
      expect(valueOf(await bare.port.trace.estimate(asked, inTime())).estimates).toMatchObject([
        { node: one.node, counted: 'all' },
      ]);
      const arriving = bare.port.trace.arrivals({ pid, limit: 1, withinMs: 5_000, termBytes: 100 }, inTime());
      await one.eval(`begin ${kit.onceTraced}, planted ! hello, ok end.`);
      expect(valueOf(await arriving).messages).toHaveLength(1);
      await until(() => leftOn(one), nothingLeft);
    } finally {
      await bare.close();
    }
  });
});

/**
 * OTP 27's module `trace`, as its documentation says it is called, over what OTP 25 has. It shows that we call it so; how sessions keep
 * apart only an OTP that has them can show.
 */
const standIn = `
-module(trace).
-export([session_create/3, session_destroy/1, process/4, function/4, info/3]).
session_create(Name, Tracer, []) when is_atom(Name), is_pid(Tracer) ->
  persistent_term:put(sessions, persistent_term:get(sessions, 0) + 1),
  {make_ref(), {Name, Tracer}}.
session_destroy({Ref, _}) when is_reference(Ref) ->
  persistent_term:put(sessions, persistent_term:get(sessions) - 1),
  [erlang:trace_pattern({'_', '_', '_'}, false, [Kind]) || Kind <- [local, call_count, call_time]],
  ok.
process({_, {_, Tracer}}, Which, How, Flags) when is_pid(Which); Which =:= existing; Which =:= new; Which =:= all ->
  Old = case Which of existing -> existing_processes; new -> new_processes; all -> processes; _ -> Which end,
  erlang:trace(Old, How, [{tracer, Tracer} | Flags]).
function({_, _}, MFA, Spec, Flags) -> erlang:trace_pattern(MFA, Spec, Flags).
info({_, _}, What, Item) -> erlang:trace_info(What, Item).
`;

describe('where there are trace sessions', () => {
  it('traces, looks and profiles within one of its own, and gives it back', async () => {
    const node = await kit.plantedNode('traces_sessions', [], standIn);
    const by = await kit.connectTo(node);
    try {
      const pid = await planted(by, node);
      const asked = query([pid], { events: ['call', 'receive'], functions: [{ ...sum, shows: ['return'] }] });
      const { id, started } = valueOf(await by.port.trace.start(asked, inTime()));
      expect(started).toMatchObject([{ slot: 'session', processes: 1 }]);
      expect(await node.eval('persistent_term:get(sessions).')).toBe('1');
      await node.eval('begin planted ! {calls, 1}, ok end.');
      const { events } = await stopAfter(by, id);
      expect(events.map(({ what }) => what.is)).toEqual(['receive', 'call', 'return']);
      const all = await begin(by, query('all', { nodes: [node.node], events: ['process'] }));
      await node.eval('begin planted ! {spawn, 1}, ok end.');
      expect((await stopAfter(by, all)).events.some(({ what }) => what.is === 'spawned')).toBe(true);
      await node.eval('begin register(spinning, spawn(planted, spin, [])), ok end.');
      const spinning = await named(by, node.node, 'spinning');
      const profile = { pid: spinning, forMs: 300, callsPerSecond: 1e9 } as const;
      expect(valueOf(await by.port.profile.calls(profile, inTime())).functions[0]?.function).toBe('planted:hot/1');
      expect(await node.eval('persistent_term:get(sessions).')).toBe('0');
      expect(await leftOn(node)).toBe(nothingLeft);
    } finally {
      await by.close();
      await node.stop();
    }
  });
});
