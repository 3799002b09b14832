/** `watch.open`: what can be watched without anything of ours on the nodes. */
import { unsupported } from '../../errors.ts';
import type { Failure, NodeName, Result, RowPage } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { CallOptions, MethodTable, ScanQuery, WatchQuery, WatchTarget } from '../../port.ts';
import { mostPageRows, selectRows, valueAt } from '../../processQuery.ts';
import { termKey } from '../../term/term.ts';
import type { KeyedRow } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import { askEach } from './coverage.ts';
import type { FedTarget } from './fedWatches.ts';
import { FedWatches, isFed } from './fedWatches.ts';
import { Heartbeats } from './heartbeats.ts';
import { listHoldings } from './holdingMethods.ts';
import { topologies } from './libclusterMethods.ts';
import { NodeWatch } from './nodeWatch.ts';
import { processInfo } from './processMethods.ts';
import { processPlan } from './processPlans.ts';
import { unknownKey } from './processFields.ts';
import { noSuchKey, scanProcesses, scanRefusal } from './processScan.ts';
import { ProcessWatch } from './processWatch.ts';
import type { Sample, Sampler } from './sampledWatch.ts';
import { SampledWatch } from './sampledWatch.ts';
import type { Session } from './session.ts';
import { watchedRows } from './watchedRows.ts';
import { childrenOf } from './supervisorChildren.ts';

/** The watches of one connection. */
export class Watches {
  readonly #session: Session;
  readonly #epoch: () => string;
  readonly #running = new Map<string, SampledWatch | ProcessWatch>();
  readonly #fed: FedWatches;
  readonly #heartbeats: Heartbeats;
  readonly #nodes: NodeWatch;

