import { Type } from 'typebox';
import type { TraceEnd } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { drain } from '../streams.ts';
import { endResult, endRow, eventResult, eventRow, traceParam } from './traceParameters.ts';

const mostEvents = 5_000;

export const getTraceResults = defineOperation({
  name: 'get_trace_results',
  title: 'Get Trace Results',
  description:
    'The events of a trace behind `after`, in order over all nodes: those there are, or, with `waitMs`, those that come until then. Events come as progress too.',
  category: 'tracing',
  severity: 'diagnose',
  idempotent: true,
  needs: ['trace.read', 'trace.list'],
  params: Type.Object({
    trace: traceParam,
    after: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'The last seq had.' }),
    limit: Type.Integer({ minimum: 1, maximum: mostEvents, default: 500, description: 'Events in one answer.' }),
    waitMs: Type.Integer({ minimum: 0, maximum: 60_000, default: 1_000, description: 'How long to wait for more.' }),
  }),
  result: Type.Object({
    trace: Type.String(),
    items: Type.Array(eventResult),
    next: Type.Integer({ description: 'Give it as `after` for what comes next.' }),
    missed: Type.Integer({ description: 'Events behind `after` that are no longer kept.' }),
    late: Type.Array(Type.String(), { description: 'Nodes that have said nothing for a while.' }),
    running: Type.Boolean(),
    ended: Type.Array(endResult),
  }),
  route: { method: 'GET', path: '/traces/:trace' },
  examples: [{ title: 'From the beginning', params: { trace: 'demo1@sim~trace~1', waitMs: 100 } }],
  errors: [{ code: 'trace.not_found', remedy: 'See list_traces; an ended one is kept for ten minutes.' }],
  timeoutMs: 70_000,
  async execute(context, { trace, after, limit, waitMs }) {
    const items: ReturnType<typeof eventRow>[] = [];
    const late = new Set<string>();
    const ended = new Map<string, TraceEnd>();
    let missed = 0;
    const control = new AbortController();
    const within = { ...context.options(waitMs + 50), signal: AbortSignal.any([context.signal, control.signal]) };
    const end = await drain(context.port.trace.read({ id: trace, after }, within), async (frame) => {
      missed += frame.missed;
      for (const node of frame.late) late.add(node);
      for (const one of frame.ended) ended.set(one.node, one);
      const rows = frame.events.slice(0, limit - items.length).map(eventRow);
      items.push(...rows);
      if (rows.length > 0) await context.emit({ is: 'rows', rows });
      if (items.length >= limit) control.abort();
    });
    // That its time is up, or that it has enough, is how a look at something that goes on ends.
    const isOver = end.ok || control.signal.aborted || end.error.class === 'timeout';
    if (!isOver) return end;
    if (end.ok) for (const one of end.value.ended) ended.set(one.node, one);
    const listed = await context.port.trace.list({}, context.options());
    const info = listed.ok ? listed.value.traces.find(({ id }) => id === trace) : undefined;
    return ok({
      trace,
      items,
      next: items.at(-1)?.seq ?? after,
      missed,
      late: [...late],
      running: info === undefined ? !end.ok : info.ended.length < info.nodes.length,
      ended: [...ended.values()].map(endRow),
    });
  },
});
