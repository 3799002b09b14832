import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { Scans } from '../lists.ts';
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
        name: 'text',
        node: 'text',
        type: 'text',
        protection: 'text',
        objects: 'number',
        bytes: 'number',
        bytesPerObject: 'number',
        owner: 'text',
        ownerName: 'text',
        named: 'boolean',
        keyPosition: 'number',
        compressed: 'boolean',
        readConcurrency: 'boolean',
        writeConcurrency: 'text',
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
      listPage(context, 'list_ets_tables', params, scans, ['table', 'node'], async () => {
        const asked = await eachNode(context, params.node, (node) =>
          collect(context.port.system.ets({ node }, context.options()), mostRows),
        );
        if (!asked.ok) return asked;
        const rows = asked.value.answers.flatMap(({ node, value }) =>
          value.rows.map(({ id, owner, isNamed, isCompressed, ...table }) => ({
            ...table,
            table: displayOf(id),
            node,
            owner: processId(owner),
            named: isNamed,
            compressed: isCompressed,
            bytesPerObject: table.objects === 0 ? null : Math.round(table.bytes / table.objects),
          })),
        );
        return ok({ rows, nodes: asked.value.nodes });
      }),
  });
}
