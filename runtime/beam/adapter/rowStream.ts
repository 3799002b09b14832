/**
 * The rows of all processes of a node, page by page, out of one call that runs there until they are read (rows.erl). It reads on only
 * while we take pages, and ends with the call: when it is given up, runs out of time, or the link is lost.
 */
import { childOptions, longestMs, remainingNow } from '../../callOptions.ts';
import type { Failure, ProcessField, Result, RowPage } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { RawTerm, TermCursor } from '../../term/cursor.ts';
import { readRaw } from '../../term/cursor.ts';
import type { PidTerm, Term } from '../../term/term.ts';
import { atom, integer, isAtom, list, tuple } from '../../term/term.ts';
import type { Connection } from '../dist/connection.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { ProcessRows } from './processRows.ts';
import { numberOf, tupleOf } from './read.ts';
import { silent } from './session.ts';

/** What is asked of a node; see rows_scan/5. */
export type RowQuery = {
  readonly keys: readonly ProcessField[];
  /** Items that decide which processes are meant, then those that are read of these only. */
  readonly deciding: readonly string[];
  readonly items: readonly string[];
  readonly less: readonly string[];
  readonly where: Term;
  /** All of them, so many as they come, or the best. */
  readonly which:
    | 'all'
    | { readonly first: number }
    | { readonly n: number; readonly item: string; readonly direction: 'ascending' | 'descending' };
  readonly pageRows: number;
  /** More processes than that are refused when the items are costly, and are not asked for their real initial calls; null: no limit. */
  readonly most: number | null;
  readonly isCostly: boolean;
};

/** How many matched, and how many were looked at; or that there are more than `most`. */
export type RowCounts =
  | { readonly is: 'done'; readonly matched: number; readonly looked: number }
  | { readonly is: 'too_many'; readonly count: number };

/** Pages on their way at once: while one is read here, the node makes the next. */
const pagesAhead = 4;
const subject = 'The list of processes';

/** One scan of one node. */
export class RowStream {
  readonly #target: NodeTarget;
  readonly #connection: Connection;
  readonly #query: RowQuery;
  readonly #reader: ProcessRows;
  readonly #pages: RowPage[] = [];
  #came = 0;
  #from: PidTerm | null = null;
  #clock: { readonly nodeUs: number; readonly at: number; readonly errorUs: number } | null = null;
  #askedAt = 0;
  #end: Result<Term> | null = null;
  #fault: Failure | null = null;
  #wake: () => void = () => undefined;

  constructor(target: NodeTarget, connection: Connection, query: RowQuery) {
    this.#target = target;
    this.#connection = connection;
    this.#query = query;
    this.#reader = new ProcessRows(query.keys, [...query.deciding, ...query.items]);
  }

  /**
   * The pages, then the counts. `options` are those of the whole; `question` answers those of the wait for one page, since a node that
   * falls silent must leave time for others.
   */
  async *read(options: CallOptions, question: () => CallOptions): AsyncGenerator<RowPage, Result<RowCounts>> {
    const giveUp = new AbortController();
    const end = (): void => {
      giveUp.abort();
    };
    options.signal.addEventListener('abort', end);
    if (options.signal.aborted) end();
    const receiver = this.#connection.spawnRawPid({
      message: (raw, from) => {
        this.#take(raw, from);
      },
      exit: () => undefined,
    });
    try {
      this.#askedAt = Date.now();
      void this.#target
        .run('rows_scan', this.#args(receiver.pid), childOptions(options, longestMs, giveUp.signal))
        .then((said) => {
          this.#end = answered(said, this.#target.node, subject);
          this.#wake();
        });
      for (;;) {
        const page = this.#pages.shift();
        if (page !== undefined) {
          yield page;
          this.#grant(1);
          continue;
        }
        const result = this.#result();
        if (result !== null) return result;
        if (!(await this.#more(question()))) return fail(silent(this.#target.node));
      }
    } finally {
      options.signal.removeEventListener('abort', end);
      giveUp.abort();
      receiver.release();
    }
  }

  #args(to: Term): readonly Term[] {
    const { deciding, items, less, where, which, pageRows, most, isCostly } = this.#query;
    const atoms = (names: readonly string[]): Term => list(names.map(atom));
    return [
      to,
      tuple(atoms(items), atoms(less), atom(String(isCostly))),
      tuple(atoms(deciding), where, whichTerm(which)),
      integer(pageRows),
      most === null ? atom('infinity') : integer(most),
    ];
  }

  /** What is known of the end; null while pages may still come. A page can come behind the answer to the call. */
  #result(): Result<RowCounts> | null {
    if (this.#fault !== null) return this.#fault;
    if (this.#end === null) return null;
    if (!this.#end.ok) return this.#end;
    const [how, ...numbers] = tupleOf(this.#end.value) ?? [];
    const [first, matched, looked] = numbers.map(numberOf);
    if (isAtom(how, 'too_many') && typeof first === 'number') return ok({ is: 'too_many', count: first });
    if (
      !isAtom(how, 'done') ||
      typeof first !== 'number' ||
      typeof matched !== 'number' ||
      typeof looked !== 'number'
    ) {
      return strangeAnswer(this.#target.node, subject);
    }
    return this.#came < first ? null : ok({ is: 'done', matched, looked });
  }

  /** Waits for whatever comes next; false when nothing did in time. */
  #more(options: CallOptions): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          resolve(false);
        },
        Math.max(1, remainingNow(options)),
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #grant(pages: number): void {
    if (this.#from !== null) this.#connection.send(this.#from, tuple(atom('credit'), integer(pages)));
  }

  /** {scan, Pid, WhenUs}, once, then {page, WhenUs, Rows}. */
  #take(raw: RawTerm, from: PidTerm | null): void {
    const taken = readRaw(raw, (cursor) => {
      cursor.tupleOf(3);
      if (cursor.atom().v === 'page') {
        this.#page(cursor);
        return;
      }
      this.#from = cursor.pidTerm();
      const now = Date.now();
      const roundMs = now - this.#askedAt;
      this.#clock = { nodeUs: cursor.number(), at: now - roundMs / 2, errorUs: (roundMs / 2) * 1000 };
      this.#grant(pagesAhead);
    });
    if (!taken.ok || (from !== null && from.node !== this.#target.node)) {
      this.#fault = strangeAnswer(this.#target.node, subject);
    }
    this.#wake();
  }

  #page(cursor: TermCursor): void {
    const monotonicUs = cursor.number();
    const { ids, serials, columns } = this.#reader.read(cursor);
    const clock = this.#clock ?? { nodeUs: monotonicUs, at: Date.now(), errorUs: 0 };
    const { node, creation } = this.#target;
    this.#came += 1;
    this.#pages.push({
      of: { node, creation },
      ids,
      serials,
      columns,
      takenAt: {
        node,
        creation,
        monotonicUs,
        estimatedAt: clock.at + (monotonicUs - clock.nodeUs) / 1000,
        errorUs: clock.errorUs,
      },
    });
  }
}

function whichTerm(which: RowQuery['which']): Term {
  if (which === 'all') return atom(which);
  if ('first' in which) return tuple(atom('first'), integer(which.first));
  return tuple(integer(which.n), atom(which.item), atom(which.direction));
}
