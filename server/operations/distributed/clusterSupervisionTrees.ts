import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { mapLimited } from '../limited.ts';
import { mostRows } from '../lists.ts';
import { coverageResult, nodeParam } from '../parameters.ts';
import { collect } from '../streams.ts';
import type { Branch } from '../supervisor/trees.ts';
import { branchResult, ofApplication, treeLimitParams, treesOf } from '../supervisor/trees.ts';
import { onceForAll } from '../policies.ts';
import { differenceResult, differencesOf } from './treeDifferences.ts';

const mostNodes = 100;
const nodesAtOnce = 4;

export const clusterSupervisionTrees = defineOperation({
  name: 'cluster_supervision_trees',
  title: 'Cluster Supervision Trees',
  description:
    'The supervision trees of every node beside each other, and where the nodes differ: applications, named supervisors and their children that are or run on some of them only, and supervisors of one name with other flags.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  cache: onceForAll,
  needs: ['supervisors.find', 'supervisors.children'],
  params: Type.Object({
    nodes: Type.Optional(
      Type.Array(nodeParam, { minItems: 1, maxItems: mostNodes, uniqueItems: true, description: 'Only these nodes.' }),
    ),
    application: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Only the tree of this application on each node.' }),
    ),
    show: Type.Enum(['all', 'differences'], {
      default: 'all',
      description: 'differences: only where the nodes differ, without the trees.',
    }),
    ...treeLimitParams,
  }),
  result: Type.Object({
    items: Type.Array(
      Type.Object({
        node: Type.String(),
        trees: Type.Unsafe<readonly Branch[]>({ type: 'array', items: branchResult }),
        supervisors: Type.Integer({ description: 'Supervisors found there.' }),
        shown: Type.Object({
          supervisors: Type.Integer({ description: 'Supervisors in the trees as shown.' }),
          workers: Type.Integer({ description: 'Workers below them as shown.' }),
        }),
      }),
    ),
    total: Type.Integer({ description: 'Trees, on all nodes.' }),
    differences: Type.Array(differenceResult, { description: 'What is not the same on all nodes that answered.' }),
    nodes: coverageResult,
    truncated: Type.Boolean({ description: 'Whether limits left something out.' }),
  }),
  route: { method: 'GET', path: '/cluster/supervision-trees' },
  examples: [
    { title: 'Everything', params: {} },
    { title: 'Only where they differ', params: { show: 'differences' } },
    { title: 'One application on two nodes', params: { application: 'shop', nodes: ['demo1@sim', 'demo2@sim'] } },
  ],
  errors: [{ code: 'node.unavailable', remedy: 'A node that does not answer is `missing` in `nodes`.' }],
  timeoutMs: 60_000,
  async execute(context, { nodes, application, show, ...limits }) {
    const found = await collect(context.port.supervisors.find({ nodes: nodes ?? 'all' }, context.options()), mostRows);
    if (!found.ok) return found;
    const { end } = found.value;
    const rows = application === undefined ? found.value.rows : ofApplication(application, found.value.rows);
    const answered = end.nodes
      .filter(({ status }) => status !== 'missing')
      .map(({ node }) => node)
      .toSorted();
    const built = await mapLimited(answered, nodesAtOnce, async (node) => {
      const here = rows.filter(({ supervisor }) => supervisor.node === node);
      return { node, supervisors: here.length, ...(await treesOf(context, here, limits, null)) };
    });
    const items = built.map(({ node, supervisors, trees }) => {
      const shown = show === 'all' ? trees : [];
      return { node, trees: shown, supervisors, shown: countIn(shown) };
    });
    const trees = new Map(built.map((one) => [one.node, one.trees]));
    return ok({
      items,
      total: items.reduce((sum, { trees }) => sum + trees.length, 0),
      differences: differencesOf(rows, trees, answered),
      nodes: end.nodes,
      truncated: built.some(({ truncated }) => truncated),
    });
  },
});

function countIn(trees: readonly Branch[]): { supervisors: number; workers: number } {
  const count = { supervisors: trees.length, workers: 0 };
  for (const { children } of trees) {
    for (const child of children) {
      if (child.tree === null) {
        if (child.type === 'worker') count.workers += 1;
        continue;
      }
      const below = countIn([child.tree]);
      count.supervisors += below.supervisors;
      count.workers += below.workers;
    }
  }
  return count;
}
