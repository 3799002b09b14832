import { Type } from 'typebox';
import type { Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { CallOptions } from '../../../runtime/port.ts';
import type { Caller, Context } from '../../core/context.ts';
import type { Plan } from '../../core/operation.ts';
import { defineOperation } from '../../core/operation.ts';

/** A call that is over and can be taken back. */
export type Undoable = { readonly operation: string; readonly plan: Plan<Json> };

/** The calls of this process that can be taken back: the latest, as long as it lives. */
export interface Undoables {
  /**
   * Errors: `undo.nothing` where there is none of that requestId, or none that this caller may see; `undo.other_connection`; where the
   * caller may not do it now, what says so (`role.insufficient`).
   */
  find(of: UndoOf): Result<Undoable>;
  /** Takes it back, once. Errors beside those of {@link find}: its operation's own. */
  undo(of: UndoOf, budget: CallOptions): Promise<Result<null>>;
}
export type UndoOf = { readonly requestId: string; readonly connection: string | null; readonly caller: Caller };

/** Takes back what a call did. */
export function undoOperation(undoables: Undoables) {
  const of = ({ connection, caller }: Context<never>, requestId: string): UndoOf => ({
    requestId,
    connection: connection?.id ?? null,
    caller,
  });
  return defineOperation({
    name: 'undo_operation',
    title: 'Undo Operation',
    description:
      'Takes back what a call did, by its requestId: what was started ends, what was suspended runs on, what was moved is moved back, as far as its operation can. The latest 100 calls of this process that can be undone are kept, each until it is undone. What was ended, sent or run cannot be.',
    category: 'analytics',
    severity: 'read',
    idempotent: false,
    needs: [],
    params: Type.Object({
      requestId: Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Of the call whose answer said that it can be undone: see operation_history.',
      }),
    }),
    result: Type.Object({
      requestId: Type.String(),
      operation: Type.String(),
      undone: Type.String({ description: 'What was taken back.' }),
      whole: Type.Boolean({ description: 'False: its operation says that a part of it lasts.' }),
    }),
    route: { method: 'POST', path: '/executions/:requestId/undo' },
    examples: [{ title: 'One of operation_history', params: { requestId: '6a1f03c2-5a52-4c5b-9b8e-0d0f6a2d2c11' } }],
    errors: [
      { code: 'undo.nothing', remedy: 'It cannot be undone, was undone before, or another process made it.' },
      { code: 'undo.other_connection', remedy: 'Call it on the connection that the call was made on.' },
    ],
    timeoutMs: 120_000,
    graceMs: 30_000,
    plan(context, { requestId }) {
      const found = undoables.find(of(context, requestId));
      if (!found.ok) return Promise.resolve(found);
      const { operation, plan } = found.value;
      return Promise.resolve(
        ok({
          summary: `Undo: ${plan.summary}`,
          touches: plan.touches,
          // What the connection does not let be done it does not let be taken back.
          severity: plan.severity,
          undo: 'no' as const,
          steps: { requestId, operation, undone: plan.summary, whole: plan.undo === 'yes' },
        }),
      );
    },
    async apply(context, { steps }) {
      const undone = await undoables.undo(of(context, steps.requestId), context.options());
      return undone.ok ? ok(steps) : undone;
    },
  });
}
