import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult, mostRows } from '../lists.ts';
import { atomText, nodeFilterParam } from '../parameters.ts';
import { collect } from '../streams.ts';
import { atomName, displayOf } from '../terms.ts';
import { known } from '../knownErrors.ts';

/** The process groups of a scope of pg. */
export function listGroups(scans: Scans) {
  return defineOperation({
    name: 'list_groups',
    title: 'List Process Groups',
    description: 'The groups of a scope of pg with their members, and whether the nodes agree on them.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['names.groups'],
    params: Type.Object({
      node: nodeFilterParam,
      scope: Type.String({ ...atomText('The scope.', 'registeredName'), default: 'pg' }),
      ...listParams({ group: 'text', agreement: 'text', size: 'number' }),
    }),
    result: listResult(
      Type.Object({
        group: Type.String(),
        agreement: Type.Optional(Type.String()),
        size: Type.Optional(Type.Integer()),
        members: Type.Optional(
          Type.Array(Type.Object({ pid: Type.String(), node: Type.String(), joins: Type.Integer() })),
        ),
      }),
    ),
    route: { method: 'GET', path: '/cluster/groups' },
    examples: [{ title: 'Of the default scope', params: {} }],
    errors: [known.cursorExpired, known.registryNotFound],
    execute: (context, params) =>
      listPage(context, 'list_groups', params, scans, ['group'], async () => {
        const nodes = params.node === undefined ? 'all' : [params.node];
        const scope = atomName(params.scope);
        const found = await collect(context.port.names.groups({ nodes, scope }, context.options()), mostRows);
        if (!found.ok) return found;
        const answered = failedNode(params.node, found.value.end.nodes);
        if (!answered.ok) return answered;
        const rows = found.value.rows.map(({ group, agreement, members }) => ({
          group: displayOf(group),
          agreement,
          size: members.length,
          members: members.map(({ pid, joins }) => ({ pid: processId(pid), node: pid.node, joins })),
        }));
        return ok({ rows, nodes: found.value.end.nodes });
      }),
  });
}
