import { Type } from 'typebox';
import type { ArsenalError } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { atomText, nodeParam, nullable, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { connectedNode } from '../resolve.ts';
import { childSpecOf, childSpecParam, specProblems } from '../supervisor/childSpecs.ts';
import { atomName, displayOf, shownName } from '../terms.ts';
import { known } from '../knownErrors.ts';

export const hordeStartChild = defineOperation({
  name: 'horde_start_child',
  title: 'Start Horde Child',
  description:
    'Starts a child under a Horde.DynamicSupervisor, and says where its strategy put it, and where it was foreseen. Horde’s own strategies take no preference: one that cannot be honoured is said so, the child starts where the strategy wants it.',
  category: 'distributed',
  severity: 'change',
  idempotent: false,
  needs: ['cluster.nodes', 'horde.place', 'horde.startChild'],
  params: Type.Object({
    supervisor: atomText('The name of the supervisor.', 'registeredName'),
    node: Type.Optional(
      Type.String({ ...nodeParam, description: 'The node whose member is asked; the connected one when absent.' }),
    ),
    prefer: Type.Optional(Type.String({ ...nodeParam, description: 'Where it should run, if the strategy allows.' })),
    spec: childSpecParam,
  }),
  result: Type.Object({
    ...placementOfProcess,
    placed: Type.Object({ wanted: Type.String(), got: Type.String(), why: Type.String() }),
    foreseen: nullable(Type.String({ description: 'The node that the strategy would choose.' })),
  }),
  route: { method: 'POST', path: '/horde/supervisors/:supervisor/children' },
  examples: [
    {
      title: 'A worker',
      params: { supervisor: 'Shop.Couriers', spec: { id: 'courier', module: 'Shop.Courier', args: ['suburb'] } },
    },
  ],
  errors: [known.registryNotFound, known.childStartFailed, known.nodeUnavailable],
  validate: ({ spec }) => specProblems(spec, '/spec'),
  async plan(context, { supervisor, node: asked, prefer, spec: written }) {
    const node = asked === undefined ? await connectedNode(context) : ok(asked);
    if (!node.ok) return node;
    const spec = childSpecOf(written, '/spec');
    if (!spec.ok) return spec;
    const name = atomName(supervisor);
    const foreseen = await context.port.horde.place(
      { name, seenFrom: node.value, spec: spec.value },
      context.options(),
    );
    if (!foreseen.ok && isFatal(foreseen.error)) return foreseen;
    const { start, childId } = spec.value;
    const where = foreseen.ok ? `, foreseen on ${foreseen.value.node}` : '';
    return ok({
      summary: `Start ${displayOf(childId)} under ${shownName(name)}${where}`,
      touches: [{ node: foreseen.ok ? foreseen.value.node : node.value, what: 'a new child' }],
      severity: 'change',
      undo: 'no',
      steps: {
        name,
        seenFrom: node.value,
        prefer: prefer ?? null,
        spec: { ...spec.value, start: { ...start, args: [...start.args] } },
        foreseen: foreseen.ok ? foreseen.value.node : null,
      },
    });
  },
  async apply(context, { steps }) {
    const { foreseen, ...params } = steps;
    const started = await context.port.horde.startChild(params, context.options());
    if (!started.ok) return started;
    const { pid, placed, predicted } = started.value;
    return ok({
      ...namedProcess(pid),
      placed: { wanted: placed.wanted, got: placed.got, why: placed.why },
      foreseen: predicted?.node ?? foreseen,
    });
  },
});

/** Where it will go may be unknown; that there is no such supervisor, or no such node, is not a matter of where. */
function isFatal({ class: kind }: ArsenalError): boolean {
  return kind !== 'execution' && kind !== 'timeout';
}
