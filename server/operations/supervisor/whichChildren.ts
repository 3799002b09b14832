import { Type } from 'typebox';
import type { ChildField } from '../../../runtime/listFields.ts';
import { childFields } from '../../../runtime/listFields.ts';
import type { ProcessRef, Result, RowSelect } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import type { SourceRows } from '../chosenList.ts';
import { gatherChosen } from '../chosenList.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { collect } from '../streams.ts';
import { childKinds, childResult, childRow } from '../supervisorRows.ts';

/**
 * The children of one supervisor. A process that is not surely a supervisor is refused, not asked. It answers with all its children at once:
 * a process beside it filters, orders and cuts them.
 */
export function whichChildren(scans: Scans) {
  return defineOperation({
    name: 'which_children',
    title: 'Which Children',
    description: 'The children of a supervisor: their ids, processes, types and whether they run.',
    category: 'supervisor',
    severity: 'read',
    idempotent: true,
    needs: [...resolveNeeds, 'supervisors.children'],
    params: Type.Object({ supervisor: supervisorParam, node: onNodeParam, ...listParams(childKinds) }),
    result: listResult(Type.Partial(Type.Object(childResult))),
    route: { method: 'GET', path: '/supervisors/:supervisor/children' },
    examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.Supervisor', node: 'demo1@sim' } }],
    errors: [{ code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' }],
    execute: (context, params) =>
      listPage(context, 'which_children', params, scans, key, async () => {
        const { supervisor: text, node } = params;
        const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
        if (!supervisor.ok) return supervisor;
        return gatherChosen(context, params, {
          forms: childFields,
          key: sameKey,
          read: (within, select) => childrenOf(within, supervisor.value, select({})),
        });
      }),
  });
}

const key = ['childId', 'index'] as const;
/** A child is known again by these: under a dynamic supervisor all have one id, and stand elsewhere as soon as one before them ends. */
const sameKey = ['childId', 'pid'] as const;

async function childrenOf(
  context: Context<'supervisors.children'>,
  supervisor: ProcessRef,
  { first = mostRows, ...select }: RowSelect<ChildField>,
): Promise<Result<SourceRows>> {
  const window = { supervisor, offset: 0, limit: first };
  const found = await collect(context.port.supervisors.children({ ...window, ...select }, context.options()), mostRows);
  if (!found.ok) return found;
  const { rows, end } = found.value;
  return ok({ rows: rows.map(childRow), nodes: [{ node: supervisor.node, status: 'ok' }], total: end.total });
}
