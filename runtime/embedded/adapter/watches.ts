/**
 * The port's `watch.open` on the simulated cluster. What the kernel tells of (nodes, supervisors, children, names, holdings, ends
 * of processes) is exact and shown at once; figures (reductions, queues, memory) are sampled, and said to be.
 */
import type { NameRow, ProcessField, ProcessRef, Result } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { CallOptions, StreamItem, WatchQuery } from '../../port.ts';
import type { KernelEvent } from '../kernel/events.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Fidelity, KeyedRow, WatchFrame } from '../../watch.ts';
import { WatchSource } from '../../watch.ts';
import { watchStream } from '../../watchStream.ts';
import { unsupported } from '../../errors.ts';
import { queryFault } from '../../processQuery.ts';
import { termKey } from '../../term/term.ts';
import type { Context } from './context.ts';
import { idOf } from './context.ts';
import { processRow } from './fields.ts';
import type { Holdings } from './holdings.ts';
import { entryRows, hordeChildRows, hordeChildren, hordeEntries, hordeViews, present } from './hordeRows.ts';
import { topologiesOn } from './libcluster.ts';
import { globalNameRows, groupRows, nameRows } from './names.ts';
import { nodeRow } from './nodes.ts';
import type { Sandboxes } from './sandboxes.ts';
import { select } from './scan.ts';
import { childKey, childRows, supervisorOf, supervisorsOn } from './supervisors.ts';

export type Watched = { readonly context: Context; readonly holdings: Holdings; readonly sandboxes: Sandboxes };

const exact: Fidelity = { is: 'exact' };
/** Figures are looked at no more often than this. */
const leastSampleMs = 500;
const nodeSampleMs = 1000;
/** As often as a Horde agrees. */
const leastLookMs = 300;

/** How one kind of rows is kept up: what they are now, when to look again, and when their source is gone. */
type Plan = {
  readonly fidelity: Fidelity;
  readonly rows: () => { readonly rows: Iterable<KeyedRow>; readonly total?: number } | 'gone';
  /** Whether an event of the kernel changes them. */
  readonly concerns: (event: KernelEvent) => boolean;
  /** Other news that changes them. */
  readonly subscribe?: (changed: () => void) => { dispose(): void };
};

type End = { readonly ended: 'source_gone' };

