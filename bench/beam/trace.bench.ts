/**
 * What tracing costs the traced, and what it costs the node. Two processes pass a message to and fro on one scheduler, as fast as they
 * can, with so much work for each that they would pass 100,000 a second; the CPU time of that scheduler for each message, as the
 * operating system counts it, is compared with and without a trace, in pairs of short slices. Wall time would tell how busy the machine is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Fuses, ProcessRef } from '../../runtime/model.ts';
import type { Runtime, TraceQuery } from '../../runtime/port.ts';
import { connectTo, plantedNode, query } from '../../test/beam/traceKit.ts';
import { named } from '../../test/beam/shop.ts';
import type { LiveNode } from '../../test/harness/erlang.ts';
import { stopAll } from '../../test/harness/erlang.ts';
import { valueOf } from '../../test/port/results.ts';
import { figures, percentile } from '../measure.ts';

const messagesPerSecond = 100_000;
const sliceMs = 150;
const pairs = 24;
const floods = 7;

const players = `
-module(players).
-export([start/1, measure/1, flood/0, offered/1, watch/0]).
start(Work) ->
  Count = counters:new(1, []),
  persistent_term:put(players_count, Count),
  [A, B] = [spawn_opt(fun() -> loop(Work, Count) end, [{scheduler, 1}]) || _ <- [a, b]],
  register(player_a, A),
  register(player_b, B),
  A ! {ball, B, 1, [a, b, c], <<"a payload of a few bytes">>}.
loop(Work, Count) ->
  receive {ball, To, N, List, Bytes} ->
    work(Work),
    counters:add(Count, 1, 1),
    To ! {ball, self(), N + 1, List, Bytes},
    loop(Work, Count)
  end.
work(0) -> ok;
work(N) -> _ = erlang:phash2({N, N}), work(N - 1).
cpu() ->
  {ok, Tids} = file:list_dir("/proc/self/task"),
  lists:foldl(fun(Tid, {First, All}) ->
    Path = "/proc/self/task/" ++ Tid,
    case {file:read_file(Path ++ "/comm"), file:read_file(Path ++ "/schedstat")} of
      {{ok, Name}, {ok, Stat}} ->
        Ns = binary_to_integer(hd(binary:split(Stat, <<" ">>))),
        Is = lists:member(Name, [<<"1_scheduler\\n">>, <<"erts_sched_1\\n">>]),
        {case Is of true -> First + Ns; false -> First end, All + Ns};
      _ -> {First, All}
    end
  end, {0, 0}, Tids).
% Reading the figures is work too: on the other scheduler.
measure(Ms) -> on_two(fun() -> measure(Ms, 5) end, high).
on_two(Work, Priority) ->
  Self = self(),
  Pid = spawn_opt(fun() -> Self ! {self(), Work()} end, [{scheduler, 2}, {priority, Priority}]),
  receive {Pid, Answer} -> Answer end.
measure(Ms, Tries) ->
  Count = persistent_term:get(players_count),
  N1 = counters:get(Count, 1),
  {First1, All1} = cpu(),
  timer:sleep(Ms),
  N2 = counters:get(Count, 1),
  {First2, All2} = cpu(),
  case N2 - N1 of
    % A machine that is busy enough can let a scheduler stand for a whole slice.
    0 when Tries > 1 -> measure(Ms, Tries - 1);
    N -> [(First2 - First1) / N, (All2 - All1) / N, N]
  end.
% It sends to itself, so that nothing but the flood itself grows.
flood() ->
  Count = counters:new(1, []),
  persistent_term:put(flood_count, Count),
  register(flooder, spawn_opt(fun() -> pour(Count) end, [{scheduler, 1}])).
pour(Count) -> burst(100), taken(100), counters:add(Count, 1, 100), pour(Count).
burst(0) -> ok;
burst(N) -> self() ! flood, burst(N - 1).
taken(0) -> ok;
taken(N) -> receive flood -> taken(N - 1) end.
offered(Ms) ->
  Count = persistent_term:get(flood_count),
  {N1, T1} = {counters:get(Count, 1), erlang:monotonic_time(microsecond)},
  timer:sleep(Ms),
  {N2, T2} = {counters:get(Count, 1), erlang:monotonic_time(microsecond)},
  (N2 - N1) * 1.0e6 / (T2 - T1).
% [Ms that the flooder was traced, messages it sent in them, the node's memory before, at its highest, and a second after].
watch() -> on_two(fun() -> watch(whereis(flooder), persistent_term:get(flood_count)) end, max).
watch(Flooder, Count) ->
  Before = erlang:memory(total),
  await(Flooder, fun(Flags) -> Flags =/= [] end, 0),
  {N1, T1} = {counters:get(Count, 1), erlang:monotonic_time(microsecond)},
  Most = await(Flooder, fun(Flags) -> Flags =:= [] end, Before),
  {N2, T2} = {counters:get(Count, 1), erlang:monotonic_time(microsecond)},
  timer:sleep(1000),
  [(T2 - T1) / 1000, N2 - N1, Before, Most, erlang:memory(total)].
await(Flooder, Is, Most) ->
  {flags, Flags} = erlang:trace_info(Flooder, flags),
  More = max(Most, erlang:memory(total)),
  case Is(Flags) of true -> More; false -> timer:sleep(1), await(Flooder, Is, More) end.
`;

let node: LiveNode;
let runtime: Runtime;
beforeAll(async () => {
  node = await plantedNode(
    'bench_trace',
    ['+S', '2:2', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
    players,
  );
  await node.eval('begin players:start(300), timer:sleep(200), ok end.');
  const [ns = 1] = await measured(500);
  // The work of a round, so that a message takes 1/100,000 s.
  const work = Math.round((300 * (1e9 / messagesPerSecond)) / ns);
  await node.eval(
    'begin [begin P = whereis(N), unregister(N), exit(P, kill) end || N <- [player_a, player_b]], ok end.',
  );
  await node.eval(`begin players:start(${String(work)}), timer:sleep(200), ok end.`);
  runtime = await connectTo(node);
});
afterAll(async () => {
  await runtime.close();
  stopAll();
});

/** Nanoseconds of the first scheduler and of the whole node for each message, and the messages. */
async function measured(ms: number): Promise<readonly number[]> {
  return numbersOf(`players:measure(${String(ms)}).`);
}

