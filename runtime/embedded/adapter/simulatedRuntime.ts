/** The simulated cluster behind the port. */
import type { ConnectionId } from '../../model.ts';
import type { MethodTable, Runtime } from '../../port.ts';
import type { Refusals } from '../../portFacade.ts';
import { buildCapabilities, buildPort } from '../../portFacade.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Clock } from '../time/clock.ts';
import type { ClusterFile } from '../clusterFile/clusterFile.ts';
import { clockMethods } from './clock.ts';
import { clusterFileMethods } from './clusterFile.ts';
import { codeMethods } from './codeCall.ts';
import { Context } from './context.ts';
import { CrashHistory } from './crashHistory.ts';
import { emulatorMethods } from './emulator.ts';
import { faultMethods } from './faults.ts';
import { Holdings, holdingMethods } from './holdings.ts';
import { hordeMethods } from './horde.ts';
import { libclusterMethods } from './libcluster.ts';
import { nameMethods } from './names.ts';
import { nodeMethods, startFailures } from './nodes.ts';
import { processMethods } from './processes.ts';
import { profileMethods } from './profiles.ts';
import { RestartHistory } from './restartHistory.ts';
import type { Sandboxes } from './sandboxes.ts';
import { StateHandles } from './stateHandles.ts';
import { setFlags } from './supervisorFlags.ts';
import { stopSupervisor } from './supervisorStop.ts';
import { supervisorMethods } from './supervisors.ts';
import { startSupervisor } from './supervisorStart.ts';
import { tableMethods } from './tables.ts';
import { traceMethods } from './traces.ts';
import { openWatch } from './watches.ts';
import { Lifetime, whileOpen } from './whileOpen.ts';

export type SimulatedRuntimeOptions = {
  readonly id: ConnectionId;
  readonly cluster: Cluster;
  /** Gives the cluster its time. */
  readonly clock: Clock;
  /** What the cluster runs; null for the demo. */
  readonly clusterFile?: ClusterFile | null;
  readonly sandboxes: Sandboxes;
  readonly wallNow: () => number;
  /** Names this life of the cluster: a new one voids every version, cursor and holding. */
  readonly epoch: string;
  /** Called by `close`, after the sandboxes have ended. */
  readonly onClose: () => void;
};

const noNodeModules = {
  why: 'simulated nodes have no modules of Elixir or Erlang that could be operations.',
  remedy: 'Write the operation in TypeScript (arsenal generate operation), or connect to a real node.',
};
const refusals: Refusals = {
  // What remains is of sandboxes (reload, rollback, setLimits).
  otherwise: {
    why: 'a sandbox runs the source that it was made of, within the limits that it was given then.',
    remedy: 'Destroy it, and create it anew.',
  },
  methods: {
    'operations.find': noNodeModules,
    'operations.load': noNodeModules,
    'operations.execute': noNodeModules,
    'operations.query': noNodeModules,
    'processes.collectGarbage': {
      why: 'simulated processes have no heaps of their own: the JavaScript engine collects for all of them.',
      remedy: 'Connect to a real BEAM node to collect the garbage of one process.',
    },
    'code.load': {
      why: 'object code runs on the BEAM only.',
      remedy: 'Connect to a real BEAM node to load a module.',
    },
    'system.schedulers': {
      why: 'a turn of a simulated process takes no time of the cluster, so no scheduler is ever busy in it.',
      remedy: 'Look at the reductions of processes instead.',
    },
    'system.allocators': {
      why: 'the memory of simulated nodes is that of the JavaScript engine, which has no allocators of theirs.',
      remedy: 'Look at system.memory, or connect to a real BEAM node.',
    },
  },
};

/** A runtime over `cluster`, whose time is the clock's. */
export function simulatedRuntime(options: SimulatedRuntimeOptions): Runtime {
  const { cluster, clock, sandboxes, wallNow, epoch } = options;
  const context = new Context(cluster, clock, wallNow);
  const holdings = new Holdings(context);
  const handles = new StateHandles(context, holdings);
  const history = new RestartHistory(cluster, wallNow);
  const crashes = new CrashHistory(cluster, wallNow);
  const life = new Lifetime();
  const methods: MethodTable = {
    ...nodeMethods(context),
    ...nameMethods(context),
    ...hordeMethods(context),
    ...libclusterMethods(context),
    ...faultMethods(context, holdings),
    ...clockMethods(clock),
    ...clusterFileMethods(context, options.clusterFile ?? null),
    ...codeMethods(context),
    ...processMethods({ context, holdings, handles, crashes }),
    ...supervisorMethods(context, history, handles),
    ...holdingMethods(context, holdings),
    ...traceMethods(context, holdings),
    ...profileMethods(context),
    ...emulatorMethods(context),
    ...tableMethods(context),
    'supervisors.start': (params, call) => startSupervisor(context, holdings, params, call),
    'supervisors.setFlags': (params, call) => setFlags(context, params, call),
    'supervisors.stop': (params, call) => stopSupervisor(context, params, call),
    ...sandboxes.methods,
    'watch.open': (query, call) => openWatch({ context, holdings, sandboxes }, query, call),
  };
  const table = whileOpen(methods, life, clock);
  const capabilities = buildCapabilities(1, table, refusals);
  const listeners = new Set<() => void>();
  let closing: Promise<void> | null = null;
  const warnings = startFailures(context);
  let state: Runtime['state'] = { is: 'ready', epoch, ...(warnings.length > 0 && { warnings }) };
  const close = async (): Promise<void> => {
    state = { is: 'closed' };
    life.end();
    await sandboxes.close();
    options.onClose();
    for (const listener of listeners) listener();
  };
  return {
    id: options.id,
    kind: 'simulated',
    port: buildPort(table, (name) => capabilities.runtime[name]),
    capabilities,
    get state() {
      return state;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
    close: () => (closing ??= close()),
  };
}
