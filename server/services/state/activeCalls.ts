/** The calls that are going on in this process: listed, followed, cancelled. */
import { failure } from '../../../runtime/errors.ts';
import type { Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Row } from '../../../runtime/watch.ts';
import { WatchSource } from '../../../runtime/watch.ts';
import type { WatchFeed } from '../../../runtime/watch.ts';
import type { Caller } from '../../core/context.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { OperationCall, OperationProgress } from '../../protocol/operation.ts';

type Active = {
  readonly call: OperationCall;
  readonly caller: Caller;
  readonly stop: AbortController;
  /** Made when somebody follows it. */
  follow: WatchSource | null;
  /** What has been told so far, for who follows later. */
  readonly rows: Map<string, Row>;
  /** Whether nothing else ran while it did. */
  isAlone: boolean;
};

/** Rows that a call has told and that are kept for who follows it later. */
const mostRows = 2_000;

export class ActiveCalls {
  readonly #active = new Map<string, Active>();

  /** A call begins; null when one with its requestId is going on, which it will join. */
  begin(call: OperationCall, caller: Caller): Active | null {
    if (this.#active.has(call.requestId)) return null;
    const isAlone = this.#active.size === 0;
    for (const other of this.#active.values()) other.isAlone = false;
    const active: Active = { call, caller, stop: new AbortController(), follow: null, rows: new Map(), isAlone };
    this.#active.set(call.requestId, active);
    return active;
  }

  /** It has told something on its way. */
  progress(active: Active, progress: OperationProgress): void {
    if (progress.is === 'progress') {
      this.#row(active, 'progress', { ...progress });
      return;
    }
    for (const each of progress.rows) {
      const row = isJsonObject(each) ? each : { value: each };
      this.#row(active, rowKey(row, active.rows.size), row);
    }
  }

  end(active: Active): void {
    this.#active.delete(active.call.requestId);
    active.follow?.close();
  }

  has(requestId: string): boolean {
    return this.#active.has(requestId);
  }

  /**
   * Cancels a call of this caller's (an admin cancels anyone's): it ends as if who made it had given it up. Error: `execution.not_running`.
   */
  cancel(requestId: string, caller: Caller): Result<OperationCall> {
    const active = this.#active.get(requestId);
    if (active === undefined || !isTheirs(active, caller)) return notRunning();
    active.stop.abort();
    return ok(active.call);
  }

  /** What a call tells on its way, as rows by their id; it ends with the call. Error: `execution.not_running`. */
  follow(requestId: string, caller: Caller): Result<WatchFeed> {
    const active = this.#active.get(requestId);
    if (active === undefined || !isTheirs(active, caller)) return notRunning();
    if (active.follow === null) {
      active.follow = new WatchSource({ fidelity: { is: 'exact' } });
      active.follow.set([...active.rows]);
    }
    return ok(active.follow);
  }

  #row(active: Active, key: string, row: Row): void {
    if (!active.rows.has(key) && active.rows.size >= mostRows) return;
    active.rows.set(key, row);
    active.follow?.patch([[key, row]], []);
  }
}

function isTheirs({ caller }: Active, by: Caller): boolean {
  return by.role === 'admin' || by.principal === caller.principal;
}

/** Rows that name themselves replace each other; others are numbered. */
function rowKey({ id }: Row, number: number): string {
  return typeof id === 'string' ? `row ${id}` : `row #${number}`;
}

function notRunning(): Result<never> {
  return failure(
    'not_found',
    'execution.not_running',
    'No call of yours with this requestId is going on here.',
    'It is over, or another window or server runs it: see operation_history.',
  );
}
