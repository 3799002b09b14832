import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOptions } from '../runtime/callOptions.ts';
import { startSimulated } from '../runtime/embedded/host.ts';
import type { ProcessRef } from '../runtime/model.ts';
import { processId } from '../runtime/model.ts';
import type { Runtime } from '../runtime/port.ts';
import { integer } from '../runtime/term/term.ts';
import { WatchView } from '../runtime/watch.ts';
import type { House } from '../server/backend/testKit.ts';
import { at, houseOn } from '../server/backend/testKit.ts';
import type { Bundles } from '../test/embedded/bundles.ts';
import { buildBundles } from '../test/embedded/bundles.ts';
import { valueOf } from '../test/port/results.ts';
import { figures, percentile, timesOf } from './measure.ts';

const catalog = 'Elixir.Shop.Catalog';

let bundles: Bundles;
let runtime: Runtime;
let house: House;
beforeAll(async () => {
  bundles = await buildBundles();
  runtime = valueOf(await startSimulated({ id: 'bench', nodes: 3, seed: 7, workerFile: bundles.workerFile }));
  house = await houseOn(runtime, { rateLimits: { burst: 100_000, perSecond: 100_000 } });
});
afterAll(async () => {
  await house.close();
  await bundles.dispose();
});

const soon = () => callOptions(10_000);

async function named(node: string, name: string): Promise<ProcessRef> {
  const target = { name: { in: 'local', node, name } } as const;
  return valueOf(await runtime.port.names.resolve({ target, seenFrom: node }, soon())).pid;
}

/** Wall and processor microseconds of one run, all threads counted. */
async function costOf(runs: number, work: () => Promise<unknown>): Promise<{ wallUs: number; cpuUs: number }> {
  const before = process.cpuUsage();
  const times = await timesOf(runs, work);
  const { user, system } = process.cpuUsage(before);
  return { wallUs: percentile(times, 0.5) * 1000, cpuUs: (user + system) / (runs * 1.1) };
}

describe('an operation on the simulated cluster', () => {
  it('costs more than the bare call of the port', async () => {
    const pid = await named('demo1@sim', catalog);
    const query = { pids: [pid], keys: ['memory'] } as const;
    const call = await costOf(500, () => runtime.port.processes.info(query, soon()));
    const params = { pid: processId(pid), fields: ['memory'] };
    const read = await costOf(500, async () => valueOf(await house.run('get_process_info', params)));
    const called = { node: 'demo1@sim', module: 'timer', function: 'sleep' } as const;
    const start = await costOf(200, async () =>
      valueOf(await runtime.port.processes.start({ ...called, args: [{ term: integer(1) }] }, soon())),
    );
    const write = await costOf(200, async () => valueOf(await house.run('start_process', { ...called, args: [1] })));
    figures('One call (µs)', {
      'port, read, wall': call.wallUs,
      'operation, read, wall': read.wallUs,
      'port, read, CPU': call.cpuUs,
      'operation, read, CPU': read.cpuUs,
      'port, write, wall': start.wallUs,
      'operation, write, with audit on disk, wall': write.wallUs,
      'port, write, CPU': start.cpuUs,
      'operation, write, CPU': write.cpuUs,
    });
    expect(read.wallUs).toBeGreaterThan(0);
  });

  it('is seen by who watches', async () => {
    const times: number[] = [];
    for (const node of ['demo1@sim', 'demo2@sim', 'demo3@sim']) {
      const supervisor = await named(node, 'Elixir.Shop.Supervisor');
      // Fewer than its supervisor puts up with.
      for (let kill = 0; kill < 3; kill += 1) times.push(await killToSeen(node, supervisor));
    }
    figures('From kill to the new child in the watch (ms)', {
      p50: percentile(times, 0.5),
      most: Math.max(...times),
    });
    expect(times).toHaveLength(9);
  });
});

/** Kills a child and answers how long it takes until the watch shows its successor. */
async function killToSeen(node: string, supervisor: ProcessRef): Promise<number> {
  const victim = await named(node, catalog);
  const view = new WatchView();
  const of = { rows: 'children', supervisor, window: { offset: 0, limit: 100 } } as const;
  const abort = new AbortController();
  let startedAt: number | null = null;
  for await (const item of runtime.port.watch.open({ minIntervalMs: 0, of }, callOptions(10_000, abort.signal))) {
    if (item.is === 'end') valueOf(item.result);
    else view.apply(item.frame);
    const child = [...(view.state?.rows.values() ?? [])].find((row) => row['registeredName'] === catalog);
    const id = at(child?.['state'] ?? null, 'pid', 'id');
    if (startedAt === null) {
      startedAt = performance.now();
      void house.run('kill_process', { pid: processId(victim) });
    } else if (typeof id === 'number' && id !== victim.id) break;
  }
  abort.abort();
  if (startedAt === null) throw new Error('The watch ended before it began.');
  return performance.now() - startedAt;
}
