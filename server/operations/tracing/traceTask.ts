/** A trace as a task: its events stay where the runtime keeps them, and are read from there. */
import { childOptions } from '../../../runtime/callOptions.ts';
import type { NodeName, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Answer, CallOptions, TraceQuery } from '../../../runtime/port.ts';
import type { Context } from '../../core/context.ts';
import { drain } from '../streams.ts';
import type { TaskOutcome } from './taskResults.ts';
import type { TaskItem, TaskLog, Tasks } from './tasks.ts';
import { endRow, eventRow } from './traceParameters.ts';

/** What a trace needs of the port beside what finds its processes. */
export const traceNeeds = ['trace.start', 'trace.read', 'trace.stop', 'trace.list'] as const;
type TraceContext = Context<(typeof traceNeeds)[number]>;

/** No event has that place: who reads behind it is told of the end only. */
const behindAll = Number.MAX_SAFE_INTEGER;

/** Starts a trace, and makes it a task of the connection. */
export async function beginTrace(
  context: TraceContext,
  tasks: Tasks,
  subject: string,
  query: TraceQuery,
): Promise<Result<Answer<'trace.start'> & { readonly untilAt: number }>> {
  const room = tasks.room(context);
  if (!room.ok) return room;
  const started = await context.port.trace.start(query, context.options());
  if (!started.ok) return started;
  const { id, started: nodes } = started.value;
  const begun = tasks.begin(context, {
    kind: 'trace',
    subject,
    nodes: nodes.map(({ node }) => node),
    forMs: query.fuses.timeMs,
    trace: { id, log: traceLog(context, id) },
    run: (task, closing) => untilItEnds(task, id, closing),
  });
  if (begun.ok) return ok({ ...started.value, untilAt: begun.value.untilAt });
  await context.port.trace.stop({ id }, context.options());
  return begun;
}

/** The end of a trace: the one it comes to by itself, or the one that a stop makes. */
async function untilItEnds(
  context: TraceContext,
  id: string,
  closing: () => CallOptions,
): Promise<Result<TaskOutcome>> {
  const watched = await drain(context.port.trace.read({ id, after: behindAll }, context.options()), () => undefined);
  const end = context.signal.aborted ? await context.port.trace.stop({ id }, closing()) : watched;
  if (!end.ok) return end;
  const events = await traceLog(context, id).count(closing());
  return ok({ is: 'trace', result: { events, ended: end.value.ended.map(endRow) } });
}

/** The events of a trace, read where the runtime keeps them. */
function traceLog({ port }: TraceContext, id: string): TaskLog {
  return {
    async read({ after, limit, enough }, options, tell) {
      const items: TaskItem[] = [];
      const late = new Set<NodeName>();
      let missed = 0;
      let isCut = false;
      const control = new AbortController();
      const within = childOptions(options, undefined, AbortSignal.any([options.signal, control.signal]));
      const end = await drain(port.trace.read({ id, after }, within), async (frame) => {
        missed += frame.missed;
        for (const node of frame.late) late.add(node);
        const rows = frame.events.slice(0, limit - items.length).map(eventRow);
        isCut ||= rows.length < frame.events.length;
        items.push(...rows);
        if (rows.length > 0) await tell(rows);
        if (items.length >= Math.min(enough, limit)) control.abort();
      });
      // That its time is up, or that it has enough, is how a look at something that goes on ends.
      const isOver = end.ok || control.signal.aborted || end.error.class === 'timeout';
      return isOver ? ok({ items, missed, late: [...late], isLast: end.ok && !isCut }) : end;
    },
    async count(options) {
      const listed = await port.trace.list({}, options);
      return listed.ok ? (listed.value.traces.find((trace) => trace.id === id)?.events ?? 0) : 0;
    },
  };
}
