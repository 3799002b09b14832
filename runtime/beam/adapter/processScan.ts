/** `processes.scan`: every process of some nodes, page by page, filtered and ranked on our side. */
import { ok } from '../../model.ts';
import type { Failure, NodeName, ProcessField, ProcessRef, Result, RowPage } from '../../model.ts';
import { failure } from '../../errors.ts';
import type { CallOptions, Frame, ScanQuery, StreamEnd, StreamItem } from '../../port.ts';
import { fieldsOf, matches, mostPageRows, queryFault, selectProcesses } from '../../processQuery.ts';
import { CoverageBook, questionOptions } from './coverage.ts';
import type { NodeTarget } from './nodeTarget.ts';
import type { ProcessValues } from './processFields.ts';
import { isCheap, unknownKey } from './processFields.ts';
import { allProcesses, chunkOfPids, pageOf, readProcesses, valueOf } from './processReader.ts';
import type { Session } from './session.ts';

type Item = StreamItem<Frame<'processes.scan'>, StreamEnd<'processes.scan'>>;

/**
 * Up to so many processes, a node is asked anything of all of them: costly keys, and the real initial call, which stands in the
 * process dictionary, cost ten times as much as the cheap keys (20 ms for so many). A larger node is asked for them only when
 * `allowCostly` is set, and for the few rows that `top` chooses.
 */
const mostAskedAnything = 10_000;

/** What is wrong with a query, or null. */
function refusal(query: ScanQuery): Failure | null {
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
/** The options of the next question to the node. */
type Question = () => CallOptions;

export async function* scanProcesses(session: Session, query: ScanQuery, options: CallOptions): AsyncGenerator<Item> {
  const refused = refusal(query);
  if (refused !== null) {
    yield { is: 'end', result: refused };
    return;
  }
  const book = new CoverageBook();
  const counts: Counts = { total: 0, scanned: 0 };
  const who = await session.whoToAsk(query.nodes, options);
  for (const node of who.ask) {
    let given = 0;
    for await (const page of scanNode(session, node, query, counts, () => questionOptions(options, who))) {
      if (page.ok) {
        given += 1;
        yield { is: 'frame', frame: page.value };
      } else book.failed(node, page.error, given > 0 ? 'partial' : 'missing');
    }
    if (!book.all.some((covered) => covered.node === node)) book.reached(node);
  }
  for (const { node, error } of who.missing) book.failed(node, error);
  yield { is: 'end', result: ok({ nodes: book.all, ...counts }) };
}

async function* scanNode(
  session: Session,
  node: NodeName,
  query: ScanQuery,
  counts: Counts,
  question: Question,
): AsyncGenerator<Result<RowPage>> {
  const target = await session.reach(node, question());
  if (!target.ok) {
    yield target;
    return;
  }
  const pids = await allProcesses(target.value, question());
  if (!pids.ok) {
    yield pids;
    return;
  }
  const { keys, top, allowCostly = false } = query;
  const costly = top === undefined ? keys.find((key) => !isCheap(key)) : undefined;
  if (costly !== undefined && !allowCostly && pids.value.length > mostAskedAnything) {
    yield tooCostly(node, costly, pids.value.length);
    return;
  }
  const scan = new NodeScan(target.value, query, pids.value, counts);
  yield* query.top === undefined ? scan.pages(question) : scan.topPages(query.top, question);
}

/** One node's part of a scan. */
class NodeScan {
  readonly #target: NodeTarget;
  readonly #query: ScanQuery;
  readonly #pids: readonly ProcessRef[];
  readonly #counts: Counts;
  readonly #realCalls: boolean;

  constructor(target: NodeTarget, query: ScanQuery, pids: readonly ProcessRef[], counts: Counts) {
    this.#target = target;
    this.#query = query;
    this.#pids = pids;
    this.#counts = counts;
    this.#realCalls = (query.allowCostly ?? false) || pids.length <= mostAskedAnything;
  }

  async *pages(question: Question): AsyncGenerator<Result<RowPage>> {
    const { keys } = this.#query;
    const read = [...new Set([...keys, ...decidingKeys(this.#query)])];
    const pageRows = Math.min(this.#query.pageRows, mostPageRows);
    let waiting: ProcessValues[] = [];
    let takenAt: RowPage['takenAt'] | null = null;
    for await (const chunk of this.#chunks(this.#pids, read, this.#realCalls, question)) {
      if (!chunk.ok) {
        yield chunk;
        return;
      }
      const passing = this.#passing(chunk.value.processes);
      this.#counts.total += passing.length;
      waiting = [...waiting, ...passing];
      takenAt ??= chunk.value.takenAt;
      while (waiting.length >= pageRows) {
        yield ok(pageOf(this.#target, waiting.slice(0, pageRows), keys, takenAt));
        waiting = waiting.slice(pageRows);
        takenAt = chunk.value.takenAt;
      }
    }
    if (waiting.length > 0 && takenAt !== null) yield ok(pageOf(this.#target, waiting, keys, takenAt));
  }

  async *topPages(top: NonNullable<ScanQuery['top']>, question: Question): AsyncGenerator<Result<RowPage>> {
    const { keys } = this.#query;
    const deciding = decidingKeys(this.#query);
    let held: readonly ProcessValues[] = [];
    for await (const chunk of this.#chunks(this.#pids, deciding, this.#realCalls, question)) {
      if (!chunk.ok) {
        yield chunk;
        return;
      }
      const passing = this.#passing(chunk.value.processes);
      this.#counts.total += passing.length;
      held = [...held, ...passing];
      if (held.length > top.n * 2 + mostPageRows) held = selectProcesses(held, { top }, valueOf);
    }
    const chosen = selectProcesses(held, { top }, valueOf);
    const pageRows = Math.min(this.#query.pageRows, mostPageRows, chunkOfPids);
    for (let at = 0; at < chosen.length; at += pageRows) {
      const part = chosen.slice(at, at + pageRows);
      const pids = part.map(({ pid }) => pid);
      const how = { keys, realCalls: true };
      const rows = await readProcesses(this.#target, pids, how, question());
      if (!rows.ok) {
        yield rows;
        return;
      }
      yield ok(pageOf(this.#target, ranked(rows.value.processes, part, deciding), keys, rows.value.takenAt));
    }
  }

  async *#chunks(pids: readonly ProcessRef[], keys: readonly ProcessField[], realCalls: boolean, question: Question) {
    for (let at = 0; at < pids.length; at += chunkOfPids) {
      const how = { keys, realCalls };
      const chunk = await readProcesses(this.#target, pids.slice(at, at + chunkOfPids), how, question());
      if (chunk.ok) this.#counts.scanned += chunk.value.processes.length;
      yield chunk;
    }
  }

  #passing(processes: readonly ProcessValues[]): readonly ProcessValues[] {
    const { where } = this.#query;
    return where === undefined ? processes : processes.filter((process) => matches(process, where, valueOf));
  }
}

/** What they were chosen by stays as it was when they were chosen, so that the order shown is the order chosen. */
function ranked(
  read: readonly ProcessValues[],
  chosen: readonly ProcessValues[],
  deciding: readonly ProcessField[],
): readonly ProcessValues[] {
  const before = new Map(chosen.map((process) => [`${String(process.pid.id)}.${String(process.pid.serial)}`, process]));
  for (const process of read) {
    const was = before.get(`${String(process.pid.id)}.${String(process.pid.serial)}`);
    for (const key of deciding) {
      // The real initial call is known only now.
      if (key !== 'initial_call') process.values.set(key, was?.values.get(key) ?? null);
    }
  }
  return read;
}
