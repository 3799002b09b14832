import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { endResult, endRow, traceParam } from './traceParameters.ts';

export const stopTrace = defineOperation({
  name: 'stop_trace',
  title: 'Stop Trace',
  description: 'Ends a trace on all its nodes; its events can be read for ten minutes more.',
  category: 'tracing',
  severity: 'diagnose',
  idempotent: true,
  needs: ['trace.stop'],
  params: Type.Object({ trace: traceParam }),
  result: Type.Object({ trace: Type.String(), ended: Type.Array(endResult) }),
  route: { method: 'DELETE', path: '/traces/:trace' },
  examples: [{ title: 'By its id', params: { trace: 'demo1@sim~trace~1' } }],
  errors: [{ code: 'trace.not_found', remedy: 'See list_traces for those there are.' }],
  async execute(context, { trace }) {
    const stopped = await context.port.trace.stop({ id: trace }, context.options());
    return stopped.ok ? ok({ trace, ended: stopped.value.ended.map(endRow) }) : stopped;
  },
});
