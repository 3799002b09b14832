import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { valueOf } from '../../test/port/results.ts';
import type { LivePair } from '../liveNodes.ts';
import { livePair } from '../liveNodes.ts';
import { figures, percentile } from '../measure.ts';

const processCount = 100_000;
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
const rounds = 5;

let pair: LivePair;
beforeAll(async () => {
  pair = await livePair();
});
afterAll(() => {
  pair.dispose();
});

describe('the processes of a BEAM node', () => {
  it('are listed, by us and by another BEAM node in one call', async () => {
    const { peer, target, numbersOf } = pair;
    await target.eval(`[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ${processCount})], ok.`);
    const leaseDir = mkdtempSync(path.join(tmpdir(), 'arsenal-bench-'));
    const spec = { id: 'bench', node: target.node, cookie: target.cookie, epmd: { port: target.epmdPort }, leaseDir };
    const runtime = valueOf(await connectBeam(spec));
    const oneCall = `begin
      Pids = erpc:call('${target.node}', erlang, processes, []),
      Keys = lists:duplicate(length(Pids), [${keys.join(', ')}]),
      erpc:call('${target.node}', lists, zipwith, [fun erlang:process_info/2, Pids, Keys])
    end`;
    const [ours, first, theirs]: [number[], number[], number[]] = [[], [], []];
    let rows = 0;
    for (let round = 0; round < rounds; round += 1) {
      const query = { nodes: [target.node], keys, pageRows: 1_000, allowCostly: true };
      const startedAt = performance.now();
      rows = 0;
      for await (const item of runtime.port.processes.scan(query, callOptions(60_000))) {
        if (rows === 0) first.push(performance.now() - startedAt);
        if (item.is === 'end') valueOf(item.result);
        else rows += item.frame.ids.length;
      }
      ours.push(performance.now() - startedAt);
      theirs.push(...(await numbersOf(peer, `[element(1, timer:tc(fun() -> ${oneCall} end))].`)));
    }
    await runtime.close();
    rmSync(leaseDir, { recursive: true, force: true });
    figures(`All of ${rows} processes, 8 keys (ms)`, {
      'ours p50': percentile(ours, 0.5),
      'ours, first page, p50': percentile(first, 0.5),
      'BEAM, one call, p50': percentile(theirs, 0.5) / 1000,
      ratio: percentile(ours, 0.5) / (percentile(theirs, 0.5) / 1000),
    });
    expect(rows).toBeGreaterThan(processCount);
  });
});
