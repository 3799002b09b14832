import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nodeFilterParam } from '../parameters.ts';
import { collect } from '../streams.ts';
import { supervisorFields, supervisorResult, supervisorRow } from '../supervisorRows.ts';
import { known } from '../knownErrors.ts';

/**
 * Every process that is surely a supervisor; none is called to find out. What each is, with its flags, is read once in its life and kept here
 * (supervisorFinder.ts), so a list costs its node the names of its processes, and filters have nothing to save there.
 */
export function listSupervisors(scans: Scans) {
  return defineOperation({
    name: 'list_supervisors',
    title: 'List Supervisors',
    description:
      'The supervisors of one node or of the whole cluster, each with its strategy and the supervisor above it.',
    category: 'supervisor',
    severity: 'read',
    idempotent: true,
    needs: ['supervisors.find'],
    params: Type.Object({ node: nodeFilterParam, ...listParams(supervisorFields) }),
    result: listResult(Type.Partial(Type.Object(supervisorResult))),
    route: { method: 'GET', path: '/supervisors' },
    examples: [
      { title: 'All', params: {} },
      { title: 'Roots of applications', params: { filter: { parent: { eq: null } }, sort: 'application' } },
    ],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_supervisors', params, scans, ['pid', 'node', 'display'], async () => {
        const nodes = params.node === undefined ? 'all' : [params.node];
        const found = await collect(context.port.supervisors.find({ nodes }, context.options()), mostRows);
        if (!found.ok) return found;
        const answered = failedNode(params.node, found.value.end.nodes);
        if (!answered.ok) return answered;
        return ok({ rows: found.value.rows.map(supervisorRow), nodes: found.value.end.nodes });
      }),
  });
}
