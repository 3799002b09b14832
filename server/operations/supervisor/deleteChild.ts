import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ChildRow, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { termKey } from '../../../runtime/term/term.ts';
import { defineOperation } from '../../core/operation.ts';
import { onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { displayOf } from '../terms.ts';
import { childParam, childResultOf, childText, dynamicChild, findChild, isDynamic } from './childParameters.ts';
import { belowText, endsWithChild } from './endsWith.ts';
import { childrenOf } from './failurePrediction.ts';

export const deleteChild = defineOperation({
  name: 'delete_child',
  title: 'Delete Child',
  description: 'Takes a child out of a supervisor for good; with `terminate` it is ended first if it runs.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: false,
  needs: [...resolveNeeds, 'supervisors.children', 'supervisors.terminateChild', 'supervisors.deleteChild'],
  params: Type.Object({
    supervisor: supervisorParam,
    node: onNodeParam,
    child: childParam,
    terminate: Type.Boolean({ default: false, description: 'End it first; else a child that runs is refused.' }),
  }),
  result: Type.Object({ ...childResultOf, terminated: Type.Boolean() }),
  route: { method: 'DELETE', path: '/supervisors/:supervisor/children/:child' },
  examples: [
    {
      title: 'One that runs',
      params: { supervisor: 'Shop.Supervisor', child: 'Shop.Catalog', node: 'demo1@sim', terminate: true },
    },
  ],
  errors: [
    { code: 'child.dynamic', remedy: 'Use terminate_child: a dynamic supervisor forgets the child that it ended.' },
    { code: 'child.not_found', remedy: 'See which_children for those it has.' },
    { code: 'child.running', remedy: 'Set `terminate`, or end it first with terminate_child.' },
  ],
  async plan(context, { supervisor: text, node, child: written, terminate }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const child = await findChild(context, supervisor.value, written, '/child');
    if (!child.ok) return child;
    const { childId, state } = child.value;
    if (isDynamic(childId)) {
      const remedy = 'Use terminate_child: a dynamic supervisor forgets the child that it ended.';
      return dynamicChild(supervisor.value, 'it keeps no specification that could be deleted', remedy);
    }
    if (state.is === 'running' && !terminate) return isRunning(supervisor.value, child.value);
    const ends = state.is === 'running';
    const below = await endsWithChild(context, child.value);
    return ok({
      summary: `${ends ? 'End and delete' : 'Delete'} ${childText(child.value)}${belowText(below)} of ${pidText(supervisor.value)} on ${supervisor.value.node}`,
      touches: [
        {
          node: supervisor.value.node,
          ...(state.is === 'running' && { pid: processId(state.pid) }),
          what: ends ? 'end and removal' : 'removal',
        },
        ...below.touches,
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { supervisor: supervisor.value, childId, ends },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, childId, ends } = steps;
    if (ends) {
      const child = { childId };
      const ended = await context.port.supervisors.terminateChild({ supervisor, child }, context.options());
      if (!ended.ok) return ended;
    }
    const deleted = await context.port.supervisors.deleteChild({ supervisor, childId }, context.options());
    // A temporary child is gone from its supervisor as soon as that has ended it (OTP supervisor manual, terminate_child/2).
    const isForgotten = !deleted.ok && ends && deleted.error.class === 'not_found';
    if (!deleted.ok && !isForgotten) {
      return ends ? { ok: false, error: { ...deleted.error, effect: 'partial' } } : deleted;
    }
    return ok({
      supervisor: processId(supervisor),
      node: supervisor.node,
      childId: displayOf(childId),
      terminated: ends,
    });
  },
  async probe(context, { steps: { supervisor, childId, ends } }) {
    const children = await childrenOf(context, supervisor);
    if (!children.ok) return 'unknown';
    const own = children.value.find((row) => termKey(row.childId) === termKey(childId));
    if (own === undefined) return 'applied';
    // It may have been ended, and not deleted any more.
    return ends && own.state.is !== 'running' ? 'unknown' : 'none';
  },
});

/** What the supervisor itself would answer, said before anything is done. */
function isRunning(supervisor: ProcessRef, child: ChildRow): Result<never> {
  return failure(
    'conflict',
    'child.running',
    `${childText(child)} of ${pidText(supervisor)} on ${supervisor.node} runs.`,
    'Set `terminate`, or end it first with terminate_child.',
    { node: supervisor.node, pointer: '/child' },
  );
}
