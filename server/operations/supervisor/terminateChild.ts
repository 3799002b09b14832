import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf } from '../terms.ts';
import { childParam, childResultOf, childText, findChild, isDynamic } from './childParameters.ts';
import { belowText, endsWithChild } from './endsWith.ts';
import { probeChild } from './probeChild.ts';

export const terminateChild = defineOperation({
  name: 'terminate_child',
  title: 'Terminate Child',
  description:
    'Has a supervisor end a child and not start it again. Its specification stays, so that restart_child can start it; a dynamic supervisor forgets it.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: true,
  needs: [...resolveNeeds, 'supervisors.children', 'supervisors.terminateChild'],
  undoNeeds: ['supervisors.restartChild'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam, child: childParam }),
  result: Type.Object({
    ...childResultOf,
    before: nullable(Type.String({ description: 'The id of the process it had.' })),
  }),
  route: { method: 'POST', path: '/supervisors/:supervisor/children/:child/terminate' },
  examples: [
    { title: 'By its id', params: { supervisor: 'Shop.Supervisor', child: 'Shop.Catalog', node: 'demo1@sim' } },
  ],
  errors: [{ code: 'child.not_found', remedy: 'See which_children for those it has.' }],
  async plan(context, { supervisor: text, node, child: written }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const child = await findChild(context, supervisor.value, written, '/child');
    if (!child.ok) return child;
    const { childId, state } = child.value;
    const before = state.is === 'running' ? state.pid : null;
    const below = await endsWithChild(context, child.value);
    return ok({
      summary: `End ${childText(child.value)}${belowText(below)} under ${pidText(supervisor.value)} on ${supervisor.value.node}`,
      touches: [
        {
          node: supervisor.value.node,
          ...(before !== null && { pid: processId(before) }),
          what: 'end by its supervisor',
        },
        ...below.touches,
      ],
      severity: 'destroy',
      undo: 'partly',
      steps: { supervisor: supervisor.value, childId, before },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, childId, before } = steps;
    // Children of dynamic supervisors have no id of their own: the process names them.
    const child = isDynamic(childId) && before !== null ? { pid: before } : { childId };
    const ended = await context.port.supervisors.terminateChild({ supervisor, child }, context.options());
    if (!ended.ok) return ended;
    return ok({
      supervisor: processId(supervisor),
      node: supervisor.node,
      childId: displayOf(childId),
      before: before === null ? null : processId(before),
    });
  },
  /** Started again it is a new process with a new state; one that its supervisor has forgotten cannot be. */
  async compensate(context, { steps }, done) {
    if (!done.ok || steps.before === null) return ok(null);
    const { supervisor, childId } = steps;
    const started = await context.port.supervisors.restartChild({ supervisor, childId }, context.options());
    return started.ok ? ok(null) : started;
  },
  probe: (context, { steps }) => probeChild(context, steps.supervisor, steps.childId, steps.before),
});