/** The list of numbers that an expression is on the node. */
async function numbersOf(expression: string): Promise<readonly number[]> {
  const numbers: unknown = JSON.parse(await node.eval(expression));
  if (!Array.isArray(numbers)) throw new Error('The node measured nothing.');
  return numbers.map(Number);
}

const most: Fuses = {
  timeMs: 60_000,
  events: 1_000_000,
  eventsPerSecond: 1_000_000,
  tracerQueue: 50_000,
  termBytes: 1_000,
};

/** Begins a trace that is read as it comes; answers how to end it, and how much was read. */
async function traced(asked: TraceQuery): Promise<() => Promise<readonly [number, string, number]>> {
  const { id } = valueOf(await runtime.port.trace.start(asked, callOptions(20_000)));
  let events = 0;
  const reading = (async () => {
    for await (const item of runtime.port.trace.read({ id, after: 0 }, callOptions(120_000))) {
      if (item.is === 'frame') events += item.frame.events.length;
      else return valueOf(item.result).ended;
    }
    return [];
  })();
  return async () => {
    await runtime.port.trace.stop({ id }, callOptions(20_000));
    const [ended] = await reading;
    return [events, ended?.why ?? '', ended?.dropped ?? 0];
  };
}

function quartiles(what: string, values: readonly number[]): { readonly [figure: string]: number } {
  return {
    [`${what}, lower quartile`]: percentile(values, 0.25),
    [`${what}, median`]: percentile(values, 0.5),
    [`${what}, upper quartile`]: percentile(values, 0.75),
  };
}

