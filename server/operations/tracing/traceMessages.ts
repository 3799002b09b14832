import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { noNode } from '../resolve.ts';
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

const mostNodes = 100;

const subjects = { existing: 'processes that run', new: 'processes that start', all: 'all processes' } as const;

/** Begins to trace several nodes as one stream. */
export function traceMessages(tasks: Tasks) {
  return defineOperation({
    name: 'trace_messages',
    title: 'Trace Messages',
    description:
      'Begins to trace the processes of several nodes as one stream: messages, calls of functions, starts and ends, ordered over the nodes by their estimated clocks. Answers the id of the trace at once. Five fuses on each node end it by itself; never traced are processes of Arsenal itself.',
    category: 'tracing',
    severity: 'diagnose',
    idempotent: false,
    needs: ['cluster.nodes', ...traceNeeds],
    params: Type.Object({
      nodes: Type.Array(nodeParam, {
        maxItems: mostNodes,
        default: [],
        description: 'All that can be reached when empty.',
      }),
      targets: Type.Enum(['existing', 'new', 'all'], {
        default: 'existing',
        description: 'Processes that run now, those that will be started, or both.',
      }),
      trace: Type.Array(Type.Enum(['send', 'receive', 'call', 'process']), {
        minItems: 1,
        maxItems: 4,
        default: ['send', 'receive'],
        description: 'What of them; call needs functions.',
      }),
      functions: functionsParam,
      returns: returnsParam,
      require: Type.Enum(['all', 'any'], {
        default: 'any',
        description: 'Begin nowhere unless on every node, or where it can.',
      }),
      costly: costlyParam,
      ...fuseParams,
    }),
    result: startedResult,
    route: { method: 'POST', path: '/traces' },
    examples: [
      {
        title: 'Calls on all nodes',
        params: { trace: ['call'], functions: ['Shop.Catalog.handle_call/3'], timeMs: 2000 },
      },
    ],
    errors: [{ code: 'trace.costly', remedy: 'Trace less, raise eventsPerSecond, or set costly.' }],
    validate: ({ trace, functions }) =>
      trace.includes('call') === functions.length > 0
        ? []
        : [{ pointer: '/functions', message: 'are needed for call, and only for it.' }],
    async execute(context, params) {
      const functions = tracedFunctions(params.functions, params.returns);
      if (!functions.ok) return functions;
      const nodes = params.nodes.length > 0 ? ok(params.nodes) : await reachable();
      if (!nodes.ok) return nodes;
      const started = await beginTrace(context, tasks, subjects[params.targets], {
        nodes: nodes.value,
        targets: params.targets,
        events: params.trace,
        ...(functions.value.length > 0 && { functions: functions.value }),
        fuses: fusesOf(params),
        require: params.require,
        costly: params.costly ? 'allowed' : 'refused',
        owner: context.owner,
        lingerMs: 10_000,
      });
      return started.ok ? ok(startedRow(started.value)) : started;

      async function reachable() {
        const known = await context.port.cluster.nodes({}, context.options());
        if (!known.ok) return known;
        const direct = known.value.nodes.filter(({ reach }) => reach.via === 'direct').map(({ node }) => node);
        return direct.length > 0 ? ok(direct) : noNode();
      }
    },
  });
}