  constructor(session: Session, epoch: () => string) {
    this.#session = session;
    this.#epoch = epoch;
    this.#fed = new FedWatches(session, epoch);
    this.#heartbeats = new Heartbeats(session, () => {
      this.nudge();
    });
    this.#nodes = new NodeWatch(session, this.#heartbeats);
  }

  /** A link came or went: whoever watches sees it now, not at the next sample. */
  nudge(): void {
    for (const watch of this.#running.values()) watch.nudge();
    this.#fed.nudge();
  }

  /** The connection is another one now: versions of before mean nothing any more. */
  restart(): void {
    for (const watch of this.#running.values()) watch.restart(this.#epoch());
    this.#fed.restart();
  }

  close(): void {
    for (const watch of this.#running.values()) watch.source.close(null);
    this.#running.clear();
    this.#fed.close();
  }

  async *open(query: WatchQuery, options: CallOptions): AsyncGenerator<WatchStreamItem> {
    if (isFed(query.of)) {
      yield* this.#fed.open(query.of, query, options);
      return;
    }
    const sampler = this.#samplerOf(query.of);
    const refused = sampler.ok ? refusalOf(query.of) : sampler;
    if (refused !== null || !sampler.ok) {
      if (refused !== null) yield { is: 'end', result: refused };
      return;
    }
    const key = JSON.stringify([query.of, query.minIntervalMs]);
    const known = this.#running.get(key);
    const watch = known?.source.ended === null ? known : this.#begin(query, sampler.value);
    this.#running.set(key, watch);
    const unused = query.of.rows === 'nodes' ? this.#heartbeats.use() : () => undefined;
    try {
      yield* watch.stream(query, options.signal, () => {
        if (this.#running.get(key) === watch) this.#running.delete(key);
      });
    } finally {
      unused();
    }
  }

  #begin({ of, minIntervalMs }: WatchQuery, sampler: Sampler): SampledWatch | ProcessWatch {
    const plan = processPlan(this.#session, of);
    return plan === null
      ? new SampledWatch(this.#epoch(), minIntervalMs, sampler, isFinal)
      : new ProcessWatch(this.#session, this.#epoch(), minIntervalMs, plan);
  }

  #samplerOf(target: Exclude<WatchTarget, FedTarget>): Result<Sampler> {
    const session = this.#session;
    switch (target.rows) {
      case 'nodes':
        return ok((options) => this.#nodes.sample(options));
      case 'supervisors':
        return ok((options) => supervisors(session, target.nodes, options));
      case 'children':
        return ok((options) => children(session, target, options));
      case 'processes':
        return ok((options) => processes(session, target, options));
      case 'top':
        return ok((options) => top(session, target.query, options));
      case 'topologies':
        return ok((options) => clusterTopologies(session, options));
      case 'holdings':
        return ok((options) => holdings(session, options));
      case 'sandboxes':
        return unsupported('Watching sandboxes', ...noSandboxes);
    }
  }
}

/** Said wherever a sandbox is asked for on the BEAM. */
export const noSandboxes = [
  'sandboxes are processes of their own beside the simulated runtime; on a BEAM cluster there is nothing yet that keeps code apart.',
  'Connect to the simulated cluster to create one. On the BEAM they will come as peer nodes.',
] as const;

/** What makes a watch of processes one that cannot be; null when nothing does. */
function refusalOf(target: WatchTarget): Failure | null {
  if (target.rows === 'top') return scanRefusal({ ...target.query, pageRows: mostPageRows });
  const unknown = target.rows === 'processes' ? unknownKey(target.keys) : null;
  return unknown === null ? null : noSuchKey(unknown);
}

/** What is watched has ended and will not come back under that identity. */
function isFinal(code: string): boolean {
  return code === 'process.not_found' || code === 'supervisor.not_one' || code === 'scan.costly';
}

async function holdings(session: Session, options: CallOptions): Promise<Result<Sample>> {
  const held = await listHoldings(session, {}, options);
  return held.ok ? ok({ rows: held.value.holdings.map((holding): KeyedRow => [holding.id, { ...holding }]) }) : held;
}

async function supervisors(
  session: Session,
  nodes: readonly NodeName[] | 'all',
  options: CallOptions,
): Promise<Result<Sample>> {
  const found = await askEach(session, nodes, options, (target) => session.finders.of(target).find(target));
  return ok({
    rows: found.answers.flatMap(([, infos]) =>
      infos.map((info): KeyedRow => [processId(info.supervisor), { ...info }]),
    ),
  });
}

async function children(
  session: Session,
  { supervisor, window }: Extract<WatchTarget, { rows: 'children' }>,
  options: CallOptions,
): Promise<Result<Sample>> {
  const page = await childrenOf(session, supervisor, window, options);
  if (!page.ok) return page;
  return ok({
    total: page.value.total,
    rows: page.value.rows.map((row): KeyedRow => {
      // Children of a dynamic supervisor all have the id `undefined`: there the process is what tells them apart.
      const isNamed = !(row.childId.t === 'atom' && row.childId.v === 'undefined');
      const key = isNamed || row.state.is !== 'running' ? termKey(row.childId) : processId(row.state.pid);
      return [key, { ...row }];
    }),
  });
}

async function clusterTopologies(session: Session, options: CallOptions): Promise<Result<Sample>> {
  const found = await topologies(session, 'all', options);
  return ok({ rows: found.topologies.map((row): KeyedRow => [`${row.node} ${row.topology}`, { ...row }]) });
}

async function processes(
  session: Session,
  { pids, keys }: Extract<WatchTarget, { rows: 'processes' }>,
  options: CallOptions,
): Promise<Result<Sample>> {
  const read = await processInfo(session, { pids, keys }, options);
  return read.ok ? ok({ rows: read.value.pages.flatMap((page) => watchedRows(page, keys)) }) : read;
}

async function top(session: Session, query: ScanQuery, options: CallOptions): Promise<Result<Sample>> {
  const rows: [KeyedRow, RowPage, number][] = [];
  const keys = query.top === undefined ? query.keys : [...new Set([...query.keys, query.top.by])];
  for await (const item of scanProcesses(session, { ...query, keys, pageRows: mostPageRows }, options)) {
    if (item.is === 'frame') {
      const page = item.frame;
      rows.push(...watchedRows(page, query.keys).map((row, at): [KeyedRow, RowPage, number] => [row, page, at]));
    } else if (!item.result.ok) return item.result;
  }
  // Each node gave its own best: the best of all are among them.
  const best = selectRows(
    rows,
    query.top === undefined ? {} : { top: query.top },
    ([, page, at], key) => valueAt(page.columns, key, at) ?? null,
  );
  return ok({ rows: best.map(([row]) => row), total: rows.length });
}

export function watchMethods(watches: Watches): MethodTable {
  return { 'watch.open': (query, options) => watches.open(query, options) };
}
