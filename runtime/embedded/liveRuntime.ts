/** The demo cluster in real time, behind the port, in this thread. */
import type { Runtime } from '../port.ts';
import { simulatedRuntime } from './adapter/simulatedRuntime.ts';
import { Cluster } from './cluster/cluster.ts';
import { shop, shopModules } from './demo/shop.ts';
import { seededPrng } from './kernel/prng.ts';
import { SandboxManager } from './sandbox/sandboxManager.ts';
import type { Clock } from './time/clock.ts';
import { LiveClock } from './time/liveClock.ts';
import { OnDemandClock } from './time/onDemandClock.ts';
import type { WorkerData } from './workerData.ts';

/** Small, as between machines in one rack. */
const latencyMs = { min: 0.3, max: 1.5 } as const;

/** In the cluster's own time. */
const bootMs = 50;

/** Starts the cluster; `onClose` is called when the runtime has been closed. */
export function liveRuntime(options: WorkerData, onClose: () => void = () => undefined): Runtime {
  let clock: Clock | null = null;
  const cluster = new Cluster({
    nodes: options.nodes,
    prng: seededPrng(options.seed),
    modules: shopModules,
    applications: [shop],
    boot: [shop.name],
    latencyMs,
    onWork: () => clock?.wake(),
  });
  // Up before anyone can ask, and the nodes connected.
  cluster.runUntil(bootMs);
  const wallMs = (): number => performance.now();
  const time = options.time === 'deterministic' ? new OnDemandClock(cluster, wallMs) : new LiveClock(cluster, wallMs);
  clock = time;
  const wallNow = (): number => Date.now();
  return simulatedRuntime({
    id: options.id,
    cluster,
    clock: time,
    sandboxes: new SandboxManager({ childFile: options.sandboxChildFile, wallNow }),
    wallNow,
    epoch: crypto.randomUUID(),
    onClose: () => {
      time.stop();
      onClose();
    },
  });
}
