/** `processes.scan`: every process of some nodes, page by page, filtered and ranked on the node where it can be. */
import { ok } from '../../model.ts';
import type {
  ArsenalError,
  Column,
  Failure,
  NodeName,
  Predicate,
  ProcessField,
  ProcessRef,
  Result,
  RowPage,
} from '../../model.ts';
import { childOptions, longestMs, onCancelled } from '../../callOptions.ts';
import { failure } from '../../errors.ts';
import type { CallOptions, Frame, ScanQuery, StreamEnd, StreamItem } from '../../port.ts';
import {
  columnKind,
  columnsOf,
  fieldsOf,
  matches,
  mostPageRows,
  queryFault,
  selectRows,
  valueAt,
} from '../../processQuery.ts';
import { atom } from '../../term/term.ts';
import { CoverageBook, questionOptions } from './coverage.ts';
import { merged } from './merged.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { formOf, isCheap, isThere, itemOf, itemsOf, lessOf, unknownKey } from './processFields.ts';
import { allProcesses, chunkOfPids, pageOf, readProcesses } from './processReader.ts';
import { splitWhere } from './pushdown.ts';
import { RowStream } from './rowStream.ts';
import type { Session } from './session.ts';
import type { Place } from './watchedRows.ts';
import { valueOfPlace } from './watchedRows.ts';

type Item = StreamItem<Frame<'processes.scan'>, StreamEnd<'processes.scan'>>;
type Pages = AsyncGenerator<Result<RowPage>>;
type Top = NonNullable<ScanQuery['top']>;
/** All rows, the first so many, or the best. */
type Which = 'all' | { readonly first: number } | Top;
/** One row of a page. */
type RowPlace = Place<RowPage>;

/**
 * Up to so many processes, a node is asked anything of all of them: costly keys, and the real initial call, which stands in the
 * process dictionary, cost ten times as much as the cheap keys (20 ms for so many). A larger node is asked for them only when
 * `allowCostly` is set, and for the few rows that `top` chooses.
 */
export const mostAskedAnything = 10_000;
/** Nodes that are read at once. */
const nodesAtOnce = 8;
/** The best of so many are kept on the node; more are chosen here, out of rows that then come anyway. */
export const mostBestThere = 1_000;

/** What is wrong with a query, or null. */
export function scanRefusal(query: ScanQuery): Failure | null {
  const unknown = unknownKey([...query.keys, ...decidingKeys(query)]);
  return unknown === null ? queryFault(query) : noSuchKey(unknown);
}

export function noSuchKey(key: string): Failure {
  return failure('validation', 'scan.unknown_key', 'There is no such process key.', 'See the keys that a scan knows.', {
    details: { key },
  });
}

/** The keys that must be read of every process to know which rows are asked for. */
function decidingKeys({ where, top }: ScanQuery): readonly ProcessField[] {
  return [...new Set([...fieldsOf(where), ...(top === undefined ? [] : [top.by])])];
}

function tooCostly(node: NodeName, key: ProcessField, count: number): Failure {
  return failure(
    'validation',
    'scan.costly',
    `${node} has ${String(count)} processes, and reading ${key} of each costs ten times as much as the cheap keys.`,
    'Set allowCostly, or rank by a cheap key with `top` and read the costly ones of those rows.',
    { node, details: { key } },
  );
}

type Counts = { total: number; scanned: number };

export async function* scanProcesses(session: Session, query: ScanQuery, options: CallOptions): AsyncGenerator<Item> {
  const refused = scanRefusal(query);
  if (refused !== null) {
    yield { is: 'end', result: refused };
    return;
  }
  const book = new CoverageBook();
  const counts: Counts = { total: 0, scanned: 0 };
  const who = await session.whoToAsk(query.nodes, options);
  const stop = new AbortController();
  const dontWait = onCancelled(options, () => {
    stop.abort();
  });
  const times: Times = {
    options: childOptions(options, longestMs, stop.signal),
    question: () => childOptions(questionOptions(options, who), longestMs, stop.signal),
  };
  const scans = who.ask.map((node) => () => scanNode(session, node, query, { book, counts, times }));
  try {
    for await (const page of merged(scans, nodesAtOnce)) yield { is: 'frame', frame: page };
  } finally {
    // Nobody reads on: what is under way on any node ends.
    stop.abort();
    dontWait();
  }
  for (const { node, error } of who.missing) book.failed(node, error);
  const nodes = book.inOrder([...who.ask, ...who.missing.map(({ node }) => node)]);
  yield { is: 'end', result: ok({ nodes, ...counts }) };
}

