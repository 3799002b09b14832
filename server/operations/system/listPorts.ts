import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nodeFilterParam, nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { known } from '../knownErrors.ts';

/** Ports and sockets. */
export function listPorts(scans: Scans) {
  return defineOperation({
    name: 'list_ports',
    title: 'List Ports and Sockets',
    description: 'The ports and sockets of each node: both ends of what is connected, bytes in and out, what waits.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes', 'system.ports'],
    params: Type.Object({
      node: nodeFilterParam,
      ...listParams({
        id: 'text',
        node: 'text',
        name: 'text',
        kind: 'text',
        local: 'text',
        remote: 'text',
        inputBytes: 'number',
        outputBytes: 'number',
        queueBytes: 'number',
      }),
    }),
    result: listResult(
      Type.Object({
        id: Type.String(),
        node: Type.String(),
        kind: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
        owner: Type.Optional(nullable(Type.String({ description: 'The id of the process connected to it.' }))),
        inputBytes: Type.Optional(Type.Number()),
        outputBytes: Type.Optional(Type.Number()),
        queueBytes: Type.Optional(nullable(Type.Number())),
        memoryBytes: Type.Optional(nullable(Type.Number())),
        local: Type.Optional(nullable(Type.String())),
        remote: Type.Optional(nullable(Type.String())),
      }),
    ),
    route: { method: 'GET', path: '/system/ports' },
    examples: [{ title: 'What waits to be written', params: { sort: '-queueBytes', limit: 10 } }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_ports', params, scans, ['id', 'node'], async () => {
        const asked = await eachNode(context, params.node, (node) =>
          collect(context.port.system.ports({ node }, context.options()), mostRows),
        );
        if (!asked.ok) return asked;
        const rows = asked.value.answers.flatMap(({ node, value }) =>
          value.rows.map(({ owner, ...port }) => ({ ...port, node, owner: owner === null ? null : processId(owner) })),
        );
        return ok({ rows, nodes: asked.value.nodes });
      }),
  });
}
