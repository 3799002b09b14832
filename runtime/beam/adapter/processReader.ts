/** Reading processes of one node in bulk: named items only, in chunks, never `process_info/1`. */
import type { Json, ProcessField, ProcessRef, Result, RowPage } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { columnsOf } from '../../processQuery.ts';
import { atom, list } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { ProcessValues } from './processFields.ts';
import { itemsOf, lessOf, readProcess } from './processFields.ts';
import { listOf, numberOf, pidOf, processOf, tupleOf } from './read.ts';

/** One call's worth: more would hold the node's scheduler and the link for too long at a time. */
export const chunkOfPids = 500;

/** What was read at one moment. */
export type Reading = {
  readonly processes: readonly ProcessValues[];
  readonly gone: readonly ProcessRef[];
  readonly takenAt: RowPage['takenAt'];
};

/** Every process of the node. */
export async function allProcesses(target: NodeTarget, options: CallOptions): Promise<Result<readonly ProcessRef[]>> {
  const said = answered(await target.call('erlang', 'processes', [], options), target.node, 'The list of processes');
  if (!said.ok) return said;
  return ok(
    listOf(said.value).flatMap((term) => {
      const pid = processOf(term);
      return pid === null ? [] : [pid];
    }),
  );
}

/**
 * Reads `keys` of `pids` (at most {@link chunkOfPids}), all of this life of the node. With `realCalls` the initial call of what
 * proc_lib started is the real one; that reads the dictionary of each of them on the node.
 */
export async function readProcesses(
  target: NodeTarget,
  pids: readonly ProcessRef[],
  how: { readonly keys: readonly ProcessField[]; readonly realCalls: boolean },
  options: CallOptions,
): Promise<Result<Reading>> {
  // Any item tells whether the process lives.
  const items = itemsOf([...how.keys, 'status'], await target.release(options));
  const askedAt = Date.now();
  const started = performance.now();
  const less = lessOf(how.keys, how);
  const said = await target.run(
    'rows_of',
    [list(pids.map(pidOf)), list(items.map(atom)), list(less.map(atom))],
    options,
  );
  const tookMs = performance.now() - started;
  const answer = answered(said, target.node, 'The processes');
  if (!answer.ok) return answer;
  const [moment, infos] = tupleOf(answer.value, 2) ?? [];
  const monotonicUs = numberOf(moment);
  if (infos === undefined || monotonicUs === null) return strangeAnswer(target.node, 'The answer about processes');
  const processes: ProcessValues[] = [];
  const gone: ProcessRef[] = [];
  const answers = listOf(infos);
  for (const [at, pid] of pids.entries()) {
    const process = readProcess(pid, tupleOf(answers[at], 2)?.[1], how.keys);
    if (process === null) gone.push(pid);
    else processes.push(process);
  }
  return ok({
    processes,
    gone,
    takenAt: {
      node: target.node,
      creation: target.creation,
      monotonicUs,
      estimatedAt: askedAt + tookMs / 2,
      errorUs: (tookMs / 2) * 1000,
    },
  });
}

/** The value of a field as it was read; null when it was not. */
export function valueOf({ values }: ProcessValues, field: ProcessField): Json {
  return values.get(field) ?? null;
}

/** The rows as one page. */
export function pageOf(
  target: NodeTarget,
  processes: readonly ProcessValues[],
  keys: readonly ProcessField[],
  takenAt: RowPage['takenAt'],
): RowPage {
  return {
    of: { node: target.node, creation: target.creation },
    ids: Uint32Array.from(processes, ({ pid }) => pid.id),
    serials: Uint32Array.from(processes, ({ pid }) => pid.serial),
    columns: columnsOf(processes, keys, valueOf),
    takenAt,
  };
}
