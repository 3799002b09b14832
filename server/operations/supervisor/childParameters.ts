/** A child of a supervisor, and the specification of one, as callers write them. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type { ChildRow, ChildSpec, ProcessRef, Result } from '../../../runtime/model.ts';
import { ok, pidText, processId } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Context } from '../../core/context.ts';
import { atomText, jsonValue, pick } from '../parameters.ts';
import { collect } from '../streams.ts';
import { argsFromJson, atomName, displayOf, termFromText } from '../terms.ts';

/** A supervisor answers with all its children at once: no more than these are looked through. */
const mostChildren = 200_000;
const mostArgBytes = 65_536;
const bareName = /^[A-Z]\w*(\.[A-Z]\w*)*$/;

export const childParam = Type.String({
  minLength: 1,
  maxLength: 1024,
  description:
    'The child: its id as which_children shows it (any term), or its process as an id, <0.1.0> or #PID<0.1.0>; children of dynamic supervisors have no id.',
  ...pick('child'),
});

export const childSpecParam = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 1024, description: 'The id of the child: any term as text.' }),
    module: atomText('The module of its start function.', 'module'),
    function: Type.String({ minLength: 1, maxLength: 255, default: 'start_link', description: 'Its start function.' }),
    args: Type.Array(
      jsonValue('A value by the table of docs/terms.md, or {"$term": "{:job, 7}"} for any term as text.', mostArgBytes),
      { maxItems: 255, default: [], description: 'The arguments of its start function.' },
    ),
    restart: Type.Enum(['permanent', 'transient', 'temporary'], { default: 'permanent' }),
    shutdown: Type.Union([Type.Integer({ minimum: 0, maximum: 3_600_000 }), Type.Enum(['brutal_kill', 'infinity'])], {
      default: 5_000,
      description: 'Milliseconds it has to end, or how.',
    }),
    type: Type.Enum(['worker', 'supervisor'], { default: 'worker' }),
    significant: Type.Boolean({ default: false, description: 'OTP 24: whether its end can end the supervisor.' }),
  },
  { additionalProperties: false, description: 'A child specification (OTP supervisor manual).' },
);

/** The specification as the port takes it. Errors: `term.unreadable`, `term.impossible`. */
export function childSpecOf(written: Static<typeof childSpecParam>, pointer: string): Result<ChildSpec> {
  const childId = childIdFrom(written.id, `${pointer}/id`);
  if (!childId.ok) return childId;
  const args = argsFromJson(written.args, `${pointer}/args`);
  if (!args.ok) return args;
  const { restart, shutdown, type, significant } = written;
  return ok({
    childId: childId.value,
    start: {
      module: atomName(written.module),
      function: written.function,
      args: args.value.flatMap((input) => ('term' in input ? [input.term] : [])),
    },
    restart,
    shutdown,
    type,
    significant,
  });
}

/** A child id from text: a module's name as Elixir writes it is that atom, all else is a term. */
export function childIdFrom(text: string, pointer: string): Result<Term> {
  return bareName.test(text) ? ok({ t: 'atom', v: atomName(text) }) : termFromText(text, pointer);
}

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
