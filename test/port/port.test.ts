import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import { connectPort } from '../../runtime/proxy/connectPort.ts';
import { messagePortEndpoint, workerEndpoint } from '../../runtime/proxy/endpoint.ts';
import { servePort } from '../../runtime/proxy/servePort.ts';
import { fakeFixture, fakeNodes } from './fakeFixture.ts';
import { describePort } from './portSuite.ts';

// Nodes that are down or unknown are named as missing, and the others answer. @row NF-06
describePort('a fake runtime', () => Promise.resolve(fakeFixture(createFakeRuntime({ nodes: fakeNodes }))));

describePort('a fake runtime behind a channel', () => {
  const { port1, port2 } = new MessageChannel();
  servePort(createFakeRuntime({ nodes: fakeNodes }), messagePortEndpoint(port1));
  return Promise.resolve(fakeFixture(connectPort(messagePortEndpoint(port2), { id: 'far', kind: 'simulated' })));
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'arsenal-port-'));
  await build({
    entryPoints: [path.join(import.meta.dirname, 'fakeWorker.ts')],
    outfile: path.join(folder, 'worker.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describePort('a fake runtime in a worker', () => {
  const worker = new Worker(path.join(folder, 'worker.cjs'));
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const runtime = connectPort(workerEndpoint(worker), { id: 'worker', kind: 'simulated' });
  return Promise.resolve(
    fakeFixture(runtime, async () => {
      await ended;
    }),
  );
});
