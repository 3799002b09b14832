/** Looking through the processes of the cluster: filter, the n best, pages. */
import { cancelled } from '../../errors.ts';
import type { RowPage } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, ScanQuery, StreamEnd, StreamItem } from '../../port.ts';
import { countRows, mostPageRows, queryFault, selectRows } from '../../processQuery.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import type { Context } from './context.ts';
import { fieldOf, pageOf } from './fields.ts';

/** `processes.scan` */
export async function* scan(
  context: Context,
  query: ScanQuery,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<RowPage, StreamEnd<'processes.scan'>>> {
  const fault = queryFault(query);
  if (fault !== null) {
    yield { is: 'end', result: fault };
    return;
  }
  const { up, coverage } = context.nodes(query.nodes);
  const rows = Math.min(query.pageRows, mostPageRows);
  let total = 0;
  let scanned = 0;
  for (const node of up) {
    scanned += node.processes.size;
    const { chosen, matched } = countRows(node.processes.values(), query, fieldOf);
    total += matched;
    for (let at = 0; at < chosen.length; at += rows) {
      // Between two pages the cluster runs on: those that have ended since are left out.
      const found = chosen.slice(at, at + rows);
      const page = found.filter((process) => process.alive);
      total -= found.length - page.length;
      yield { is: 'frame', frame: pageOf(context, node, page, query.keys) };
      if (signal.aborted) {
        yield { is: 'end', result: cancelled('none') };
        return;
      }
    }
  }
  yield { is: 'end', result: ok({ nodes: coverage, total, scanned }) };
}

/** The processes of a node that the query asks for: all that match, or its n best of them. */
export function select(node: KernelNode, query: ScanQuery): readonly Process[] {
  return selectRows(node.processes.values(), query, fieldOf);
}
