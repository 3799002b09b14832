/** Runs a test on a simulated cluster of its own. */
import { startSimulation } from '../../runtime/embedded/testing/simulation.ts';
import type { Simulation } from '../../runtime/embedded/testing/simulation.ts';
import type { ScheduleSource } from '../../runtime/embedded/record/choices.ts';
import type { NodeName } from '../../runtime/model.ts';
import { assertOperationSuccess } from './assertions.ts';
import type { TestClusterOptions } from './clusterOptions.ts';
import { isOperation, plannedCluster } from './clusterOptions.ts';
import { Operator } from './operator.ts';
import type { CallPlan, TestCluster } from './testCluster.ts';
import { SimulatedTestCluster } from './testCluster.ts';

/**
 * Starts a cluster, runs `use` with it, and ends it, also when `use` fails; answers what `use` answers. `nodes`: how many, their names,
 * or {@link TestClusterOptions}. Everything in it is fixed by the seed and by what `use` does. Rejects with node:assert's
 * AssertionError when the options are not valid.
 */
export async function withTestCluster<T>(
  nodes: number | readonly NodeName[] | TestClusterOptions,
  use: (cluster: TestCluster) => T | Promise<T>,
): Promise<T> {
  const options = typeof nodes === 'number' || isNames(nodes) ? { nodes } : nodes;
  const opened = openTestCluster(options, { leftOut: new Set() }, { by: 'seed' });
  try {
    return await use(opened.cluster);
  } finally {
    await opened.close();
  }
}

export type OpenedTestCluster = {
  readonly cluster: SimulatedTestCluster;
  readonly simulation: Simulation;
  close(): Promise<void>;
};

export function openTestCluster(
  options: TestClusterOptions,
  plan: CallPlan,
  choices: ScheduleSource,
): OpenedTestCluster {
  const { definition, file, seed } = assertOperationSuccess(plannedCluster(options));
  const { schedule = 'fifo', operations = [] } = options;
  const simulation = startSimulation({ id: 'test', definition, file, seed, schedule, choices });
  const operator = new Operator(simulation.runtime, operations.filter(isOperation));
  const cluster = new SimulatedTestCluster(simulation, operator, seed, plan);
  return { cluster, simulation, close: () => simulation.runtime.close() };
}

function isNames(nodes: readonly NodeName[] | TestClusterOptions): nodes is readonly NodeName[] {
  return Array.isArray(nodes);
}
