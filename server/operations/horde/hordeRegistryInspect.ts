import { Type } from 'typebox';
import type { Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { atomText } from '../parameters.ts';
import { collect } from '../streams.ts';
import { atomName } from '../terms.ts';
import { entryFields, entryResult, entryRow, findingResult, findingRow, memberResult, memberRow } from './hordeRows.ts';

const settleMs = 400;

/** A Horde.Registry as all its members have it. */
export function hordeRegistryInspect(scans: Scans) {
  return defineOperation({
    name: 'horde_registry_inspect',
    title: 'Inspect Horde Registry',
    description:
      'The keys of a Horde.Registry with their processes, as every node has them: which agree, which some lack, which conflict; its members; and what is wrong. Without a name, the registries there are, with their members.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['horde.clusters', 'horde.entries', 'horde.findings'],
    params: Type.Object({
      registry: Type.Optional(atomText('The name of the registry.', 'registeredName')),
      findings: Type.Boolean({
        default: true,
        description: 'On the first page, look for what is wrong too, which takes half a second.',
      }),
      ...listParams(entryFields),
    }),
    result: Type.Object({
      ...listResult(entryResult).properties,
      members: Type.Array(memberResult),
      findings: Type.Array(findingResult),
    }),
    route: { method: 'GET', path: '/horde/registries' },
    examples: [{ title: 'All there are', params: {} }],
    async execute(context, params) {
      const name = params.registry === undefined ? null : atomName(params.registry);
      const clusters = await collect(context.port.horde.clusters({ nodes: 'all' }, context.options()), mostRows);
      if (!clusters.ok) return clusters;
      const members = clusters.value.rows.filter(
        (view) => view.kind === 'registry' && (name === null || view.name === name),
      );
      const page = await listPage(context, 'horde_registry_inspect', params, scans, ['key'], async () => {
        if (name === null) return ok({ rows: [], nodes: clusters.value.end.nodes });
        const entries = await collect(context.port.horde.entries({ nodes: 'all', name }, context.options()), mostRows);
        if (!entries.ok) return entries;
        return ok({
          rows: entries.value.rows.map(entryRow),
          nodes: entries.value.end.nodes,
          ...(entries.value.end.total > entries.value.rows.length && { total: entries.value.end.total }),
        });
      });
      if (!page.ok) return page;
      const wrong = params.findings && params.after === undefined ? await findingsOf() : ok([]);
      return wrong.ok ? ok({ ...page.value, members: members.map(memberRow), findings: [...wrong.value] }) : wrong;

      async function findingsOf(): Promise<Result<readonly ReturnType<typeof findingRow>[]>> {
        const found = await context.port.horde.findings({ nodes: 'all', name, settleMs }, context.options());
        if (!found.ok) return found;
        return ok(found.value.findings.filter(({ horde }) => horde.kind === 'registry').map(findingRow));
      }
    },
  });
}
