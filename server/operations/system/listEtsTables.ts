import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nodeFilterParam } from '../parameters.ts';
import { collect } from '../streams.ts';
import { displayOf } from '../terms.ts';
import { known } from '../knownErrors.ts';

export function listEtsTables(scans: Scans) {
  return defineOperation({
    name: 'list_ets_tables',
    title: 'List ETS Tables',
    description: 'The ETS tables of each node with size, memory and owner. Their contents are not read.',
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
        owner: 'text',
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
        objects: Type.Optional(Type.Integer()),
        bytes: Type.Optional(Type.Number()),
      }),
    ),
    route: { method: 'GET', path: '/system/ets' },
    examples: [{ title: 'The largest', params: { sort: '-bytes', limit: 10 } }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_ets_tables', params, scans, ['table', 'node'], async () => {
        const asked = await eachNode(context, params.node, (node) =>
          collect(context.port.system.ets({ node }, context.options()), mostRows),
        );
        if (!asked.ok) return asked;
        const rows = asked.value.answers.flatMap(({ node, value }) =>
          value.rows.map(({ id, name, type, protection, owner, objects, bytes }) => ({
            table: displayOf(id),
            node,
            name,
            type,
            protection,
            owner: processId(owner),
            objects,
            bytes,
          })),
        );
        return ok({ rows, nodes: asked.value.nodes });
      }),
  });
}
