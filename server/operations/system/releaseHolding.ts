import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { known } from '../knownErrors.ts';

export const releaseHolding = defineOperation({
  name: 'release_holding',
  title: 'Release Holding',
  description: 'Takes back one thing that Arsenal keeps on a node: resumes, stops tracing, heals, ends.',
  category: 'system',
  severity: 'change',
  idempotent: true,
  needs: ['holdings.list', 'holdings.release'],
  params: Type.Object({
    id: Type.String({ minLength: 1, maxLength: 300, description: 'Its id, from list_holdings.' }),
  }),
  result: Type.Object({ id: Type.String(), wasHeld: Type.Boolean() }),
  route: { method: 'DELETE', path: '/system/holdings/:id' },
  examples: [{ title: 'By its id', params: { id: 'demo1@sim~1' } }],
  errors: [known.nodeUnavailable, known.nodeNotFound],
  async plan(context, { id }) {
    const listed = await context.port.holdings.list({}, context.options());
    if (!listed.ok) return listed;
    const held = listed.value.holdings.find((one) => one.id === id);
    return ok({
      summary: held === undefined ? `Nothing is held as ${id}` : `Release the ${held.kind.replace('_', ' ')} ${id}`,
      touches: held === undefined ? [] : [{ node: held.at.node, what: held.kind }],
      severity: 'change',
      undo: 'no',
      steps: { id },
    });
  },
  async apply(context, { steps }) {
    const released = await context.port.holdings.release(steps, context.options());
    return released.ok ? ok({ id: steps.id, wasHeld: released.value.wasHeld }) : released;
  },
  async probe(context, { steps }) {
    const listed = await context.port.holdings.list({}, context.options());
    if (!listed.ok) return 'unknown';
    return listed.value.holdings.some(({ id }) => id === steps.id) ? 'none' : 'applied';
  },
});
