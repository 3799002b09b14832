/** Which watches are fed, and what their rows are. */
import type { HordeView, NameRow, NodeName } from '../../model.ts';
import { processId } from '../../model.ts';
import type { CallOptions, WatchQuery, WatchTarget } from '../../port.ts';
import { termKey } from '../../term/term.ts';
import type { KeyedRow } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import type { SpannedRows } from '../../spanning/agreement.ts';
import { agreedChild, agreedEntry, agreedGroup } from '../../spanning/agreement.ts';
import type { Fed } from './feedWatch.ts';
import { FeedWatch } from './feedWatch.ts';
import { readChild, readEntry, readView } from './hordeRows.ts';
import type { RawRow } from './nameRows.ts';
import { listedNames, readNames, rowKey } from './nameRows.ts';
import { readGroup } from './nameSpans.ts';
import type { Session } from './session.ts';

/** However short an interval is asked for. */
const shortestIntervalMs = 250;
/** However long: a change is to be seen within a second, and looking costs the node almost nothing. */
const longestIntervalMs = 300;

export type FedTarget = Extract<
  WatchTarget,
  { rows: 'names' | 'groups' | 'horde' | 'horde_entries' | 'horde_children' }
>;

/** Whether the rows of a watch are fed. */
export function isFed(target: WatchTarget): target is FedTarget {
  return ['names', 'groups', 'horde', 'horde_entries', 'horde_children'].includes(target.rows);
}

interface Running {
  readonly source: FeedWatch<never>['source'];
  stream: FeedWatch<never>['stream'];
  nudge(): void;
  restart(epoch: string): void;
}

/** The fed watches of one connection. Those who watch the same share one. */
export class FedWatches {
  readonly #session: Session;
  readonly #epoch: () => string;
  readonly #running = new Map<string, Running>();

  constructor(session: Session, epoch: () => string) {
    this.#session = session;
    this.#epoch = epoch;
  }

  async *open(target: FedTarget, query: WatchQuery, options: CallOptions): AsyncGenerator<WatchStreamItem> {
    const everyMs = Math.min(Math.max(query.minIntervalMs, shortestIntervalMs), longestIntervalMs);
    const key = JSON.stringify(target);
    const known = this.#running.get(key);
    const watch = known?.source.ended === null ? known : this.#watchOf(target, everyMs);
    this.#running.set(key, watch);
    yield* watch.stream(query, options.signal, () => {
      if (this.#running.get(key) === watch) this.#running.delete(key);
    });
  }

  nudge(): void {
    for (const watch of this.#running.values()) watch.nudge();
  }

  restart(): void {
    for (const watch of this.#running.values()) watch.restart(this.#epoch());
  }

  close(): void {
    for (const watch of this.#running.values()) watch.source.close(null);
    this.#running.clear();
  }

  #watchOf(target: FedTarget, everyMs: number): Running {
    const watch = <R extends { readonly id: string }>(fed: Fed<R>): Running =>
      new FeedWatch(this.#session, this.#epoch(), everyMs, fed);
    switch (target.rows) {
      case 'names':
        return watch(namesFed(target.registry));
      case 'groups':
        return watch({
          listed: { rows: 'groups', name: target.scope },
          read: readGroup,
          rows: (spanned, id) => keyed(id, agreedGroup(target.scope, spanned, id)),
        });
      case 'horde':
        return watch({ listed: { rows: 'hordes' }, read: readHorde, rows: hordeRows });
      case 'horde_entries':
        return watch({
          listed: { rows: 'horde_entries', name: target.name },
          read: readEntry,
          rows: (spanned, id, life) => keyed(id, agreedEntry(spanned, id, life)),
        });
      case 'horde_children':
        return watch({
          listed: { rows: 'horde_children', name: target.name },
          read: readChild,
          rows: (spanned, id, life) => keyed(id, agreedChild(spanned, id, life)),
        });
    }
  }
}

function keyed(key: string, row: KeyedRow[1] | null): readonly KeyedRow[] {
  return row === null ? [] : [[key, row]];
}

type NameHeld = { readonly id: string; readonly row: NameRow };

/** A name that spans nodes is one row, however many see it; held by different processes, one row each. */
function namesFed(registry: Extract<FedTarget, { rows: 'names' }>['registry']): Fed<NameHeld> {
  const listed = listedNames(registry);
  return {
    listed,
    read: (raw, node) => {
      const [row] = readNames(node, listed, [raw]);
      return row === undefined ? null : { id: termKey(raw.key), row };
    },
    rows: (spanned, id) => {
      const held = [...spanned.values()].flatMap((rows) => rows.get(id)?.row ?? []);
      return [...new Map(held.map((row): KeyedRow => [rowKey(row), { ...row }]))];
    },
  };
}

type HordeHeld = { readonly id: string; readonly view: HordeView };

function readHorde(raw: RawRow, node: NodeName): HordeHeld | null {
  const view = readView(node, raw);
  return view === null ? null : { id: `${view.kind} ${view.name}`, view };
}

function hordeRows(spanned: SpannedRows<HordeHeld>, id: string): readonly KeyedRow[] {
  const views = [...spanned.values()].flatMap((rows) => rows.get(id)?.view ?? []);
  return views.map((view): KeyedRow => [`${id} ${processId(view.pid)}`, { ...view }]);
}
