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

/** The same of several, each with its place in the parameters; the first that there is not is the error. */
export async function nodesAt(
  context: Looking,
  named: readonly { readonly node: NodeName; readonly pointer: string }[],
): Promise<Result<null>> {
  const nodes = await context.port.cluster.nodes({}, context.options());
  if (!nodes.ok) return nodes;
  const unknown = named.find(({ node }) => !nodes.value.nodes.some((known) => known.node === node));
  if (unknown === undefined) return ok(null);
  const { code, message, remedy } = nodeNotFound(unknown.node).error;
  return failure('not_found', code, message, remedy, { node: unknown.node, pointer: unknown.pointer });
}

/** What a node's end or standing still hits: how many processes, and whose links. Nothing is said of what cannot be told. */
export async function whatRunsOn(
  context: Context<'system.stats' | 'cluster.links'>,
  node: NodeName,
): Promise<{ readonly processes: string; readonly peers: readonly NodeName[] }> {
  const [stats, links] = await Promise.all([
    context.port.system.stats({ node }, context.options(lookMs)),
    context.port.cluster.links({}, context.options(lookMs)),
  ]);
  const sights = links.ok ? links.value.links : [];
  const seen = sights.flatMap((sight) =>
    sight.node === node ? sight.sees : sight.sees.includes(node) ? [sight.node] : [],
  );
  return {
    processes: stats.ok ? `all ${String(stats.value.processCount)} processes` : 'every process',
    peers: [...new Set(seen)].toSorted(),
  };
}

/** What others lose with a node. */
export function peerTouches(node: NodeName, peers: readonly NodeName[], what: string) {
  return peers.map((peer) => ({ node: peer, what: `its link to ${node} ${what}` }));
}

/** A node that does not answer does not keep its own end from being planned. */
const lookMs = 2_000;