/** `watch.open` */
export async function* openWatch(
  watched: Watched,
  query: WatchQuery,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<WatchFrame, End>> {
  const plan = planOf(watched, query);
  if (!plan.ok) {
    yield { is: 'end', result: plan };
    return;
  }
  const source = new WatchSource({ fidelity: plan.value.fidelity });
  const keeper = keep(watched.context, plan.value, source);
  try {
    yield* watchStream(source, { minIntervalMs: Math.max(0, query.minIntervalMs), signal });
  } finally {
    keeper.dispose();
  }
}

/** Keeps a source up to date until disposed of: after events once, however many came together. */
function keep(context: Context, plan: Plan, source: WatchSource): { dispose(): void } {
  let isDue = false;
  let disposed = false;
  const refresh = (): void => {
    isDue = false;
    if (disposed) return;
    const now = plan.rows();
    if (now === 'gone') source.close();
    else source.set(now.rows, now.total);
  };
  const changed = (): void => {
    if (isDue) return;
    isDue = true;
    // After the kernel's turn: rows are read between two changes, not in the middle of one.
    queueMicrotask(refresh);
  };
  refresh();
  const listening = context.cluster.listen((event) => {
    if (plan.concerns(event)) changed();
  });
  const subscription = plan.subscribe?.(changed);
  const sampling = plan.fidelity.is === 'sampled' ? setInterval(refresh, plan.fidelity.everyMs) : undefined;
  return {
    dispose: () => {
      disposed = true;
      listening.dispose();
      subscription?.dispose();
      clearInterval(sampling);
    },
  };
}

const nodeEvents: ReadonlySet<KernelEvent['is']> = new Set([
  'node_up',
  'node_down',
  'node_removed',
  'connected',
  'disconnected',
]);

function planOf({ context, holdings, sandboxes }: Watched, { of, minIntervalMs }: WatchQuery): Result<Plan> {
  const everyMs = Math.max(leastSampleMs, minIntervalMs);
  switch (of.rows) {
    case 'nodes':
      return ok({
        fidelity: { is: 'sampled', everyMs: Math.max(nodeSampleMs, minIntervalMs) },
        rows: () => ({ rows: context.cluster.names.map((name): KeyedRow => [name, nodeRow(context, name)]) }),
        concerns: ({ is }) => nodeEvents.has(is),
        subscribe: (changed) => context.onLinks(changed),
      });
    case 'supervisors':
      return ok({
        fidelity: exact,
        rows: () => ({
          rows: context
            .nodes(of.nodes)
            .up.flatMap((node) => supervisorsOn(context, node))
            .map((info): KeyedRow => [processId(info.supervisor), info]),
        }),
        concerns: ({ is }) => is === 'node_down' || is === 'node_up' || is === 'application',
        subscribe: (changed) => {
          const subscriptions = [context.onLinks(changed), context.supervisors.onChange(changed)];
          return {
            dispose: () => {
              for (const subscription of subscriptions) subscription.dispose();
            },
          };
        },
      });
    case 'children': {
      const found = supervisorOf(context, of.supervisor);
      if (!found.ok) return found;
      const { process, supervisor } = found.value;
      return ok({
        fidelity: exact,
        rows: () => {
          if (!process.alive) return 'gone';
          const rows = childRows(context, supervisor, of.window).map((row): KeyedRow => [childKey(row), row]);
          return { rows, total: supervisor.children.length };
        },
        concerns: (event) =>
          (event.is === 'children' && event.supervisor === process.pid) ||
          (event.is === 'exited' && (event.pid === process.pid || supervisor.byPid(event.pid) !== undefined)) ||
          (event.is === 'node_down' && event.node === process.pid.node) ||
          ((event.is === 'registered' || event.is === 'unregistered') && supervisor.byPid(event.pid) !== undefined),
      });
    }
    case 'names':
      if (of.registry === 'global') return ok(globalPlan(context));
      if (of.registry !== 'local') {
        const why = 'the simulated cluster lists registered and global names only.';
        return unsupported('Watching these names', why, 'Watch the registered or the global names.');
      }
      return ok({
        fidelity: exact,
        rows: () => ({
          rows: context
            .nodes('all')
            .up.flatMap(nameRows)
            .map((row): KeyedRow => [nameKey(row), row]),
        }),
        concerns: ({ is }) => is === 'registered' || is === 'unregistered' || is === 'node_down' || is === 'node_up',
      });
    case 'groups':
      return ok(groupsPlan(context, of.scope));
    case 'horde':
      return ok(
        sampled(context, minIntervalMs, (nodes) =>
          nodes.flatMap(hordeViews).map((row) => [`${row.kind} ${row.node} ${row.name}`, row]),
        ),
      );
    case 'horde_entries': {
      const rows = present(entryRows(context.nodes('all').up, of.name), 'registry', of.name);
      if (!rows.ok) return rows;
      return ok(
        sampled(context, minIntervalMs, (nodes) =>
          hordeEntries(context, entryRows(nodes, of.name)).map((row) => [termKey(row.key), row]),
        ),
      );
    }
    case 'horde_children': {
      const rows = present(hordeChildRows(context.nodes('all').up, of.name), 'supervisor', of.name);
      if (!rows.ok) return rows;
      return ok(
        sampled(context, minIntervalMs, (nodes) =>
          hordeChildren(context, hordeChildRows(nodes, of.name)).map((row) => [termKey(row.childId), row]),
        ),
      );
    }
    case 'topologies':
      return ok(
        sampled(context, minIntervalMs, (nodes) =>
          nodes
            .flatMap((node) => topologiesOn(context, node))
            .map((row) => [`${row.node} ${row.topology}`, { ...row }]),
        ),
      );
    case 'top': {
      const fault = queryFault(of.query);
      if (fault !== null) return fault;
      return ok({
        fidelity: { is: 'sampled', everyMs },
        rows: () => ({
          rows: context
            .nodes(of.query.nodes)
            .up.flatMap((node) => select(node, of.query))
            .map((process): KeyedRow => [idOf(process.pid), processRow(process, of.query.keys)]),
        }),
        concerns: ({ is }) => is === 'node_down' || is === 'node_up',
      });
    }
    case 'processes':
      return ok(processPlan(context, of.pids, of.keys, everyMs));
    case 'sandboxes':
      return ok({
        fidelity: { is: 'sampled', everyMs: Math.max(nodeSampleMs, minIntervalMs) },
        rows: () => ({ rows: sandboxes.all.map((sandbox): KeyedRow => [sandbox.id, sandbox]) }),
        concerns: () => false,
        subscribe: (changed) => sandboxes.onChange(changed),
      });
    case 'holdings':
      return ok({
        fidelity: exact,
        rows: () => ({ rows: holdings.all.map((holding): KeyedRow => [holding.id, holding]) }),
        concerns: () => false,
        subscribe: (changed) => holdings.onChange(changed),
      });
  }
}

function processPlan(
  context: Context,
  pids: readonly ProcessRef[],
  keys: readonly ProcessField[],
  everyMs: number,
): Plan {
  const wanted = new Set(pids.map(processId));
  return {
    fidelity: { is: 'sampled', everyMs },
    rows: () => ({
      rows: pids.flatMap((ref): readonly KeyedRow[] => {
        const found = context.process(ref);
        return found.ok ? [[processId(ref), processRow(found.value.process, keys)]] : [];
      }),
    }),
    concerns: (event) => (event.is === 'exited' && wanted.has(idOf(event.pid))) || event.is === 'node_down',
  };
}

/** What the kernel does not tell of: looked at again and again, and at once when nodes come or go. */
function sampled(
  context: Context,
  minIntervalMs: number,
  rowsOf: (nodes: readonly KernelNode[]) => readonly KeyedRow[],
): Plan {
  return {
    fidelity: { is: 'sampled', everyMs: Math.max(leastLookMs, minIntervalMs) },
    rows: () => ({ rows: rowsOf(context.nodes('all').up) }),
    concerns: ({ is }) => nodeEvents.has(is),
    subscribe: (changed) => context.onLinks(changed),
  };
}

function globalPlan(context: Context): Plan {
  return {
    fidelity: exact,
    rows: () => ({ rows: globalNameRows(context.nodes('all').up).map((row): KeyedRow => [nameKey(row), row]) }),
    concerns: ({ is }) => is === 'global_names' || is === 'node_down' || is === 'node_up',
    subscribe: (changed) => context.onLinks(changed),
  };
}

function groupsPlan(context: Context, scope: string): Plan {
  return {
    fidelity: exact,
    rows: () => ({
      rows: groupRows(context.nodes('all').up, scope).map((row): KeyedRow => [termKey(row.group), row]),
    }),
    concerns: (event) =>
      (event.is === 'groups' && event.scope === scope) || event.is === 'node_down' || event.is === 'node_up',
    subscribe: (changed) => context.onLinks(changed),
  };
}

function nameKey({ name }: NameRow): string {
  return name.in === 'local' ? `${name.node} ${name.name}` : termKey(name.name);
}
