/**
 * What tracing costs the traced, and what it costs the node. Two processes pass a message to and fro on one scheduler, as fast as they
 * can, with so much work for each that they would pass 100,000 a second; the CPU time of that scheduler for each message, as the
 * operating system counts it, is compared with and without a trace, in turns. Wall time would tell how busy the machine is.
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
const sliceMs = 400;
const rounds = 9;

const players = `
-module(players).
-export([start/1, measure/1, flood/1]).
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
measure(Ms) -> measure(Ms, 5).
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
flood(To) -> [To ! flood || _ <- lists:seq(1, 1000)], flood(To).
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
  const numbers: unknown = JSON.parse(await node.eval(`players:measure(${String(ms)}).`));
  if (!Array.isArray(numbers)) throw new Error('The players measured nothing.');
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

/** Whatever else runs on the machine only adds: the quarter of the slices that had least of it counts. */
function least(values: readonly number[]): number {
  return percentile(values, 0.25);
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
    const own: { off: number[]; on: number[] } = { off: [], on: [] };
    const whole: { off: number[]; on: number[] } = { off: [], on: [] };
    const rates: number[] = [];
    let [seen, lost] = [0, 0];
    for (let round = 0; round < rounds; round += 1) {
      const [off = 1, offAll = 1] = await measured(sliceMs);
      const end = await traced(query(pids, { events, fuses: most, costly: 'allowed' }));
      const [on = 1, onAll = 1, messages = 0] = await measured(sliceMs);
      const [read, why, dropped] = await end();
      expect(why).toBe('stopped');
      own.off.push(off);
      own.on.push(on);
      whole.off.push(offAll);
      whole.on.push(onAll);
      rates.push((messages * 1000) / sliceMs);
      seen += read;
      lost += dropped;
    }
    expect(seen).toBeGreaterThan(0);
    figures(`Traced: ${what}`, {
      'messages a second while traced': percentile(rates, 0.5),
      'CPU of the traced for a message, untraced (µs)': least(own.off) / 1000,
      'the same while traced (µs)': least(own.on) / 1000,
      'traced to untraced': least(own.on) / least(own.off),
      'CPU of the whole node for a message, traced to untraced': least(whole.on) / least(whole.off),
      'events read': seen,
      'events dropped because we were slower': lost,
    });
  });
});

describe('a flood', () => {
  it('ends its trace', async () => {
    await node.eval(
      'begin Sink = spawn(fun F() -> receive _ -> F() end end), register(flooder, spawn(players, flood, [Sink])), ok end.',
    );
    const pid = await named(runtime, node.node, 'flooder');
    const fuses = { ...most, eventsPerSecond: 200_000, tracerQueue: 10_000 };
    const ms: number[] = [];
    const ends = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      const asked = query([pid], { events: ['send'], fuses, costly: 'allowed' });
      const { id } = valueOf(await runtime.port.trace.start(asked, callOptions(20_000)));
      const times: number[] = [];
      for await (const item of runtime.port.trace.read({ id, after: 0 }, callOptions(60_000))) {
        if (item.is === 'frame') times.push(...item.frame.events.map(({ at }) => at.monotonicUs));
        else for (const { why } of valueOf(item.result).ended) ends.add(why);
      }
      ms.push(((times[times.length - 1] ?? 0) - (times[0] ?? 0)) / 1000);
    }
    await node.eval('exit(whereis(flooder), kill).');
    expect(ends.size).toBeGreaterThan(0);
    expect(ends.has('stopped')).toBe(false);
    figures(`A flood is traced for so long until ${[...ends].join(' or ')} ends it (ms)`, {
      p50: percentile(ms, 0.5),
      longest: Math.max(...ms),
    });
  });
});
