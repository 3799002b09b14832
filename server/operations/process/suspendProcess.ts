import { Type } from 'typebox';
import type { Holding, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, pidParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';

export const suspendProcess = defineOperation({
  name: 'suspend_process',
  title: 'Suspend Process',
  description:
    'Stops a process until it is resumed. `process` halts it wherever it is (erlang:suspend_process/1); `sys` has a process that speaks the sys protocol handle nothing but system messages. It is resumed by itself when its owner has been gone for `lingerMs`.',
  category: 'process',
  severity: 'change',
  idempotent: false,
  needs: [...resolveNeeds, 'processes.suspend', 'holdings.list', 'holdings.release'],
  params: Type.Object({
    pid: pidParam,
    node: onNodeParam,
    how: Type.Enum(['process', 'sys'], {
      default: 'process',
      description: 'Halted anywhere, or between two messages.',
    }),
    lingerMs: Type.Integer({
      minimum: 0,
      maximum: 3_600_000,
      default: 10_000,
      description: 'How long it stays suspended after who asked is gone.',
    }),
  }),
  result: Type.Object({
    ...placementOfProcess,
    holding: Type.String({ description: 'What resume_process releases.' }),
    how: Type.Enum(['process', 'sys']),
    lingerMs: Type.Integer(),
  }),
  route: { method: 'POST', path: '/processes/:pid/suspend' },
  examples: [{ title: 'By registered name', params: { pid: 'Shop.Catalog', node: 'demo1@sim' } }],
  errors: [{ code: 'process.protected', remedy: 'The node cannot live without it; it is not suspended from here.' }],
  async plan(context, { pid, node, how, lingerMs }) {
    const process = await resolveProcess(context, { text: pid, node, pointer: '/pid' });
    if (!process.ok) return process;
    return ok({
      summary: `Suspend ${pidText(process.value)} on ${process.value.node}`,
      touches: [{ node: process.value.node, pid: processId(process.value), what: 'suspension' }],
      severity: 'change',
      undo: 'yes',
      steps: { process: process.value, how, lingerMs, owner: context.owner },
    });
  },
  async apply(context, { steps }) {
    const { process, how, lingerMs, owner } = steps;
    const held = await context.port.processes.suspend({ pid: process, how, lingerMs, owner }, context.options());
    if (!held.ok) return held;
    return ok({ ...namedProcess(process), holding: held.value.id, how, lingerMs: held.value.lingerMs });
  },
  async compensate(context, _plan, done) {
    if (!done.ok) return ok(null);
    const released = await context.port.holdings.release({ id: done.value.holding }, context.options());
    return released.ok ? ok(null) : released;
  },
  async probe(context, { steps }) {
    const held = await suspensionsOf(context, steps.process);
    if (!held.ok) return 'unknown';
    return held.value.some(({ owner }) => owner.requestId === steps.owner.requestId) ? 'applied' : 'none';
  },
});

/** The suspensions of a process, whoever holds them. */
export async function suspensionsOf(
  context: Context<'holdings.list'>,
  process: ProcessRef,
): Promise<Result<readonly Holding[]>> {
  const listed = await context.port.holdings.list({}, context.options());
  if (!listed.ok) return listed;
  const id = processId(process);
  return ok(
    listed.value.holdings.filter(
      ({ kind, target }) =>
        (kind === 'suspension' || kind === 'sys_suspension') && target !== null && processId(target) === id,
    ),
  );
}
