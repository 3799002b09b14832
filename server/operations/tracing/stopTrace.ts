import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable } from '../parameters.ts';
import { endResult, outcomeResult } from './taskResults.ts';
import type { Tasks } from './tasks.ts';
import { traceParam } from './traceParameters.ts';

/** Ends a task early. */
export function stopTrace(tasks: Tasks) {
  return defineOperation({
    name: 'stop_trace',
    title: 'Stop Trace',
    description:
      'Ends a trace on all its nodes, or a monitor, a profile or a search for leaks, and answers what it had until then; its items can be read for ten minutes more. Own ones only; an admin ends anyone’s.',
    category: 'tracing',
    severity: 'read',
    idempotent: true,
    needs: [],
    params: Type.Object({ trace: traceParam }),
    result: Type.Object({
      trace: Type.String(),
      ended: Type.Array(endResult, { description: 'Of a trace: how it ended on each node.' }),
      outcome: nullable(outcomeResult),
    }),
    route: { method: 'DELETE', path: '/traces/:trace' },
    examples: [{ title: 'By its id', params: { trace: 'demo1@sim~trace~1' } }],
    errors: [{ code: 'trace.not_found', remedy: 'See list_traces for those there are.' }],
    async execute({ caller }, { trace }) {
      const stopped = await tasks.stop(trace, caller);
      if (!stopped.ok) return stopped;
      const { outcome } = stopped.value;
      return ok({ trace, ended: outcome?.is === 'trace' ? outcome.result.ended : [], outcome });
    },
  });
}
