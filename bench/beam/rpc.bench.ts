import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LivePair } from '../liveNodes.ts';
import { livePair } from '../liveNodes.ts';
import { figures, percentile } from '../measure.ts';
import type { Subject } from './bundled.ts';
import { startSubject } from './bundled.ts';

let pair: LivePair;
let subject: Subject;
beforeAll(async () => {
  pair = await livePair();
  subject = await startSubject(pair.target);
});
afterAll(async () => {
  await subject.dispose();
  pair.dispose();
});

/** Expressions that time `call` so often, in microseconds. */
function timed(times: number, call: string): string {
  return `[element(1, timer:tc(fun() -> ${call} end)) || _ <- lists:seq(1, ${times})].`;
}

const rounds = 90;
const warmUpRounds = 40;
const callsInARound = 100;

describe('a BEAM node, asked by us and by another BEAM node', () => {
  // @row IV-18
  it.each(['connection', 'adapter'] as const)('answers a call through the %s', async (through) => {
    const { peer, target, numbersOf } = pair;
    const erpc = `erpc:call('${target.node}', erlang, node, [])`;
    const [ours, theirs]: [number[], number[]] = [[], []];
    // In short turns, so that a busy moment of the machine hits both.
    for (let round = 0; round < rounds; round += 1) {
      const ourTimes = await subject.ask({ ask: 'calls', through, count: callsInARound });
      const theirTimes = await numbersOf(peer, timed(callsInARound, erpc));
      if (round < warmUpRounds) continue;
      ours.push(...ourTimes.map((ms) => ms * 1000));
      theirs.push(...theirTimes);
    }
    figures(`Call through the ${through}, one after the other (µs)`, {
      'ours p50': percentile(ours, 0.5),
      'erpc p50': percentile(theirs, 0.5),
      'ours p99': percentile(ours, 0.99),
      'erpc p99': percentile(theirs, 0.99),
      'ratio p50': percentile(ours, 0.5) / percentile(theirs, 0.5),
      'ratio p99': percentile(ours, 0.99) / percentile(theirs, 0.99),
    });
    expect(ours).toHaveLength(theirs.length);
  });

  it('answers many calls at once', async () => {
    const { peer, target, numbersOf } = pair;
    const [count, atOnce] = [10_000, 200];
    const call = `[erpc:call('${target.node}', erlang, node, []) || _ <- lists:seq(1, ${count / atOnce})]`;
    const all = `begin
      Workers = [spawn_monitor(fun() -> ${call} end) || _ <- lists:seq(1, ${atOnce})],
      [receive {'DOWN', Ref, process, _, _} -> ok end || {_, Ref} <- Workers]
    end`;
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 5; round += 1) {
      ours.push(...(await subject.ask({ ask: 'many_calls', count, atOnce })));
      theirs.push(...(await numbersOf(peer, timed(1, all))).map((us) => us / 1000));
    }
    figures(`${count} calls, ${atOnce} at a time (ms)`, {
      ours: percentile(ours, 0.5),
      erpc: percentile(theirs, 0.5),
      ratio: percentile(ours, 0.5) / percentile(theirs, 0.5),
    });
    expect(ours).toHaveLength(theirs.length);
  });

  it('is connected to, and answers first', async () => {
    const { peer, target, numbersOf } = pair;
    const anew = `begin erlang:disconnect_node('${target.node}'), erpc:call('${target.node}', erlang, node, []) end`;
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 10; round += 1) {
      ours.push(...(await subject.ask({ ask: 'connects', count: 5 })));
      theirs.push(...(await numbersOf(peer, timed(5, anew))).map((us) => us / 1000));
    }
    figures('EPMD, handshake and first answer (ms)', {
      'ours p50': percentile(ours, 0.5),
      'ours p99': percentile(ours, 0.99),
      'BEAM p50': percentile(theirs, 0.5),
    });
    expect(ours).toHaveLength(theirs.length);
  });
});
