/**
 * Processes of a node with 100,000 of them: listed and watched by us, and by another BEAM node in the ways that are known. What it costs
 * the node is its own CPU time (`erlang:statistics(runtime)`), what it costs the wire is what its socket has sent.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { callOptions, longestMs } from '../../runtime/callOptions.ts';
import type { ProcessField } from '../../runtime/model.ts';
import type { Runtime, WatchQuery } from '../../runtime/port.ts';
import { WatchView } from '../../runtime/watch.ts';
import { followWatch } from '../../runtime/watchStream.ts';
import { valueOf } from '../../test/port/results.ts';
import type { LivePair } from '../liveNodes.ts';
import { livePair } from '../liveNodes.ts';
import type { Blocks } from '../blocks.ts';
import { besides, percentileOf } from '../blocks.ts';
import { figures, percentile } from '../measure.ts';

const processCount = 100_000;
/** Pings of the busy node in a block, and blocks of each kind. */
const pings = 150;
const pingRounds = 14;
const keys = [
  'registered_name',
  'initial_call',
  'current_function',
  'status',
  'memory',
  'reductions',
  'message_queue_len',
  'total_heap_size',
] as const;

/**
 * What others do, written anew after what they document: recon:proc_count/2 reads the attribute, the name, the current function and the
 * initial call of every process and keeps the largest; LiveDashboard reads six items of every process, makes the name a text, sorts all
 * and keeps the first.
 */
const others = `-module(bench_others).
-export([recon/2, dashboard/2, spin/1, spinners/1, largest/2]).
recon(Attribute, N) ->
  Rows = [{V, P, I} || P <- processes() -- [self()],
    [{_, V} | I] <- [process_info(P, [Attribute, registered_name, current_function, initial_call])]],
  largest(Rows, N).
largest(Rows, N) ->
  {First, Rest} = lists:split(min(N, length(Rows)), Rows),
  lists:foldl(fun({V, _, _}, [{L, _, _} | _] = Best) when V =< L -> Best;
    (Row, [_ | Best]) -> lists:merge([Row], Best) end, lists:sort(First), Rest).
dashboard(By, N) ->
  Items = [registered_name, initial_call, memory, reductions, message_queue_len, current_function],
  Rows = [{-proplists:get_value(By, I), [{pid, P}, {name, name(I)} | I]} || P <- processes(), I <- [process_info(P, Items)], is_list(I)],
  {[R || {_, R} <- lists:sublist(lists:sort(Rows), N)], erlang:system_info(process_count)}.
name([{registered_name, N}, {initial_call, {M, F, A}} | _]) ->
  case N of
    [] -> iolist_to_binary([atom_to_binary(M), $., atom_to_binary(F), $/, integer_to_binary(A)]);
    _ -> atom_to_binary(N)
  end.
spinners(N) -> [spawn(fun() -> spin(0) end) || _ <- lists:seq(1, N)].
spin(N) -> spin((N * 7 + 1) rem 1000003).
`;

let pair: LivePair;
let runtime: Runtime;
let leaseDir: string;
beforeAll(async () => {
  pair = await livePair();
  const { target } = pair;
  const forms = others
    .split(/\.\n/)
    .filter((form) => form.trim() !== '')
    .map(
      (form) =>
        `begin {ok, T, _} = erl_scan:string(${JSON.stringify(`${form}.`)}), {ok, F} = erl_parse:parse_form(T), F end`,
    )
    .map((form) => `(fun() -> ${form} end)()`);
  await target.eval(
    `{ok, M, B} = compile:forms([${forms.join(', ')}]), {module, M} = code:load_binary(M, "none", B), M.`,
  );
  await target.eval(
    `[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ${String(processCount)})], timer:sleep(2000), ok.`,
  );
  leaseDir = mkdtempSync(path.join(tmpdir(), 'arsenal-bench-'));
  const spec = { id: 'bench', node: target.node, cookie: target.cookie, epmd: { port: target.epmdPort }, leaseDir };
  runtime = valueOf(await connectBeam(spec));
}, 60_000);
afterAll(async () => {
  await runtime.close();
  pair.dispose();
  rmSync(leaseDir, { recursive: true, force: true });
});

const median = (times: readonly number[]): number => percentile(times, 0.5);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds of CPU that the target has used so far, all its threads. */
async function cpuMs(): Promise<number> {
  return Number(await pair.target.eval('element(1, erlang:statistics(runtime)).'));
}

/** Octets that the target has sent to all nodes it is connected to. */
async function sentBytes(): Promise<number> {
  const sent =
    '[S || {_, P} <- erlang:system_info(dist_ctrl), is_port(P), {ok, [{_, S}]} <- [inet:getstat(P, [send_oct])]]';
  return Number(await pair.target.eval(`lists:sum(${sent}).`));
}

