import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult, mostRows } from '../lists.ts';
import { atomText, nodeFilterParam, nodeParam, pidParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { collect } from '../streams.ts';
import { atomName, displayOf } from '../terms.ts';
import { known } from '../knownErrors.ts';

/**
 * The process groups of a scope of pg. Whether the nodes agree on a group only all of them together tell: each sends a digest of its groups,
 * one of those that agree sends them all, and what is wanted of them is chosen here.
 */
export function listGroups(scans: Scans) {
  return defineOperation({
    name: 'list_groups',
    title: 'List Process Groups',
    description: 'The groups of a scope of pg with their members, and whether the nodes agree on them.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: [...resolveNeeds, 'names.groups'],
    params: Type.Object({
      node: nodeFilterParam,
      scope: Type.String({ ...atomText('The scope.', 'registeredName'), default: 'pg' }),
      member: Type.Optional(Type.String({ ...pidParam, description: 'Only groups that this process is in.' })),
      memberNode: Type.Optional(
        Type.String({ ...nodeParam, description: 'Only groups that have a member on this node, and these members.' }),
      ),
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
    examples: [
      { title: 'Of the default scope', params: {} },
      { title: 'What a process is in', params: { member: 'Shop.Catalog', fields: ['group', 'size'] } },
    ],
    errors: [known.cursorExpired, known.registryNotFound, known.processNotFound, known.nameAmbiguous],
    execute: (context, params) =>
      listPage(context, 'list_groups', params, scans, ['group'], async () => {
        const nodes = params.node === undefined ? 'all' : [params.node];
        const scope = atomName(params.scope);
        const { member: text, memberNode, node } = params;
        const process =
          text === undefined ? ok(null) : await resolveProcess(context, { text, node, pointer: '/member' });
        if (!process.ok) return process;
        const wanted = process.value === null ? null : processId(process.value);
        const found = await collect(context.port.names.groups({ nodes, scope }, context.options()), mostRows);
        if (!found.ok) return found;
        const answered = failedNode(params.node, found.value.end.nodes);
        if (!answered.ok) return answered;
        const rows = found.value.rows.map(({ group, agreement, members }) => ({
          group: displayOf(group),
          agreement,
          size: members.length,
          members: members
            .map(({ pid, joins }) => ({ pid: processId(pid), node: pid.node, joins }))
            .filter((member) => memberNode === undefined || member.node === memberNode),
        }));
        const meant = rows.filter(
          ({ members }) =>
            (memberNode === undefined || members.length > 0) &&
            (wanted === null || members.some(({ pid }) => pid === wanted)),
        );
        return ok({ rows: meant, nodes: found.value.end.nodes });
      }),
  });
}
