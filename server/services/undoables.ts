/** The latest calls of this process that can be taken back, in memory: how is known to the process that made them only. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { CallOptions, Runtime } from '../../runtime/port.ts';
import type { UndoableCall } from '../core/calls.ts';
import type { Undoable, Undoables, UndoOf } from '../operations/analytics/undoOperation.ts';

export const mostUndoables = 100;

export class UndoableCalls implements Undoables {
  readonly #calls = new Map<string, UndoableCall>();
  readonly #runtime: (connection: string) => Runtime | null;

  /** `runtime`: what is behind a connection now. */
  constructor(runtime: (connection: string) => Runtime | null) {
    this.#runtime = runtime;
  }

  /** A call is over that can be undone. */
  keep(call: UndoableCall): void {
    this.#calls.set(call.requestId, call);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > mostUndoables && oldest !== undefined) this.#calls.delete(oldest);
  }

  /** A connection is closed: what was done over it is out of reach. */
  forget(connection: string): void {
    for (const [requestId, call] of this.#calls) if (call.connection === connection) this.#calls.delete(requestId);
  }

  find(of: UndoOf): Result<Undoable> {
    const found = this.#find(of);
    return found.ok ? ok({ operation: found.value.operation, plan: found.value.plan }) : found;
  }

  async undo(of: UndoOf, budget: CallOptions): Promise<Result<null>> {
    const found = this.#find(of);
    if (!found.ok) return found;
    const call = found.value;
    // Once: whoever asks meanwhile is told that there is nothing.
    this.#calls.delete(call.requestId);
    const undone = await call.undo(budget);
    if (!undone.ok && undone.error.effect === 'none') this.keep(call);
    return undone;
  }

  #find({ requestId, connection, caller }: UndoOf): Result<UndoableCall> {
    const call = this.#calls.get(requestId);
    const isTheirs = call !== undefined && (caller.role === 'admin' || caller.principal === call.caller.principal);
    if (!isTheirs) {
      return failure(
        'not_found',
        'undo.nothing',
        `There is nothing of ${requestId} to undo here.`,
        'It cannot be undone, was undone before, or another process made it.',
        { pointer: '/requestId' },
      );
    }
    const allowed = call.allows(caller);
    if (!allowed.ok) return allowed;
    if (call.connection !== connection) {
      return failure(
        'conflict',
        'undo.other_connection',
        `${call.operation} was called on another connection.`,
        'Call it on the connection that the call was made on.',
        { details: { connection: call.connection } },
      );
    }
    if (call.connection !== null && this.#runtime(call.connection) !== call.runtime) {
      this.#calls.delete(requestId);
      return failure(
        'not_found',
        'undo.nothing',
        `The connection was made anew since ${call.operation}: how to take it back is not known any more.`,
        'Look at the target, and undo it by hand where that is possible.',
        { pointer: '/requestId' },
      );
    }
    return ok(call);
  }
}
