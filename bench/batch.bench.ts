import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulated } from '../runtime/embedded/host.ts';
import type { House } from '../server/backend/testKit.ts';
import { at, houseOn } from '../server/backend/testKit.ts';
import type { Bundles } from '../test/embedded/bundles.ts';
import { buildBundles } from '../test/embedded/bundles.ts';
import { valueOf } from '../test/port/results.ts';
import { figures, percentile } from './measure.ts';

let bundles: Bundles;
let house: House;
beforeAll(async () => {
  bundles = await buildBundles();
  const runtime = valueOf(await startSimulated({ id: 'bench', nodes: 3, seed: 7, workerFile: bundles.workerFile }));
  house = await houseOn(runtime, { rateLimits: { burst: 1_000_000, perSecond: 1_000_000 } });
});
afterAll(async () => {
  await house.close();
  await bundles.dispose();
});

/** Wall and processor milliseconds of `work`, all threads counted. */
async function costOf(work: () => Promise<unknown>): Promise<{ wallMs: number; cpuMs: number }> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1_000 };
}

describe('a batch of 1,000 reads', () => {
  it('takes less than a second, and little more than the reads alone, ten at a time', async () => {
    const read = {
      operation: 'get_process_info',
      params: { pid: 'Shop.Catalog', node: 'demo1@sim', fields: ['memory'] },
    };
    const items = Array.from({ length: 1_000 }, () => read);
    const alone = async () => {
      const left = items.values();
      const worker = async () => {
        for (const { operation, params } of left) valueOf(await house.run(operation, params));
      };
      await Promise.all(Array.from({ length: 10 }, worker));
    };
    const batch = async () => {
      expect(at(await house.result('execute_batch', { items }), 'counts', 'done')).toBe(1_000);
    };
    const [batches, others] = [[await costOf(batch)], [await costOf(alone)]];
    for (let run = 0; run < 7; run += 1) {
      batches.push(await costOf(batch));
      others.push(await costOf(alone));
    }
    const middle = (costs: readonly { wallMs: number; cpuMs: number }[], of: 'wallMs' | 'cpuMs') =>
      percentile(
        costs.slice(1).map((cost) => cost[of]),
        0.5,
      );
    // Whatever else this machine does lengthens a run, and shortens none.
    const quickestMs = Math.min(...batches.map(({ wallMs }) => wallMs));
    figures('1,000 reads on the simulated cluster (ms)', {
      'batch, wall, the quickest': quickestMs,
      'batch, wall': middle(batches, 'wallMs'),
      'batch, CPU': middle(batches, 'cpuMs'),
      'one by one, wall': middle(others, 'wallMs'),
      'one by one, CPU': middle(others, 'cpuMs'),
      'ratio, CPU': middle(batches, 'cpuMs') / middle(others, 'cpuMs'),
    });
    expect(quickestMs).toBeLessThan(1_000);
    expect(middle(batches, 'cpuMs')).toBeLessThan(2 * middle(others, 'cpuMs'));
  });
});
