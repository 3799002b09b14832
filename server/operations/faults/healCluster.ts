import { Type } from 'typebox';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';

export const healCluster = defineOperation({
  name: 'heal_cluster',
  title: 'Heal Cluster',
  description:
    'Takes faults back: partitions, delays and losses of links, nodes that hang; those named, or all there are. Nodes find each other again by themselves, as after a real fault.',
  category: 'faults',
  severity: 'change',
  idempotent: true,
  needs: ['holdings.list', 'holdings.release'],
  params: Type.Object({
    holdings: Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
      maxItems: 1_000,
      default: [],
      description: 'Those that are to be taken back; all faults when empty.',
    }),
  }),
  result: Type.Object({ released: Type.Array(Type.String()) }),
  route: { method: 'POST', path: '/cluster/heal' },
  examples: [{ title: 'Everything', params: {} }],
  async plan(context, { holdings }) {
    const listed = await context.port.holdings.list({}, context.options());
    if (!listed.ok) return listed;
    const faults = listed.value.holdings.filter(
      ({ id, kind }) => kind === 'fault' && (holdings.length === 0 || holdings.includes(id)),
    );
    return ok({
      summary: faults.length === 0 ? 'There is no fault to take back' : `Take back ${String(faults.length)} faults`,
      touches: faults.map(({ at, id, owner }) => ({
        node: at.node,
        what: `what ${owner.principal} did by ${owner.operation} (${id})`,
      })),
      severity: 'change',
      undo: 'no',
      steps: { ids: faults.map(({ id }) => id) },
    });
  },
  async apply(context, { steps }) {
    const released: string[] = [];
    for (const id of steps.ids) {
      const done = await context.port.holdings.release({ id }, context.options());
      if (!done.ok) {
        const effect = released.length > 0 ? 'partial' : done.error.effect;
        return { ok: false, error: { ...done.error, effect, details: { ...done.error.details, released } } };
      }
      if (done.value.wasHeld) released.push(id);
    }
    return ok({ released });
  },
  async probe(context, { steps }) {
    const listed = await context.port.holdings.list({}, context.options());
    if (!listed.ok) return 'unknown';
    return listed.value.holdings.some(({ id }) => steps.ids.includes(id)) ? 'none' : 'applied';
  },
});
