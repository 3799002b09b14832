/** Asking every node the same, and saying of each what became of it. */
import { nodeUnavailable } from '../../runtime/errors.ts';
import type { Coverage, NodeCoverage, NodeName, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Context } from '../core/context.ts';
import { mapLimited } from './limited.ts';
import { failedNode } from './lists.ts';

const nodesAtOnce = 8;

/**
 * What `ask` answers for one node, or for every node there is. A node that cannot be asked is in the coverage, with why; the error of
 * the one node that was named is the error of the whole.
 */
export async function eachNode<T>(
  context: Context<'cluster.nodes'>,
  node: NodeName | undefined,
  ask: (node: NodeName) => Promise<Result<T>>,
): Promise<
  Result<{ readonly answers: readonly { readonly node: NodeName; readonly value: T }[]; readonly nodes: Coverage }>
> {
  const known = node === undefined ? await context.port.cluster.nodes({}, context.options()) : null;
  if (known?.ok === false) return known;
  const targets = known === null ? [{ node: node ?? '', up: true }] : known.value.nodes.map(reachable);
  const asked = await mapLimited(targets, nodesAtOnce, async (target) => ({
    node: target.node,
    answer: target.up ? await ask(target.node) : nodeUnavailable(target.node),
  }));
  const nodes = asked.map(({ node: name, answer }): NodeCoverage =>
    answer.ok ? { node: name, status: 'ok' } : { node: name, status: 'missing', error: answer.error },
  );
  const failed = failedNode(node, nodes);
  if (!failed.ok) return failed;
  return ok({
    answers: asked.flatMap(({ node: name, answer }) => (answer.ok ? [{ node: name, value: answer.value }] : [])),
    nodes,
  });
}

function reachable({ node, reach }: { readonly node: NodeName; readonly reach: { readonly via: string } }) {
  return { node, up: reach.via !== 'none' };
}
