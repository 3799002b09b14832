import { Type } from 'typebox';
import type { Json } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { ListRow, Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { nullable } from '../parameters.ts';
import { persistenceResult, sinceParam, spanOf, spanProblems, untilParam } from './analyticsParameters.ts';
import type { CallState } from './state.ts';

const historyFields = {
  requestId: 'text',
  parent: 'text',
  operation: 'text',
  category: 'text',
  connection: 'text',
  principal: 'text',
  via: 'text',
  mode: 'text',
  outcome: 'text',
  code: 'text',
  effect: 'text',
  startedAt: 'number',
  durationMs: 'number',
  cpuMs: 'number',
  correlationId: 'text',
  params: 'text',
} as const;

const historyRow = Type.Partial(
  Type.Object({
    requestId: Type.String({ description: 'By which its outcome can be asked for.' }),
    parent: nullable(Type.String({ description: 'Of the batch it was an item of.' })),
    operation: Type.String(),
    category: Type.String(),
    connection: nullable(Type.String()),
    principal: Type.String(),
    via: Type.String(),
    mode: Type.String(),
    outcome: Type.Enum(['running', 'ok', 'failed', 'interrupted'], {
      description: 'interrupted: its process ended before it did.',
    }),
    code: nullable(Type.String({ description: 'Of its error.' })),
    effect: nullable(Type.String({ description: 'Of its error: what it did all the same.' })),
    startedAt: Type.Number({ description: 'Milliseconds since 1970.' }),
    durationMs: nullable(Type.Number()),
    cpuMs: nullable(
      Type.Number({ description: 'Of Arsenal’s process; null when something else ran at the same time.' }),
    ),
    correlationId: nullable(Type.String()),
    params: Type.Unsafe<Json>({ description: 'Without what is secret, and cut where it is long.' }),
  }),
);

/** The last calls: what was done, by whom, with what end. */
export function operationHistory(state: CallState, scans: Scans) {
  return defineOperation({
    name: 'operation_history',
    title: 'Operation History',
    description:
      'The calls that are going on and those that are over, newest first: what was called, by whom, with which parameters (without secrets), with what end. It outlives the server. An admin sees everyone’s calls, others their own.',
    category: 'analytics',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      operation: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 64,
          description: 'Only calls of this operation.',
          'x-arsenal': { pick: 'operation' },
        }),
      ),
      since: sinceParam,
      until: untilParam,
      ...listParams(historyFields),
    }),
    result: Type.Intersect([listResult(historyRow), Type.Object({ persistence: persistenceResult })]),
    route: { method: 'GET', path: '/analytics/history' },
    examples: [
      { title: 'What goes on now', params: { filter: { outcome: { eq: 'running' } } } },
      { title: 'What failed in the last hour', params: { since: '1h', filter: { outcome: { eq: 'failed' } } } },
    ],
    validate: spanProblems,
    async execute(context, params) {
      const listed = await listPage(context, 'operation_history', params, scans, ['requestId'], async () => {
        const { since, until } = spanOf(params, Date.now());
        const { operation } = params;
        const rows = (await state.history(context.caller)).filter(
          (row) =>
            row.startedAt >= since &&
            row.startedAt < until &&
            // The call that asks is no news to who asks.
            row.requestId !== context.requestId &&
            (operation === undefined || row.operation === operation),
        );
        return ok({ rows: rows.map((row): ListRow => ({ ...row })), nodes: [] });
      });
      return listed.ok ? ok({ ...listed.value, persistence: state.persistence() }) : listed;
    },
  });
}
