/** Watches of what spans nodes: a feed from each node, and the rows that are made of what all of them say. */
import { setTimeout as delay } from 'node:timers/promises';
import { callOptions } from '../../callOptions.ts';
import type { NodeName } from '../../model.ts';
import type { WatchQuery } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import type { KeyedRow } from '../../watch.ts';
import { WatchSource } from '../../watch.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import { watchStream } from '../../watchStream.ts';
import type { Life, SpannedRows } from '../../spanning/agreement.ts';
import { keysOf } from '../../spanning/agreement.ts';
import type { Listed, RawRow } from './nameRows.ts';
import { termKey } from '../../term/term.ts';
import type { FeedListener } from './nodeFeed.ts';
import { feedFrom } from './nodeFeed.ts';
import type { Session } from './session.ts';

/** What is fed, and how the rows under one id are made of what the nodes have. */
export type Fed<R extends { readonly id: string }> = {
  readonly listed: Listed;
  readonly read: (row: RawRow, node: NodeName) => R | null;
  readonly rows: (spanned: SpannedRows<R>, id: string, life: Life) => readonly KeyedRow[];
};

/** What changes within this time comes as one. */
const gatherMs = 20;
/** The first rows wait so long for nodes that do not answer. */
const firstWaitMs = 1_500;
/** How often we look for nodes that joined; a link that comes or goes is looked at at once. */
const surveyMs = 2_000;
const surveyLimitMs = 5_000;

/** One thing that is watched, by however many; its feeds run while anybody does. */
export class FeedWatch<R extends { readonly id: string }> implements FeedListener {
  readonly source: WatchSource;
  readonly #session: Session;
  readonly #fed: Fed<R>;
  readonly #everyMs: number;
  readonly #feeds = new Map<NodeName, AbortController>();
  readonly #unheard = new Set<NodeName>();
  readonly #spanned = new Map<NodeName, Map<string, R>>();
  /** From the key of a node's row, as it tells of its end, to the id. */
  readonly #ids = new Map<NodeName, Map<string, string>>();
  readonly #creations = new Map<NodeName, number>();
  /** The rows made of each id. */
  readonly #made = new Map<string, readonly string[]>();
  readonly #dirty = new Set<string>();
  #isAllDirty = true;
  #isFilled = false;
  #gathering: NodeJS.Timeout | null = null;
  #users = 0;
  #looking: AbortController | null = null;
  #lookAgain: () => void = () => undefined;

  constructor(session: Session, epoch: string, everyMs: number, fed: Fed<R>) {
    this.#session = session;
    this.#fed = fed;
    this.#everyMs = everyMs;
    this.source = new WatchSource({ fidelity: { is: 'sampled', everyMs }, epoch });
  }

  /** The stream of one who watches. */
  async *stream(query: WatchQuery, signal: AbortSignal, left: () => void): AsyncGenerator<WatchStreamItem> {
    this.#users += 1;
    if (this.#looking === null) void this.#look();
    try {
      yield* watchStream(this.source, { minIntervalMs: query.minIntervalMs, signal });
    } finally {
      this.#users -= 1;
      if (this.#users === 0) {
        this.#stop();
        left();
      }
    }
  }

  /** A link came or went: there may be other nodes now. */
  nudge(): void {
    this.#lookAgain();
  }

  /** The connection is another one now; the rows are told anew. */
  restart(epoch: string): void {
    this.source.restart({ epoch });
    this.#isFilled = false;
    this.#made.clear();
    this.#allDirty();
    this.nudge();
  }

  whole(node: NodeName, creation: number, rows: readonly RawRow[]): void {
    const before = this.#spanned.get(node);
    const [held, ids] = [new Map<string, R>(), new Map<string, string>()];
    for (const raw of rows) this.#put(node, raw, held, ids);
    this.#spanned.set(node, held);
    this.#ids.set(node, ids);
    this.#heard(node);
    const isFresh = before === undefined || this.#creations.get(node) !== creation;
    this.#creations.set(node, creation);
    if (isFresh) this.#allDirty();
    else this.#touch([...before.keys(), ...held.keys()]);
  }

  changed(node: NodeName, put: readonly RawRow[], gone: readonly Term[]): void {
    const [held, ids] = [this.#spanned.get(node), this.#ids.get(node)];
    if (held === undefined || ids === undefined) return;
    const touched: string[] = [];
    for (const key of gone) {
      const id = ids.get(termKey(key));
      if (id === undefined) continue;
      ids.delete(termKey(key));
      held.delete(id);
      touched.push(id);
    }
    for (const raw of put) touched.push(...this.#put(node, raw, held, ids));
    this.#touch(touched);
  }

  absent(node: NodeName): void {
    this.#heard(node);
    this.#ids.delete(node);
    if (this.#spanned.delete(node)) this.#allDirty();
    else this.#gather();
  }

  #put(node: NodeName, raw: RawRow, held: Map<string, R>, ids: Map<string, string>): readonly string[] {
    const row = this.#fed.read(raw, node);
    if (row === null) return [];
    held.set(row.id, row);
    ids.set(termKey(raw.key), row.id);
    return [row.id];
  }

  #heard(node: NodeName): void {
    this.#unheard.delete(node);
  }

  #touch(ids: readonly string[]): void {
    for (const id of ids) this.#dirty.add(id);
    this.#gather();
  }

  #allDirty(): void {
    this.#isAllDirty = true;
    this.#gather();
  }