type Common = { readonly book: CoverageBook; readonly counts: Counts; readonly times: Times };

/** The pages of one node; what became of it is in the book. */
async function* scanNode(
  session: Session,
  node: NodeName,
  query: ScanQuery,
  { book, counts, times }: Common,
): AsyncGenerator<RowPage> {
  const target = await session.reach(node, times.question());
  if (!target.ok) {
    book.failed(node, target.error);
    return;
  }
  let given = 0;
  let failed: ArsenalError | null = null;
  for await (const page of new NodeScan(session, target.value, query, { counts, times }).pages()) {
    if (page.ok) {
      given += 1;
      yield page.value;
    } else failed = page.error;
  }
  if (failed === null) book.reached(node);
  else book.failed(node, failed, given > 0 ? 'partial' : 'missing');
}

type Times = {
  readonly options: CallOptions;
  /** The options of the next question to the node. */
  readonly question: () => CallOptions;
};

/** One node's part of a scan. */
class NodeScan {
  readonly #session: Session;
  readonly #target: NodeTarget;
  readonly #query: ScanQuery;
  readonly #counts: Counts;
  readonly #times: Times;
  readonly #pageRows: number;
  #release: number | null = null;

  constructor(session: Session, target: NodeTarget, query: ScanQuery, { counts, times }: Omit<Common, 'book'>) {
    this.#session = session;
    this.#target = target;
    this.#query = query;
    this.#counts = counts;
    this.#times = times;
    this.#pageRows = Math.min(query.pageRows, mostPageRows);
  }

  async *pages(): Pages {
    this.#release = await this.#target.release(this.#times.question());
    const { top, first, where, keys } = this.#query;
    const { here } = this.#split();
    if (top !== undefined) {
      if (here === null && this.#canRankThere(top)) yield* this.#rows(keys, top);
      else yield* this.#rankedHere(top, where);
    } else if (here === null) yield* this.#rows(keys, first === undefined ? 'all' : { first });
    else {
      const all = this.#rows([...new Set([...keys, ...fieldsOf(here)])], 'all');
      yield* this.#upTo(first ?? Infinity, this.#matching(all, here, keys));
    }
  }

  /** The first of the rows; the others are read, so that they are counted. */
  async *#upTo(most: number, pages: Pages): Pages {
    let left = most;
    for await (const page of pages) {
      if (!page.ok || page.value.ids.length <= left) yield page;
      else if (left > 0) yield ok(pick(page.value, [...page.value.ids.keys()].slice(0, left), this.#query.keys));
      if (page.ok) left = Math.max(0, left - page.value.ids.length);
    }
  }

  /** Nothing is decided on a node that is asked through another. */
  #split() {
    const { where } = this.#query;
    return this.#target.connection === null
      ? { there: atom('true'), keys: [], here: where ?? null }
      : splitWhere(where, {
          formOf: (key) => formOf(key, this.#release),
          knows: (node) => node === this.#target.node || this.#session.knows(node),
        });
  }

  #canRankThere({ by, n }: Top): boolean {
    const isHere = this.#target.connection === null || !isThere(by, this.#release);
    return !isHere && columnKind(by) === 'number' && n <= mostBestThere;
  }

  /** Those of the rows that pass what is decided here, with the columns `keys`. */
  async *#matching(pages: Pages, here: Predicate | null, keys: readonly ProcessField[]): Pages {
    for await (const page of pages) {
      if (!page.ok || here === null) {
        yield page;
        continue;
      }
      const { ids, columns } = page.value;
      const before = ids.length;
      const passing = [...ids.keys()].filter((at) =>
        matches(at, here, (row, key) => valueAt(columns, key, row) ?? null),
      );
      this.#counts.total -= before - passing.length;
      if (passing.length > 0) yield ok(pick(page.value, passing, keys));
    }
  }

