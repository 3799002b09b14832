import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { CallState } from './state.ts';

/** Cancels a call that is going on. */
export function cancelOperation(state: CallState) {
  return defineOperation({
    name: 'cancel_operation',
    title: 'Cancel Operation',
    description:
      'Cancels a call that is going on here, by its requestId: it ends as if who made it had given it up, and its own answer says what it had done by then. Own calls only; an admin cancels anyone’s.',
    category: 'analytics',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      requestId: Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Of the call: see operation_history, outcome running.',
      }),
    }),
    result: Type.Object({ requestId: Type.String(), operation: Type.String() }),
    route: { method: 'DELETE', path: '/executions/:requestId' },
    examples: [{ title: 'One of operation_history', params: { requestId: '6a1f03c2-5a52-4c5b-9b8e-0d0f6a2d2c11' } }],
    errors: [
      {
        code: 'execution.not_running',
        remedy: 'It is over, or another window or server runs it: see operation_history.',
      },
    ],
    execute({ caller }, { requestId }) {
      const cancelled = state.cancel(requestId, caller);
      return Promise.resolve(cancelled.ok ? ok({ requestId, operation: cancelled.value.operation }) : cancelled);
    },
  });
}