/** Milliseconds of CPU for one of `times` calls that the peer makes to the target. */
async function cpuOfCall(times: number, called: string): Promise<number> {
  const before = await cpuMs();
  await pair.peer.eval(`[erpc:call('${pair.target.node}', ${called}) || _ <- lists:seq(1, ${String(times)})], ok.`);
  return ((await cpuMs()) - before) / times;
}

describe(`a node with ${String(processCount)} processes`, () => {
  it('is listed, all of it, with 8 keys', async () => {
    const { peer, target, numbersOf } = pair;
    const [ours, first, theirs]: number[][] = [[], [], []];
    let rows = 0;
    const list = async (): Promise<void> => {
      const query = { nodes: [target.node], keys, pageRows: 1_000, allowCostly: true };
      const startedAt = performance.now();
      let firstAt = 0;
      rows = 0;
      for await (const item of runtime.port.processes.scan(query, callOptions(60_000))) {
        if (item.is === 'end') valueOf(item.result);
        else {
          if (rows === 0) firstAt = performance.now();
          rows += item.frame.ids.length;
        }
      }
      ours?.push(performance.now() - startedAt);
      first?.push(firstAt - startedAt);
    };
    const oneCall = `begin
      Pids = erpc:call('${target.node}', erlang, processes, []),
      Keys = lists:duplicate(length(Pids), [${keys.join(', ')}]),
      erpc:call('${target.node}', lists, zipwith, [fun erlang:process_info/2, Pids, Keys])
    end`;
    await list();
    for (const timings of [ours, first]) timings?.splice(0);
    for (let round = 0; round < 7; round += 1) {
      await list();
      const times = await numbersOf(peer, `[element(1, timer:tc(fun() -> ${oneCall} end))].`);
      theirs?.push(...times.map((us) => us / 1000));
    }
    figures(`All of ${String(rows)} processes, 8 keys (ms)`, {
      'ours, complete, p50': median(ours ?? []),
      'ours, first page, p50': median(first ?? []),
      'BEAM, one call, p50': median(theirs ?? []),
      'ours / BEAM': median(ours ?? []) / median(theirs ?? []),
    });
    expect(rows).toBeGreaterThan(processCount);
  });

  /** What a watch costs for each refresh, with what the idle node costs taken off. */
  async function watched(by: ProcessField, seconds: number) {
    const query: WatchQuery = {
      minIntervalMs: 1_000,
      of: {
        rows: 'top',
        query: {
          nodes: [pair.target.node],
          keys: [
            'registered_name',
            'initial_call',
            'current_function',
            'status',
            'memory',
            'reductions',
            'message_queue_len',
          ],
          top: { n: 20, by, direction: 'descending' },
          allowCostly: true,
          pageRows: 1_000,
        },
      },
    };
    const idle = await spentIn(seconds);
    const stop = new AbortController();
    const view = new WatchView();
    const following = followWatch(runtime.port.watch.open(query, callOptions(longestMs, stop.signal)), view);
    // The first look is at all of them.
    await pause(3_000);
    const looked = await spentIn(seconds);
    const fidelity = view.state?.fidelity;
    const rows = view.state?.rows.size ?? 0;
    stop.abort();
    await following;
    await pause(3_000);
    const hidden = await spentIn(seconds);
    expect(rows).toBe(20);
    return {
      cpuMs: Math.max(0, looked.cpu - (idle.cpu + hidden.cpu) / 2) / seconds,
      bytes: Math.max(0, looked.bytes - (idle.bytes + hidden.bytes) / 2) / seconds,
      hiddenBytes: hidden.bytes - idle.bytes,
      hiddenCpuMs: (hidden.cpu - idle.cpu) / seconds,
      oldestMs: fidelity?.is === 'sampled' ? (fidelity.oldestMs ?? fidelity.everyMs) : 0,
    };
  }

  async function spentIn(seconds: number): Promise<{ readonly cpu: number; readonly bytes: number }> {
    const [cpu, bytes] = [await cpuMs(), await sentBytes()];
    await pause(seconds * 1_000);
    return { cpu: (await cpuMs()) - cpu, bytes: (await sentBytes()) - bytes };
  }

  it('is watched', async () => {
    // What is said once, when an agent is brought, is no part of a refresh.
    await watched('reductions', 1);
    for (const by of ['message_queue_len', 'reductions', 'memory'] as const) {
      const ours = await watched(by, 20);
      const recon = await cpuOfCall(5, `bench_others, recon, [${by}, 20]`);
      const dashboard = await cpuOfCall(5, `bench_others, dashboard, [${by}, 20]`);
      figures(`One refresh of the 20 largest by ${by} (ms of the node's CPU)`, {
        ours: ours.cpuMs,
        'in the way of recon': recon,
        'in the way of LiveDashboard': dashboard,
        'recon / ours': recon / ours.cpuMs,
        'LiveDashboard / ours': dashboard / ours.cpuMs,
        'ours, bytes': ours.bytes,
        'ours, every process looked at within (ms)': ours.oldestMs,
        'hidden, CPU beyond idle': ours.hiddenCpuMs,
        'hidden, bytes beyond idle': ours.hiddenBytes,
      });
    }
  }, 300_000);

  it('is watched while it is busy', async () => {
    const { peer, target, numbersOf } = pair;
    await target.eval(`persistent_term:put(spinners, bench_others:spinners(200)), ok.`);
    const stop = new AbortController();
    const query: WatchQuery = {
      minIntervalMs: 1_000,
      of: {
        rows: 'top',
        query: {
          nodes: [target.node],
          keys: ['registered_name', 'initial_call', 'status', 'memory', 'reductions', 'message_queue_len'],
          top: { n: 20, by: 'reductions', direction: 'descending' },
          pageRows: 1_000,
        },
      },
    };
    const call = `timer:tc(fun() -> erpc:call('${target.node}', erlang, node, []) end)`;
    const ping = () => numbersOf(peer, `[element(1, ${call}) || _ <- lists:seq(1, ${String(pings)})].`);
    const pingBeside = async (): Promise<readonly number[]> => {
      const each = new AbortController();
      const following = followWatch(
        runtime.port.watch.open(query, callOptions(longestMs, each.signal)),
        new WatchView(),
      );
      await pause(2_000);
      const times = await ping();
      each.abort();
      await following;
      await pause(500);
      return times;
    };
    const [alone, beside]: (readonly number[])[][] = [[], []];
    for (let round = 0; round < pingRounds; round += 1) {
      // Who is first changes, so that whatever goes on for longer than a block meets both alike.
      if (round % 2 === 0) alone?.push(await ping());
      beside?.push(await pingBeside());
      if (round % 2 === 1) alone?.push(await ping());
    }
    const inMs = (blocks: Blocks, share: number): number => percentileOf(blocks, share) / 1000;
    const [p50, p99] = [0.5, 0.99].map((share) => besides(alone ?? [], beside ?? [], share));
    const ofEach = (blocks: Blocks): readonly number[] => blocks.map((block) => percentile(block, 0.99) / 1000);
    const view = new WatchView();
    const following = followWatch(runtime.port.watch.open(query, callOptions(longestMs, stop.signal)), view);
    await pause(5_000);
    // For how long our processes stand on a scheduler, by the scheduler's own events.
    const share = Number(
      await target.eval(`
        % The agent is linked to its tasks.
        Agents = [whereis(R) || R <- registered(), lists:prefix("arsenal_agent", atom_to_list(R))],
        Ours = Agents ++ [P || A <- Agents, {_, Links} <- [process_info(A, links)], P <- Links, is_pid(P)],
        [erlang:trace(P, true, [running, monotonic_timestamp]) || P <- lists:usort(Ours)],
        Begin = erlang:monotonic_time(),
        End = Begin + erlang:convert_time_unit(10, second, native),
        Sum = fun Loop(In, Total) ->
          Left = erlang:convert_time_unit(End - erlang:monotonic_time(), native, millisecond),
          receive
            {trace_ts, _, _, _, At} when At > End -> Total;
            {trace_ts, P, in, _, At} -> Loop(In#{P => At}, Total);
            {trace_ts, P, out, _, At} -> Loop(In, Total + At - maps:get(P, In, At))
          after max(0, Left) -> Total
          end
        end,
        Total = Sum(#{}, 0),
        [catch erlang:trace(P, false, [running]) || P <- lists:usort(Ours)],
        Total / (erlang:system_info(schedulers_online) * (End - Begin)).`),
    );
    stop.abort();
    await following;
    await target.eval(`[exit(P, kill) || P <- persistent_term:get(spinners)], ok.`);
    figures('200 spinning processes beside 100,000 idle ones', {
      "share of the node's schedulers (%)": share * 100,
      'pings of each kind': pings * pingRounds,
      'ping alone, p50 (ms)': inMs(alone ?? [], 0.5),
      'ping while watched, p50 (ms)': inMs(beside ?? [], 0.5),
      'p50, watched / alone': p50?.ratio ?? Number.NaN,
      'p50, two halves of alone': p50?.halves ?? Number.NaN,
      'p50, share of deals as large': p50?.chance ?? Number.NaN,
      'ping alone, p99 (ms)': inMs(alone ?? [], 0.99),
      'ping while watched, p99 (ms)': inMs(beside ?? [], 0.99),
      'p99, watched / alone': p99?.ratio ?? Number.NaN,
      'p99, two halves of alone': p99?.halves ?? Number.NaN,
      'p99, share of deals as large': p99?.chance ?? Number.NaN,
      'p99 of blocks alone, least (ms)': Math.min(...ofEach(alone ?? [])),
      'p99 of blocks alone, most (ms)': Math.max(...ofEach(alone ?? [])),
      'p99 of blocks watched, least (ms)': Math.min(...ofEach(beside ?? [])),
      'p99 of blocks watched, most (ms)': Math.max(...ofEach(beside ?? [])),
    });
    expect(view.state?.rows.size).toBe(20);
  }, 300_000);
});
