import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { probeEnded } from './probeEnded.ts';

export const restartProcess = defineOperation({
  name: 'restart_process',
  title: 'Restart Process',
  description:
    'Has the supervisor of a process end it and start it anew, as one act on its node; on request with the state it had, handed to the new process before it handles anything else.',
  category: 'process',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.restart'],
  mayUse: ['processes.info'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    keepState: Type.Boolean({ default: false, description: 'Hand the state over to the new process.' }),
    maxBytes: Type.Integer({
      minimum: 64,
      maximum: 67_108_864,
      default: 1_048_576,
      description: 'A larger state is not kept: then nothing is done.',
    }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    before: Type.String({ description: 'The id of the process it was.' }),
    supervisor: Type.String({ description: 'The id of its supervisor.' }),
    state: Type.Enum(['fresh', 'kept']),
  }),
  route: { method: 'POST', path: '/processes/:pid/restart' },
  examples: [{ title: 'With its state', params: { pid: 'Shop.Catalog', node: 'demo1@sim', keepState: true } }],
  errors: [{ code: 'process.protected', remedy: 'The node cannot live without it; it is not ended from here.' }],
  async plan(context, { pid, node, keepState, maxBytes }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    return ok({
      summary: `Restart ${pidText(process.value)} on ${process.value.node}${keepState ? ' with its state' : ''}`,
      touches: [{ node: process.value.node, pid: processId(process.value), what: 'end and start' }],
      severity: 'destroy',
      undo: 'no',
      steps: { process: process.value, keepMaxBytes: keepState ? maxBytes : null },
    });
  },
  async apply(context, { steps }) {
    const { process, keepMaxBytes } = steps;
    const done = await context.port.processes.restart(
      { pid: process, ...(keepMaxBytes !== null && { keepMaxBytes }) },
      context.options(),
    );
    if (!done.ok) return done;
    const { pid, supervisor, state } = done.value;
    return ok({ ...namedProcess(pid), before: processId(process), supervisor: processId(supervisor), state });
  },
  // It is one act on its node, which comes to its end without us.
  probe: (context, { steps }) => probeEnded(context, steps.process),
});
