/** What a watch of processes asks of each node. */
import type { NodeName, ProcessField, ProcessRef, Result, RowPage } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, ScanQuery, WatchTarget } from '../../port.ts';
import { columnKind, mostPageRows } from '../../processQuery.ts';
import { atom, integer, list, tuple } from '../../term/term.ts';
import type { Term } from '../../term/term.ts';
import { possibleOn } from './life.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { formOf, isCheap, isThere, itemOf, itemsOf, lessOf } from './processFields.ts';
import { processInfo } from './processMethods.ts';
import { mostAskedAnything, mostBestThere, scanProcesses } from './processScan.ts';
import type { Look, NodeTask, ProcessPlan } from './processWatch.ts';
import { splitWhere } from './pushdown.ts';
import { pidOf } from './read.ts';
import type { Session } from './session.ts';

/** More processes than these are asked about page by page, not by a task that keeps a monitor on each. */
const mostMonitored = 5_000;

/** Null for what no task on the nodes can watch: it is sampled by asking for it again and again. */
export function processPlan(session: Session, target: WatchTarget): ProcessPlan | null {
  if (target.rows === 'processes') return target.pids.length > mostMonitored ? null : planOfPids(session, target);
  return target.rows === 'top' ? planOfTop(session, target.query) : null;
}

function planOfPids(session: Session, { pids, keys }: Extract<WatchTarget, { rows: 'processes' }>): ProcessPlan {
  const on = (node: NodeName): readonly ProcessRef[] => pids.filter((pid) => pid.node === node);
  return {
    nodes: [...new Set(pids.map(({ node }) => node))],
    keys,
    top: null,
    task: async (target, everyMs, options) => {
      const possible = await possibleOn(target, on(target.node), options);
      if (!possible.ok) return possible;
      const release = await target.release(options);
      // Any item tells whether the process lives.
      const read = readTerm([...keys, 'status'], [], release);
      const what = tuple(integer(everyMs), list(possible.value.map(pidOf)), read.term);
      return ok({ spec: { kind: 'proc_pids', args: [what] }, keys, items: read.items });
    },
    look: async (node, options): Promise<Result<Look>> => {
      const info = await processInfo(session, { pids: on(node), keys }, options);
      if (!info.ok) return info;
      const { pages } = info.value;
      return ok({ pages, total: pages.reduce((sum, { ids }) => sum + ids.length, 0) });
    },
  };
}

function planOfTop(session: Session, query: ScanQuery): ProcessPlan | null {
  const { top, keys, nodes } = query;
  if (top === undefined || top.n > mostBestThere || columnKind(top.by) !== 'number') return null;
  return {
    nodes,
    keys,
    top,
    task: (target, everyMs, options) => topTask(session, target, query, { top, everyMs, options }),
    look: async (node, options) => {
      const looked = { ...query, nodes: [node], keys: withKey(keys, top.by), pageRows: mostPageRows };
      const pages: RowPage[] = [];
      for await (const item of scanProcesses(session, looked, options)) {
        if (item.is === 'frame') pages.push(item.frame);
        else if (!item.result.ok) return item.result;
        else {
          const [missing] = item.result.value.nodes.flatMap((one) => (one.status === 'missing' ? [one.error] : []));
          return missing === undefined ? ok({ pages, total: item.result.value.total }) : { ok: false, error: missing };
        }
      }
      return ok({ pages, total: 0 });
    },
  };
}

type TopLook = {
  readonly top: NonNullable<ScanQuery['top']>;
  readonly everyMs: number;
  readonly options: CallOptions;
};

/** Null when the node cannot decide all of it. */
async function topTask(
  session: Session,
  target: NodeTarget,
  { keys, where, allowCostly }: ScanQuery,
  { top: { n, by, direction }, everyMs, options }: TopLook,
): Promise<Result<NodeTask | null>> {
  const release = await target.release(options);
  const split = splitWhere(where, { formOf: (key) => formOf(key, release), knows: (node) => session.knows(node) });
  if (split.here !== null || !isThere(by, release)) return ok(null);
  const deciding = itemsOf(withKey(split.keys, by), release);
  const read = readTerm([...keys, ...split.keys, by], deciding, release);
  const what = tuple(
    integer(everyMs),
    tuple(integer(n), atom(itemOf(by)), atom(direction)),
    tuple(atoms(deciding), split.there),
    read.term,
    allowCostly === true ? atom('infinity') : integer(mostAskedAnything),
  );
  return ok({ spec: { kind: 'proc_top', args: [what] }, keys: withKey(keys, by), items: [...deciding, ...read.items] });
}

/** {Cheap, Costly, Less} of proc_watch.erl, without the items that are read already, and the items in the order they come in. */
function readTerm(keys: readonly ProcessField[], before: readonly string[], release: number | null) {
  const isCostly = (key: ProcessField): boolean => !isCheap(key) || key === 'initial_call';
  const others = (chosen: readonly ProcessField[]): readonly string[] =>
    itemsOf(chosen, release).filter((item) => !before.includes(item));
  const cheap = others(keys.filter((key) => !isCostly(key)));
  const costly = others(keys.filter(isCostly));
  return {
    term: tuple(atoms(cheap), atoms(costly), atoms(lessOf(keys, { realCalls: true }))),
    items: [...cheap, ...costly],
  };
}

function withKey(keys: readonly ProcessField[], key: ProcessField): readonly ProcessField[] {
  return [...new Set([...keys, key])];
}

function atoms(names: readonly string[]): Term {
  return list(names.map(atom));
}
