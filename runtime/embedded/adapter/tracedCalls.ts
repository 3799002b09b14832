/** Which calls a trace is asked for: functions that there are, and conditions on their arguments. */
import { unsupported } from '../../errors.ts';
import type { ArgumentPath, CallCondition, Failure, Incarnation, Result, TracedFunction } from '../../model.ts';
import { ok } from '../../model.ts';
import { compareTerms, mapGet } from '../../term/order.ts';
import type { Term } from '../../term/term.ts';
import { listElements, termKey } from '../../term/term.ts';
import { deepest, invalid, noFunction, notLoaded } from '../../trace/query.ts';
import type { CodeServer, Mfa } from '../kernel/module.ts';
import { mfaText } from '../kernel/module.ts';
import { termOf } from './context.ts';
import { valueOf } from './terms.ts';

/** Whether a call is one of those asked for; its arguments are looked at only where a condition needs them. */
export type CallFilter = (mfa: Mfa, args: () => readonly Term[]) => boolean;
type Test = (args: readonly Term[]) => boolean;

/** The callbacks that a behaviour says it calls (`Self.called`), which stand in no table of functions. */
const callbacks: { readonly [behaviour: string]: readonly string[] } = {
  gen_server: ['handle_call/3', 'handle_cast/2', 'handle_info/2'],
};

/** Errors: `trace.module_not_loaded`, `trace.no_function`, those of a term, `unsupported` for results. */
export function callFilter(
  code: CodeServer,
  functions: readonly TracedFunction[],
  on: Incarnation,
): Result<CallFilter> {
  const wanted: { readonly one: TracedFunction; readonly tests: readonly Test[] }[] = [];
  for (const [at, one] of functions.entries()) {
    const refused = refusedFunction(code, one, on);
    if (refused !== null) return refused;
    const tests = testsOf(one.when ?? [], `/functions/${String(at)}/when`, 0, on);
    if (!tests.ok) return tests;
    wanted.push({ one, tests: tests.value });
  }
  return ok((mfa, args) => wanted.some(({ one, tests }) => isOf(one, mfa) && tests.every((test) => test(args()))));
}

function isOf({ module, function: name, arity }: TracedFunction, mfa: Mfa): boolean {
  return (
    mfa.module === module &&
    (typeof name !== 'string' || mfa.function === name) &&
    (arity === 'any' || mfa.arity === arity)
  );
}

function refusedFunction(code: CodeServer, one: TracedFunction, { node }: Incarnation): Failure | null {
  const { module, function: name, arity, shows = [] } = one;
  if (shows.includes('return')) {
    return unsupported(
      'Showing results',
      'a simulated node tells of calls as they begin: what a callback answers is seen as the message that it sends.',
      'Trace the messages that are sent.',
    );
  }
  const found = code.module(module);
  if (found === null) return notLoaded(module, node);
  const known = [
    ...Object.keys(found.functions),
    ...(found.behaviours ?? []).flatMap((behaviour) => callbacks[behaviour] ?? []),
  ];
  const isThere = known.some((key) => {
    const slash = key.lastIndexOf('/');
    return isOf(one, { module, function: key.slice(0, slash), arity: Number(key.slice(slash + 1)) });
  });
  if (isThere) return null;
  const shown = typeof name === 'string' ? name : '_';
  return noFunction(arity === 'any' ? `${module}:${shown}` : mfaText({ module, function: shown, arity }), node);
}

function testsOf(
  conditions: readonly CallCondition[],
  pointer: string,
  depth: number,
  on: Incarnation,
): Result<readonly Test[]> {
  const tests: Test[] = [];
  for (const [at, condition] of conditions.entries()) {
    const test = testOf(condition, `${pointer}/${String(at)}`, depth, on);
    if (!test.ok) return test;
    tests.push(test.value);
  }
  return ok(tests);
}

function testOf(condition: CallCondition, pointer: string, depth: number, on: Incarnation): Result<Test> {
  if (depth > deepest) return invalid(pointer, 'The condition is joined too deeply.', 'Write it flatter.');
  if ('all' in condition || 'any' in condition) {
    const isAll = 'all' in condition;
    const joined = testsOf(isAll ? condition.all : condition.any, `${pointer}/${isAll ? 'all' : 'any'}`, depth + 1, on);
    if (!joined.ok) return joined;
    const tests = joined.value;
    return ok((args) => (isAll ? tests.every((test) => test(args)) : tests.some((test) => test(args))));
  }
  if ('not' in condition) {
    const inner = testOf(condition.not, `${pointer}/not`, depth + 1, on);
    return inner.ok ? ok((args) => !inner.value(args)) : inner;
  }
  const part = partOf(condition, pointer, on);
  if (!part.ok) return part;
  if ('type' in condition) {
    const { type } = condition;
    return ok((args) => {
      const term = part.value(args);
      return term !== undefined && isType(term, type);
    });
  }
  const value = valueOf(condition.value, on);
  if (!value.ok) return value;
  const than = termOf(value.value);
  const { op } = condition;
  return ok((args) => {
    const term = part.value(args);
    return term !== undefined && holds(term, op, than);
  });
}

function holds(term: Term, op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge', than: Term): boolean {
  switch (op) {
    case 'eq':
      return termKey(term) === termKey(than);
    case 'ne':
      return termKey(term) !== termKey(than);
    case 'lt':
      return compareTerms(term, than) < 0;
    case 'le':
      return compareTerms(term, than) <= 0;
    case 'gt':
      return compareTerms(term, than) > 0;
    case 'ge':
      return compareTerms(term, than) >= 0;
  }
}

type Part = (args: readonly Term[]) => Term | undefined;

function partOf({ arg, inside = [] }: ArgumentPath, pointer: string, on: Incarnation): Result<Part> {
  if (!Number.isInteger(arg) || arg < 1 || arg > 255 || inside.length > deepest) {
    return invalid(`${pointer}/arg`, 'There is no such argument.', 'Count from 1.');
  }
  const steps: ((term: Term) => Term | undefined)[] = [];
  for (const step of inside) {
    if ('element' in step) {
      steps.push((term) => (term.t === 'tuple' ? term.e[Math.trunc(step.element) - 1] : undefined));
      continue;
    }
    const key = valueOf(step.key, on);
    if (!key.ok) return key;
    const keyTerm = termOf(key.value);
    steps.push((term) => (term.t === 'map' ? mapGet(term, keyTerm) : undefined));
  }
  return ok((args) =>
    steps.reduce<Term | undefined>((term, step) => (term === undefined ? undefined : step(term)), args[arg - 1]),
  );
}

function isType(term: Term, type: Extract<CallCondition, { readonly type: unknown }>['type']): boolean {
  switch (type) {
    case 'boolean':
      return term.t === 'atom' && (term.v === 'true' || term.v === 'false');
    case 'binary':
      return term.t === 'text' || (term.t === 'bits' && term.lastBits === 8);
    case 'bitstring':
      return term.t === 'text' || term.t === 'bits';
    case 'function':
      return term.t === 'fun' || term.t === 'export';
    case 'integer':
      return term.t === 'int' || term.t === 'big';
    case 'number':
      return term.t === 'int' || term.t === 'big' || term.t === 'float';
    case 'list':
      return term.t === 'list' || listElements(term) !== null;
    case 'reference':
      return term.t === 'ref';
    default:
      return term.t === type;
  }
}
