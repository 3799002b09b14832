/** A simulated cluster with its time, behind the port, in this thread. */
import path from 'node:path';
import type { Result } from '../model.ts';
import { ok } from '../model.ts';
import type { Runtime } from '../port.ts';
import { simulatedRuntime } from './adapter/simulatedRuntime.ts';
import type { ClusterFile } from './clusterFile/clusterFile.ts';
import { openClusterFile } from './clusterFile/clusterFile.ts';
import type { CheckedDefinition } from './clusterFile/definition.ts';
import { demoProgram } from './clusterFile/program.ts';
import { scheduleFaults } from './clusterFile/schedule.ts';
import { Cluster } from './cluster/cluster.ts';
import { hordeModules } from './horde/modules.ts';
import { seededPrng } from './kernel/prng.ts';
import { libclusterModules } from './libcluster/modules.ts';
import { SandboxManager } from './sandbox/sandboxManager.ts';
import type { Clock } from './time/clock.ts';
import { Guard } from './time/guard.ts';
import { LiveClock } from './time/liveClock.ts';
import { EventLog } from './record/eventLog.ts';
import { Recorder } from './record/recorder.ts';
import { OnDemandClock } from './time/onDemandClock.ts';
import type { WorkerData } from './workerData.ts';

/** In live time each node has a turn within this: so long at most does what comes from outside wait for the next. */
const roundMs = 0.5;
/** In the cluster's own time. */
const bootMs = 50;
const defaultSeed = 1;

/** Starts what the options say: a cluster file's cluster, or the demo. Errors: those of reading the file. */
export function startRuntime(options: WorkerData, onClose: () => void): Result<Runtime> {
  if (options.clusterFile === undefined) return ok(liveRuntime(options, onClose));
  const file = openClusterFile(options.clusterFile, options.seed ?? defaultSeed);
  if (!file.ok) return file;
  return ok(startCluster(options, file.value.definition, file.value, onClose));
}

/** Starts the demo; `onClose` is called when the runtime has been closed. */
export function liveRuntime(options: WorkerData, onClose: () => void = () => undefined): Runtime {
  return startCluster(options, demoProgram(options.nodes).definition, null, onClose);
}

function startCluster(
  options: WorkerData,
  definition: CheckedDefinition,
  file: ClusterFile | null,
  onClose: () => void,
): Runtime {
  let clock: Clock | null = null;
  const seed = options.seed ?? definition.seed ?? defaultSeed;
  const cluster = new Cluster({
    ...clusterOptions(definition),
    prng: seededPrng(seed),
    onWork: () => clock?.wake(),
    // In deterministic time the number of reductions decides, which no wall disturbs.
    ...(options.time !== 'deterministic' && { roundMs }),
  });
  const log = options.time === 'deterministic' ? new EventLog(cluster) : null;
  file?.runsIn(cluster);
  scheduleFaults(cluster, definition);
  // Up before anyone can ask, and the nodes connected.
  const guard = new Guard();
  cluster.runUntil(bootMs, (shouldStop) => guard.run(cluster, shouldStop));
  const runs = file === null ? 'demo' : { file: path.basename(file.path) };
  const time =
    log === null
      ? new LiveClock(cluster, () => performance.now())
      : new OnDemandClock(cluster, new Recorder(cluster, log, seed, runs));
  clock = time;
  const wallNow = (): number => Date.now();
  return simulatedRuntime({
    id: options.id,
    cluster,
    clock: time,
    clusterFile: file,
    sandboxes: new SandboxManager({ childFile: options.sandboxChildFile, wallNow }),
    wallNow,
    epoch: crypto.randomUUID(),
    onClose: () => {
      time.stop();
      onClose();
    },
  });
}

/** A cluster as a definition has it. */
export function clusterOptions({
  nodes,
  modules,
  applications,
  network,
  horde,
}: CheckedDefinition): Omit<ConstructorParameters<typeof Cluster>[0], 'prng'> {
  return {
    nodes,
    modules: [...hordeModules(horde), ...libclusterModules, ...modules],
    applications: applications.map(({ name, description, version, module, argument }) => ({
      name,
      description,
      version,
      start: { module, argument },
    })),
    boot: (node) =>
      applications.filter((one) => one.nodes === 'all' || one.nodes.includes(node)).map(({ name }) => name),
    ...network,
  };
}
