import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { belowText, endsWithChild } from './endsWith.ts';
import { probeRestart } from './probeChild.ts';
import { displayOf } from '../terms.ts';
import {
  childParam,
  childResultOf,
  childText,
  dynamicChild,
  findChild,
  isDynamic,
  keepsChild,
} from './childParameters.ts';

export const restartChild = defineOperation({
  name: 'restart_child',
  title: 'Restart Child',
  description:
    'Has a supervisor start a child again: one that runs is ended first by the supervisor, one that was terminated is started. The others are left alone, whatever the strategy.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'supervisors.children', 'supervisors.terminateChild', 'supervisors.restartChild'],
  mayUse: ['supervisors.childSpec'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam, child: childParam }),
  result: Type.Object({
    ...childResultOf,
    before: nullable(Type.String({ description: 'The id of the process it had.' })),
    pid: nullable(
      Type.String({ description: 'The id of the process it has now; null when its start answered ignore.' }),
    ),
  }),
  route: { method: 'POST', path: '/supervisors/:supervisor/children/:child/restart' },
  examples: [
    {
      title: 'By its id',
      params: { supervisor: 'Shop.Supervisor', child: 'Shop.Catalog', node: 'demo1@sim' },
    },
  ],
  errors: [
    { code: 'child.dynamic', remedy: 'Use restart_process, which has the supervisor start it by ending it.' },
    { code: 'child.temporary', remedy: 'Start it anew with add_child once it has ended.' },
    { code: 'child.not_found', remedy: 'See which_children for those it has.' },
    { code: 'supervisor.not_one', remedy: 'Choose a process from list_supervisors.' },
  ],
  async plan(context, { supervisor: text, node, child: childTextGiven }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const child = await findChild(context, supervisor.value, childTextGiven, '/child');
    if (!child.ok) return child;
    const { childId, state } = child.value;
    if (isDynamic(childId)) {
      const remedy = 'Use restart_process, which ends the process so that its supervisor restarts it.';
      return dynamicChild(supervisor.value, 'it cannot start again a child that it has ended', remedy);
    }
    const before = state.is === 'running' ? state.pid : null;
    const kept = before === null ? ok(null) : await keepsChild(context, supervisor.value, childId, '/child');
    if (!kept.ok) return kept;
    const below = await endsWithChild(context, child.value);
    return ok({
      summary: `Restart ${childText(child.value)}${belowText(below)} under ${pidText(supervisor.value)} on ${supervisor.value.node}`,
      touches: [
        {
          node: supervisor.value.node,
          ...(before !== null && { pid: processId(before) }),
          what: before === null ? 'start' : 'end and start',
        },
        ...below.touches,
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { supervisor: supervisor.value, childId, before },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, childId, before } = steps;
    if (before !== null) {
      const child = { childId };
      const ended = await context.port.supervisors.terminateChild({ supervisor, child }, context.options());
      if (!ended.ok) return ended;
    }
    const started = await context.port.supervisors.restartChild({ supervisor, childId }, context.options());
    if (!started.ok) {
      return before === null ? started : { ok: false, error: { ...started.error, effect: 'partial' } };
    }
    return ok({
      supervisor: processId(supervisor),
      node: supervisor.node,
      childId: displayOf(childId),
      before: before === null ? null : processId(before),
      pid: started.value.pid === null ? null : processId(started.value.pid),
    });
  },
  probe: (context, { steps }) => probeRestart(context, steps.supervisor, steps.childId, steps.before),
});
