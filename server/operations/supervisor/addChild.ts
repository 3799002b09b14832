import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf, shownName } from '../terms.ts';
import { childrenOf } from './failurePrediction.ts';
import { takeOut } from './takeOut.ts';
import { childResultOf, isDynamic } from './childParameters.ts';
import { childSpecOf, childSpecParam, specProblems } from './childSpecs.ts';

export const addChild = defineOperation({
  name: 'add_child',
  title: 'Add Child',
  description:
    'Starts a further child under a supervisor, static or dynamic: from then on it is restarted as its specification and the strategy of the supervisor say.',
  category: 'supervisor',
  severity: 'change',
  idempotent: false,
  needs: [...resolveNeeds, 'supervisors.children', 'supervisors.startChild'],
  mayUse: ['supervisors.childSpec', 'supervisors.flags'],
  undoNeeds: ['supervisors.terminateChild', 'supervisors.deleteChild'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam, spec: childSpecParam }),
  result: Type.Object({
    ...childResultOf,
    pid: nullable(Type.String({ description: 'The id of its process; null when its start answered ignore.' })),
  }),
  route: { method: 'POST', path: '/supervisors/:supervisor/children' },
  aliases: [{ name: 'add_dynamic_child', preset: {} }],
  examples: [
    {
      title: 'A worker',
      params: {
        supervisor: 'Shop.Supervisor',
        node: 'demo1@sim',
        spec: { id: 'extra', module: 'Shop.Cart', args: [7], restart: 'temporary' },
      },
    },
  ],
  errors: [
    { code: 'child.exists', remedy: 'Restart it with restart_child, delete it first, or choose another id.' },
    { code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' },
  ],
  validate: ({ spec }) => specProblems(spec, '/spec'),
  async plan(context, { supervisor: text, node, spec: written }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const spec = childSpecOf(written, '/spec');
    if (!spec.ok) return spec;
    const { start, childId } = spec.value;
    const free = await idIsFree(context, supervisor.value, childId);
    if (!free.ok) return free;
    const called = `${shownName(start.module)}.${start.function}/${String(start.args.length)}`;
    return ok({
      summary: `Start ${displayOf(childId)} (${called}) under ${pidText(supervisor.value)} on ${supervisor.value.node}`,
      touches: [{ node: supervisor.value.node, pid: processId(supervisor.value), what: 'a new child' }],
      severity: 'change',
      undo: 'partly',
      steps: { supervisor: supervisor.value, spec: { ...spec.value, start: { ...start, args: [...start.args] } } },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, spec } = steps;
    const started = await context.port.supervisors.startChild({ supervisor, spec }, context.options());
    if (!started.ok) return started;
    return ok({
      supervisor: processId(supervisor),
      node: supervisor.node,
      childId: displayOf(spec.childId),
      pid: started.value.pid === null ? null : processId(started.value.pid),
    });
  },
  async compensate(context, { steps }, done) {
    return done.ok ? takeOut(context, steps.supervisor, steps.spec.childId, done.value.pid) : ok(null);
  },
  async probe(context, { steps }) {
    const { supervisor, spec } = steps;
    const children = await childrenOf(context, supervisor);
    // A dynamic supervisor keeps no ids: there no child can be told from another.
    if (!children.ok || children.value.some(({ childId }) => isDynamic(childId))) return 'unknown';
    return children.value.some(({ childId }) => termKey(childId) === termKey(spec.childId)) ? 'applied' : 'none';
  },
});

/**
 * Whether no child has that id, running or not: asked for that one child, since a dynamic supervisor may have very many, which have no
 * ids. What cannot be told now the supervisor says when it is to start it.
 */
async function idIsFree(
  context: Context<'supervisors.childSpec' | 'supervisors.flags'>,
  supervisor: ProcessRef,
  childId: Term,
): Promise<Result<null>> {
  const taken = await context.port.supervisors.childSpec({ supervisor, childId }, context.options());
  if (!taken.ok || termKey(taken.value.childId) !== termKey(childId)) return ok(null);
  // The one specification of such a supervisor is nobody's place.
  const flags = await context.port.supervisors.flags({ supervisor }, context.options());
  if (!flags.ok || flags.value.strategy === 'simple_one_for_one') return ok(null);
  return failure(
    'conflict',
    'child.exists',
    `${pidText(supervisor)} on ${supervisor.node} has a child ${displayOf(childId)} already.`,
    'Restart it with restart_child, delete it first, or choose another id.',
    { node: supervisor.node, pointer: '/spec/id' },
  );
}
