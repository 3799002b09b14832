/** The public API for tests: `import { withTestCluster, assertOperationSuccess, scenario } from 'arsenal-otp/testing'`. */
export { assertOperationFailure, assertOperationSuccess } from './testing/assertions.ts';
export type { ClusterLike, TestClusterOptions } from './testing/clusterOptions.ts';
export { loadOperations } from './testing/loadOperations.ts';
export { replayScenario } from './testing/replay.ts';
export { scenario, ScenarioFailure } from './testing/scenario.ts';
export type { Scenario, ScenarioOptions, ScenarioSteps } from './testing/scenario.ts';
export type { Chance, EventuallyOptions, RunOptions, TestCluster } from './testing/testCluster.ts';
export { withFakeRuntime } from './testing/withFakeRuntime.ts';
export type { FakeOptions, FakeTestCluster } from './testing/withFakeRuntime.ts';
export { withTestCluster } from './testing/withTestCluster.ts';
export type { ArsenalError, Json, Result } from '../runtime/model.ts';
