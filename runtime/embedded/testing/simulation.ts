/** A simulated cluster in this thread whose every run is the same: for tests, and for replaying what was recorded. */
import type { ConnectionId, NodeName } from '../../model.ts';
import type { Runtime } from '../../port.ts';
import { idOf } from '../adapter/context.ts';
import { simulatedRuntime } from '../adapter/simulatedRuntime.ts';
import type { Sandboxes } from '../adapter/sandboxes.ts';
import { Cluster } from '../cluster/cluster.ts';
import type { ClusterFile } from '../clusterFile/clusterFile.ts';
import type { CheckedDefinition } from '../clusterFile/definition.ts';
import { scheduleFaults } from '../clusterFile/schedule.ts';
import { seededPrng } from '../kernel/prng.ts';
import { clusterOptions } from '../liveRuntime.ts';
import type { ScheduleSource } from '../record/choices.ts';
import { ScheduleChoices } from '../record/choices.ts';
import { EventLog } from '../record/eventLog.ts';
import { OnDemandClock } from '../time/onDemandClock.ts';

export type SimulationOptions = {
  readonly id: ConnectionId;
  readonly definition: CheckedDefinition;
  readonly seed: number;
  /** `random`: which process runs next is drawn, and when signals take effect; `fifo`: each node's oldest. */
  readonly schedule: 'fifo' | 'random';
  readonly choices: ScheduleSource;
  readonly file: ClusterFile | null;
};
export type Simulation = {
  readonly cluster: Cluster;
  readonly runtime: Runtime;
  readonly clock: OnDemandClock;
  readonly log: EventLog;
  readonly choices: ScheduleChoices;
  /** The id of the process with this local name; null when there is none, or the node is down. */
  whereis(node: NodeName, name: string): string | null;
};

/** In the cluster's own time. */
const bootMs = 50;
/** Its calendar begins here, so that dates are the same in every run. */
const calendarStartsAtMs = Date.UTC(2026, 0, 1);
/** Starts the cluster; it is up, and its nodes connected, when this answers. */
export function startSimulation(options: SimulationOptions): Simulation {
  const { definition, seed, schedule, file } = options;
  const choices = new ScheduleChoices(options.choices);
  const cluster = new Cluster({ ...clusterOptions(definition), schedule, prng: choices.over(seededPrng(seed)) });
  const log = new EventLog(cluster);
  file?.runsIn(cluster);
  scheduleFaults(cluster, definition);
  cluster.runUntil(bootMs);
  const clock = new OnDemandClock(cluster);
  const runtime = simulatedRuntime({
    id: options.id,
    cluster,
    clock,
    clusterFile: file,
    sandboxes: noSandboxes,
    wallNow: () => calendarStartsAtMs + Math.round(cluster.nowMs),
    epoch: `seed-${seed}`,
    onClose: () => {
      clock.stop();
      log.stop();
    },
  });
  const whereis = (node: NodeName, name: string): string | null => {
    const process = cluster.node(node)?.names.get(name);
    return process === undefined ? null : idOf(process.pid);
  };
  return { cluster, runtime, clock, log, choices, whereis };
}

/** A sandbox is a process of this machine, whose time is the wall's. */
const noSandboxes: Sandboxes = {
  all: [],
  methods: {},
  onChange: () => ({ dispose: () => undefined }),
  close: () => Promise.resolve(),
};
