import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult, mostRows } from '../lists.ts';
import { atomText, nodeFilterParam, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { collect } from '../streams.ts';
import { atomName, nameText } from '../terms.ts';
import { known } from '../knownErrors.ts';

/** Names of processes, in each node's own registry or in one that spans the cluster. */
export function listRegisteredProcesses(scans: Scans) {
  return defineOperation({
    name: 'list_registered_processes',
    title: 'List Registered Processes',
    description:
      'Registered names and their processes: the local names of each node, the global ones, or those of a registry module.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['names.list'],
    params: Type.Object({
      node: nodeFilterParam,
      registry: Type.Union([Type.Literal('local'), Type.Literal('global'), Type.Literal('via')], {
        default: 'local',
        description: 'local: of each node; global: of the cluster; via: of the registry in `module`.',
      }),
      module: Type.Optional(atomText('The registry, for `via`: Registry, Horde.Registry.', 'module')),
      ...listParams({ name: 'text', node: 'text', pid: 'text' }),
    }),
    result: listResult(
      Type.Object({ name: Type.String(), registry: Type.Optional(Type.String()), ...placementOfProcess }),
    ),
    route: { method: 'GET', path: '/registered-processes' },
    examples: [{ title: 'Of one node', params: { node: 'demo1@sim', sort: 'name' } }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    validate: ({ registry, module }) =>
      (registry === 'via') === (module !== undefined)
        ? []
        : [{ pointer: '/module', message: 'is needed for the registry via, and only for it.' }],
    execute: (context, params) =>
      listPage(context, 'list_registered_processes', params, scans, ['name', 'pid', 'node', 'display'], async () => {
        const { node, registry, module } = params;
        const found = await collect(
          context.port.names.list(
            {
              nodes: node === undefined ? 'all' : [node],
              registry: registry === 'via' ? { via: atomName(module ?? '') } : registry,
            },
            context.options(),
          ),
          mostRows,
        );
        if (!found.ok) return found;
        const answered = failedNode(node, found.value.end.nodes);
        if (!answered.ok) return answered;
        const rows = found.value.rows.map(({ name, pid }) => ({
          name: nameText(name),
          registry,
          ...namedProcess(pid),
        }));
        return ok({ rows, nodes: found.value.end.nodes });
      }),
  });
}
