import { Type } from 'typebox';
import type { TableField } from '../../../runtime/listFields.ts';
import { bytesPerObject, tableFields } from '../../../runtime/listFields.ts';
import type { NodeName, Result, TableRow } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import type { SelectFor, SourceRows } from '../chosenList.ts';
import { gatherChosen, kindsOf } from '../chosenList.ts';
import { eachNode } from '../eachNode.ts';
import type { ListRow, Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nodeFilterParam, nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { displayOf } from '../terms.ts';
import { known } from '../knownErrors.ts';

export function listEtsTables(scans: Scans) {
  return defineOperation({
    name: 'list_ets_tables',
    title: 'List ETS Tables',
    description:
      'The ETS tables of each node with size, memory, owner and how they were made. Their contents are not read.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes', 'system.ets'],
    params: Type.Object({
      node: nodeFilterParam,
      ...listParams({
        ...kindsOf(tableFields),
        node: 'text',
      }),
    }),
    result: listResult(
      Type.Object({
        table: Type.String({ description: 'As Elixir prints it: a name or a reference.' }),
        node: Type.String(),
        name: Type.Optional(Type.String()),
        type: Type.Optional(Type.String()),
        protection: Type.Optional(Type.String()),
        owner: Type.Optional(Type.String()),
        ownerName: Type.Optional(nullable(Type.String({ description: 'The name its owner is registered under.' }))),
        named: Type.Optional(Type.Boolean({ description: 'Whether it is reached by its name.' })),
        keyPosition: Type.Optional(Type.Integer()),
        compressed: Type.Optional(Type.Boolean()),
        readConcurrency: Type.Optional(Type.Boolean()),
        writeConcurrency: Type.Optional(Type.Enum(['true', 'false', 'auto'])),
        objects: Type.Optional(Type.Integer()),
        bytes: Type.Optional(Type.Number()),
        bytesPerObject: Type.Optional(nullable(Type.Number({ description: 'On average; null for an empty one.' }))),
      }),
    ),
    route: { method: 'GET', path: '/system/ets' },
    examples: [
      { title: 'The largest', params: { sort: '-bytes', limit: 10 } },
      { title: 'Those of one owner', params: { filter: { ownerName: { prefix: 'Elixir.Shop.' } } } },
      {
        title: 'Where many write and nothing is done about it',
        params: { filter: { protection: { eq: 'public' }, writeConcurrency: { eq: 'false' } }, sort: '-objects' },
      },
    ],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_ets_tables', params, scans, key, () =>
        gatherChosen(context, params, { forms: tableFields, same: ['node'], key, read: tablesOf(params.node) }),
      ),
  });
}

const key = ['table', 'node'] as const;

function tablesOf(node: NodeName | undefined) {
  return async (
    context: Context<'cluster.nodes' | 'system.ets'>,
    select: SelectFor<TableField>,
  ): Promise<Result<SourceRows>> => {
    const asked = await eachNode(context, node, (on) =>
      collect(context.port.system.ets({ node: on, ...select({ node: on }) }, context.options()), mostRows),
    );
    if (!asked.ok) return asked;
    const { answers, nodes } = asked.value;
    return ok({
      rows: answers.flatMap(({ node: on, value }) => value.rows.map((table) => rowOf(on, table))),
      nodes,
      total: answers.reduce((sum, { value }) => sum + value.end.total, 0),
    });
  };
}

function rowOf(node: NodeName, { id, owner, isNamed, isCompressed, ...table }: TableRow): ListRow {
  return {
    ...table,
    table: displayOf(id),
    node,
    owner: processId(owner),
    named: isNamed,
    compressed: isCompressed,
    bytesPerObject: bytesPerObject(table),
  };
}
