import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { nullable, onNodeParam, placementOfProcess, supervisorParam } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { resolveNeeds, resolveProcess } from '../resolve.ts';
import { findChild, isDynamic } from './childParameters.ts';
import { belowText, endsWith } from './endsWith.ts';
import { isRoot, supervisorInfo } from './ownParent.ts';

export const stopSupervisor = defineOperation({
  name: 'stop_supervisor',
  title: 'Stop Supervisor',
  description:
    'Ends a supervisor with all below it, and it is not started again: by the supervisor above it; one that Arsenal keeps for itself is given back; one that nobody keeps ends by itself, in order. The root of an application is refused.',
  category: 'supervisor',
  severity: 'destroy',
  idempotent: true,
  needs: [
    ...resolveNeeds,
    'supervisors.find',
    'supervisors.children',
    'supervisors.terminateChild',
    'supervisors.stop',
    'holdings.list',
    'holdings.release',
  ],
  params: Type.Object({ supervisor: supervisorParam, node: onNodeParam }),
  result: Type.Object({
    ...placementOfProcess,
    parent: nullable(Type.String({ description: 'The id of the supervisor that ended it.' })),
  }),
  route: { method: 'DELETE', path: '/supervisors/:supervisor' },
  examples: [{ title: 'Of a registered supervisor', params: { supervisor: 'Shop.CartSupervisor', node: 'demo1@sim' } }],
  errors: [
    { code: 'supervisor.is_root', remedy: 'Choose a supervisor below it, or stop the application itself.' },
    { code: 'supervisor.not_one', remedy: 'Choose one from list_supervisors.' },
  ],
  async plan(context, { supervisor: text, node }) {
    const supervisor = await resolveProcess(context, { text, node, pointer: '/supervisor' });
    if (!supervisor.ok) return supervisor;
    const info = await supervisorInfo(context, supervisor.value);
    if (!info.ok) return info;
    const { parent, application } = info.value;
    if (parent === null && application !== null) return isRoot(info.value);
    const found = parent === null ? ok(null) : await childOf(context, parent, supervisor.value);
    if (!found.ok) return found;
    const held = parent === null ? await holdingOf(context, supervisor.value) : ok(null);
    if (!held.ok) return held;
    const below = await endsWith(context, supervisor.value);
    return ok({
      summary: `Stop ${pidText(supervisor.value)}${belowText(below)} on ${supervisor.value.node}`,
      touches: [{ node: supervisor.value.node, pid: processId(supervisor.value), what: 'end' }, ...below.touches],
      severity: 'destroy',
      undo: 'no',
      steps: { supervisor: supervisor.value, parent, childId: found.value, holding: held.value },
    });
  },
  async apply(context, { steps }) {
    const { supervisor, parent, childId, holding } = steps;
    const answer = { ...namedProcess(supervisor), parent: parent === null ? null : processId(parent) };
    if (holding !== null) {
      const released = await context.port.holdings.release({ id: holding }, context.options());
      return released.ok ? ok(answer) : released;
    }
    if (parent === null) {
      const ended = await context.port.supervisors.stop({ supervisor, confirmMs: shutdownMs }, context.options());
      if (!ended.ok) return ended;
      return ended.value.outcome === 'exited' ? ok(answer) : survived(supervisor);
    }
    const child = childId === null || isDynamic(childId) ? { pid: supervisor } : { childId };
    const ended = await context.port.supervisors.terminateChild({ supervisor: parent, child }, context.options());
    return ended.ok ? ok(answer) : ended;
  },
  async probe(context, { steps: { supervisor } }) {
    const found = await supervisorInfo(context, supervisor);
    if (found.ok) return 'none';
    const nodes = await context.port.cluster.nodes({}, context.options());
    const node = nodes.ok ? nodes.value.nodes.find((known) => known.node === supervisor.node) : undefined;
    const isUp = node?.creation === supervisor.creation && node.reach.via !== 'none';
    return isUp && found.error.code === 'supervisor.not_one' ? 'applied' : 'unknown';
  },
});

const shutdownMs = 20_000;

/** It waits for a child, as long as the specification of that says. */
function survived(supervisor: ProcessRef): Result<never> {
  return failure(
    'execution',
    'supervisor.survived',
    `${pidText(supervisor)} on ${supervisor.node} is ending, and still waits for a child to end.`,
    'Look at its children (which_children). kill_process ends it at once, but its children are then not ended in order.',
    { effect: 'applied', node: supervisor.node },
  );
}

async function childOf(
  context: Parameters<typeof findChild>[0],
  parent: ProcessRef,
  supervisor: ProcessRef,
): Promise<Result<Term>> {
  const child = await findChild(context, parent, processId(supervisor), '/supervisor');
  return child.ok ? ok(child.value.childId) : child;
}

/** The holding that keeps it, where Arsenal started it for itself. */
async function holdingOf(context: Context<'holdings.list'>, supervisor: ProcessRef): Promise<Result<string | null>> {
  const listed = await context.port.holdings.list({}, context.options());
  if (!listed.ok) return listed;
  const id = processId(supervisor);
  const held = listed.value.holdings.find(({ target }) => target !== null && processId(target) === id);
  return ok(held?.id ?? null);
}
