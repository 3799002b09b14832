import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nodeResult, nodeRow } from '../nodeRows.ts';
import { nodeParam } from '../parameters.ts';
import { nodeAt } from './nodeAt.ts';
import { known } from '../knownErrors.ts';

export const addNode = defineOperation({
  name: 'add_node',
  title: 'Add Node',
  description: 'Starts a further node of the cluster. Only on simulated and local clusters.',
  category: 'faults',
  severity: 'change',
  idempotent: true,
  needs: ['cluster.nodes', 'faults.addNode'],
  params: Type.Object({ node: nodeParam }),
  result: Type.Object(nodeResult),
  route: { method: 'POST', path: '/cluster/nodes' },
  examples: [{ title: 'A fourth one', params: { node: 'demo4@sim' } }],
  errors: [known.notHere, known.nodeNotFound],
  timeoutMs: 120_000,
  plan: (_context, { node }) =>
    Promise.resolve(
      ok({
        summary: `Start ${node}`,
        touches: [{ node, what: 'a new node' }],
        severity: 'change' as const,
        undo: 'partly' as const,
        steps: { node },
      }),
    ),
  async apply(context, { steps }) {
    const added = await context.port.faults.addNode(steps, context.options());
    return added.ok ? ok(nodeRow(added.value)) : added;
  },
  async probe(context, { steps }) {
    const found = await nodeAt(context, steps.node);
    if (found.ok) return 'applied';
    return found.error.class === 'not_found' ? 'none' : 'unknown';
  },
});
