import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { Scans } from '../lists.ts';
import { listPage, listParams, listResult } from '../lists.ts';
import { nodeFilterParam, nullable } from '../parameters.ts';
import { known } from '../knownErrors.ts';

/** A node has some tens of applications: all come, and are chosen from here. */
export function listApplications(scans: Scans) {
  return defineOperation({
    name: 'list_applications',
    title: 'List Applications',
    description:
      'The OTP applications loaded on each node: their versions, whether they run, their root supervisor, and why one that was started does not run.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes', 'system.applications'],
    params: Type.Object({
      node: nodeFilterParam,
      ...listParams({ name: 'text', node: 'text', version: 'text', running: 'boolean', state: 'text' }),
    }),
    result: listResult(
      Type.Object({
        name: Type.String(),
        node: Type.String(),
        version: Type.Optional(Type.String()),
        description: Type.Optional(Type.String()),
        running: Type.Optional(Type.Boolean()),
        state: Type.Optional(
          Type.Enum(['running', 'failed', 'stopped'], {
            description:
              '`failed`: it was started, and could not be, or ended by itself for a reason that is not normal. Nodes of OTP forget that: there it is `stopped`.',
          }),
        ),
        failure: Type.Optional(
          nullable(Type.String({ description: 'Why it failed: the reason of its application controller.' })),
        ),
        root: Type.Optional(nullable(Type.String({ description: 'The id of its topmost supervisor.' }))),
      }),
    ),
    route: { method: 'GET', path: '/system/applications' },
    examples: [
      { title: 'Those that run, on one node', params: { node: 'demo1@sim', filter: { running: { eq: true } } } },
      { title: 'Those that could not be started, and why', params: { filter: { state: { eq: 'failed' } } } },
    ],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_applications', params, scans, ['name', 'node'], async () => {
        const asked = await eachNode(context, params.node, (node) =>
          context.port.system.applications({ node }, context.options()),
        );
        if (!asked.ok) return asked;
        const rows = asked.value.answers.flatMap(({ node, value }) =>
          value.applications.map(({ name, version, description, running, root, failure }) => ({
            name,
            node,
            version,
            description,
            running,
            state: running ? ('running' as const) : failure === null ? ('stopped' as const) : ('failed' as const),
            failure: running ? null : failure,
            root: root === null ? null : processId(root),
          })),
        );
        return ok({ rows, nodes: asked.value.nodes });
      }),
  });
}
