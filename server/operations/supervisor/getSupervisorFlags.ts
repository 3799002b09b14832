import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, placementOfProcess, supervisorFlagsResult, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';

export const getSupervisorFlags = defineOperation({
  name: 'get_supervisor_flags',
  title: 'Get Supervisor Flags',
  description: 'The strategy of a supervisor, and how many restarts in which time end it.',
  category: 'supervisor',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.flags'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam }),
  result: Type.Object({ ...placementOfProcess, flags: supervisorFlagsResult }),
  route: { method: 'GET', path: '/supervisors/:supervisor/flags' },
  examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } }],
  errors: [
    { code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' },
    { code: 'supervisor.unknown_layout', remedy: 'Its state is of no form that is known; nothing is guessed.' },
  ],
  async execute(context, { supervisor: text, node }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const flags = await context.port.supervisors.flags({ supervisor: supervisor.value }, context.options());
    return flags.ok ? ok({ ...namedProcess(supervisor.value), flags: flags.value }) : flags;
  },
});