  #gather(): void {
    if (this.#users === 0) return;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      if (this.#isFilled || this.#unheard.size === 0) this.#tell();
    }, gatherMs);
  }

  /** Makes the rows of all that changed, and tells of them. */
  #tell(): void {
    const ids = this.#isAllDirty ? new Set([...keysOf(this.#spanned), ...this.#made.keys()]) : this.#dirty;
    const put: KeyedRow[] = [];
    const gone: string[] = [];
    for (const id of ids) {
      const rows = this.#fed.rows(this.#spanned, id, this.#life);
      const keys = rows.map(([key]) => key);
      gone.push(...(this.#made.get(id) ?? []).filter((key) => !keys.includes(key)));
      put.push(...rows);
      if (keys.length === 0) this.#made.delete(id);
      else this.#made.set(id, keys);
    }
    this.#dirty.clear();
    this.#isAllDirty = false;
    if (this.#isFilled) this.source.patch(put, gone);
    else this.source.set(put);
    this.#isFilled = true;
  }

  /** What an earlier life of a node left in the tables of others has ended with it. */
  readonly #life: Life = (pid) => {
    const creation = this.#creations.get(pid.node);
    return creation === undefined || creation === pid.creation ? null : false;
  };

  /** Keeps a feed for each node there is. Never rejects. */
  async #look(): Promise<void> {
    const looking = new AbortController();
    this.#looking = looking;
    const { signal } = looking;
    const firstWait = setTimeout(() => {
      if (!this.#isFilled && this.#users > 0) this.#tell();
    }, firstWaitMs);
    while (!signal.aborted) {
      const known = await this.#session.survey(callOptions(surveyLimitMs, signal));
      if (isAborted(signal)) break;
      const nodes = new Set(known.flatMap(({ node, error }) => (error === null ? [node] : [])));
      for (const [node, feed] of this.#feeds) if (!nodes.has(node)) this.#drop(node, feed);
      for (const node of nodes) if (!this.#feeds.has(node)) this.#add(node);
      this.#gather();
      await this.#pause(signal);
    }
    clearTimeout(firstWait);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    this.#lookAgain = () => {
      waking.abort();
    };
    await delay(surveyMs, undefined, { signal: AbortSignal.any([signal, waking.signal]), ref: false }).catch(
      () => undefined,
    );
  }

  #add(node: NodeName): void {
    const feed = new AbortController();
    this.#feeds.set(node, feed);
    if (!this.#isFilled) this.#unheard.add(node);
    void feedFrom(this.#session, node, this.#fed.listed, this.#everyMs, this, feed.signal);
  }

  #drop(node: NodeName, feed: AbortController): void {
    feed.abort();
    this.#feeds.delete(node);
    this.absent(node);
  }

  /** Nobody looks: nothing of it runs on any node, and nothing is kept. */
  #stop(): void {
    this.#looking?.abort();
    this.#looking = null;
    for (const feed of this.#feeds.values()) feed.abort();
    this.#feeds.clear();
    this.#spanned.clear();
    this.#ids.clear();
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#gathering = null;
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
