import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess, shownTermResult } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { shownTerm } from '../terms.ts';

export const getProcessState = defineOperation({
  name: 'get_process_state',
  title: 'Get Process State',
  description:
    'The state of a process that speaks the sys protocol (gen_server, gen_statem, GenServer, Agent …). The process itself answers, so one that is busy answers late or not at all.',
  category: 'process',
  severity: 'diagnose',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.state'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    maxBytes: Type.Integer({
      minimum: 64,
      maximum: 1_048_576,
      default: 65_536,
      description: 'What is larger is cut, and says so.',
    }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    state: shownTermResult,
    whole: Type.Boolean({ description: 'Whether nothing was left out.' }),
  }),
  route: { method: 'GET', path: '/processes/:pid/state' },
  timeoutMs: 5_000,
  examples: [{ title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } }],
  errors: [{ code: 'process.no_answer', remedy: 'It is busy, suspended, or does not speak the sys protocol.' }],
  async execute(context, { pid, node, maxBytes }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const state = await context.port.processes.state({ pid: process.value, maxBytes }, context.options());
    if (!state.ok) return state;
    return ok({ ...namedProcess(process.value), state: shownTerm(state.value.state), whole: state.value.whole });
  },
});