describe('two processes that pass 100,000 messages a second', () => {
  it.each([
    ['what they receive', ['receive']],
    ['what they send', ['send']],
    ['both', ['send', 'receive']],
  ] as const)('are traced: %s', async (what, events) => {
    const pids: readonly ProcessRef[] = await Promise.all(
      ['player_a', 'player_b'].map((name) => named(runtime, node.node, name)),
    );
    const own: number[] = [];
    const whole: number[] = [];
    const untraced: number[] = [];
    const rates: { off: number[]; on: number[] } = { off: [], on: [] };
    let [seen, lost] = [0, 0];
    const pair = { off: [1, 1, 1], on: [1, 1, 1] } as { off: readonly number[]; on: readonly number[] };
    const slice = {
      off: async () => {
        pair.off = await measured(sliceMs);
      },
      on: async () => {
        const end = await traced(query(pids, { events, fuses: most, costly: 'allowed' }));
        pair.on = await measured(sliceMs);
        const [read, why, dropped] = await end();
        expect(why).toBe('stopped');
        seen += read;
        lost += dropped;
      },
    };
    for (let round = 0; round < pairs; round += 1) {
      // Each goes first in turn: what changes steadily hits both.
      for (const is of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) await slice[is]();
      const [[off = 1, offAll = 1, offNumber = 0], [on = 1, onAll = 1, onNumber = 0]] = [pair.off, pair.on];
      untraced.push(off / 1000);
      own.push(on / off);
      whole.push(onAll / offAll);
      rates.off.push((offNumber * 1000) / sliceMs);
      rates.on.push((onNumber * 1000) / sliceMs);
    }
    expect(seen).toBeGreaterThan(0);
    figures(`Traced: ${what}`, {
      'messages a second of wall time, untraced': percentile(rates.off, 0.5),
      'the same while traced': percentile(rates.on, 0.5),
      'CPU of the traced for a message, untraced (µs)': percentile(untraced, 0.5),
      ...quartiles('traced to untraced', own),
      ...quartiles('CPU of the whole node for a message, traced to untraced', whole),
      'events read': seen,
      'events dropped because we were slower': lost,
    });
  });
});

describe('a flood', () => {
  it.each([
    ['the largest rate fuse', { ...most, tracerQueue: 20_000 }],
    ['the fuses by default', { ...most, events: 10_000, eventsPerSecond: 20_000, tracerQueue: 20_000 }],
  ] as const)('ends its trace, with %s', async (which, fuses) => {
    await node.eval(
      'begin [begin P = whereis(N), unregister(N), exit(P, kill) end || N <- [player_a, player_b, flooder], whereis(N) =/= undefined], players:flood(), timer:sleep(500), ok end.',
    );
    const pid = await named(runtime, node.node, 'flooder');
    const offered: number[] = [];
    const tracedRates: number[] = [];
    const ms: number[] = [];
    const sent: number[] = [];
    const grown: { most: number[]; after: number[] } = { most: [], after: [] };
    const answers: number[] = [];
    const ends = new Map<string, number>();
    for (let round = 0; round < floods; round += 1) {
      offered.push(Number(await node.eval('players:offered(300).')));
      const watched = numbersOf('players:watch().');
      // The watch is there before the trace is.
      await node.eval('begin timer:sleep(100), ok end.');
      const end = await traced(query([pid], { events: ['send', 'receive'], fuses, costly: 'allowed' }));
      const [forMs = 0, messages = 0, before = 0, highest = 0, after = 0] = await watched;
      const [, why] = await end();
      ends.set(why, (ends.get(why) ?? 0) + 1);
      ms.push(forMs);
      sent.push(messages);
      tracedRates.push((messages * 1000) / Math.max(1, forMs));
      grown.most.push((highest - before) / 1e6);
      grown.after.push((after - before) / 1e6);
      const asked = performance.now();
      expect(await named(runtime, node.node, 'flooder')).toEqual(pid);
      answers.push(performance.now() - asked);
    }
    expect(ends.has('stopped')).toBe(false);
    const why = [...ends].map(([fuse, times]) => `${fuse} ${String(times)} times`).join(', ');
    figures(`A flood, traced in both directions, with ${which}: ended by ${why}`, {
      'messages a second before': percentile(offered, 0.5),
      'messages a second while traced': percentile(tracedRates, 0.5),
      ...quartiles('ms that it was traced', ms),
      'ms that it was traced, longest': Math.max(...ms),
      'messages in them (two events each)': percentile(sent, 0.5),
      'memory of the node at its highest, beyond before (MB)': Math.max(...grown.most),
      'memory of the node a second after, beyond before (MB), median': percentile(grown.after, 0.5),
      'ms of the next answer': percentile(answers, 0.5),
    });
  });
});
