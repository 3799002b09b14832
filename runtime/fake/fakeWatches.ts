/** Watches of a fake cluster: exact, for nothing changes but by a call. */
import type { Result } from '../model.ts';
import { fail, ok, pidText, processId } from '../model.ts';
import { notSupervisor, processNotFound, unsupported } from '../errors.ts';
import type { WatchTarget } from '../port.ts';
import { queryFault, selectRows } from '../processQuery.ts';
import { termKey } from '../term/term.ts';
import type { KeyedRow } from '../watch.ts';
import { WatchSource } from '../watch.ts';
import { childRows } from './fakeCluster.ts';
import type { Holdings } from './fakeHoldings.ts';
import { listed } from './fakeHoldings.ts';
import type { FakeReads } from './fakeReads.ts';
import { fieldOf, nameKey, processRow } from './fakeReads.ts';

type Rows = { readonly rows: readonly KeyedRow[]; readonly total?: number };

/** A source of what is watched, kept true until released; or why it cannot be watched. */
export function watchSourceOf(
  reads: FakeReads,
  holdings: Holdings,
  target: WatchTarget,
): Result<{ readonly source: WatchSource; release(): void }> {
  const read = rowsOf(reads, holdings, target);
  const first = read();
  if (!first.ok) return first;
  const source = new WatchSource({ fidelity: { is: 'exact' } });
  source.set(first.value.rows, first.value.total);
  const listening = reads.cluster.onChange(() => {
    const now = read();
    if (now.ok) source.set(now.value.rows, now.value.total);
    else source.close(now.error);
  });
  return ok({
    source,
    release() {
      listening.dispose();
    },
  });
}

function rowsOf(reads: FakeReads, holdings: Holdings, target: WatchTarget): () => Result<Rows> {
  const { cluster } = reads;
  switch (target.rows) {
    case 'nodes':
      return () => ok({ rows: [...cluster.nodes.values()].map((node) => [node.name, reads.nodeRow(node)]) });
    case 'supervisors':
      return () => {
        const found = reads.supervisors(reads.nodes(target.nodes).up);
        return ok({ rows: found.map((info) => [processId(info.supervisor), info]) });
      };
    case 'names':
      return () =>
        target.registry === 'local'
          ? ok({ rows: reads.names(reads.nodes('all').up).map((row) => [nameKey(row), row]) })
          : unsupported('This registry', 'a fake cluster has local names only.', 'Use a simulated cluster.');
    case 'holdings':
      return () => ok({ rows: listed(holdings).map((holding) => [holding.id, holding]) });
    case 'processes':
      return () => {
        const living = target.pids.flatMap((pid) => cluster.find(pid) ?? []);
        return ok({ rows: living.map((process) => [processId(process.pid), processRow(process, target.keys)]) });
      };
    case 'top':
      return () => {
        const fault = queryFault(target.query);
        if (fault !== null) return fault;
        const found = reads
          .nodes(target.query.nodes)
          .up.flatMap((node) => selectRows(node.processes.values(), target.query, fieldOf));
        const best = selectRows(found, { ...(target.query.top !== undefined && { top: target.query.top }) }, fieldOf);
        return ok({ rows: best.map((process) => [processId(process.pid), processRow(process, target.query.keys)]) });
      };
    case 'children':
      return () => {
        const node = reads.node(target.supervisor.node);
        if ('code' in node) return fail(node);
        const process = cluster.find(target.supervisor);
        if (process === null) return processNotFound(pidText(target.supervisor), target.supervisor.node);
        const { supervisor } = process;
        if (supervisor === null) return notSupervisor(pidText(target.supervisor), target.supervisor.node);
        const { offset, limit } = target.window;
        const all = childRows(supervisor);
        return ok({
          total: all.length,
          rows: all.slice(offset, offset + limit).map((row) => [termKey(row.childId), row]),
        });
      };
    case 'groups':
    case 'horde':
    case 'horde_entries':
    case 'horde_children':
    case 'topologies':
      return () => unsupported('Watching this', 'a fake cluster has local names only.', 'Use a real cluster.');
    case 'sandboxes':
      return () => unsupported('Sandboxes', 'a fake cluster has none.', 'Use a simulated cluster.');
  }
}
