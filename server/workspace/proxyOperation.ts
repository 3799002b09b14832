/** An operation whose steps run in a worker, as the registry holds it. */
import type { TObject, TSchema } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Json, Result } from '../../runtime/model.ts';
import type { MethodName } from '../../runtime/port.ts';
import type { Context } from '../core/context.ts';
import type { AnyOperation, AnyReadOperation, AnyWriteOperation, Plan, ProbedEffect } from '../core/operation.ts';
import { readPlan } from '../core/plans.ts';
import type { OperationDescription, Step, StepInput } from './messages.ts';

export type RunStep = (step: Step, input: StepInput, context: Context<MethodName>) => Promise<Result<Json>>;

/**
 * The operation `description` describes, with `run` for its steps; in words what keeps it from being one. The rules of every operation
 * (names, maxima, severity) are the registry's.
 */
export function proxyOperation(
  description: OperationDescription,
  run: RunStep,
): AnyOperation | { readonly problem: string } {
  const { steps, severity, params, result, at: _at, timeoutMs, route, ...rest } = description;
  if (!isObjectSchema(params)) return { problem: 'params: must be Type.Object({…}).' };
  if (!isSchema(result)) return { problem: 'result: must be a schema.' };
  const common = {
    ...rest,
    params,
    result,
    ...(route !== null && { route }),
    ...(timeoutMs !== null && { timeoutMs }),
  };
  const has = (step: Step) => steps.includes(step);
  if (severity === 'read' || severity === 'diagnose') {
    if (!has('execute')) return { problem: `execute: is missing; severity ${severity} looks and does not change.` };
    const looking: AnyReadOperation = {
      ...common,
      severity,
      execute: (context, given) => run('execute', { params: given }, context),
    };
    return looking;
  }
  if (!has('plan') || !has('apply')) return { problem: `plan and apply: severity ${severity} needs both.` };
  const changing: AnyWriteOperation = {
    ...common,
    severity,
    plan: async (context, given) => asPlan(await run('plan', { params: given }, context)),
    apply: (context, plan) => run('apply', { plan }, context),
    ...(has('compensate') && {
      compensate: async (context, plan, done) => {
        const undone = await run('compensate', { plan, done }, context);
        return undone.ok ? ok(null) : undone;
      },
    }),
    ...(has('probe') && {
      probe: async (context, plan): Promise<ProbedEffect> => {
        const found = await run('probe', { plan }, context);
        return probedEffects.find((effect) => found.ok && effect === found.value) ?? 'unknown';
      },
    }),
  };
  return changing;
}

const probedEffects: readonly ProbedEffect[] = ['none', 'applied', 'unknown'];

function asPlan(answer: Result<Json>): Result<Plan<Json>> {
  if (!answer.ok) return answer;
  const plan = readPlan(answer.value);
  if (plan !== null) return ok(plan);
  return failure(
    'execution',
    'operation.bad_plan',
    'What plan answered is no plan.',
    'Answer summary, touches, severity, undo and steps.',
  );
}

/** JSON Schema as data: the registry compiles it anew, and refuses what is no schema. */
function isSchema(value: unknown): value is TSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjectSchema(value: unknown): value is TObject {
  return isSchema(value) && 'type' in value && value.type === 'object';
}
