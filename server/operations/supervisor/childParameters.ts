/** A child of a supervisor, as callers name it. */
import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ChildRow, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { pick } from '../parameters.ts';
import { collect } from '../streams.ts';
import { displayOf } from '../terms.ts';
import { childIdFrom } from './childSpecs.ts';

/** A supervisor answers with all its children at once: no more than these are looked through. */
const mostChildren = 200_000;

export const childParam = Type.String({
  minLength: 1,
  maxLength: 1024,
  description:
    'The child: its id as which_children shows it (any term), or its process as an id, <0.1.0> or #PID<0.1.0>; children of dynamic supervisors have no id.',
  ...pick('child'),
});

type ChildrenContext = Context<'supervisors.children'>;

/**
 * The child that is meant. Errors: `not_found` `child.not_found`; `conflict` `child.ambiguous` where several have that id, as under a
 * dynamic supervisor.
 */
export async function findChild(
  context: ChildrenContext,
  supervisor: ProcessRef,
  text: string,
  pointer: string,
): Promise<Result<ChildRow>> {
  const children = await collect(
    context.port.supervisors.children({ supervisor, offset: 0, limit: mostChildren }, context.options()),
    mostChildren,
  );
  if (!children.ok) return children;
  const id = childIdFrom(text, pointer);
  const wanted = id.ok ? termKey(id.value) : null;
  const found = children.value.rows.filter(
    ({ childId, state }) =>
      (state.is === 'running' && isWritten(state.pid, supervisor, text)) ||
      termKey(childId) === wanted ||
      displayOf(childId) === text,
  );
  const [only] = found;
  if (only === undefined) {
    return failure(
      'not_found',
      'child.not_found',
      `${pidText(supervisor)} on ${supervisor.node} has no child ${text}.`,
      'See which_children for those it has.',
      { pointer, node: supervisor.node },
    );
  }
  if (found.length === 1) return ok(only);
  return failure(
    'conflict',
    'child.ambiguous',
    `${String(found.length)} children of ${pidText(supervisor)} have the id ${text}.`,
    'Name the child by its process.',
    { pointer, node: supervisor.node },
  );
}

function isWritten(pid: ProcessRef, supervisor: ProcessRef, text: string): boolean {
  if (text === processId(pid)) return true;
  const numbers = /^(?:#PID)?<?(\d+\.\d+\.\d+)>?$/.exec(text)?.[1];
  return numbers !== undefined && pid.node === supervisor.node && pidText(pid) === `<${numbers}>`;
}

/** Whether it has no id of its own, as under dynamic supervisors. */
export function isDynamic(childId: Term): boolean {
  return childId.t === 'atom' && childId.v === 'undefined';
}

/** Why a child of a dynamic supervisor cannot be acted on by its id. */
export function dynamicChild(supervisor: ProcessRef, why: string, remedy: string): Result<never> {
  return failure('conflict', 'child.dynamic', `${pidText(supervisor)} is a dynamic supervisor: ${why}.`, remedy, {
    node: supervisor.node,
    pointer: '/child',
  });
}

/**
 * Whether the supervisor still has the child once it has ended it. A temporary one it forgets, so it could not start that again. What
 * cannot be told (no specification to be had here) is let pass: the start then says so itself. Error: `child.temporary`.
 */
export async function keepsChild(
  context: Context<'supervisors.childSpec'>,
  supervisor: ProcessRef,
  childId: Term,
  pointer: string,
): Promise<Result<null>> {
  const spec = await context.port.supervisors.childSpec({ supervisor, childId }, context.options());
  if (!spec.ok || spec.value.restart !== 'temporary') return ok(null);
  return failure(
    'conflict',
    'child.temporary',
    `${displayOf(childId)} is temporary: ${pidText(supervisor)} forgets it when it ends, and could not start it again.`,
    'Start it anew with add_child once it has ended.',
    { node: supervisor.node, pointer },
  );
}

/** How a child is told in a summary. */
export function childText({ childId, state }: ChildRow): string {
  const id = displayOf(childId);
  return state.is === 'running' ? `${id} (${pidText(state.pid)})` : id;
}

export const childResultOf = {
  supervisor: Type.String({ description: 'The id of the supervisor.' }),
  node: Type.String(),
  childId: Type.String({ description: 'The id of the child, as Elixir prints it.' }),
};
