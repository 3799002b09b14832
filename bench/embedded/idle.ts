/**
 * CPU of a whole simulated cluster with real time when nothing happens in it: `node idle.js SECONDS` prints percent of one CPU. The
 * nodes are connected and have their system processes, as the editor's cluster has.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import { LiveClock } from '../../runtime/embedded/time/liveClock.ts';

async function main(): Promise<void> {
  const seconds = Number(process.argv[2]);
  let clock: LiveClock | null = null;
  const cluster = new Cluster({
    nodes: ['one@sim', 'two@sim', 'three@sim'],
    prng: seededPrng(1),
    modules: [],
    applications: [],
    boot: [],
    latencyMs: { min: 1, max: 3 },
    onWork: () => clock?.wake(),
  });
  clock = new LiveClock(cluster, () => performance.now());
  await sleep(1000);
  const before = process.cpuUsage();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ percent: (user + system) / 10_000 / seconds }));
  process.exit(0);
}

void main();
