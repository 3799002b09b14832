import { Type } from 'typebox';
import type { ArsenalError } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { mostRows } from '../lists.ts';
import { atomText, nodeParam, nullable, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { connectedNode } from '../resolve.ts';
import { childSpecOf, childSpecParam, specProblems } from '../supervisor/childSpecs.ts';
import { atomName, displayOf, shownName } from '../terms.ts';
import { known } from '../knownErrors.ts';
import { collect } from '../streams.ts';

const mostAlike = 500;

export const hordeStartChild = defineOperation({
  name: 'horde_start_child',
  title: 'Start Horde Child',
  description:
    'Starts a child under a Horde.DynamicSupervisor, and says where its strategy put it, and where it was foreseen. Horde’s own strategies take no preference: one that cannot be honoured is said so, the child starts where the strategy wants it.',
  category: 'distributed',
  severity: 'change',
  idempotent: false,
  needs: ['cluster.nodes', 'horde.place', 'horde.children', 'horde.startChild'],
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
    const alike = foreseen.ok ? await childrenAlike(context, name, foreseen.value.specHash) : null;
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
        before: alike,
      },
    });
  },
  async apply(context, { steps }) {
    const { foreseen, before: _before, ...params } = steps;
    const started = await context.port.horde.startChild(params, context.options());
    if (!started.ok) return started;
    const { pid, placed, predicted } = started.value;
    return ok({
      ...namedProcess(pid),
      placed: { wanted: placed.wanted, got: placed.got, why: placed.why },
      foreseen: predicted?.node ?? foreseen,
    });
  },
  /** A child with this specification that was not there before; Horde makes up a new id for each. */
  async probe(context, { steps: { name, before } }) {
    const now = before === null ? null : await childrenAlike(context, name, before.specHash);
    if (before === null || now === null) return 'unknown';
    if (now.ids.some((id) => !before.ids.includes(id))) return 'applied';
    return now.isWhole ? 'none' : 'unknown';
  },
});

type Alike = { readonly specHash: number; readonly ids: string[]; readonly isWhole: boolean };

/** The children of one specification, by their ids; null when they cannot be told, or are too many to be kept with a plan. */
async function childrenAlike(
  context: Context<'horde.children'>,
  name: string,
  specHash: number,
): Promise<Alike | null> {
  const children = context.port.horde.children({ nodes: 'all', name }, context.options());
  const found = await collect(children, mostRows);
  if (!found.ok) return null;
  const { rows, end } = found.value;
  const ids = rows.filter((row) => row.specHash === specHash).map(({ childId }) => termKey(childId));
  const isWhole = end.nodes.every(({ status }) => status === 'ok') && end.total <= rows.length;
  return ids.length > mostAlike ? null : { specHash, ids, isWhole };
}

/** Where it will go may be unknown; that there is no such supervisor, or no such node, is not a matter of where. */
function isFatal({ class: kind }: ArsenalError): boolean {
  return kind !== 'execution' && kind !== 'timeout';
}
