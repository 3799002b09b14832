import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { nameText } from '../terms.ts';
import { known } from '../knownErrors.ts';

/** The global names as each node sees them: one of those whose digests agree sends all, and what is wanted of them is chosen here. */
export function compareGlobalNames(scans: Scans) {
  return defineOperation({
    name: 'compare_global_names',
    title: 'Compare Global Names',
    description:
      'The names of `global` as each node sees them: they differ after a partition, or while global settles.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['names.compare'],
    params: Type.Object(listParams({ name: 'text', agreement: 'text' })),
    result: listResult(
      Type.Object({
        name: Type.String(),
        agreement: Type.Optional(Type.String({ description: 'agreed, partial (some nodes lack it), or conflict.' })),
        views: Type.Optional(Type.Array(Type.Object({ node: Type.String(), pid: nullable(Type.String()) }))),
      }),
    ),
    route: { method: 'GET', path: '/cluster/global-names' },
    examples: [{ title: 'Those in conflict', params: { filter: { agreement: { eq: 'conflict' } } } }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'compare_global_names', params, scans, ['name'], async () => {
        const found = await collect(context.port.names.compare({ nodes: 'all' }, context.options()), mostRows);
        if (!found.ok) return found;
        const rows = found.value.rows.map(({ name, agreement, views }) => ({
          name: nameText(name),
          agreement,
          views: views.map(({ node, pid }) => ({ node, pid: pid === null ? null : processId(pid) })),
        }));
        return ok({ rows, nodes: found.value.end.nodes });
      }),
  });
}
