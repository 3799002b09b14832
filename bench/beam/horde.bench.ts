/** 10,000 keys of a real Horde.Registry on three nodes: listed, and watched. Skipped without Horde's compiled code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { HordeCluster } from '../../test/beam/horde.ts';
import { noHorde, startHorde } from '../../test/beam/horde.ts';
import { watch } from '../../test/beam/watching.ts';
import { eventually, readAll } from '../../test/port/portSuite.ts';
import { valueOf } from '../../test/port/results.ts';
import type { LiveNode } from '../../test/harness/erlang.ts';
import { figures, percentile, timesOf } from '../measure.ts';

const keyCount = 10_000;
const name = 'Elixir.HordeApp.Registry';

describe.skipIf(noHorde !== null)(`a Horde of ${keyCount} keys${noHorde === null ? '' : ` (${noHorde})`}`, () => {
  let cluster: HordeCluster;
  let runtime: Runtime;
  let first: LiveNode;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 3 });
    [first] = cluster.nodes as [LiveNode];
    runtime = await cluster.connect();
    await first.eval(`HordeApp.register(${keyCount})`);
    for (const node of cluster.nodes) {
      await eventually(
        () => node.eval('Horde.Registry.count(HordeApp.Registry)'),
        (count) => count === String(keyCount),
        120_000,
      );
    }
  }, 300_000);
  afterAll(async () => {
    await runtime.close();
    cluster.stop();
  });

  const list = async (nodes: readonly string[] | 'all') => {
    const { frames, end } = await readAll(runtime.port.horde.entries({ nodes, name }, callOptions(60_000)));
    valueOf(end);
    return frames.reduce((sum, frame) => sum + frame.length, 0);
  };

  it('is listed', async () => {
    const rows = await list('all');
    const one = await timesOf(10, () => list([first.node]));
    const all = await timesOf(10, () => list('all'));
    const names = await timesOf(10, () =>
      readAll(runtime.port.names.list({ nodes: 'all', registry: { via: name } }, callOptions(60_000))),
    );
    // What another BEAM node does to have the same: key and process of each, from every node.
    const call = `for node <- [node() | Node.list()], do: :erpc.call(node, Horde.Registry, :select, [HordeApp.Registry, [{{:"$1", :"$2", :_}, [], [{{:"$1", :"$2"}}]}]])`;
    const beam = await first.eval(`for _ <- 1..10, do: elem(:timer.tc(fn -> ${call} end), 0)`);
    const peer: unknown = JSON.parse(beam);
    figures(`List ${keyCount} keys (ms)`, {
      'one node, p50': percentile(one, 0.5),
      'three nodes compared, p50': percentile(all, 0.5),
      'three nodes compared, p99': percentile(all, 0.99),
      'names.list, three nodes, p50': percentile(names, 0.5),
      'BEAM, three nodes, p50': percentile(Array.isArray(peer) ? peer.map(Number) : [], 0.5) / 1_000,
    });
    expect(rows).toBe(keyCount);
  });

  it('is watched', async () => {
    const runtimeMs = async (node: LiveNode) => Number(await node.eval('elem(:erlang.statistics(:runtime), 0)'));
    const second = cluster.nodes[1] ?? first;
    const during = async (work: () => Promise<void>) => {
      const before = await runtimeMs(second);
      const startedAt = performance.now();
      await work();
      return ((await runtimeMs(second)) - before) / (performance.now() - startedAt);
    };
    const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const changing = async (until: number) => {
      for (let n = 0; performance.now() < until; n += 1) {
        await first.eval(
          `Horde.Registry.register_name({HordeApp.Registry, {:bench, ${n}}}, Process.whereis(HordeApp.Supervisor))`,
        );
        await pause(500);
      }
    };
    const idle = await during(() => pause(5_000));
    const changes = await during(() => changing(performance.now() + 5_000));
    const { view, close } = watch(runtime, { rows: 'horde_entries', name });
    const opened = performance.now();
    await eventually(
      () => Promise.resolve(view.state?.rows.size ?? 0),
      (size) => size >= keyCount,
      30_000,
    );
    const firstMs = performance.now() - opened;
    const watchedIdle = await during(() => pause(5_000));
    const watchedChanges = await during(() => changing(performance.now() + 5_000));
    const seen = await timesOf(10, async () => {
      const key = `seen${String(performance.now()).replace('.', '_')}`;
      await first.eval(
        `Horde.Registry.register_name({HordeApp.Registry, :${key}}, Process.whereis(HordeApp.Supervisor))`,
      );
      await eventually(
        () => Promise.resolve([...(view.state?.rows ?? [])].find(([id]) => id.includes(key))),
        (row) => row?.[1]['agreement'] === 'agreed',
        10_000,
      );
    });
    await close();
    figures(`Watch ${keyCount} keys`, {
      'first rows (ms)': firstMs,
      'a change agreed by all nodes (ms), p50': percentile(seen, 0.5),
      'a change agreed by all nodes (ms), most': percentile(seen, 1),
      'CPU of a node, unwatched, idle (%)': idle * 100,
      'CPU of a node, watched, idle (%)': watchedIdle * 100,
      'CPU of a node, unwatched, 2 changes/s (%)': changes * 100,
      'CPU of a node, watched, 2 changes/s (%)': watchedChanges * 100,
    });
    expect(seen).toHaveLength(10);
  });
});
