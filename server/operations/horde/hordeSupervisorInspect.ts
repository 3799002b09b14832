import { Type } from 'typebox';
import type { Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { atomText } from '../parameters.ts';
import { collect } from '../streams.ts';
import { atomName } from '../terms.ts';
import {
  childFields,
  findingResult,
  findingRow,
  hordeChildResult,
  hordeChildRow,
  memberResult,
  memberRow,
} from './hordeRows.ts';

const settleMs = 400;

/** A Horde.DynamicSupervisor as all its members have it. */
export function hordeSupervisorInspect(scans: Scans) {
  return defineOperation({
    name: 'horde_supervisor_inspect',
    title: 'Inspect Horde Supervisor',
    description:
      'The children of a Horde.DynamicSupervisor over all nodes: where each runs and who knows of it; its members and their status; duplicates and children that nobody knows after a heal. Without a name, the supervisors there are.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['horde.clusters', 'horde.children', 'horde.findings'],
    params: Type.Object({
      supervisor: Type.Optional(atomText('The name of the supervisor.', 'registeredName')),
      findings: Type.Boolean({
        default: true,
        description: 'On the first page, look for what is wrong too, which takes half a second.',
      }),
      ...listParams(childFields),
    }),
    result: Type.Object({
      ...listResult(hordeChildResult).properties,
      members: Type.Array(memberResult),
      findings: Type.Array(findingResult),
    }),
    route: { method: 'GET', path: '/horde/supervisors' },
    examples: [{ title: 'All there are', params: {} }],
    async execute(context, params) {
      const name = params.supervisor === undefined ? null : atomName(params.supervisor);
      const clusters = await collect(context.port.horde.clusters({ nodes: 'all' }, context.options()), mostRows);
      if (!clusters.ok) return clusters;
      const members = clusters.value.rows.filter(
        (view) => view.kind === 'supervisor' && (name === null || view.name === name),
      );
      const page = await listPage(context, 'horde_supervisor_inspect', params, scans, ['child'], async () => {
        if (name === null) return ok({ rows: [], nodes: clusters.value.end.nodes });
        const children = await collect(
          context.port.horde.children({ nodes: 'all', name }, context.options()),
          mostRows,
        );
        if (!children.ok) return children;
        return ok({
          rows: children.value.rows.map(hordeChildRow),
          nodes: children.value.end.nodes,
          ...(children.value.end.total > children.value.rows.length && { total: children.value.end.total }),
        });
      });
      if (!page.ok) return page;
      const wrong = params.findings && params.after === undefined ? await findingsOf() : ok([]);
      return wrong.ok ? ok({ ...page.value, members: members.map(memberRow), findings: [...wrong.value] }) : wrong;

      async function findingsOf(): Promise<Result<readonly ReturnType<typeof findingRow>[]>> {
        const found = await context.port.horde.findings({ nodes: 'all', name, settleMs }, context.options());
        if (!found.ok) return found;
        return ok(found.value.findings.filter(({ horde }) => horde.kind === 'supervisor').map(findingRow));
      }
    },
  });
}
