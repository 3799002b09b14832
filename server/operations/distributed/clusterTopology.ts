import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { islandsOf, linksOf, linkStates, nodeResult, nodeRow } from '../nodeRows.ts';
import { coverageResult } from '../parameters.ts';
import { known } from '../knownErrors.ts';
import { onceForAll } from '../policies.ts';
import { conditionOf, conditionResult } from './nodeConditions.ts';

export const clusterTopology = defineOperation({
  name: 'cluster_topology',
  title: 'Cluster Topology',
  description:
    'The nodes of the cluster and how each is, who is connected to whom as each says itself, and the islands if it is partitioned.',
  category: 'distributed',
  severity: 'read',
  idempotent: true,
  cache: onceForAll,
  needs: ['cluster.nodes', 'cluster.links'],
  params: Type.Object({}),
  result: Type.Object({
    items: Type.Array(Type.Object({ ...nodeResult, condition: conditionResult })),
    total: Type.Integer(),
    next: Type.Null(),
    links: Type.Array(Type.Object({ from: Type.String(), to: Type.String(), state: Type.Enum([...linkStates]) })),
    islands: Type.Unsafe<readonly (readonly string[])[]>({
      type: 'array',
      items: { type: 'array', items: { type: 'string' } },
      description: 'Groups of nodes that see each other; more than one is a partition.',
    }),
    nodes: coverageResult,
  }),
  route: { method: 'GET', path: '/cluster/topology' },
  examples: [{ title: 'The whole cluster', params: {} }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async execute(context) {
    const [nodes, links] = await Promise.all([
      context.port.cluster.nodes({}, context.options()),
      context.port.cluster.links({}, context.options()),
    ]);
    if (!nodes.ok) return nodes;
    if (!links.ok) return links;
    const { links: sights, nodes: coverage } = links.value;
    const items = nodes.value.nodes.map((info) => ({ ...nodeRow(info), condition: conditionOf(info, sights).is }));
    return ok({
      items,
      total: items.length,
      next: null,
      links: linksOf(sights),
      islands: islandsOf(sights),
      nodes: coverage,
    });
  },
});
