import { failure, nodeNotFound } from '../../../runtime/errors.ts';
import type { NodeInfo, NodeName, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';

type Looking = Context<'cluster.nodes'>;

/** A node of the cluster, up or down. Errors: `node.not_found`, and what the runtime says when it cannot be asked. */
export async function nodeAt(context: Looking, node: NodeName): Promise<Result<NodeInfo>> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  if (!nodes.ok) return nodes;
  const info = nodes.value.nodes.find((known) => known.node === node);
  return info === undefined ? nodeNotFound(node) : ok(info);
}

/** The same, if it is still the incarnation that was planned for; else `node.restarted`: what was agreed to was another's end. */
export async function plannedNode(
  context: Looking,
  { node, creation }: { readonly node: NodeName; readonly creation: number },
): Promise<Result<NodeInfo>> {
  const found = await nodeAt(context, node);
  if (!found.ok || found.value.creation === creation) return found;
  return failure(
    'conflict',
    'node.restarted',
    `${node} has restarted since this was planned.`,
    'Look at it, and run the operation again if you still want it.',
    { node },
  );
}
