import { Type } from 'typebox';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, supervisorParam } from '../parameters.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { probeRestart } from './probeChild.ts';
import { findChild, isDynamic, keepsChild } from './childParameters.ts';
import { belowText, endsWith } from './endsWith.ts';
import { isRoot, supervisorInfo } from './ownParent.ts';

export const restartSupervisor = defineOperation({
  name: 'restart_supervisor',
  title: 'Restart Supervisor',
  description:
    'Has the supervisor above it end a supervisor, with all below it, and start it again. The root of an application is refused.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: false,
  needs: [
    ...resolveNeeds,
    'supervisors.find',
    'supervisors.children',
    'supervisors.terminateChild',
    'supervisors.restartChild',
  ],
  mayUse: ['processes.restart', 'supervisors.childSpec'],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam }),
  result: Type.Object({
    node: Type.String(),
    before: Type.String({ description: 'The id it had.' }),
    pid: nullable(Type.String({ description: 'The id it has now; null when its start answered ignore.' })),
    parent: Type.String({ description: 'The id of the supervisor above it.' }),
  }),
  route: { method: 'POST', path: '/supervisors/:supervisor/restart' },
  examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.CartSupervisor', node: 'demo1@sim' } }],
  errors: [
    { code: 'supervisor.is_root', remedy: 'Choose a supervisor below it, or restart the application itself.' },
    { code: 'supervisor.not_one', remedy: 'Choose one from list_supervisors.' },
  ],
  timeoutMs: 60_000,
  async plan(context, { supervisor: text, node }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const info = await supervisorInfo(context, supervisor.value);
    if (!info.ok) return info;
    const { parent } = info.value;
    if (parent === null) return isRoot(info.value);
    const child = await findChild(context, parent, processId(supervisor.value), '/supervisor');
    if (!child.ok) return child;
    const { childId } = child.value;
    const kept = isDynamic(childId) ? ok(null) : await keepsChild(context, parent, childId, '/supervisor');
    if (!kept.ok) return kept;
    const below = await endsWith(context, supervisor.value);
    return ok({
      summary: `Restart ${pidText(supervisor.value)}${belowText(below)} on ${supervisor.value.node}`,
      touches: [
        { node: supervisor.value.node, pid: processId(supervisor.value), what: 'end and start' },
        ...below.touches,
      ],
      severity: 'destroy',
      undo: 'no',
      steps: { supervisor: supervisor.value, parent, childId },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, parent, childId } = steps;
    const answer = { node: supervisor.node, before: processId(supervisor), parent: processId(parent) };
    if (isDynamic(childId)) {
      // A dynamic supervisor cannot start again what it was told to end; it restarts what ends.
      const restarted = await context.port.processes.restart({ pid: supervisor }, context.options());
      return restarted.ok ? ok({ ...answer, pid: processId(restarted.value.pid) }) : restarted;
    }
    const ended = await context.port.supervisors.terminateChild(
      { supervisor: parent, child: { childId } },
      context.options(),
    );
    if (!ended.ok) return ended;
    const started = await context.port.supervisors.restartChild({ supervisor: parent, childId }, context.options());
    if (!started.ok) return { ok: false, error: { ...started.error, effect: 'partial' } };
    return ok({ ...answer, pid: started.value.pid === null ? null : processId(started.value.pid) });
  },
  probe: (context, { steps }) => probeRestart(context, steps.parent, steps.childId, steps.supervisor),
});
