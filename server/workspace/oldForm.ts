/**
 * Operations in the forms of the original's behaviour, in TypeScript: an exported object, class or module with its callbacks (`name`,
 * `category`, `description`, `params_schema`, `execute`, `metadata`, `rest_config`), or with those of its predecessor (`rest_config` and
 * `execute`, `validate_params` and `format_response` if it has them). Callbacks may be in camelCase. Run with the parameters first and the
 * context second; `metadata` may name the port methods it `needs`, otherwise it gets none.
 */
import path from 'node:path';
import { isResult } from '../../runtime/callGuard.ts';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Json, NodeOperation, Result } from '../../runtime/model.ts';
import { isJson, isJsonObject } from '../core/plainData.ts';
import { describedOperation } from '../services/nodeOperations/described.ts';
import { ModuleError } from '../../runtime/userCode/sourceModules.ts';
import type { Place } from '../../runtime/userCode/sourceModules.ts';

/** The original's names; camelCase is read too. */
const describing = ['name', 'category', 'description', 'params_schema', 'metadata', 'rest_config'] as const;

/** A definition as `defineOperation` takes it, or null for what has not the callbacks. Throws {@link ModuleError} for what has, and cannot. */
export function oldForm(value: unknown, at: Place): object | null {
  const call = caller(value);
  const isNamed = call.has('name') && call.has('params_schema');
  if (!call.has('execute') || (!isNamed && !call.has('rest_config'))) return null;
  const answers = Object.fromEntries(
    describing.flatMap((name) => {
      const answer = plainAnswer(name, call, at);
      return answer === undefined ? [] : [[name, answer] as const];
    }),
  );
  const found: NodeOperation = {
    node: '',
    module: path.basename(at.file).replace(/\.\w+$/, ''),
    version: '',
    form: isNamed ? 'operation' : 'predecessor',
    told: { is: 'told', answers },
  };
  const described = describedOperation(found);
  if ('problem' in described) throw new ModuleError(`This is no operation: ${described.problem}`, at);
  const { timeoutMs, cache, retry, ...rest } = described;
  const { metadata } = answers;
  const needs = metadata !== undefined && isJsonObject(metadata) ? metadata['needs'] : undefined;
  const common = {
    ...rest,
    result: {},
    needs: needs ?? [],
    examples: [],
    ...(timeoutMs !== null && { timeoutMs }),
    ...(retry !== null && { retry }),
  };
  if (described.severity === 'read' || described.severity === 'diagnose') {
    return {
      ...common,
      ...(cache !== null && { cache }),
      execute: (context: unknown, params: Json) => run(call, params, context),
    };
  }
  return {
    ...common,
    plan: (_context: unknown, params: Json) => {
      const { title, severity } = described;
      return Promise.resolve(ok({ summary: title, touches: [], severity, undo: 'no', steps: params }));
    },
    apply: (context: unknown, plan: { readonly steps: Json }) => run(call, plan.steps, context),
  };
}

type Callbacks = {
  readonly has: (name: string) => boolean;
  readonly call: (name: string, args: readonly unknown[]) => unknown;
};

function caller(value: unknown): Callbacks {
  const member = (name: string): ((...args: readonly unknown[]) => unknown) | null => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return null;
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    for (const key of [name, camel]) {
      const found: unknown = Reflect.get(value, key);
      if (typeof found === 'function') return (...args) => Reflect.apply(found, value, [...args]) as unknown;
    }
    return null;
  };
  return {
    has: (name) => member(name) !== null,
    call: (name, args) => member(name)?.(...args),
  };
}

function plainAnswer(name: string, { has, call }: Callbacks, at: Place): Json | undefined {
  if (!has(name)) return undefined;
  const text: unknown = JSON.stringify(call(name, []));
  const plain: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (plain === undefined || !isJson(plain)) throw new ModuleError(`${name} must answer plain data.`, at);
  return plain;
}

async function run({ has, call }: Callbacks, given: Json, context: unknown): Promise<Result<unknown>> {
  const valid = has('validate_params') ? answered(await call('validate_params', [given]), 'validation') : ok(given);
  if (!valid.ok) return valid;
  const done = answered(await call('execute', [valid.value, context]), 'execution');
  if (!done.ok || !has('format_response')) return done;
  return ok(await call('format_response', [done.value]));
}

/** `ok(…)`, `['ok', …]` and anything else that is no `fail(…)` and no `['error', …]` is a value. */
function answered(answer: unknown, failedAs: 'validation' | 'execution'): Result<unknown> {
  if (isResult(answer)) return answer;
  const parts: readonly unknown[] = Array.isArray(answer) && answer.length === 2 ? answer : [];
  const [tag, what] = parts;
  if (tag === 'ok') return ok(what);
  if (tag !== 'error') return ok(answer);
  const said = typeof what === 'string' ? what : JSON.stringify(what);
  return failedAs === 'validation'
    ? failure('validation', 'params.invalid', `The operation refused its parameters: ${said}`, 'Correct them.')
    : failure('execution', 'operation.failed', `The operation answered an error: ${said}`, 'See what it says.');
}