  /** Chosen here: first what decides is read of all, then the rest of those chosen, unless all of it is cheap. */
  async *#rankedHere(top: Top, where: Predicate | undefined): Pages {
    const { keys } = this.#query;
    const deciding = [...new Set([...fieldsOf(where), top.by])];
    const isWhole = keys.every(isCheap);
    const first = isWhole ? [...new Set([...deciding, ...keys])] : deciding;
    const { here } = this.#split();
    let held: RowPlace[] = [];
    for await (const page of this.#matching(this.#rows(first, 'all'), here, first)) {
      if (!page.ok) {
        yield page;
        return;
      }
      for (const at of page.value.ids.keys()) held.push({ page: page.value, at });
      if (held.length > top.n * 2 + mostPageRows) held = [...selectRows(held, { top }, valueOfPlace)];
    }
    const chosen = selectRows(held, { top }, valueOfPlace);
    const pageRows = isWhole ? this.#pageRows : Math.min(this.#pageRows, chunkOfPids);
    for (let at = 0; at < chosen.length; at += pageRows) {
      const part = chosen.slice(at, at + pageRows);
      const page = isWhole ? ok(gather(part, keys)) : await this.#restOf(part, deciding);
      if (page.ok) this.#counts.total -= part.length - page.value.ids.length;
      yield page;
    }
  }

  /** What they were chosen by stays as it was when they were chosen, so that the order shown is the order chosen. */
  async #restOf(part: readonly RowPlace[], deciding: readonly ProcessField[]): Promise<Result<RowPage>> {
    const { keys } = this.#query;
    const how = { keys, realCalls: true };
    const pids = part.map(pidAt);
    const rows = await readProcesses(this.#target, pids, how, this.#times.question());
    if (!rows.ok) return rows;
    const before = new Map(part.map((place) => [nameOf(pidAt(place)), place]));
    for (const process of rows.value.processes) {
      const was = before.get(nameOf(process.pid));
      for (const key of deciding) {
        // The real initial call is known only now.
        if (key !== 'initial_call' && was !== undefined) process.values.set(key, valueOfPlace(was, key));
      }
    }
    return ok(pageOf(this.#target, rows.value.processes, keys, rows.value.takenAt));
  }

  /** The rows that the node's part of the filter lets through, in pages with at least the columns `keys`. */
  #rows(keys: readonly ProcessField[], which: Which): Pages {
    return this.#target.connection === null ? this.#asked(keys, which) : this.#streamed(keys, which);
  }

  /** The first key that is costly to read of all; null when it is allowed, or none is. */
  #costly(keys: readonly ProcessField[]): ProcessField | null {
    const { allowCostly = false, top, first } = this.#query;
    // What is decided here is read of all, also where only the first are wanted.
    const areFew = top !== undefined || (first !== undefined && this.#split().here === null);
    return allowCostly || areFew ? null : (keys.find((key) => !isCheap(key)) ?? null);
  }

  async *#streamed(keys: readonly ProcessField[], which: Which): Pages {
    const { connection, node } = this.#target;
    if (connection === null) return;
    const { there, keys: filtering } = this.#split();
    const by = which === 'all' || 'first' in which ? [] : [which.by];
    const deciding = itemsOf([...filtering, ...by], this.#release);
    const others = itemsOf(keys, this.#release).filter((item) => !deciding.includes(item));
    const costly = this.#costly(this.#query.keys);
    const stream = new RowStream(this.#target, connection, {
      keys,
      deciding,
      // Any item tells whether the process lives.
      items: others.length + deciding.length === 0 ? ['status'] : others,
      less: lessOf([...keys, ...filtering, ...by], { realCalls: true }),
      where: there,
      which: which === 'all' || 'first' in which ? which : { ...which, item: itemOf(which.by) },
      pageRows: this.#pageRows,
      most: this.#query.allowCostly === true ? null : mostAskedAnything,
      isCostly: costly !== null,
    });
    const reading = stream.read(this.#times.options, this.#times.question);
    let isRead = false;
    let given = 0;
    try {
      for (;;) {
        const next = await reading.next();
        if (next.done !== true) {
          given += next.value.ids.length;
          if (next.value.ids.length > 0) yield ok(next.value);
          continue;
        }
        isRead = true;
        const counts = next.value;
        if (!counts.ok) yield counts;
        else if (counts.value.is === 'too_many') yield tooCostly(node, costly ?? 'memory', counts.value.count);
        else {
          const { matched, looked } = counts.value;
          const most = which === 'all' ? matched : Math.min('first' in which ? which.first : which.n, matched);
          // Those that ended before their row was read are no rows.
          const gone = most - given;
          this.#counts.total += matched - gone;
          this.#counts.scanned += looked - gone;
        }
        return;
      }
    } finally {
      if (!isRead) await reading.return(ok({ is: 'done', matched: 0, looked: 0 }));
    }
  }

  #count(processes: number): void {
    this.#counts.total += processes;
    this.#counts.scanned += processes;
  }

  /** By one call for each few hundred processes: the way through another node. */
  async *#asked(keys: readonly ProcessField[], which: Which): Pages {
    const all = await allProcesses(this.#target, this.#times.question());
    if (!all.ok) {
      yield all;
      return;
    }
    const isFirst = which !== 'all' && 'first' in which;
    const pids = isFirst ? all.value.slice(0, which.first) : all.value;
    this.#count(all.value.length - pids.length);
    const isMany = pids.length > mostAskedAnything;
    const costly = this.#costly(this.#query.keys);
    if (costly !== null && isMany) {
      yield tooCostly(this.#target.node, costly, pids.length);
      return;
    }
    const how = { keys, realCalls: (this.#query.allowCostly ?? false) || !isMany };
    const chunk = Math.min(this.#pageRows, chunkOfPids);
    for (let at = 0; at < pids.length; at += chunk) {
      const part = pids.slice(at, at + chunk);
      const read = await readProcesses(this.#target, part, how, this.#times.question());
      if (!read.ok) {
        yield read;
        return;
      }
      const { processes, takenAt } = read.value;
      this.#count(processes.length);
      if (processes.length > 0) yield ok(pageOf(this.#target, processes, keys, takenAt));
    }
  }
}

function pidAt({ page, at }: RowPlace): ProcessRef {
  return { ...page.of, id: page.ids[at] ?? 0, serial: page.serials[at] ?? 0 };
}

function nameOf({ id, serial }: ProcessRef): string {
  return `${String(id)}.${String(serial)}`;
}

/** Some rows of a page, with some of its columns. */
function pick(page: RowPage, rows: readonly number[], keys: readonly ProcessField[]): RowPage {
  const columns = keys.flatMap((key): [ProcessField, Column][] => {
    const column = page.columns[key];
    return column === undefined ? [] : [[key, pickColumn(column, rows)]];
  });
  return {
    ...page,
    ids: Uint32Array.from(rows, (row) => page.ids[row] ?? 0),
    serials: Uint32Array.from(rows, (row) => page.serials[row] ?? 0),
    columns: Object.fromEntries(columns),
  };
}

function pickColumn(column: Column, rows: readonly number[]): Column {
  switch (column.as) {
    case 'number':
      return { as: 'number', values: Float64Array.from(rows, (row) => column.values[row] ?? 0) };
    case 'dictionary':
      return { ...column, index: Uint32Array.from(rows, (row) => column.index[row] ?? 0) };
    case 'json':
      return { as: 'json', values: rows.map((row) => column.values[row] ?? null) };
  }
}

/** Rows of several pages of one node as one page, taken when the first of them was. */
function gather(places: readonly RowPlace[], keys: readonly ProcessField[]): RowPage {
  const [first] = places;
  if (first === undefined) throw new Error('A page has rows.');
  return {
    of: first.page.of,
    takenAt: first.page.takenAt,
    ids: Uint32Array.from(places, (place) => pidAt(place).id),
    serials: Uint32Array.from(places, (place) => pidAt(place).serial),
    columns: columnsOf(places, keys, valueOfPlace),
  };
}
