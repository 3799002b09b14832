import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../runtime/beam/beamRuntime.ts';
import { callOptions } from '../runtime/callOptions.ts';
import { readAll } from '../test/port/portSuite.ts';
import { valueOf } from '../test/port/results.ts';
import type { LivePair } from './liveNodes.ts';
import { callTime, livePair } from './liveNodes.ts';
import { figures, percentile, timesOf } from './measure.ts';

const processCount = 20_000;
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

let pair: LivePair;
beforeAll(async () => {
  pair = await livePair();
});
afterAll(() => {
  pair.dispose();
});

/** Expressions that time `call` so often, in microseconds. */
function timed(times: number, call: string): string {
  return `[element(1, timer:tc(fun() -> ${call} end)) || _ <- lists:seq(1, ${times})].`;
}

describe('a BEAM node, asked by us and by another BEAM node', () => {
  it('answers a call', async () => {
    const { connection, peer, target, numbersOf } = pair;
    const ours: number[] = [];
    const theirs: number[] = [];
    // In turns, so that a busy moment of the machine hits both.
    for (let round = 0; round < 5; round += 1) {
      ours.push(...(await timesOf(400, () => connection.call('erlang', 'node', [], callTime()))));
      theirs.push(...(await numbersOf(peer, timed(400, `erpc:call('${target.node}', erlang, node, [])`))));
    }
    figures('Call, sequential (µs)', {
      'ours p50': percentile(ours, 0.5) * 1000,
      'erpc p50': percentile(theirs, 0.5),
      'ours p99': percentile(ours, 0.99) * 1000,
      'erpc p99': percentile(theirs, 0.99),
    });
    expect(ours).toHaveLength(theirs.length);
  });

  it('is connected to, and answers first', async () => {
    const { peer, target, numbersOf } = pair;
    const ours = await timesOf(20, async () => {
      const { connection, close } = await pair.connect();
      const answer = await connection.call('erlang', 'node', [], callTime());
      close();
      if (!answer.ok) throw new Error(answer.error.message);
    });
    const call = `erpc:call('${target.node}', erlang, node, [])`;
    const theirs = await numbersOf(
      peer,
      `[begin erlang:disconnect_node('${target.node}'), element(1, timer:tc(fun() -> ${call} end)) end || _ <- lists:seq(1, 20)].`,
    );
    figures('Connect and first answer (ms)', {
      'ours p50': percentile(ours, 0.5),
      'BEAM p50': percentile(theirs, 0.5) / 1000,
    });
    expect(ours).toHaveLength(20);
  });

  it('lists its processes', async () => {
    const { peer, target, numbersOf } = pair;
    await target.eval(`[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ${processCount})], ok.`);
    const leaseDir = mkdtempSync(path.join(tmpdir(), 'arsenal-bench-'));
    const spec = { id: 'bench', node: target.node, cookie: target.cookie, epmd: { port: target.epmdPort }, leaseDir };
    const runtime = valueOf(await connectBeam(spec));
    let rows = 0;
    const ours = await timesOf(5, async () => {
      const query = { nodes: [target.node], keys, pageRows: 1_000, allowCostly: true };
      const { frames, end } = await readAll(runtime.port.processes.scan(query, callOptions(60_000)));
      valueOf(end);
      rows = frames.reduce((sum, { ids }) => sum + ids.length, 0);
    });
    const oneCall = `begin
      Pids = erpc:call('${target.node}', erlang, processes, []),
      Keys = lists:duplicate(length(Pids), [${keys.join(', ')}]),
      erpc:call('${target.node}', lists, zipwith, [fun erlang:process_info/2, Pids, Keys])
    end`;
    const theirs = await numbersOf(peer, timed(5, oneCall));
    await runtime.close();
    rmSync(leaseDir, { recursive: true, force: true });
    figures(`All of ${rows} processes, 8 keys (ms)`, {
      'ours p50': percentile(ours, 0.5),
      'BEAM, one call, p50': percentile(theirs, 0.5) / 1000,
    });
    expect(rows).toBeGreaterThan(processCount);
  });
});
