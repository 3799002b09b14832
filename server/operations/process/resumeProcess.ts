import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { suspensionsOf } from './suspendProcess.ts';
import { known } from '../knownErrors.ts';

export const resumeProcess = defineOperation({
  name: 'resume_process',
  title: 'Resume Process',
  description:
    'Lets a process that Arsenal suspended run on, whichever window or program asked for the suspension. What others suspended stays suspended.',
  category: 'process',
  severity: 'change',
  idempotent: true,
  needs: [...resolveNeeds, 'holdings.list', 'holdings.release'],
  undoNeeds: ['processes.suspend'],
  params: Type.Object({ pid: pidParam, node: onNodeParam }),
  result: Type.Object({
    ...placementOfProcess,
    released: Type.Array(Type.String(), { description: 'The suspensions that were taken back.' }),
  }),
  route: { method: 'POST', path: '/processes/:pid/resume' },
  examples: [{ title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } }],
  errors: [known.processNotFound, known.nameAmbiguous, known.nodeUnavailable],
  async plan(context, { pid, node }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    const held = await suspensionsOf(context, process.value);
    if (!held.ok) return held;
    const where = `${pidText(process.value)} on ${process.value.node}`;
    return ok({
      summary: held.value.length === 0 ? `Nothing holds ${where}` : `Resume ${where}`,
      touches: held.value.map(({ at }) => ({ node: at.node, pid: processId(process.value), what: 'resumption' })),
      severity: 'change',
      undo: 'yes',
      steps: {
        process: process.value,
        holdings: held.value.map(({ id }) => id),
        was: held.value.map(({ kind, lingerMs }) => ({
          how: kind === 'suspension' ? ('process' as const) : ('sys' as const),
          lingerMs,
        })),
        owner: context.owner,
      },
    });
  },
  async apply(context, { steps }) {
    const released: string[] = [];
    for (const id of steps.holdings) {
      const done = await context.port.holdings.release({ id }, context.options());
      if (!done.ok) {
        return failure(done.error.class, done.error.code, done.error.message, done.error.remedy, {
          effect: released.length > 0 ? 'partial' : done.error.effect,
          node: steps.process.node,
          details: { released },
        });
      }
      if (done.value.wasHeld) released.push(id);
    }
    return ok({ ...namedProcess(steps.process), released });
  },
  /** Suspended anew, by who asked for its resumption. */
  async compensate(context, { steps }, done) {
    if (!done.ok && done.error.effect === 'none') return ok(null);
    for (const { how, lingerMs } of steps.was) {
      const { process: pid, owner } = steps;
      const held = await context.port.processes.suspend({ pid, how, lingerMs, owner }, context.options());
      if (!held.ok) return held;
    }
    return ok(null);
  },
  async probe(context, { steps }) {
    const held = await suspensionsOf(context, steps.process);
    if (!held.ok) return 'unknown';
    return held.value.some(({ id }) => steps.holdings.includes(id)) ? 'none' : 'applied';
  },
});
