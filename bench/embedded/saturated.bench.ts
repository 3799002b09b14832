/**
 * What a saturated simulated cluster costs whoever shares the machine with it: the delay of the host's own event loop (the language
 * server's, whose thread is another one than the cluster's), and the round trip of commands into the cluster. In turns, beside a
 * cluster that has nothing to do, one with 100 processes that are never idle, and one with 1,000.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callOptions } from '../../runtime/callOptions.ts';
import { startSimulated } from '../../runtime/embedded/host.ts';
import type { ProcessRef } from '../../runtime/model.ts';
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
const busy = genServer('busy', {
  init(self) { self.send(self.pid, 1); return ok(0); },
  handleCall: (_self, _request, _from, state) => reply(state, state),
  handleInfo(self, _message, state) { self.send(self.pid, 1); return noreply(state); },
});
const top = supervisor('top', {
  children: [{ module: answer }, ...(${spinners} > 0 ? [{ module: busy }] : []), ...Array.from({ length: ${spinners} }, (_, id) => ({ id, module: spin }))],
});
export default defineCluster({ nodes: 1, modules: [answer, spin, busy, top], applications: [{ name: 'hot', module: top }] });
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

/** Lets one of the clusters run; the others stand still, so that all can be measured in turns. */
async function only(runs: Runtime): Promise<void> {
  for (const { port } of open) valueOf(await port.clock.pause({}, callOptions(5000)));
  valueOf(await runs.port.clock.run({ speed: 1 }, callOptions(5000)));
}

const rounds = 5;
const asked = 80;

class Times {
  readonly loopDelays: number[] = [];
  readonly reads: number[] = [];
  readonly commands: number[] = [];
  readonly busyCommands: number[] = [];
}

it('adds little delay, and answers', async () => {
  const idle = await cluster('idle', 0);
  const hot = [await cluster('hot', 100), await cluster('hotter', 1000)] as const;
  const times = new Map([idle, ...hot].map((runtime) => [runtime, new Times()]));
  const added = new Map(hot.map((runtime): [Runtime, number[]] => [runtime, []]));
  for (let round = 0; round < rounds; round += 1) {
    let quiet = Number.NaN;
    for (const [runtime, taken] of times) {
      await only(runtime);
      const before = await reductions(runtime);
      const delay = await loopDelay(1000);
      taken.loopDelays.push(delay);
      if (runtime === idle) quiet = delay;
      else {
        added.get(runtime)?.push(delay - quiet);
        expect((await reductions(runtime)) - before).toBeGreaterThan(100_000);
      }
      taken.reads.push(...(await timesOf(asked, () => reductions(runtime))));
      taken.commands.push(...(await timesOf(asked, asking(runtime, await named(runtime, 'answer')))));
      if (runtime !== idle) {
        taken.busyCommands.push(...(await timesOf(asked, asking(runtime, await named(runtime, 'busy')))));
      }
    }
  }
  for (const [runtime, taken] of times) {
    const addedMs = added.get(runtime);
    figures(`beside ${runtime.id}`, {
      'loop delay p99 ms': percentile(taken.loopDelays, 0.5),
      ...(addedMs !== undefined && { 'of it added p99 ms': percentile(addedMs, 0.5) }),
      'read p95 ms': percentile(taken.reads, 0.95),
      'command p50 ms': percentile(taken.commands, 0.5),
      'command p95 ms': percentile(taken.commands, 0.95),
      ...(runtime !== idle && { 'command to a busy process p95 ms': percentile(taken.busyCommands, 0.95) }),
    });
  }
});

async function reductions({ port }: Runtime): Promise<number> {
  return valueOf(await port.system.stats({ node: 'node1@sim' }, callOptions(5000))).reductions;
}

async function named({ port }: Runtime, name: string): Promise<ProcessRef> {
  const target = { name: { in: 'local', node: 'node1@sim', name } } as const;
  return valueOf(await port.names.resolve({ target, seenFrom: 'any' }, callOptions(5000))).pid;
}

/** A call that a process of the cluster has to answer. */
function asking({ port }: Runtime, pid: ProcessRef): () => Promise<unknown> {
  const message = { syntax: 'erlang', source: 'x' } as const;
  return async () => valueOf(await port.processes.send({ pid, message, how: 'call' }, callOptions(5000)));
}
