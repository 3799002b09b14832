/**
 * What a saturated simulated cluster costs whoever shares the machine with it: the delay of the host's own event loop (the language
 * server's, whose thread is another one than the cluster's), and the round trip of commands into the cluster. Beside each the same
 * with a cluster that has nothing to do, in turns.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { startSimulated } from '../../runtime/embedded/host.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { Bundles } from '../../test/embedded/bundles.ts';
import { buildBundles } from '../../test/embedded/bundles.ts';
import { valueOf } from '../../test/port/results.ts';
import { figures, percentile, timesOf } from '../measure.ts';

/** Processes that are never without a message, on each node; and one to ask. */
const clusterFile = (spinners: number): string => `
import { defineCluster, genServer, ok, noreply, reply, supervisor } from 'arsenal-otp/cluster';
const answer = genServer('answer', { init: () => ok(0), handleCall: (_self, _request, _from, state) => reply(state, state) });
const spin = genServer('spin', {
  init(self) { self.send(self.pid, 1); return ok(0); },
  handleInfo(self, _message, state) { self.send(self.pid, 1); return noreply(state); },
}, { registered: null });
const top = supervisor('top', {
  children: [{ module: answer }, ...Array.from({ length: ${spinners} }, (_, id) => ({ id, module: spin }))],
});
export default defineCluster({ nodes: 1, modules: [answer, spin, top], applications: [{ name: 'hot', module: top }] });
`;

let bundles: Bundles;
let folder: string;
const open: Runtime[] = [];
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-saturated-'));
  bundles = await buildBundles();
});
afterAll(async () => {
  for (const runtime of open) await runtime.close();
  await bundles.dispose();
  fs.rmSync(folder, { recursive: true });
});

async function cluster(name: string, spinners: number): Promise<Runtime> {
  const file = path.join(folder, `${name}.ts`);
  fs.writeFileSync(file, clusterFile(spinners));
  const runtime = valueOf(
    await startSimulated({ id: name, nodes: 1, clusterFile: file, workerFile: bundles.workerFile }),
  );
  open.push(runtime);
  return runtime;
}

/** The 99th percentile of the delay of this thread's event loop over `forMs`, milliseconds. */
async function loopDelay(forMs: number): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

it('adds little delay, and answers', async () => {
  const idle = await cluster('idle', 0);
  const quietDelays: number[] = [];
  const quietRead = await timesOf(400, () => idle.port.system.stats({ node: 'node1@sim' }, callOptions(5000)));
  const quietAsk = await timesOf(400, await asking(idle));
  for (let round = 0; round < 5; round += 1) quietDelays.push(await loopDelay(1000));

  const hot = await cluster('hot', 100);
  const before = valueOf(await hot.port.system.stats({ node: 'node1@sim' }, callOptions(5000))).reductions;
  const hotDelays: number[] = [];
  for (let round = 0; round < 5; round += 1) hotDelays.push(await loopDelay(1000));
  const hotRead = await timesOf(400, () => hot.port.system.stats({ node: 'node1@sim' }, callOptions(5000)));
  const hotAsk = await timesOf(400, await asking(hot));
  const after = valueOf(await hot.port.system.stats({ node: 'node1@sim' }, callOptions(5000))).reductions;
  expect(after - before).toBeGreaterThan(1_000_000);

  figures('beside an idle cluster', {
    'loop delay p99 ms': percentile(quietDelays, 0.5),
    'read p95 ms': percentile(quietRead, 0.95),
    'command p95 ms': percentile(quietAsk, 0.95),
  });
  figures('beside a saturated cluster', {
    'loop delay p99 ms': percentile(hotDelays, 0.5),
    'read p95 ms': percentile(hotRead, 0.95),
    'command p95 ms': percentile(hotAsk, 0.95),
  });
});

/** A call that a process of the cluster has to answer. */
async function asking({ port }: Runtime): Promise<() => Promise<unknown>> {
  const target = { name: { in: 'local', node: 'node1@sim', name: 'answer' } } as const;
  const { pid } = valueOf(await port.names.resolve({ target, seenFrom: 'any' }, callOptions(5000)));
  const message = { syntax: 'erlang', source: 'x' } as const;
  return async () => valueOf(await port.processes.send({ pid, message, how: 'call' }, callOptions(5000)));
}
