import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { known } from '../knownErrors.ts';

export const garbageCollectProcess = defineOperation({
  name: 'garbage_collect_process',
  title: 'Garbage Collect Process',
  description: 'Has a process collect its garbage now, and says what that freed.',
  category: 'process',
  severity: 'change',
  idempotent: true,
  needs: [...resolveNeeds, 'processes.collectGarbage'],
  params: Type.Object({ pid: pidParam, node: onNodeParam }),
  result: Type.Object({
    ...placementOfProcess,
    bytesBefore: Type.Number(),
    bytesAfter: Type.Number(),
    freedBytes: Type.Number(),
  }),
  route: { method: 'POST', path: '/processes/:pid/garbage-collect' },
  examples: [{ title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  async plan(context, { pid, node }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    return ok({
      summary: `Collect the garbage of ${pidText(process.value)} on ${process.value.node}`,
      touches: [{ node: process.value.node, pid: processId(process.value), what: 'garbage collection' }],
      severity: 'change',
      undo: 'no',
      steps: { process: process.value },
    });
  },
  async apply(context, { steps }) {
    const done = await context.port.processes.collectGarbage({ pid: steps.process }, context.options());
    if (!done.ok) return done;
    const { bytesBefore, bytesAfter } = done.value;
    return ok({ ...namedProcess(steps.process), bytesBefore, bytesAfter, freedBytes: bytesBefore - bytesAfter });
  },
});
