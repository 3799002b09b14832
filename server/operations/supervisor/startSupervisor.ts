import { Type } from 'typebox';
import type { ChildSpec, Result, Strategy } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { atomText, nullable, placementOfProcess, supervisorParam } from '../parameters.ts';
import { place, placedResult, placementParams } from '../placement.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { atomName, displayOf, shownName } from '../terms.ts';
import { childSpecOf, childSpecParam, specsProblems } from './childSpecs.ts';
import { takeOutProcess } from './takeOut.ts';

const mostChildren = 100;

export const startSupervisor = defineOperation({
  name: 'start_supervisor',
  title: 'Start Supervisor',
  description:
    'Starts a supervisor with these children: under another supervisor, which then restarts it, or for itself, kept by Arsenal until it is stopped or nobody comes back for `lingerMs`. The child specifications are checked first.',
  category: 'supervisor',
  severity: 'change',
  idempotent: false,
  needs: [...resolveNeeds, 'supervisors.start'],
  mayUse: ['holdings.list', 'system.stats'],
  undoNeeds: ['holdings.release', 'supervisors.children', 'supervisors.terminateChild', 'supervisors.deleteChild'],
  params: Type.Object({
    ...placementParams,
    parent: Type.Optional(Type.String({ ...supervisorParam, description: 'The supervisor that is to have it.' })),
    name: Type.Optional(atomText('Registers it under this name on its node.', 'registeredName')),
    strategy: Type.Enum(['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'], {
      default: 'one_for_one',
      description: 'simple_one_for_one: `children` is the one specification that add_child then starts children by.',
    }),
    intensity: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 1, description: 'Restarts in a period.' }),
    periodSeconds: Type.Integer({ minimum: 1, maximum: 31_536_000, default: 5 }),
    autoShutdown: Type.Enum(['never', 'any_significant', 'all_significant'], {
      default: 'never',
      description: 'OTP 24: whether it ends when significant children have ended by themselves.',
    }),
    children: Type.Array(childSpecParam, {
      maxItems: mostChildren,
      default: [],
      description: 'Started in this order.',
    }),
    lingerMs: Type.Integer({
      minimum: 0,
      maximum: 86_400_000,
      default: 60_000,
      description: 'Without a parent: how long it lives on after who asked is gone.',
    }),
  }),
  result: Type.Object({ ...placementOfProcess, registeredName: nullable(Type.String()), placed: placedResult }),
  route: { method: 'POST', path: '/supervisors' },
  examples: [{ title: 'An empty one', params: { node: 'demo1@sim', strategy: 'one_for_all' } }],
  errors: [
    { code: 'name.taken', remedy: 'Choose another name, or end the process that has it.' },
    { code: 'child.start_failed', remedy: 'See details.reason; correct the child, or what it needs.' },
  ],
  validate: ({ children, strategy, autoShutdown }) => specsProblems(children, { strategy, autoShutdown }, '/children'),
  async plan(context, params) {
    const placed = await place(context, params);
    if (!placed.ok) return placed;
    const { got: node } = placed.value;
    const parent =
      params.parent === undefined
        ? ok(null)
        : await resolveProcess(context, { text: params.parent, node: node, pointer: '/parent' });
    if (!parent.ok) return parent;
    const children = specsOf(params.children);
    if (!children.ok) return children;
    const name = params.name === undefined ? null : atomName(params.name);
    const { strategy, intensity, periodSeconds, autoShutdown, lingerMs } = params;
    const what = `a ${strategy} supervisor with ${countText(strategy, children.value)}`;
    return ok({
      summary: `Start ${what}${name === null ? '' : ` as ${shownName(name)}`} on ${node}`,
      touches: [{ node: node, what }],
      severity: 'change',
      undo: 'partly',
      steps: {
        placed: placed.value,
        node,
        parent: parent.value,
        name,
        flags: { strategy, intensity, periodSeconds, autoShutdown },
        children: children.value.map((spec) => ({ ...spec, start: { ...spec.start, args: [...spec.start.args] } })),
        lingerMs,
        owner: context.owner,
      },
    });
  },
  async apply(context, { steps }) {
    const { parent, name, placed, ...rest } = steps;
    const started = await context.port.supervisors.start(
      { ...rest, ...(parent !== null && { parent }), ...(name !== null && { name }) },
      context.options(),
    );
    return started.ok ? ok({ ...namedProcess(started.value), registeredName: name, placed }) : started;
  },
  /** One of its own is given back; one under a parent is taken out of it. */
  async compensate(context, { steps }, done) {
    if (!done.ok) return ok(null);
    if (steps.parent !== null) return takeOutProcess(context, steps.parent, done.value.pid);
    const held = await heldSupervisor(context, steps.owner.requestId);
    if (!held.ok || held.value === null) return held.ok ? ok(null) : held;
    const released = await context.port.holdings.release({ id: held.value }, context.options());
    return released.ok ? ok(null) : released;
  },
  async probe(context, { steps }) {
    // Only what Arsenal keeps says who asked for it; a name says that something is there that was not.
    if (steps.parent === null) {
      const held = await heldSupervisor(context, steps.owner.requestId);
      return held.ok ? (held.value === null ? 'none' : 'applied') : 'unknown';
    }
    if (steps.name === null) return 'unknown';
    const target = { name: { in: 'local', node: steps.node, name: steps.name } } as const;
    const found = await context.port.names.resolve({ target, seenFrom: steps.node }, context.options());
    if (found.ok) return 'applied';
    return found.error.class === 'not_found' ? 'none' : 'unknown';
  },
});

function countText(strategy: Strategy, children: readonly ChildSpec[]): string {
  if (strategy === 'simple_one_for_one') return 'no children yet';
  const ids = children.map(({ childId }) => displayOf(childId)).join(', ');
  return children.length === 0 ? 'no children' : `${String(children.length)} children: ${ids}`;
}

/** The holding that keeps the supervisor a call has started; null when there is none. */
async function heldSupervisor(context: Context<'holdings.list'>, requestId: string): Promise<Result<string | null>> {
  const listed = await context.port.holdings.list({}, context.options());
  if (!listed.ok) return listed;
  const held = listed.value.holdings.find(({ owner, kind }) => owner.requestId === requestId && kind === 'process');
  return ok(held?.id ?? null);
}

function specsOf(written: readonly Parameters<typeof childSpecOf>[0][]): Result<readonly ChildSpec[]> {
  const specs: ChildSpec[] = [];
  for (const [at, one] of written.entries()) {
    const spec = childSpecOf(one, `/children/${String(at)}`);
    if (!spec.ok) return spec;
    specs.push(spec.value);
  }
  return ok(specs);
}
