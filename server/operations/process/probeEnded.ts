/** Whether a process lives, asked after what was to end it. */
import { processNotFound } from '../../../runtime/errors.ts';
import type { ProcessField, ProcessRef, Result, RowPage } from '../../../runtime/model.ts';
import { ok, pidText } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import type { ProbedEffect } from '../../core/operation.ts';

/** Its registered name and initial call, and what else is asked for. Error: `process.not_found`. */
export async function lookAt(
  context: Context<'processes.info'>,
  process: ProcessRef,
  more: readonly ProcessField[] = [],
): Promise<Result<RowPage>> {
  const keys = ['registered_name', 'initial_call', ...more] as const;
  const info = await context.port.processes.info({ pids: [process], keys }, context.options());
  if (!info.ok) return info;
  const page = info.value.pages.find(({ ids }) => ids.length > 0);
  return page === undefined ? processNotFound(pidText(process), process.node) : ok(page);
}

/** Gone while its node lives on: ended by us, or by itself at that moment. A node that has restarted ended them all. */
export async function probeEnded(
  context: Context<'processes.info' | 'cluster.nodes'>,
  process: ProcessRef,
): Promise<ProbedEffect> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  const node = nodes.ok ? nodes.value.nodes.find((known) => known.node === process.node) : undefined;
  if (node === undefined || node.creation !== process.creation || node.reach.via === 'none') return 'unknown';
  const found = await lookAt(context, process);
  if (found.ok) return 'none';
  return found.error.class === 'not_found' ? 'applied' : 'unknown';
}
