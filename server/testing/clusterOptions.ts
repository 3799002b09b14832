/** What a test's cluster runs, and on which nodes. */
import path from 'node:path';
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { ClusterFile } from '../../runtime/embedded/clusterFile/clusterFile.ts';
import { openClusterFile } from '../../runtime/embedded/clusterFile/clusterFile.ts';
import type { CheckedDefinition, ScheduledFault } from '../../runtime/embedded/clusterFile/definition.ts';
import { checkDefinition } from '../../runtime/embedded/clusterFile/definition.ts';
import { demoProgram } from '../../runtime/embedded/clusterFile/program.ts';
import type { AnyOperation } from '../core/operation.ts';

/** What `defineCluster` of arsenal-otp/cluster answers. */
export type ClusterLike = { readonly nodes: readonly string[] | number; readonly modules: readonly object[] };

export type TestClusterOptions = {
  /** How many (`node1@sim`, …) or their names; those of the cluster file or the definition, else one. */
  readonly nodes?: number | readonly string[];
  /** Any whole number from 0; the cluster file's, else 1. The same seed and the same calls make the same run. */
  readonly seed?: number;
  /**
   * What runs on the nodes: `empty` (the system's processes only), `demo` (the online shop), what `defineCluster` answers, or the path
   * of a cluster file. `empty` unless said.
   */
  readonly cluster?: 'empty' | 'demo' | ClusterLike | { readonly file: string };
  /** One-way delay between nodes, drawn evenly; 0.3 to 1.5 ms, or what the cluster file says. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  /** Faults that come by themselves, besides those of the cluster file. */
  readonly faults?: readonly ScheduledFault[];
  /**
   * `fifo`: each node runs its oldest runnable process. `random`: which one runs is drawn from the seed, and so is when exit signals
   * take effect, as the BEAM leaves it open: finds races. `fifo` unless said; `random` in scenarios.
   */
  readonly schedule?: 'fifo' | 'random';
  /** Operations of your own (`defineOperation`), besides Arsenal's. */
  readonly operations?: readonly object[];
};

export type Planned = {
  readonly definition: CheckedDefinition;
  readonly file: ClusterFile | null;
  readonly seed: number;
};

const defaultSeed = 1;

/** Errors: `cluster_file.…`, and `validation` `seed.invalid`. */
export function plannedCluster(options: TestClusterOptions): Result<Planned> {
  const { cluster = 'empty', seed } = options;
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    return failure('validation', 'seed.invalid', 'A seed is a whole number from 0.', 'Give one, for example 1.', {
      pointer: '/seed',
    });
  }
  if (typeof cluster === 'object' && 'file' in cluster) {
    const file = openClusterFile(path.resolve(cluster.file), seed ?? defaultSeed);
    if (!file.ok) return file;
    const given = file.value.definition;
    const definition = changed(given, options);
    if (!definition.ok) return definition;
    return ok({ definition: definition.value, file: file.value, seed: seed ?? given.seed ?? defaultSeed });
  }
  const base = typeof cluster === 'object' ? checkDefinition(cluster) : plain(cluster, options.nodes ?? 1);
  const definition = base.ok ? changed(base.value, options) : base;
  if (!definition.ok) return definition;
  return ok({ definition: definition.value, file: null, seed: seed ?? definition.value.seed ?? defaultSeed });
}

function plain(what: 'empty' | 'demo', nodes: number | readonly string[]): Result<CheckedDefinition> {
  const empty = checkDefinition({ nodes, modules: [] });
  return empty.ok && what === 'demo' ? ok(demoProgram(empty.value.nodes).definition) : empty;
}

/** With the nodes, the latency and the faults that were asked for. */
function changed(base: CheckedDefinition, { nodes, latencyMs, faults }: TestClusterOptions): Result<CheckedDefinition> {
  const given = checkDefinition({
    nodes: nodes ?? base.nodes,
    modules: [],
    ...(latencyMs !== undefined && { network: { latencyMs } }),
    faults: [...base.faults, ...(faults ?? [])],
  });
  if (!given.ok) return given;
  const names = given.value.nodes;
  return ok({
    ...base,
    nodes: names,
    faults: given.value.faults,
    network: latencyMs === undefined ? base.network : { ...base.network, latencyMs: given.value.network.latencyMs },
    applications: base.applications.map((application) => ({
      ...application,
      nodes: application.nodes === 'all' ? 'all' : application.nodes.filter((node) => names.includes(node)),
    })),
  });
}

/** Whether it really is one, the registry says, with every rule it breaks. */
export function isOperation(_operation: object): _operation is AnyOperation {
  return true;
}
