/** What is not ended, nor changed, from here: what keeps a node alive. */
import { processNotFound, processProtected } from '../../errors.ts';
import type { Failure, ProcessRef, Result } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { isAtom, list } from '../../term/term.ts';
import { answered } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, listOf, pidOf, tupleOf } from './read.ts';

/** Registered processes without which a node is no node; ending one of them ends the node. */
const vital = new Set([
  'application_controller',
  'code_server',
  'erl_prim_loader',
  'erts_code_purger',
  'init',
  'kernel_sup',
  'logger',
  'net_kernel',
  'rex',
  'socket_registry',
  'user',
]);

/** Names of agents, and of the account that agents of all versions keep of what is traced. */
const ours = /^arsenal_(agent_|trace_book$)/;

/** Why a process is not to be ended or changed, or null: it is of kernel, of an agent of ours, or is not there. */
export async function protection(target: NodeTarget, pid: ProcessRef, options: CallOptions): Promise<Failure | null> {
  const said = answered(await target.run('standing', [pidOf(pid)], options), target.node, 'The process');
  if (!said.ok) return said;
  if (isAtom(said.value, 'gone')) return processNotFound(pidText(pid), pid.node);
  const [name, application, ancestors] = tupleOf(said.value, 3) ?? [];
  const registered = atomName(name);
  const ofKernel = atomName(tupleOf(application, 2)?.[1]) === 'kernel';
  const above = [registered, ...listOf(ancestors).map(atomName)];
  const underKernel = above.includes('kernel_sup');
  const isVital = ofKernel || underKernel || (registered !== null && vital.has(registered));
  if (!isVital) {
    // An agent of ours, its guard and its tasks: ended, they would take with them what others hold.
    const isOurs = above.some((other) => other !== null && ours.test(other));
    if (!isOurs) return null;
    const kept = await isKeptForUsers(target, pid, options);
    if (!kept.ok) return kept;
    if (kept.value) return null;
  }
  return processProtected(registered ?? pidText(pid), pid.node);
}

/** Whether it is a supervisor that a task of ours keeps for a user, or below one: nothing of ours is or has one. */
async function isKeptForUsers(target: NodeTarget, pid: ProcessRef, options: CallOptions): Promise<Result<boolean>> {
  const described = answered(
    await target.run('sup_describe', [list([pidOf(pid)])], options),
    target.node,
    'The process',
  );
  if (!described.ok) return described;
  const [, , ancestors] = tupleOf(listOf(described.value)[0], 4) ?? [];
  const above = list([pidOf(pid), ...listOf(ancestors).filter(({ t }) => t === 'pid')]);
  const found = answered(await target.run('sup_among', [above], options), target.node, 'The process');
  return found.ok ? ok(listOf(found.value).length > 0) : found;
}
