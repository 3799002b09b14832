import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { callOptions } from '../../runtime/callOptions.ts';
import { startSimulated } from '../../runtime/embedded/host.ts';
import { readWorkerData } from '../../runtime/embedded/workerData.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import type { Bundles } from './bundles.ts';
import { buildBundles, isAlive, within } from './bundles.ts';

let bundles: Bundles;
beforeAll(async () => {
  bundles = await buildBundles();
});
afterAll(() => bundles.dispose());

const soon = () => callOptions(10_000);

describe('startSimulated', () => {
  it('has as many nodes as asked for, up and running when it answers, and sandboxes that end with it', async () => {
    const { workerFile } = bundles;
    const runtime = valueOf(await startSimulated({ id: 'sim', nodes: 2, seed: 5, workerFile }));
    expect(runtime).toMatchObject({ id: 'sim', kind: 'simulated', state: { is: 'ready' } });
    const { nodes } = valueOf(await runtime.port.cluster.nodes({}, soon()));
    expect(nodes.map(({ node }) => node)).toEqual(['demo1@sim', 'demo2@sim']);
    const target = { name: { in: 'local', node: 'demo2@sim', name: 'Elixir.Shop.Replicator' } } as const;
    expect((await runtime.port.names.resolve({ target, seenFrom: 'any' }, soon())).ok).toBe(true);
    const spec = {
      source: { from: 'text', value: 'exports.x = () => 1;' },
      nodes: [],
      limits: { memoryBytes: 64 * 1024 * 1024, cpuMs: 1000 },
      policy: 'medium',
      owner: { principal: 'user', client: 'test', operation: 'test', requestId: 'r' },
      lingerMs: 0,
    } as const;
    const { end } = await readAll(runtime.port.sandboxes.create(spec, soon()));
    const { sandbox } = valueOf(end);
    const watched = runtime.port.watch.open({ minIntervalMs: 0, of: { rows: 'sandboxes' } }, soon());
    for await (const item of watched) {
      expect(item).toMatchObject({ frame: { is: 'snapshot', rows: [[sandbox.id, { state: 'running' }]] } });
      break;
    }
    expect(valueOf(await runtime.port.sandboxes.list({}, soon())).sandboxes).toHaveLength(1);
    expect(valueOf(await runtime.port.sandboxes.info({ id: sandbox.id }, soon())).osPid).toBe(sandbox.osPid);
    await runtime.close();
    expect(await within(3000, () => !isAlive(sandbox.osPid ?? -1))).toBe(true);
    expect(runtime.state).toEqual({ is: 'closed' });
  });

  it('says what is wrong with what it is asked for', async () => {
    const { workerFile } = bundles;
    const good = { id: 'sim', nodes: 1, seed: 1, workerFile };
    for (const nodes of [0, 51, 1.5, Number.NaN]) {
      expect(await startSimulated({ ...good, nodes })).toMatchObject({ error: { code: 'simulated.nodes' } });
    }
    expect(await startSimulated({ ...good, seed: 0.5 })).toMatchObject({ error: { code: 'simulated.seed' } });
    expect(await startSimulated({ ...good, workerFile: 'nowhere.js' })).toMatchObject({
      error: { code: 'simulated.not_built' },
    });
    expect(readWorkerData(null)).toBeNull();
    expect(readWorkerData({ id: 'x', seed: 1, nodes: [1], sandboxChildFile: '' })).toBeNull();
  });

  it('says that a worker failed, at its start and later', async () => {
    const broken = path.join(bundles.folder, 'broken.js');
    await writeFile(broken, 'throw new Error("cannot");');
    expect(await startSimulated({ id: 'sim', nodes: 1, seed: 1, workerFile: broken })).toMatchObject({
      error: { code: 'simulated.start_failed', class: 'unavailable' },
    });
    const fragile = path.join(bundles.folder, 'fragile.js');
    await writeFile(
      fragile,
      `require(${JSON.stringify(bundles.workerFile)}); setTimeout(() => { throw new Error('later'); }, 300);`,
    );
    const runtime = valueOf(await startSimulated({ id: 'sim', nodes: 1, seed: 1, workerFile: fragile }));
    await eventually(
      async () => runtime.state.is,
      (state) => state === 'lost',
    );
    expect(await runtime.port.cluster.nodes({}, soon())).toMatchObject({ error: { class: 'unavailable' } });
    await runtime.close();
  });
});
