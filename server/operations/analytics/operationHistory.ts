import { Type } from 'typebox';
import type { Json } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { nullable } from '../parameters.ts';
import {
  backgroundParam,
  operationParam,
  persistenceResult,
  sinceParam,
  spanOf,
  spanProblems,
  untilParam,
} from './analyticsParameters.ts';
import type { CallRow, CallState } from './state.ts';

const outcomes = ['running', 'ok', 'failed', 'interrupted'] as const;
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
  background: 'boolean',
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
    outcome: Type.Enum([...outcomes], {
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
    background: Type.Boolean({ description: 'Nobody asked for it: see the parameter of that name.' }),
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
      operation: operationParam,
      outcome: Type.Optional(Type.Enum([...outcomes], { description: 'Only calls with this end.' })),
      principal: Type.Optional(
        Type.String({ minLength: 1, maxLength: 255, description: 'Only calls of this caller.' }),
      ),
      text: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 200,
          description: 'Only calls that have this in their names, ids, error code or parameters, in capitals or not.',
        }),
      ),
      background: backgroundParam,
      since: sinceParam,
      until: untilParam,
      ...listParams(historyFields),
    }),
    result: Type.Intersect([listResult(historyRow), Type.Object({ persistence: persistenceResult })]),
    route: { method: 'GET', path: '/analytics/history' },
    examples: [
      { title: 'What goes on now', params: { outcome: 'running' } },
      { title: 'What failed in the last hour', params: { since: '1h', outcome: 'failed' } },
      { title: 'The slowest of today', params: { since: '1d', sort: '-durationMs', limit: 10 } },
      { title: 'Everything about one process', params: { text: 'Shop.Catalog' } },
    ],
    validate: spanProblems,
    async execute(context, params) {
      const listed = await listPage(context, 'operation_history', params, scans, ['requestId'], async () => {
        const { since, until } = spanOf(params, Date.now());
        const { operation, outcome, principal, background } = params;
        const text = params.text?.toLowerCase();
        const rows = (await state.history(context.caller)).filter(
          (row) =>
            row.startedAt >= since &&
            row.startedAt < until &&
            // The call that asks is no news to who asks.
            row.requestId !== context.requestId &&
            (background || !row.background) &&
            (operation === undefined || row.operation === operation) &&
            (outcome === undefined || row.outcome === outcome) &&
            (principal === undefined || row.principal === principal) &&
            (text === undefined || isAbout(row, text)),
        );
        return ok({ rows, nodes: [] });
      });
      return listed.ok ? ok({ ...listed.value, persistence: state.persistence() }) : listed;
    },
  });
}

/** `text` is in lower case. */
function isAbout(
  { operation, category, connection, principal, code, requestId, correlationId, params }: CallRow,
  text: string,
): boolean {
  const said = [operation, category, connection, principal, code, requestId, correlationId];
  return (
    said.some((one) => one?.toLowerCase().includes(text) === true) ||
    JSON.stringify(params).toLowerCase().includes(text)
  );
}
