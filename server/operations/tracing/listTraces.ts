import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { endResult, endRow } from './traceParameters.ts';

export const listTraces = defineOperation({
  name: 'list_traces',
  title: 'List Traces',
  description: 'The traces of this connection: those that run, and those that ended in the last ten minutes.',
  category: 'tracing',
  severity: 'read',
  idempotent: true,
  needs: ['trace.list'],
  params: Type.Object({}),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        trace: Type.String(),
        startedAt: Type.Number({ description: 'Milliseconds since 1970.' }),
        startedBy: Type.String(),
        nodes: Type.Array(Type.String()),
        events: Type.Integer(),
        running: Type.Boolean(),
        ended: Type.Array(endResult),
      }),
    ),
    total: Type.Integer(),
    next: Type.Null(),
  }),
  route: { method: 'GET', path: '/traces' },
  examples: [{ title: 'All', params: {} }],
  async execute(context) {
    const listed = await context.port.trace.list({}, context.options());
    if (!listed.ok) return listed;
    const items = listed.value.traces.map(({ id, startedAt, owner, nodes, ended, events }) => ({
      trace: id,
      startedAt,
      startedBy: owner.principal,
      nodes: nodes.map(({ node }) => node),
      events,
      running: ended.length < nodes.length,
      ended: ended.map(endRow),
    }));
    return ok({ items, total: items.length, next: null });
  },
});
