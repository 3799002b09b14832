/** What a trace asks of a node, as the agent takes it (agent/trace.erl), and what the node refuses of it. */
import { failure, processNotFound, processProtected } from '../../errors.ts';
import type { ArgumentPath, CallCondition, Failure, NodeName, Result, TracedFunction } from '../../model.ts';
import { ok, pidText } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, list, text, tuple } from '../../term/term.ts';
import type { TraceWanted } from '../../trace/query.ts';
import { deepest, invalid, noFunction, notLoaded } from '../../trace/query.ts';
import { briefly, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { atomName, functionText, numberOf, pidOf, processOf, textOf, tupleOf } from './read.ts';
import { atomOnNode, termOnNode } from './safeTerm.ts';

const comparisons = { eq: '=:=', ne: '=/=', lt: '<', le: '=<', gt: '>', ge: '>=' } as const;

/**
 * The map that trace_begin/1 takes. Names become atoms that the node has already: `trace.no_function` where it has none. Errors of
 * terms: those of {@link termOnNode}.
 */
export async function specTerm(target: NodeTarget, wanted: TraceWanted, options: CallOptions): Promise<Result<Term>> {
  const functions: Term[] = [];
  for (const [at, one] of (wanted.functions ?? []).entries()) {
    const made = await functionTerm(target, one, `/functions/${String(at)}`, options);
    if (!made.ok) return made;
    functions.push(made.value);
  }
  const { timeMs, events, eventsPerSecond, tracerQueue, termBytes } = wanted.fuses;
  const targets = typeof wanted.targets === 'string' ? atom(wanted.targets) : list(wanted.targets.map(pidOf));
  return ok({
    t: 'map',
    e: [
      [atom('events'), list(wanted.events.map(atom))],
      [atom('functions'), list(functions)],
      [
        atom('fuses'),
        tuple(...[timeMs, events, eventsPerSecond, tracerQueue, termBytes].map((value) => integer(value))),
      ],
      [atom('targets'), targets],
    ],
  });
}

async function functionTerm(
  target: NodeTarget,
  { module, function: name, arity, when = [], shows = [] }: TracedFunction,
  pointer: string,
  options: CallOptions,
): Promise<Result<Term>> {
  const moduleAtom = await atomOnNode(target, module, options);
  if (!moduleAtom.ok) return moduleAtom;
  if (moduleAtom.value === null) return notLoaded(module, target.node);
  const nameAtom = typeof name === 'string' ? await atomOnNode(target, name, options) : ok(atom('_'));
  if (!nameAtom.ok) return nameAtom;
  // A function can have the name '_', but in a pattern it stands for every name.
  if (nameAtom.value === null || name === '_')
    return noFunction(`${module}:${typeof name === 'string' ? name : '_'}`, target.node);
  const conditions: Term[] = [];
  for (const [at, condition] of when.entries()) {
    const made = await conditionTerm(target, condition, `${pointer}/when/${String(at)}`, 0, options);
    if (!made.ok) return made;
    conditions.push(made.value);
  }
  const arityTerm = arity === 'any' ? atom('_') : integer(arity);
  return ok(tuple(moduleAtom.value, nameAtom.value, arityTerm, list(conditions), list(shows.map(atom))));
}

async function conditionTerm(
  target: NodeTarget,
  condition: CallCondition,
  pointer: string,
  depth: number,
  options: CallOptions,
): Promise<Result<Term>> {
  if (depth > deepest) return invalid(pointer, 'The condition is joined too deeply.', 'Write it flatter.');
  if ('all' in condition) return joined(target, 'all', condition.all, pointer, depth, options);
  if ('any' in condition) return joined(target, 'any', condition.any, pointer, depth, options);
  if ('not' in condition) {
    const made = await conditionTerm(target, condition.not, `${pointer}/not`, depth + 1, options);
    return made.ok ? ok(tuple(atom('not'), made.value)) : made;
  }
  const path = await pathTerm(target, condition, pointer, options);
  if (!path.ok) return path;
  if ('type' in condition) return ok(tuple(atom('type'), atom(`is_${condition.type}`), path.value));
  const value = await termOnNode(target, condition.value, `${pointer}/value`, options);
  return value.ok ? ok(tuple(atom('compare'), atom(comparisons[condition.op]), path.value, value.value)) : value;
}

async function joined(
  target: NodeTarget,
  how: 'all' | 'any',
  conditions: readonly CallCondition[],
  pointer: string,
  depth: number,
  options: CallOptions,
): Promise<Result<Term>> {
  const terms: Term[] = [];
  for (const [at, condition] of conditions.entries()) {
    const made = await conditionTerm(target, condition, `${pointer}/${how}/${String(at)}`, depth + 1, options);
    if (!made.ok) return made;
    terms.push(made.value);
  }
  return ok(tuple(atom(how), list(terms)));
}

async function pathTerm(
  target: NodeTarget,
  { arg, inside = [] }: ArgumentPath,
  pointer: string,
  options: CallOptions,
): Promise<Result<Term>> {
  if (!Number.isInteger(arg) || arg < 1 || arg > 255 || inside.length > deepest) {
    return invalid(`${pointer}/arg`, 'There is no such argument.', 'Count from 1.');
  }
  const steps: Term[] = [tuple(atom('arg'), integer(arg))];
  for (const step of inside) {
    if ('element' in step) {
      steps.push(tuple(atom('element'), integer(Math.trunc(step.element))));
      continue;
    }
    const key = await termOnNode(target, step.key, `${pointer}/inside`, options);
    if (!key.ok) return key;
    steps.push(tuple(atom('key'), key.value));
  }
  return ok(list(steps));
}

/** The error for what the node refused: the Why of {refused, Why}. */
export function refusal(node: NodeName, why: Term | undefined): Failure {
  if (atomName(why) === 'gone') return processNotFound('to trace', node);
  if (atomName(why) === 'no_modules') {
    return failure(
      'not_found',
      'profile.no_modules',
      `No module of the user's is found on the stack of the process on ${node}.`,
      'Name the modules to be measured.',
      { node },
    );
  }
  const [tag, what, more] = tupleOf(why) ?? [];
  switch (atomName(tag)) {
    case 'not_loaded':
      return notLoaded(atomName(what) ?? '', node);
    case 'no_function':
      return noFunction(functionText(what) ?? briefly(what ?? text('')), node);
    case 'too_many_functions':
      return failure(
        'validation',
        'trace.too_many_functions',
        `These are ${String(numberOf(more) ?? 0)} functions on ${node}: more than can be watched at once.`,
        'Name fewer functions, or fewer modules.',
        { node },
      );
    case 'bad_condition':
      return failure(
        'validation',
        'trace.bad_condition',
        `${node} takes no such condition: ${textOf(what) ?? ''}`,
        'Compare arguments, or parts of them, with values.',
        { node },
      );
    case 'function_taken':
      return taken('trace.function_taken', `The function ${functionText(what) ?? ''}`, more, node);
    case 'tracer_taken': {
      const pid = processOf(what);
      return taken(
        'trace.tracer_taken',
        pid === null ? 'What will be started' : `The process ${pidText(pid)}`,
        more,
        node,
      );
    }
    case 'protected': {
      const pid = processOf(what);
      return processProtected(pid === null ? 'The process' : pidText(pid), node);
    }
    default:
      return strangeAnswer(node, 'The trace');
  }
}

function taken(code: string, what: string, whose: Term | undefined, node: NodeName): Failure {
  const isOurs = atomName(whose) === 'ours';
  return failure(
    'conflict',
    code,
    `${what} is traced already on ${node} by ${isOurs ? 'another trace of Arsenal' : 'another tool'}.`,
    isOurs
      ? 'Wait for that trace to end, or stop it. Before OTP 27 only one trace can have it.'
      : 'End the other tracing first (dbg:stop/0, recon_trace:clear/0). From OTP 27 on both can go on beside each other.',
    { node },
  );
}
