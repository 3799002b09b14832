/** What the tracing suites share: two nodes with a planted process each, and what is left of tracing on them. */
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { BeamSpec } from '../../runtime/beam/beamSpec.ts';
import type { Fuses, HoldingOwner, ProcessRef, TraceEvent } from '../../runtime/model.ts';
import type { Runtime, TraceQuery } from '../../runtime/port.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { loading } from './erlangModule.ts';
import { freshLeaseDir, inTime } from './shop.ts';

const cookie = 'trace';

/**
 * `planted`, an ordinary process: it knows a peer, which it sends to when asked; it calls `lists:sum/1`. Compiled, so that it is as fast
 * as what a user runs.
 */
const plantedSource = `
-module(planted).
-export([start/0, loop/1, hot/1, cold/1, spin/0]).
start() -> register(planted, spawn(fun() -> loop(none) end)).
loop(Peer) ->
  receive
    {peer, P} -> loop(P);
    {relay, M} -> Peer ! M, loop(Peer);
    {calls, N} -> [lists:sum([I, 1]) || I <- lists:seq(1, N)], loop(Peer);
    {big, N} -> self() ! lists:seq(1, N), loop(Peer);
    {flood, ForMs} -> flood(Peer, erlang:monotonic_time(millisecond) + ForMs), loop(Peer);
    {raise, From} -> From ! (catch lists:sum(not_a_list)), loop(Peer);
    {apply, M, F, A} -> catch apply(M, F, A), loop(Peer);
    {spawn, N} -> [spawn(fun() -> ok end) || _ <- lists:seq(1, N)], loop(Peer);
    _ -> loop(Peer)
  end.
flood(Peer, Until) ->
  burst(Peer, 1000),
  case erlang:monotonic_time(millisecond) < Until of true -> flood(Peer, Until); false -> ok end.
burst(_, 0) -> ok;
burst(Peer, N) -> Peer ! flood, burst(Peer, N - 1).
spin() -> cold(50), hot(2000), cold(50), spin().
hot(0) -> ok;
hot(N) -> _ = erlang:phash2({N, N}), hot(N - 1).
cold(0) -> ok;
cold(N) -> cold(N - 1).
`;

/** A node with the planted process, and with the modules of `sources`. */
export async function plantedNode(
  name: string,
  args: readonly string[] = [],
  ...sources: readonly string[]
): Promise<LiveNode> {
  const node = await startErlang({ name, cookie, args });
  for (const source of [plantedSource, ...sources]) await node.eval(`${loading(source)}.`);
  await node.eval('true = planted:start().');
  return node;
}

/** Two connected nodes, the planted process of each knowing the other's. */
export async function plantedPair(prefix: string): Promise<readonly [LiveNode, LiveNode]> {
  const [one, two] = await Promise.all([plantedNode(`${prefix}1`), plantedNode(`${prefix}2`)]);
  await one.eval(`true = net_kernel:connect_node('${two.node}').`);
  await one.eval(`planted ! {peer, rpc:call('${two.node}', erlang, whereis, [planted])}.`);
  await two.eval(`planted ! {peer, rpc:call('${one.node}', erlang, whereis, [planted])}.`);
  return [one, two];
}

export async function connectTo(node: LiveNode, change: Partial<BeamSpec> = {}): Promise<Runtime> {
  const spec = { id: 't', node: node.node, cookie, epmd: { port: node.epmdPort }, leaseDir: freshLeaseDir() };
  return valueOf(await connectBeam({ ...spec, agentLingerMs: 500, ...change }));
}

export async function planted(runtime: Runtime, node: LiveNode): Promise<ProcessRef> {
  const target = { name: { in: 'local', node: node.node, name: 'planted' } } as const;
  return valueOf(await runtime.port.names.resolve({ target, seenFrom: node.node }, inTime())).pid;
}

const owner: HoldingOwner = { principal: 'test', client: 'test', operation: 'trace', requestId: '1' };
export const fuses: Fuses = {
  timeMs: 10_000,
  events: 1_000,
  eventsPerSecond: 5_000,
  tracerQueue: 2_000,
  termBytes: 1_000,
};

/** Of messages that `targets` receive, unless changed. */
export function query(targets: TraceQuery['targets'], change: Partial<TraceQuery> = {}): TraceQuery {
  const nodes = typeof targets === 'string' ? [] : [...new Set(targets.map(({ node }) => node))];
  return { nodes, targets, events: ['receive'], fuses, require: 'all', owner, lingerMs: 500, ...change };
}

/** Waits on the node until the planted process is traced there; part of a larger expression. */
export const onceTraced = `(fun Wait() ->
  case erlang:trace_info(whereis(planted), flags) of {flags, []} -> timer:sleep(5), Wait(); _ -> ok end
end)()`;

export async function begin(runtime: Runtime, asked: TraceQuery): Promise<string> {
  return valueOf(await runtime.port.trace.start(asked, inTime())).id;
}

/** All events of a trace, which has to end by itself or to have been stopped. */
export async function readOut(runtime: Runtime, id: string, after = 0) {
  const events: TraceEvent[] = [];
  for await (const item of runtime.port.trace.read({ id, after }, inTime(20_000))) {
    if (item.is === 'frame') events.push(...item.frame.events);
    else return { events, ended: valueOf(item.result).ended };
  }
  throw new Error('The trace has no end.');
}

/** Stops it once what was done on the node before has been seen there. */
export async function stopAfter(runtime: Runtime, id: string, ms = 100) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  valueOf(await runtime.port.trace.stop({ id }, inTime()));
  return readOut(runtime, id);
}

/** The trace flags of the planted process and of what will be started, the pattern of lists:sum/1, and our account of patterns. */
export function leftOn(node: LiveNode): Promise<string> {
  return node.eval(`[erlang:trace_info(whereis(planted), flags), erlang:trace_info({lists, sum, 1}, all),
    erlang:trace_info(new_processes, flags), whereis(arsenal_trace_book)].`);
}
export const nothingLeft = '[{flags,[]},{all,false},{flags,[]},undefined]';
