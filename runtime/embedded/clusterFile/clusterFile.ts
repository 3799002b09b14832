/** A cluster file that a cluster runs, and reads again when it was saved. */
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { seededPrng } from '../kernel/prng.ts';
import type { CheckedDefinition } from './definition.ts';
import type { FileWorld } from './names.ts';
import type { Program } from './program.ts';
import { readProgram } from './program.ts';

/** The cluster's calendar begins here, so that dates are the same in every run. */
const calendarStartsAtMs = Date.UTC(2026, 0, 1);

export type ClusterFile = {
  readonly path: string;
  readonly definition: CheckedDefinition;
  /** Every file it was read from the last time, whether it could be read or not. */
  readonly files: readonly string[];
  /** Time and chance are this cluster's from now on. */
  runsIn(cluster: Cluster): void;
  /** Reads it again; what it says now, or why it cannot be read. The definition stays what the cluster was started with. */
  read(): Result<CheckedDefinition>;
};

/** Reads a file for a cluster that is yet to be started; chance drawn while it is read is the seed's. */
export function openClusterFile(path: string, seed: number): Result<ClusterFile> {
  const early = seededPrng(seed).split('file');
  let cluster: Cluster | null = null;
  const world: FileWorld = {
    nowMs: () => calendarStartsAtMs + Math.round(cluster?.nowMs ?? 0),
    random: () => (cluster?.prng ?? early).next(),
    // As if printed by the group leader of last resort.
    log: (text) => {
      const user = cluster?.node(cluster.names[0] ?? '')?.names.get('user');
      if (user !== undefined) cluster?.emit({ is: 'report', kind: 'output', pid: user.pid, report: text });
    },
  };
  const first = readProgram(path, world);
  if (!first.ok) return first;
  let last: Pick<Program, 'files'> = first.value;
  return ok({
    path,
    definition: first.value.definition,
    get files() {
      return last.files;
    },
    runsIn: (started) => {
      cluster = started;
    },
    read: () => {
      const program = readProgram(path, world);
      if (!program.ok) return program;
      last = program.value;
      return ok(program.value.definition);
    },
  });
}
