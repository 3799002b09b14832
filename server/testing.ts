/** The public API for tests: `import { withTestCluster, assertOperationSuccess, scenario } from 'arsenal-otp/testing'`. */
export { assertOperationFailure, assertOperationSuccess } from './testing/assertions.ts';
export type { ClusterLike, TestClusterOptions } from './testing/clusterOptions.ts';
export type { EventuallyOptions, RunOptions, TestCluster } from './testing/testCluster.ts';
export { withTestCluster } from './testing/withTestCluster.ts';
export type { ArsenalError, Json, Result } from '../runtime/model.ts';
