import { Type } from 'typebox';
import type { ArsenalError, Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, placementOfProcess, supervisorFlagsResult, supervisorParam } from '../parameters.ts';
import { cell, namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';

export const supervisorStats = defineOperation({
  name: 'supervisor_stats',
  title: 'Supervisor Statistics',
  description:
    'One supervisor in figures: its children counted, its flags, its own mailbox and memory, and the restarts that were recorded.',
  category: 'supervisor',
  severity: 'read',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.count'],
  mayUse: ['supervisors.flags', 'supervisors.restarts', 'processes.info'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam }),
  result: Type.Object({
    ...placementOfProcess,
    children: Type.Object({
      specs: Type.Integer(),
      active: Type.Integer(),
      supervisors: Type.Integer(),
      workers: Type.Integer(),
    }),
    flags: nullable(supervisorFlagsResult),
    memory: nullable(Type.Number({ description: 'Bytes.' })),
    messageQueueLen: nullable(Type.Integer()),
    restarts: nullable(
      Type.Object({
        count: Type.Integer(),
        since: Type.Number({ description: 'Recorded since then; ms since 1970.' }),
      }),
    ),
    unknown: Type.Array(Type.Unsafe<Json>({ type: 'object' }), {
      description: 'Why a figure above is null: the errors.',
    }),
  }),
  route: { method: 'GET', path: '/supervisors/:supervisor/stats' },
  examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } }],
  errors: [{ code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' }],
  async execute(context, { supervisor: text, node }) {
    const found = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!found.ok) return found;
    const supervisor = found.value;
    const { supervisors, processes } = context.port;
    const children = await supervisors.count({ supervisor }, context.options());
    if (!children.ok) return children;
    const [flags, restarts, info] = await Promise.all([
      supervisors.flags({ supervisor }, context.options()),
      supervisors.restarts({ supervisor, limit: mostRestarts }, context.options()),
      processes.info({ pids: [supervisor], keys: ['memory', 'message_queue_len'] }, context.options()),
    ]);
    const page = info.ok ? info.value.pages.find(({ ids }) => ids.length > 0) : undefined;
    const figure = (key: 'memory' | 'message_queue_len') => {
      const value = page === undefined ? null : cell(page, key, 0);
      return typeof value === 'number' ? value : null;
    };
    return ok({
      ...namedProcess(supervisor),
      children: children.value,
      flags: flags.ok ? flags.value : null,
      memory: figure('memory'),
      messageQueueLen: figure('message_queue_len'),
      restarts: restarts.ok ? { count: restarts.value.restarts.length, since: restarts.value.since } : null,
      unknown: [flags, restarts, info].flatMap(errorIn),
    });
  },
});

const mostRestarts = 10_000;

function errorIn(result: Result<unknown>): readonly Json[] {
  return result.ok ? [] : [briefly(result.error)];
}

function briefly({ code, message, remedy }: ArsenalError): Json {
  return { code, message, remedy };
}
