import { Type } from 'typebox';
import { cancelled } from '../../../runtime/errors.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable } from '../parameters.ts';
import { endResult, outcomeResult, taskKinds } from './taskResults.ts';
import type { TaskItem, TaskPage, Tasks } from './tasks.ts';
import { eventResult, traceParam } from './traceParameters.ts';

const mostItems = 5_000;
/** Beyond `waitMs`: what the end of a wait itself takes. */
const slackMs = 50;

const readingResult = Type.Object(
  {
    seq: Type.Integer({ description: 'Its place, from 1.' }),
    at: Type.Number({ description: 'Milliseconds since 1970.' }),
  },
  { description: 'Of a monitor, a profile or a search for leaks: what was read then.' },
);

/** What a task has told, and in the end what became of it. */
export function getTraceResults(tasks: Tasks) {
  return defineOperation({
    name: 'get_trace_results',
    title: 'Get Trace Results',
    description:
      'What a trace, a monitor, a profile or a search for leaks has told behind `after` (events of a trace in order over all nodes, else readings): what there is, or, with `waitMs`, what comes until then, or until there is `enough`. Items come as progress too. Once it has ended and all items have been read, `outcome` is its result in full, or its error. Own ones only; an admin reads anyone’s.',
    category: 'tracing',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({
      trace: traceParam,
      after: Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 0,
        description: 'The last seq had.',
      }),
      limit: Type.Integer({ minimum: 1, maximum: mostItems, default: 500, description: 'Items in one answer.' }),
      waitMs: Type.Integer({ minimum: 0, maximum: 60_000, default: 1_000, description: 'How long to wait for more.' }),
      enough: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: mostItems,
          description:
            'Wait no longer than for so many; with 1, until there is anything. As many as `limit` when absent.',
        }),
      ),
    }),
    result: Type.Object({
      trace: Type.String(),
      kind: Type.Enum([...taskKinds]),
      items: Type.Unsafe<readonly TaskItem[]>(Type.Array(Type.Union([eventResult, readingResult]))),
      next: Type.Integer({ description: 'Give it as `after` for what comes next.' }),
      missed: Type.Integer({ description: 'Items behind `after` that are no longer kept.' }),
      late: Type.Array(Type.String(), { description: 'Of a trace: nodes that have said nothing for a while.' }),
      running: Type.Boolean(),
      ended: Type.Array(endResult, { description: 'Of a trace: how it ended on each node.' }),
      outcome: nullable(outcomeResult),
    }),
    route: { method: 'GET', path: '/traces/:trace' },
    examples: [{ title: 'From the beginning', params: { trace: 'demo1@sim~trace~1', waitMs: 100 } }],
    errors: [{ code: 'trace.not_found', remedy: 'See list_traces; an ended one is kept for ten minutes.' }],
    timeoutMs: 70_000,
    async execute(context, { trace, after, limit, waitMs, enough = limit }) {
      const found = tasks.find(trace, context.caller);
      if (!found.ok) return found;
      const task = found.value;
      const options = context.options(waitMs + slackMs);
      const read = await task.log.read({ after, limit, enough }, options, (rows) => context.emit({ is: 'rows', rows }));
      // Who has turned away is not told half of it.
      if (context.signal.aborted) return cancelled('none');
      // Where its connection, or what the runtime kept of it, is gone there is nothing more to read; what became of it is known.
      if (!read.ok && task.outcome === null) return read;
      const page = read.ok ? read.value : nothingMore;
      if (page.isLast) await task.ended;
      const outcome = page.isLast ? task.outcome : null;
      return ok({
        trace,
        kind: task.kind,
        items: page.items,
        next: page.items.at(-1)?.seq ?? after,
        missed: page.missed,
        late: [...page.late],
        running: task.outcome === null,
        ended: outcome?.is === 'trace' ? outcome.result.ended : [],
        outcome,
      });
    },
  });
}

const nothingMore: TaskPage = { items: [], missed: 0, late: [], isLast: true };
