/** The specification of a child, as callers write it: with every mistake said at once, and as the port takes it. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { ChildSpec, Result, SupervisorFlags } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import { termKey } from '../../../runtime/term/term.ts';
import type { Problem } from '../../core/operation.ts';
import { atomText, jsonValue } from '../parameters.ts';
import { argsFromJson, atomName, termFromJson, termFromText } from '../terms.ts';

const mostArgBytes = 65_536;
const bareName = /^[A-Z]\w*(\.[A-Z]\w*)*$/;

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
    shutdown: Type.Union([Type.Integer({ minimum: 1, maximum: 3_600_000 }), Type.Enum(['brutal_kill', 'infinity'])], {
      default: 5_000,
      description: 'Milliseconds it has to end, or how.',
    }),
    type: Type.Enum(['worker', 'supervisor'], { default: 'worker' }),
    significant: Type.Boolean({ default: false, description: 'OTP 24: whether its end can end the supervisor.' }),
  },
  { additionalProperties: false, description: 'A child specification (OTP supervisor manual).' },
);
export type WrittenSpec = Static<typeof childSpecParam>;

/** The specification as the port takes it. Errors: `term.unreadable`, `term.impossible`. */
export function childSpecOf(written: WrittenSpec, pointer: string): Result<ChildSpec> {
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

/**
 * Everything that is wrong with a specification, each with its place: what is no term, and what a supervisor refuses (stdlib,
 * `supervisor:check_childspecs/2`). Whether the node has the module, only its start tells.
 */
export function specProblems(written: WrittenSpec, pointer: string): readonly Problem[] {
  const terms = [
    childIdFrom(written.id, `${pointer}/id`),
    ...written.args.map((arg, at) => termFromJson(arg, `${pointer}/args/${String(at)}`)),
  ];
  const unreadable = terms.flatMap((term): readonly Problem[] =>
    term.ok ? [] : [{ pointer: term.error.pointer ?? pointer, message: `cannot be read: ${term.error.message}` }],
  );
  const isPermanent = written.significant && written.restart === 'permanent';
  return [
    ...unreadable,
    ...(isPermanent
      ? [{ pointer: `${pointer}/significant`, message: 'has to be false, or restart transient or temporary' }]
      : []),
  ];
}

/** The same for all children that a supervisor with these flags is to be started with, and for what they are together. */
export function specsProblems(
  written: readonly WrittenSpec[],
  { strategy, autoShutdown }: Pick<SupervisorFlags, 'strategy' | 'autoShutdown'>,
  pointer: string,
): readonly Problem[] {
  const isTemplate = strategy === 'simple_one_for_one';
  const each = written.flatMap((spec, at): readonly Problem[] => [
    ...specProblems(spec, `${pointer}/${String(at)}`),
    ...(spec.significant && autoShutdown === 'never'
      ? [
          {
            pointer: `${pointer}/${String(at)}/significant`,
            message: 'has to be false where autoShutdown is never',
          },
        ]
      : []),
  ]);
  return [
    ...each,
    ...(isTemplate && written.length !== 1
      ? [{ pointer, message: 'has to be one specification, which all children of simple_one_for_one are started by' }]
      : []),
    ...repeatedIds(written, pointer),
  ];
}

function repeatedIds(written: readonly WrittenSpec[], pointer: string): readonly Problem[] {
  const seen = new Map<string, number>();
  return written.flatMap((spec, at): readonly Problem[] => {
    const id = childIdFrom(spec.id, pointer);
    if (!id.ok) return [];
    const first = seen.get(termKey(id.value));
    if (first === undefined) seen.set(termKey(id.value), at);
    return first === undefined
      ? []
      : [{ pointer: `${pointer}/${String(at)}/id`, message: `is the id of the child at ${String(first)}, too` }];
  });
}
