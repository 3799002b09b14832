/** Operations on a described cluster in memory, whose capabilities and faults a test chooses: how an operation meets what cannot be had. */
import type { FakeRuntime, FakeRuntimeOptions } from '../../runtime/fake/fakeRuntime.ts';
import { createFakeRuntime } from '../../runtime/fake/fakeRuntime.ts';
import type { Json, Result } from '../../runtime/model.ts';
import type { AnyOperation } from '../core/operation.ts';
import { isOperation } from './clusterOptions.ts';
import type { Params } from './calls.ts';
import { Operator } from './operator.ts';

export type FakeOptions = FakeRuntimeOptions & {
  /** Operations of your own (`defineOperation`), besides Arsenal's. */
  readonly operations?: readonly object[];
};

export type FakeTestCluster = {
  readonly runtime: FakeRuntime;
  /** Runs an operation as every surface does, through the pipeline, within an hour. Never rejects. */
  run(operation: string, params?: Params): Promise<Result<Json>>;
};

/** Makes a fake runtime, runs `use` with it, and closes it, also when `use` fails; answers what `use` answers. */
export async function withFakeRuntime<T>(
  options: FakeOptions,
  use: (fake: FakeTestCluster) => T | Promise<T>,
): Promise<T> {
  const { operations = [], ...rest } = options;
  const runtime = createFakeRuntime(rest);
  const known: readonly AnyOperation[] = operations.filter(isOperation);
  const operator = new Operator(runtime, known);
  try {
    return await use({
      runtime,
      run: (operation, params = {}) => operator.run(operation, params, new AbortController().signal),
    });
  } finally {
    await runtime.close();
  }
}
