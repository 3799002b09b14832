import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { sandboxIdParam } from './sandboxRows.ts';

export const destroySandbox = defineOperation({
  name: 'destroy_sandbox',
  title: 'Destroy Sandbox',
  description: 'Ends a sandbox and takes away all it left, and says what could not be taken away.',
  category: 'sandbox',
  severity: 'destroy',
  idempotent: true,
  needs: ['sandboxes.info', 'sandboxes.destroy'],
  params: Type.Object({ id: sandboxIdParam }),
  result: Type.Object({
    id: Type.String(),
    existed: Type.Boolean(),
    leftovers: Type.Unsafe<readonly string[]>({ type: 'array' }),
  }),
  route: { method: 'DELETE', path: '/sandboxes/:id' },
  examples: [{ title: 'By id', params: { id: 'sandbox-1' } }],
  errors: [{ code: 'sandbox.not_found', remedy: 'See list_sandboxes.' }],
  async plan(context, { id }) {
    const info = await context.port.sandboxes.info({ id }, context.options());
    if (!info.ok) return info;
    const { name, osPid } = info.value;
    return ok({
      summary: `Destroy sandbox ${name} (${id})`,
      touches: [{ node: 'this_machine', what: osPid === null ? 'what it left' : `operating system process ${osPid}` }],
      severity: 'destroy',
      undo: 'no',
      steps: { id },
    });
  },
  async apply(context, { steps: { id } }) {
    const gone = await context.port.sandboxes.destroy({ id }, context.options());
    return gone.ok ? ok({ id, ...gone.value }) : gone;
  },
});
