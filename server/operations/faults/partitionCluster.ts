import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeParam } from '../parameters.ts';
import { heldResult, heldRow, lingerParam, probeFault, releaseFault } from './heldFault.ts';
import { known } from '../knownErrors.ts';
import { nodesAt } from './nodeAt.ts';

const mostNodes = 100;

export const partitionCluster = defineOperation({
  name: 'partition_cluster',
  title: 'Partition Cluster',
  description:
    'Takes the links between groups of nodes away: closed at once (cut), or silent (blackhole), until heal_cluster. A node that no group names keeps its links. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'destroy',
  idempotent: false,
  needs: ['cluster.nodes', 'faults.partition', 'holdings.list', 'holdings.release'],
  params: Type.Object({
    islands: Type.Array(Type.Array(nodeParam, { minItems: 1, maxItems: mostNodes }), {
      minItems: 2,
      maxItems: mostNodes,
      description: 'The groups that are to see only themselves.',
    }),
    mode: Type.Enum(['cut', 'blackhole'], {
      default: 'cut',
      description: 'Closed and refused, or nothing comes through.',
    }),
    lingerMs: lingerParam,
  }),
  result: Type.Object({
    islands: Type.Array(Type.Array(Type.String())),
    mode: Type.Enum(['cut', 'blackhole']),
    preventsOverlap: Type.Boolean({
      description:
        'Whether OTP itself closes more links until the groups do not overlap (prevent_overlapping_partitions).',
    }),
    ...heldResult,
  }),
  route: { method: 'POST', path: '/cluster/partitions' },
  examples: [{ title: 'Two against one', params: { islands: [['demo1@sim', 'demo2@sim'], ['demo3@sim']] } }],
  errors: [known.notHere, known.nodeNotFound],
  validate: ({ islands }) => {
    const all = islands.flat();
    return new Set(all).size === all.length
      ? []
      : [{ pointer: '/islands', message: 'name a node more than once: it can be in one group only.' }];
  },
  async plan(context, { islands, mode, lingerMs }) {
    const named = islands.flatMap((island, at) =>
      island.map((node, index) => ({ node, pointer: `/islands/${String(at)}/${String(index)}` })),
    );
    const there = await nodesAt(context, named);
    if (!there.ok) return there;
    return ok({
      summary: `Partition the cluster: ${islands.map((island) => island.join(', ')).join(' | ')} (${mode})`,
      touches: islands.flatMap((island) =>
        island.map((node) => ({
          node,
          what: `links to ${islands
            .filter((other) => other !== island)
            .flat()
            .join(', ')}`,
        })),
      ),
      severity: 'destroy',
      undo: 'yes',
      steps: { islands, mode, lingerMs, owner: context.owner },
    });
  },
  async apply(context, { steps }) {
    const held = await context.port.faults.partition(steps, context.options());
    if (!held.ok) return held;
    const { islands, mode } = steps;
    return ok({ islands, mode, preventsOverlap: held.value.preventsOverlap, ...heldRow(held.value) });
  },
  compensate: (context, _plan, done) => releaseFault(context, done),
  probe: (context, { steps }) => probeFault(context, steps.owner),
});
