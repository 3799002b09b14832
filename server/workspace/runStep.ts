/** Runs one step of a user's operation in its worker, with the port methods that step may use and the time that is left. */
import { isResult } from '../../runtime/callGuard.ts';
import { childOptions } from '../../runtime/callOptions.ts';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { Effect, Json, Result } from '../../runtime/model.ts';
import type { CallOptions, MethodName, Port } from '../../runtime/port.ts';
import { restrictPort, safeNeeds } from '../../runtime/portFacade.ts';
import type { Context } from '../core/context.ts';
import { isJson, resultLimits } from '../core/plainData.ts';
import type { OperationProgress } from '../protocol/operation.ts';
import type { Definition } from './describe.ts';
import type { Place } from '../../runtime/userCode/sourceModules.ts';
import type { Step, ToWorker } from './messages.ts';

export type StepTools = {
  readonly port: Port;
  readonly budget: CallOptions;
  readonly emit: (progress: OperationProgress) => Promise<void>;
  /** Where in the user's files a stack leads. */
  readonly place: (stack: string) => Place | null;
};

type Run = Extract<ToWorker, { readonly m: 'run' }>;
/** A field of `authorize`, `shape` and `validate`: hooks whose answer the worker checks before or after the step itself. */
type Checked = Result<Json> | null;

/** What is known of the world when a step broke: a step that only looks has changed nothing. */
const effectOf: { readonly [S in Step]: Effect } = {
  execute: 'none',
  plan: 'none',
  probe: 'none',
  apply: 'unknown',
  compensate: 'unknown',
  before: 'none',
  after: 'none',
  telemetry: 'none',
};

/** Never rejects: what the user's code throws is an `execution` failure with the place in the user's file. */
export async function runStep(definition: Definition, run: Run, tools: StepTools): Promise<Result<Json>> {
  const { step } = run;
  try {
    const refused = step === 'execute' || step === 'plan' ? await before(definition, run) : null;
    if (refused !== null) return refused;
    const answer: unknown = await definition.call(step, argumentsOf(definition, run, tools));
    // What is told of what has been is asked nothing.
    if (step === 'after' || step === 'telemetry') return ok(null);
    return plain(step, await after(definition, step, answer));
  } catch (thrown) {
    return broken(
      step,
      'operation.threw',
      describeThrown(thrown, tools),
      'Mend the operation; it is registered again when it is saved.',
    );
  }
}

/** The operation's own `validate` and `authorize`, waited for: nothing keeps them from being `async` once their types are stripped. */
async function before(definition: Definition, run: Run): Promise<Checked> {
  const params = 'params' in run.input ? run.input.params : null;
  const problems: unknown = await definition.call('validate', [params]);
  if (Array.isArray(problems) && problems.length > 0) {
    const first: unknown = problems[0];
    const pointer = textAt(first, 'pointer');
    return failure(
      'validation',
      'params.invalid',
      `${pointer} ${textAt(first, 'message')}`.trim(),
      'Correct the parameters.',
      {
        pointer,
      },
    );
  }
  const allowed: unknown = await definition.call('authorize', [
    params,
    { caller: run.caller, connection: run.connection },
  ]);
  if (!definition.has('authorize') || (isResult(allowed) && allowed.ok)) return null;
  return isResult(allowed) && !allowed.ok
    ? allowed
    : failure('authorization', 'operation.refused', 'The operation refused the caller.', 'Ask whoever wrote it.');
}

function argumentsOf(definition: Definition, run: Run, tools: StepTools): readonly unknown[] {
  const { input, step, connection, caller, owner, requestId, correlationId } = run;
  if ('arguments' in input) return input.arguments;
  const { needs } = definition.description;
  const only: readonly MethodName[] = step === 'plan' || step === 'probe' ? safeNeeds(needs) : needs;
  const context: Context<MethodName> = {
    connection,
    port: restrictPort(tools.port, only),
    caller,
    owner,
    requestId,
    correlationId,
    signal: tools.budget.signal,
    options: (capMs) => childOptions(tools.budget, capMs),
    emit: tools.emit,
  };
  if ('params' in input) return [context, input.params];
  return 'done' in input ? [context, input.plan, input.done] : [context, input.plan];
}

/** The operation's own `shape`, for the step whose result the caller sees. */
async function after(definition: Definition, step: Step, answer: unknown): Promise<unknown> {
  if ((step !== 'execute' && step !== 'apply') || !definition.has('shape') || !isResult(answer) || !answer.ok)
    return answer;
  return ok(await definition.call('shape', [answer.value]));
}

function plain(step: Step, answer: unknown): Result<Json> {
  if (step === 'probe' && typeof answer === 'string') return ok(answer);
  if (!isResult(answer)) {
    return broken(step, 'operation.bad_result', 'It answered neither ok(…) nor fail(…).', 'Answer a Result.');
  }
  if (!answer.ok) return answer;
  const value = plainCopy(answer.value);
  if (isJson(value, resultLimits)) return ok(value);
  return broken(
    step,
    'operation.bad_result',
    'Its result is not plain JSON data.',
    'Answer JSON data of a moderate size.',
  );
}

/** A copy whose objects are of this context: those of the module's own are foreign to every check. Functions cannot be copied. */
function plainCopy(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return undefined;
  }
}

function broken(step: Step, code: string, message: string, remedy: string): Result<never> {
  return failure('execution', code, message, remedy, { effect: effectOf[step] });
}

function describeThrown(thrown: unknown, tools: StepTools): string {
  const at = tools.place(textAt(thrown, 'stack'));
  const message = textAt(thrown, 'message') || String(thrown);
  return at === null ? message.slice(0, 1_000) : `${message.slice(0, 1_000)} (${at.file}:${at.line}:${at.column})`;
}

function textAt(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const found: unknown = Reflect.get(value, key);
  return typeof found === 'string' ? found : '';
}
