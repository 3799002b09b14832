/** What the agent costs a node: to bring it, to keep it, and for each frame of a task, beside what a BEAM node does likewise. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { agentImage } from '../../runtime/beam/agent/bringing.ts';
import type { AgentChoice } from '../../runtime/model.ts';
import { integer } from '../../runtime/term/term.ts';
import { allFrames, closeWindows, leftovers, nothingLeft, openWindow, until } from '../../test/beam/agentKit.ts';
import type { LivePair } from '../liveNodes.ts';
import { livePair } from '../liveNodes.ts';
import { figures, percentile } from '../measure.ts';

const rounds = 7;
const frames = 20_000;
const credit = 100;

let pair: LivePair;
beforeAll(async () => {
  pair = await livePair();
});
afterEach(closeWindows);
afterAll(() => {
  pair.dispose();
});

const cpuMs = async (): Promise<number> => Number(await pair.target.eval('element(1, erlang:statistics(runtime)).'));

/** Brings an agent, joins it, leaves, and waits until nothing is left of it. */
async function comeAndGo(choice: AgentChoice) {
  const before = await cpuMs();
  const startedAt = performance.now();
  const window = await openWindow(pair.target, { choice, lingerMs: 0 });
  await window.agent();
  const tookMs = performance.now() - startedAt;
  const cpu = (await cpuMs()) - before;
  await window.close();
  expect(
    await until(
      () => leftovers(pair.target),
      (left) => left === nothingLeft,
    ),
  ).toBe(nothingLeft);
  return { tookMs, cpu };
}

describe('an agent', () => {
  it('is brought and joined', async () => {
    const { module, objectCode } = agentImage();
    // Another BEAM node brings the same code, and starts a process in it that answers once.
    const theirs = `begin
      Node = '${pair.target.node}', M = ${module},
      Code = base64:decode("${Buffer.from(objectCode).toString('base64')}"),
      [begin
        {Us, _} = timer:tc(fun() ->
          {module, M} = erpc:call(Node, code, load_binary, [M, "bench", Code]),
          none = erpc:call(Node, M, main_figures, [M, 1000]) end),
        true = erpc:call(Node, code, delete, [M]),
        true = erpc:call(Node, code, soft_purge, [M]),
        Us end || _ <- lists:seq(1, ${String(rounds)})] end.`;
    const took: { readonly [choice in AgentChoice]: number[] } = { load: [], interpret: [], none: [] };
    const cpu: { readonly [choice in AgentChoice]: number[] } = { load: [], interpret: [], none: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const choice of ['load', 'interpret'] as const) {
        const cost = await comeAndGo(choice);
        took[choice].push(cost.tookMs);
        cpu[choice].push(cost.cpu);
      }
    }
    const beam = (await pair.numbersOf(pair.peer, theirs)).map((us) => us / 1000);
    figures('agent: connect, bring, join (ms)', {
      'loaded p50': percentile(took.load, 0.5),
      'interpreted p50': percentile(took.interpret, 0.5),
      'BEAM loads it p50': percentile(beam, 0.5),
      'loaded / BEAM': percentile(took.load, 0.5) / percentile(beam, 0.5),
      'CPU of the node, loaded p50': percentile(cpu.load, 0.5),
      'CPU of the node, interpreted p50': percentile(cpu.interpret, 0.5),
    });
    expect(beam).toHaveLength(rounds);
  });

  it('sends frames', async () => {
    const window = await openWindow(pair.target);
    await window.agent();
    // A process there sends as many numbers to one on another BEAM node, with as much credit.
    const theirs = `begin
      Send = fun Send(_, N, _) when N > ${String(frames)} -> ok;
        Send(To, N, UpTo) when N > UpTo -> receive {credit, More} -> Send(To, N, More) end;
        Send(To, N, UpTo) -> To ! {frame, 1, N, N}, Send(To, N + 1, UpTo) end,
      Take = fun Take(_, N) when N > ${String(frames)} -> ok;
        Take(From, N) -> receive {frame, 1, N, _} ->
          N rem ${String(credit / 2)} =:= 0 andalso (From ! {credit, N + ${String(credit)}}), Take(From, N + 1) end end,
      [element(1, timer:tc(fun() -> Me = self(), P = spawn('${pair.target.node}', fun() -> Send(Me, 1, ${String(credit)}) end), Take(P, 1) end))
        || _ <- lists:seq(1, ${String(rounds)})] end.`;
    const ours: number[] = [];
    const before = await cpuMs();
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now();
      expect(await allFrames(await window.task({ kind: 'count', args: [integer(frames)], credit }))).toHaveLength(
        frames,
      );
      ours.push(performance.now() - startedAt);
    }
    const ourCpu = ((await cpuMs()) - before) / rounds;
    const between = await cpuMs();
    const beam = (await pair.numbersOf(pair.peer, theirs)).map((us) => us / 1000);
    const theirCpu = ((await cpuMs()) - between) / rounds;
    figures(`agent: a frame, of ${String(frames)} with credit for ${String(credit)} (µs)`, {
      'ours p50': (percentile(ours, 0.5) * 1000) / frames,
      'BEAM p50, interpreted sender and taker': (percentile(beam, 0.5) * 1000) / frames,
      ratio: percentile(ours, 0.5) / percentile(beam, 0.5),
      'CPU of the node, ours': (ourCpu * 1000) / frames,
      'CPU of the node, BEAM': (theirCpu * 1000) / frames,
    });
    expect(beam).toHaveLength(rounds);
  });

  it('sleeps', async () => {
    const atoms = async (): Promise<number> => Number(await pair.target.eval('erlang:system_info(atom_count).'));
    const window = await openWindow(pair.target);
    await window.agent();
    const held = `[element(2, process_info(P, memory)) || P <- processes(), {_, D} <- [process_info(P, dictionary)], proplists:is_defined(arsenal_funs, D)]`;
    const [agent = 0, guard = 0] = await until(
      () => pair.numbersOf(pair.target, held),
      (seen) => seen.every((bytes) => bytes < 3_000),
    );
    figures('agent: kept on the node', {
      'agent, bytes': agent,
      'guard, bytes': guard,
      'object code, bytes': agentImage().objectCode.length,
      'atoms there in all': await atoms(),
    });
    expect(agent).toBeLessThan(3_000);
  });
});
