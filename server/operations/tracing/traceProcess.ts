import { Type } from 'typebox';
import { ok, pidText } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import {
  costlyParam,
  fuseParams,
  functionsParam,
  fusesOf,
  returnsParam,
  startedResult,
  startedRow,
  tracedFunctions,
} from './traceParameters.ts';
import type { Tasks } from './tasks.ts';
import { beginTrace, traceNeeds } from './traceTask.ts';

/** Begins to trace one process. */
export function traceProcess(tasks: Tasks) {
  return defineOperation({
    name: 'trace_process',
    title: 'Trace Process',
    description:
      'Begins to trace one process: what it sends and receives, the functions it calls, whom it starts and links. Answers the id of the trace at once; get_trace_results brings the events. Five fuses on the node end it by itself.',
    category: 'tracing',
    severity: 'diagnose',
    idempotent: false,
    needs: [...resolveNeeds, ...traceNeeds],
    params: Type.Object({
      pid: pidParam,
      node: onNodeParam,
      trace: Type.Array(Type.Enum(['send', 'receive', 'call', 'process']), {
        minItems: 1,
        maxItems: 4,
        default: ['send', 'receive', 'process'],
        description: 'What of it; call needs functions.',
      }),
      functions: functionsParam,
      returns: returnsParam,
      costly: costlyParam,
      ...fuseParams,
    }),
    result: startedResult,
    route: { method: 'POST', path: '/processes/:pid/traces' },
    examples: [{ title: 'Its messages', params: { pid: 'Shop.Catalog', node: 'demo1@sim', timeMs: 2000 } }],
    errors: [
      { code: 'trace.costly', remedy: 'Trace less, raise eventsPerSecond, or set costly.' },
      { code: 'trace.tracer_taken', remedy: 'Another tracer has the process; end that one first.' },
    ],
    validate: ({ trace, functions }) =>
      trace.includes('call') === functions.length > 0
        ? []
        : [{ pointer: '/functions', message: 'are needed for call, and only for it.' }],
    async execute(context, params) {
      const { pid, node, trace, functions: written, returns, costly } = params;
      const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
      if (!process.ok) return process;
      const functions = tracedFunctions(written, returns);
      if (!functions.ok) return functions;
      const started = await beginTrace(context, tasks, pidText(process.value), {
        nodes: [process.value.node],
        targets: [process.value],
        events: trace,
        ...(functions.value.length > 0 && { functions: functions.value }),
        fuses: fusesOf(params),
        require: 'all',
        costly: costly ? 'allowed' : 'refused',
        owner: context.owner,
        lingerMs: 10_000,
      });
      return started.ok ? ok(startedRow(started.value)) : started;
    },
  });
}
