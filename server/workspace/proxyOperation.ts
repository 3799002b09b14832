/** An operation whose steps run in a worker, as the registry holds it. */
import type { TObject, TSchema } from 'typebox';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Json, Result } from '../../runtime/model.ts';
import type { CallOptions, MethodName } from '../../runtime/port.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import { makeContext } from '../core/context.ts';
import type { Caller, ConnectionFacts, Context } from '../core/context.ts';
import { portOfNothing } from '../core/prepare.ts';
import type {
  AnyOperation,
  AnyReadOperation,
  AnyWriteOperation,
  OperationTelemetry,
  Plan,
  ProbedEffect,
} from '../core/operation.ts';
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
  const { steps, severity, params, result, at: _at, timeoutMs, route, cache, retry, ...rest } = description;
  if (!isObjectSchema(params)) return { problem: 'params: must be Type.Object({…}).' };
  if (!isSchema(result)) return { problem: 'result: must be a schema.' };
  const common = {
    ...rest,
    params,
    result,
    ...(route !== null && { route }),
    ...(timeoutMs !== null && { timeoutMs }),
    ...(retry !== null && { retry }),
    ...hooksOf(description, run),
  };
  const has = (step: Step) => steps.includes(step);
  if (severity === 'read' || severity === 'diagnose') {
    if (!has('execute')) return { problem: `execute: is missing; severity ${severity} looks and does not change.` };
    const looking: AnyReadOperation = {
      ...common,
      severity,
      ...(cache !== null && { cache }),
      execute: (context, given) => run('execute', { params: given }, context),
    };
    return looking;
  }
  if (cache !== null) return { problem: 'cache: what changes something cannot be answered from memory.' };
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

type Hooks = Pick<AnyReadOperation, 'before' | 'after' | 'telemetry'>;

/** How long a hook that only looks on may take: nobody waits for it. */
const lookOnMs = 10_000;

/** The hooks it has, each in its worker; what those that look on break is told in the log. */
function hooksOf({ name, steps }: OperationDescription, run: RunStep): Hooks {
  const lookOn = (hook: 'after' | 'telemetry', event: OperationTelemetry, more: readonly unknown[]) => {
    const caller: Caller = { principal: name, via: event.via, role: 'viewer' };
    const context = hookContext(
      name,
      { caller, connection: null },
      callOptions(lookOnMs, undefined, event.correlationId),
    );
    void run(hook, { arguments: [event, ...more] }, context);
  };
  return {
    ...(steps.includes('before') && {
      before: async (params, who, options) => {
        const given = { caller: who.caller, connection: who.connection };
        const allowed = await run('before', { arguments: [params, given] }, hookContext(name, who, options));
        return allowed.ok ? ok(null) : allowed;
      },
    }),
    ...(steps.includes('after') && { after: (event, answer) => lookOn('after', event, [answer]) }),
    ...(steps.includes('telemetry') && { telemetry: (event) => lookOn('telemetry', event, []) }),
  };
}

/** A hook has nothing of the port. */
function hookContext(
  operation: string,
  { caller, connection }: { readonly caller: Caller; readonly connection: ConnectionFacts | null },
  budget: CallOptions,
): Context<MethodName> {
  const requestId = budget.correlationId;
  return makeContext({
    connection,
    port: portOfNothing,
    caller,
    owner: { principal: caller.principal, client: caller.via, operation, requestId },
    requestId,
    budget,
    onProgress: undefined,
  });
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
