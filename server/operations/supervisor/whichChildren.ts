import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { collect } from '../streams.ts';
import { childFields, childResult, childRow } from '../supervisorRows.ts';

/** A supervisor answers with all its children at once: no more than these are asked for. */
const mostChildren = 20_000;

/** The children of one supervisor. A process that is not surely a supervisor is refused, not asked. */
export function whichChildren(scans: Scans) {
  return defineOperation({
    name: 'which_children',
    title: 'Which Children',
    description: 'The children of a supervisor: their ids, processes, types and whether they run.',
    category: 'supervisor',
    severity: 'read',
    idempotent: true,
    needs: [...resolveNeeds, 'supervisors.children'],
    params: Type.Object({ supervisor: supervisorParam, node: onNodeParam, ...listParams(childFields) }),
    result: listResult(Type.Partial(Type.Object(childResult))),
    route: { method: 'GET', path: '/supervisors/:supervisor/children' },
    examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } }],
    errors: [{ code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' }],
    execute: (context, params) =>
      listPage(context, 'which_children', params, scans, ['childId', 'index'], async () => {
        const { supervisor: text, node } = params;
        const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
        if (!supervisor.ok) return supervisor;
        const children = await collect(
          context.port.supervisors.children(
            { supervisor: supervisor.value, offset: 0, limit: mostChildren },
            context.options(),
          ),
          mostChildren,
        );
        if (!children.ok) return children;
        const rows = children.value.rows.map(childRow);
        const more = children.value.end.total > rows.length;
        const nodes = [{ node: supervisor.value.node, status: 'ok' } as const];
        return ok({ rows, nodes, ...(more && { total: children.value.end.total }) });
      }),
  });
}
