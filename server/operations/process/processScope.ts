/** Which processes a list is of, beyond their own figures: those of an application, or those below a supervisor. */
import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { Coverage, NodeName, Predicate, Result } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { eachNode } from '../eachNode.ts';
import { atomText, pick } from '../parameters.ts';
import { cell } from '../processRows.ts';
import { resolveProcess } from '../resolve.ts';

export const scopeParams = {
  application: Type.Optional(atomText('Only processes of this application: those whose group leader is its master.')),
  supervisor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description:
        'Only processes below this one on its node, at any depth: those that have it among the ancestors that proc_lib kept. In any form a process is written in.',
      ...pick('supervisor'),
    }),
  ),
};

type ScopeContext = Context<
  'cluster.nodes' | 'names.resolve' | 'processes.info' | 'system.applications' | 'processes.scan'
>;
type Wanted = { readonly node?: NodeName; readonly application?: string; readonly supervisor?: string };

/** Which nodes are asked, for what, and which could not even be asked whether they have any. */
export type Scope = {
  readonly nodes: readonly NodeName[] | 'all';
  readonly where: readonly Predicate[];
  readonly missing: Coverage;
};

/** Errors: `application.not_running`, those of finding a process. */
export async function scopeOf(context: ScopeContext, wanted: Wanted): Promise<Result<Scope>> {
  const { node } = wanted;
  let scope: Scope = { nodes: node === undefined ? 'all' : [node], where: [], missing: [] };
  if (wanted.supervisor !== undefined) {
    const below = await belowSupervisor(context, wanted.supervisor, node);
    if (!below.ok) return below;
    scope = below.value;
  }
  if (wanted.application === undefined) return ok(scope);
  const [only] = scope.nodes === 'all' ? [] : scope.nodes;
  const led = await ofApplication(context, wanted.application, only);
  return led.ok ? ok({ ...led.value, where: [...scope.where, ...led.value.where] }) : led;
}

async function belowSupervisor(
  context: ScopeContext,
  text: string,
  node: NodeName | undefined,
): Promise<Result<Scope>> {
  const found = await resolveProcess(context, { text, node, pointer: '/supervisor' });
  if (!found.ok) return found;
  const supervisor = found.value;
  const info = await context.port.processes.info({ pids: [supervisor], keys: ['registered_name'] }, context.options());
  if (!info.ok) return info;
  const page = info.value.pages.find(({ ids }) => ids.length > 0);
  const name = page === undefined ? null : cell(page, 'registered_name', 0);
  // proc_lib keeps an ancestor by its name, if it has one.
  const value = [processId(supervisor), ...(typeof name === 'string' ? [name] : [])];
  return ok({ nodes: [supervisor.node], where: [{ key: 'ancestors', op: 'has', value }], missing: [] });
}

async function ofApplication(
  context: ScopeContext,
  application: string,
  node: NodeName | undefined,
): Promise<Result<Scope>> {
  const asked = await eachNode(context, node, (each) => leaderOf(context, application, each));
  if (!asked.ok) return asked;
  const { answers, nodes: coverage } = asked.value;
  const leaders = answers.flatMap(({ node: on, value }) => (value === null ? [] : [{ on, leader: value }]));
  if (leaders.length === 0) return notRunning(application, coverage);
  return ok({
    nodes: leaders.map(({ on }) => on),
    where: [{ any: leaders.map(({ leader }) => ({ key: 'group_leader', op: 'eq', value: leader })) }],
    missing: coverage.filter(({ status }) => status !== 'ok'),
  });
}

/** The id of the group leader of what an application has started on a node; null when it has started nothing there. */
async function leaderOf(context: ScopeContext, application: string, node: NodeName): Promise<Result<string | null>> {
  const listed = await context.port.system.applications({ node }, context.options());
  if (!listed.ok) return listed;
  const root = listed.value.applications.find(({ name, running }) => running && name === application)?.root ?? null;
  if (root === null) return ok(null);
  const info = await context.port.processes.info({ pids: [root], keys: ['group_leader'] }, context.options());
  if (!info.ok) return info;
  const page = info.value.pages.find(({ ids }) => ids.length > 0);
  const leader = page === undefined ? null : cell(page, 'group_leader', 0);
  return ok(typeof leader === 'string' ? leader : null);
}

function notRunning(application: string, coverage: Coverage): Result<never> {
  const silent = coverage.filter(({ status }) => status !== 'ok').map(({ node }) => node);
  return failure(
    'not_found',
    'application.not_running',
    `No node runs processes of the application ${application}${silent.length === 0 ? '' : `, as far as can be seen: ${silent.join(', ')} did not answer`}.`,
    'See list_applications for those that run.',
    { pointer: '/application', details: { silent } },
  );
}
