import { Type } from 'typebox';
import type { NameField } from '../../../runtime/listFields.ts';
import { nameFields } from '../../../runtime/listFields.ts';
import type { NodeName, Result, RowSelect } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import type { SourceRows } from '../chosenList.ts';
import { gatherChosen, kindsOf } from '../chosenList.ts';
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
      ...listParams(kindsOf(nameFields)),
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
      listPage(context, 'list_registered_processes', params, scans, key, () => {
        // How a name that is a term is printed is decided here.
        const { name, ...others } = nameFields;
        const forms = params.registry === 'local' ? { ...others, name } : others;
        return gatherChosen(context, params, {
          forms,
          key,
          read: (within, select) => namesOf(within, params, select({})),
        });
      }),
  });
}

const key = ['name', 'pid', 'node', 'display'] as const;

type Asked = { readonly node?: NodeName; readonly registry: 'local' | 'global' | 'via'; readonly module?: string };

async function namesOf(
  context: Context<'names.list'>,
  { node, registry, module }: Asked,
  select: RowSelect<NameField>,
): Promise<Result<SourceRows>> {
  const asked = {
    nodes: node === undefined ? ('all' as const) : [node],
    registry: registry === 'via' ? { via: atomName(module ?? '') } : registry,
  };
  const found = await collect(context.port.names.list({ ...asked, ...select }, context.options()), mostRows);
  if (!found.ok) return found;
  const { nodes, total } = found.value.end;
  const answered = failedNode(node, nodes);
  if (!answered.ok) return answered;
  const rows = found.value.rows.map(({ name, pid }) => ({ name: nameText(name), registry, ...namedProcess(pid) }));
  return ok({ rows, nodes, total });
}
