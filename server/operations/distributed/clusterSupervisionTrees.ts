import { Type } from 'typebox';
import type { NodeName, SupervisorInfo } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { mostRows } from '../lists.ts';
import { coverageResult, nodeParam } from '../parameters.ts';
import { collect } from '../streams.ts';
import type { Branch } from '../supervisor/trees.ts';
import { branchResult, treeLimitParams, treesOf } from '../supervisor/trees.ts';
import { nameText } from '../terms.ts';

const mostNodes = 100;

export const clusterSupervisionTrees = defineOperation({
  name: 'cluster_supervision_trees',
  title: 'Cluster Supervision Trees',
  description:
    'The supervision trees of every node beside each other, and where the nodes differ: applications and named supervisors that run on some of them only.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  needs: ['supervisors.find', 'supervisors.children'],
  params: Type.Object({
    nodes: Type.Optional(
      Type.Array(nodeParam, { minItems: 1, maxItems: mostNodes, uniqueItems: true, description: 'Only these nodes.' }),
    ),
    application: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: 'Only the tree of this application on each node.' }),
    ),
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
    differences: Type.Array(
      Type.Object({
        what: Type.Enum(['application', 'supervisor']),
        name: Type.String(),
        on: Type.Array(Type.String()),
        notOn: Type.Array(Type.String()),
      }),
      { description: 'What runs on some of the nodes that answered, and not on the others.' },
    ),
    nodes: coverageResult,
    truncated: Type.Boolean({ description: 'Whether limits left something out.' }),
  }),
  route: { method: 'GET', path: '/cluster/supervision-trees' },
  examples: [
    { title: 'Everything', params: {} },
    { title: 'One application on two nodes', params: { application: 'shop', nodes: ['demo1@sim', 'demo2@sim'] } },
  ],
  errors: [{ code: 'node.unavailable', remedy: 'A node that does not answer is `missing` in `nodes`.' }],
  timeoutMs: 60_000,
  async execute(context, { nodes, application, ...limits }) {
    const found = await collect(context.port.supervisors.find({ nodes: nodes ?? 'all' }, context.options()), mostRows);
    if (!found.ok) return found;
    const { rows, end } = found.value;
    const answered = end.nodes
      .filter(({ status }) => status !== 'missing')
      .map(({ node }) => node)
      .toSorted();
    let truncated = false;
    const items = [];
    for (const node of answered) {
      const here = rows.filter(({ supervisor }) => supervisor.node === node);
      const root = application === undefined ? null : here.find((info) => info.application === application);
      // A node without the application has no tree of it.
      const built =
        root === undefined
          ? { trees: [], truncated: false }
          : await treesOf(context, here, limits, root?.supervisor ?? null);
      truncated ||= built.truncated;
      items.push({ node, trees: built.trees, supervisors: here.length, shown: countIn(built.trees) });
    }
    return ok({
      items,
      total: items.reduce((sum, { trees }) => sum + trees.length, 0),
      differences: differences(rows, answered),
      nodes: end.nodes,
      truncated,
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

function differences(supervisors: readonly SupervisorInfo[], nodes: readonly NodeName[]) {
  const where = new Map<string, { what: 'application' | 'supervisor'; name: string; on: Set<NodeName> }>();
  const note = (what: 'application' | 'supervisor', name: string, node: NodeName) => {
    const key = `${what} ${name}`;
    const known = where.get(key) ?? { what, name, on: new Set() };
    known.on.add(node);
    where.set(key, known);
  };
  for (const { application, name, supervisor } of supervisors) {
    if (application !== null) note('application', application, supervisor.node);
    else if (name?.in === 'local') note('supervisor', nameText(name), supervisor.node);
  }
  return [...where.values()]
    .filter(({ on }) => on.size < nodes.length)
    .map(({ what, name, on }) => ({ what, name, on: [...on], notOn: nodes.filter((node) => !on.has(node)) }))
    .toSorted((a, b) => (a.what === b.what ? (a.name < b.name ? -1 : 1) : a.what < b.what ? -1 : 1));
}
