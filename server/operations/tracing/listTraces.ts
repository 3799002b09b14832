import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable } from '../parameters.ts';
import { endResult, taskKinds } from './taskResults.ts';
import type { Task, Tasks } from './tasks.ts';

/** What goes on, or has ended lately. */
export function listTraces(tasks: Tasks) {
  return defineOperation({
    name: 'list_traces',
    title: 'List Traces',
    description:
      'The traces, monitors, profiles and searches for leaks of this connection: those that run, and those that ended in the last ten minutes.',
    category: 'tracing',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({}),
    result: Type.Object({
      items: Type.Array(
        Type.Object({
          trace: Type.String(),
          kind: Type.Enum([...taskKinds]),
          operation: Type.String(),
          subject: Type.String({ description: 'What is looked at.' }),
          startedAt: Type.Number({ description: 'Milliseconds since 1970.' }),
          startedBy: Type.String(),
          until: Type.Number({ description: 'When it ends by itself, in milliseconds since 1970.' }),
          nodes: Type.Array(Type.String()),
          events: Type.Integer({ description: 'Events or readings so far.' }),
          running: Type.Boolean(),
          outcome: nullable(Type.Enum(['finished', 'stopped', 'failed'], { description: 'Null while it runs.' })),
          code: nullable(Type.String({ description: 'Of the error it failed with.' })),
          ended: Type.Array(endResult, { description: 'Of a trace: how it ended on each node.' }),
        }),
      ),
      total: Type.Integer(),
      next: Type.Null(),
    }),
    route: { method: 'GET', path: '/traces' },
    examples: [{ title: 'All', params: {} }],
    async execute(context) {
      const found = tasks.list(context.connection?.id ?? null);
      const items = await Promise.all(
        found.map(async (task) => ({ ...rowOf(task), events: await task.log.count(context.options()) })),
      );
      return ok({ items, total: items.length, next: null });
    },
  });
}

function rowOf(task: Task) {
  const { id, kind, operation, subject, startedAt, principal, untilAt, nodes, outcome } = task;
  return {
    trace: id,
    kind,
    operation,
    subject,
    startedAt,
    startedBy: principal,
    until: untilAt,
    nodes: [...nodes],
    running: outcome === null,
    outcome: howItEnded(task),
    code: outcome?.is === 'failed' ? outcome.error.code : null,
    ended: outcome?.is === 'trace' ? outcome.result.ended : [],
  };
}

/** How a task ended; null while it runs. */
export function howItEnded({
  outcome,
  wasStopped,
}: Pick<Task, 'outcome' | 'wasStopped'>): 'finished' | 'stopped' | 'failed' | null {
  if (outcome === null) return null;
  if (outcome.is === 'failed') return 'failed';
  return wasStopped ? 'stopped' : 'finished';
}
