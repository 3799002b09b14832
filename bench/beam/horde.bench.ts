/** 10,000 keys of a real Horde.Registry on three nodes: listed, and watched. Skipped without Horde's compiled code. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, termKey, tuple } from '../../runtime/term/term.ts';
import type { HordeCluster } from '../../test/beam/horde.ts';
import { noHorde, startHorde } from '../../test/beam/horde.ts';
import { watch } from '../../test/beam/watching.ts';
import { eventually, readAll } from '../../test/port/portSuite.ts';
import { valueOf } from '../../test/port/results.ts';
import type { LiveNode } from '../../test/harness/erlang.ts';
import { figures, percentile, timesOf } from '../measure.ts';

const keyCount = 10_000;
const name = 'Elixir.HordeApp.Registry';
/** Spans with and without a watch follow each other, so that a busy moment of the machine hits both. */
const pairs = 3;
const spanMs = 4_000;
const changesSeen = 100;

describe.skipIf(noHorde !== null)(`a Horde of ${keyCount} keys${noHorde === null ? '' : ` (${noHorde})`}`, () => {
  let cluster: HordeCluster;
  let runtime: Runtime;
  let first: LiveNode;

  beforeAll(async () => {
    cluster = await startHorde({ nodes: 3 });
    [first] = cluster.nodes as [LiveNode];
    runtime = await cluster.connect();
    // What a process holds Horde keeps as one list, searched for each key more, so no process holds many.
    await first.eval(`
      for hundred <- 0..${keyCount / 100 - 1} do
        holder = spawn(fn -> Process.sleep(:infinity) end)
        for n <- 1..100, do: Horde.Registry.register_name({HordeApp.Registry, {:key, hundred * 100 + n}}, holder)
      end
      :ok`);
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
    const second = cluster.nodes[1] ?? first;
    const pause = (ms: number): Promise<void> => delay(ms);
    /** The share of one core that the second node takes meanwhile, by its own account. */
    const shareDuring = async (work: () => Promise<void>) => {
      const runtimeMs = async () => Number(await second.eval('elem(:erlang.statistics(:runtime), 0)'));
      const before = await runtimeMs();
      const startedAt = performance.now();
      await work();
      return (((await runtimeMs()) - before) / (performance.now() - startedAt)) * 100;
    };
    let made = 0;
    const register = (then = '') =>
      first.eval(
        `key = {:seen, ${(made += 1)}}; :yes = Horde.Registry.register_name({HordeApp.Registry, key}, Process.whereis(HordeApp.Supervisor))${then}`,
      );
    const changing = async () => {
      const until = performance.now() + spanMs;
      while (performance.now() < until) {
        await register();
        await pause(500);
      }
    };
    const opened = async () => {
      const watched = watch(runtime, { rows: 'horde_entries', name });
      await eventually(
        () => Promise.resolve(watched.view.state?.rows.size ?? 0),
        (size) => size >= keyCount,
        30_000,
      );
      return watched;
    };
    const shares = {
      idle: [] as number[],
      watchedIdle: [] as number[],
      changes: [] as number[],
      watched: [] as number[],
    };
    const firstRows: number[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      shares.idle.push(await shareDuring(() => pause(spanMs)));
      shares.changes.push(await shareDuring(changing));
      const startedAt = performance.now();
      const { close } = await opened();
      firstRows.push(performance.now() - startedAt);
      shares.watchedIdle.push(await shareDuring(() => pause(spanMs)));
      shares.watched.push(await shareDuring(changing));
      await close();
    }
    // Horde's own time is that until every member has the key, which the node where it is registered asks them.
    const everywhere = `
      has = fn -> Enum.all?([node() | Node.list()], &(:erpc.call(&1, :ets, :member, [:"keys_Elixir.HordeApp.Registry", key]))) end
      started = System.monotonic_time(:millisecond)
      Enum.find(Stream.repeatedly(fn -> has.() or (Process.sleep(5) && false) end), & &1)
      System.monotonic_time(:millisecond) - started`;
    const { view, close } = await opened();
    const [seen, own, after]: [number[], number[], number[]] = [[], [], []];
    for (let change = 0; change < changesSeen; change += 1) {
      const startedAt = performance.now();
      const converged = register(`\n${everywhere}`);
      const id = termKey(tuple(atom('seen'), integer(made)));
      await eventually(
        () => Promise.resolve(view.state?.rows.get(id)),
        (row) => row?.['agreement'] === 'agreed',
        30_000,
      );
      seen.push(performance.now() - startedAt);
      own.push(Number(await converged));
      after.push((seen.at(-1) ?? 0) - (own.at(-1) ?? 0));
      await pause(Math.random() * 500);
    }
    await close();
    figures(`Watch ${keyCount} keys`, {
      'first rows (ms), p50': percentile(firstRows, 0.5),
      'a change agreed by all nodes (ms), p50': percentile(seen, 0.5),
      'a change agreed by all nodes (ms), p99': percentile(seen, 0.99),
      'of this Horde itself (ms), p50': percentile(own, 0.5),
      'of this Horde itself (ms), p99': percentile(own, 0.99),
      'seen after Horde had it (ms), p50': percentile(after, 0.5),
      'seen after Horde had it (ms), p99': percentile(after, 0.99),
      'CPU of a node, unwatched, idle (% of a core)': percentile(shares.idle, 0.5),
      'CPU of a node, watched, idle (% of a core)': percentile(shares.watchedIdle, 0.5),
      'CPU of a node, unwatched, 2 changes/s (% of a core)': percentile(shares.changes, 0.5),
      'CPU of a node, watched, 2 changes/s (% of a core)': percentile(shares.watched, 0.5),
    });
    expect(seen).toHaveLength(changesSeen);
  });
});
