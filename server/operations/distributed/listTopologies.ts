import { Type } from 'typebox';
import { ok, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import type { Scans } from '../lists.ts';
import { failedNode, listPage, listParams, listResult } from '../lists.ts';
import { nodeFilterParam, nullable } from '../parameters.ts';
import { displayOf } from '../terms.ts';
import { known } from '../knownErrors.ts';

/** The topologies of libcluster on each node. */
export function listTopologies(scans: Scans) {
  return defineOperation({
    name: 'list_topologies',
    title: 'List libcluster Topologies',
    description:
      'The topologies of libcluster on each node: strategy, whether it runs, and configuration without its secrets.',
    category: 'distributed',
    severity: 'read',
    idempotent: true,
    needs: ['libcluster.topologies'],
    params: Type.Object({
      node: nodeFilterParam,
      ...listParams({ topology: 'text', node: 'text', strategy: 'text', state: 'text' }),
    }),
    result: listResult(
      Type.Object({
        topology: Type.String(),
        node: Type.String(),
        strategy: Type.Optional(Type.String()),
        state: Type.Optional(Type.String()),
        config: Type.Optional(Type.String()),
        pid: Type.Optional(nullable(Type.String())),
      }),
    ),
    route: { method: 'GET', path: '/cluster/topologies' },
    examples: [{ title: 'Of all nodes', params: {} }],
    errors: [known.cursorExpired, known.nodeUnavailable],
    execute: (context, params) =>
      listPage(context, 'list_topologies', params, scans, ['topology', 'node'], async () => {
        const nodes = params.node === undefined ? 'all' : [params.node];
        const found = await context.port.libcluster.topologies({ nodes }, context.options());
        if (!found.ok) return found;
        const answered = failedNode(params.node, found.value.nodes);
        if (!answered.ok) return answered;
        const rows = found.value.topologies.map(({ topology, node, strategy, state, config }) => ({
          topology,
          node,
          strategy,
          state: state.is,
          config: displayOf(config),
          pid: state.is === 'running' ? processId(state.pid) : null,
        }));
        return ok({ rows, nodes: found.value.nodes });
      }),
  });
}
