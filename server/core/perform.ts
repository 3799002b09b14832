/** Steps 6 and 7: the operation's own code, within the time that is left, tried again where it says so; then the public form of its result. */
import { setTimeout as delay } from 'node:timers/promises';
import { remainingNow } from '../../runtime/callOptions.ts';
import type { Effect, Failure, Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { AnswerCache } from './answerCache.ts';
import type { Bounded } from './budget.ts';
import type { PipelineServices } from './calls.ts';
import { threw, withinBudget } from './budget.ts';
import { bug } from './errors.ts';
import type { Flight } from './flight.ts';
import type { Answer, Middleware, MiddlewareFacts, Next } from './middleware.ts';
import type { AnyOperation, Problem, RetryPolicy } from './operation.ts';
import { isWrite } from './operation.ts';
import { isJson, resultLimits } from './plainData.ts';
import { offered } from './offerUndo.ts';
import { contextOf } from './prepare.ts';

/** What {@link perform} does, in the form of the middlewares around it. */
export const performing: readonly (MiddlewareFacts & Pick<Middleware, 'appliesTo'>)[] = [
  {
    name: 'retry',
    step: 'execute',
    says: 'What failed because something did not answer is tried again: only without effect or idempotent, with jitter.',
    appliesTo: ({ retry }) => retry !== undefined,
  },
  { name: 'deadline', step: 'execute', says: 'Code that does not answer in time, or is cancelled, is cut off.' },
  { name: 'execute', step: 'execute', says: 'The operation’s own code, with the methods of the port it named.' },
  { name: 'shape', step: 'shape', says: 'The public form of the result, which must be what the schema promises.' },
];

const firstDelayMs = 50;
const longestDelayMs = 5_000;

/** Runs what was allowed and planned. Never rejects. `services.undoable` is told of what can be undone later. */
export function perform(answers: AnswerCache, services: Pick<PipelineServices, 'undoable' | 'find'>): Next {
  return async (flight) => {
    flight.enter('execute');
    flight.executed = true;
    const { operation } = flight.operation;
    const writes = isWrite(operation);
    // What is read while it is changed may be neither old nor new.
    if (writes) answers.invalidate(flight.connectionKey);
    const { retry } = operation;
    const { answer, late } = await (retry === undefined
      ? attempt(flight, operation)
      : triedAgain(flight, operation, retry));
    if (writes) {
      answers.invalidate(flight.connectionKey);
      void late?.then(() => answers.invalidate(flight.connectionKey));
    }
    flight.late = late;
    flight.applied = answer;
    if (late === null) flight.budget.release();
    else flight.budget.end();
    return offered(services, flight, shaped(flight, answer));
  };
}

function attempt(flight: Flight, operation: AnyOperation): Promise<Bounded<unknown>> {
  const context = contextOf(flight, 'all');
  if (!isWrite(operation)) {
    return withinBudget(operation.name, 'none', flight.budget, () => operation.execute(context, flight.params));
  }
  const apply = () => operation.apply(context, flight.madePlan);
  return withinBudget(operation.name, 'unknown', flight.budget, apply, operation.graceMs);
}

async function triedAgain(flight: Flight, operation: AnyOperation, policy: RetryPolicy): Promise<Bounded<unknown>> {
  let bounded = await attempt(flight, operation);
  for (let again = 0; again < policy.times; again += 1) {
    const waitMs = waitBefore(again, policy, bounded, flight);
    if (waitMs === null || waitMs >= remainingNow(flight.budget)) return bounded;
    const waited = await delay(waitMs, true, { signal: flight.budget.signal }).catch(() => false);
    if (!waited) return bounded;
    flight.attempts += 1;
    bounded = await attempt(flight, operation);
  }
  return bounded;
}

/** How long to wait before it is tried again; null when it must not be. */
function waitBefore(again: number, policy: RetryPolicy, { answer, late }: Bounded<unknown>, flight: Flight) {
  if (answer.ok || late !== null) return null;
  const { error } = answer;
  const passes = error.class === 'unavailable' || error.class === 'timeout' || error.retryAfterMs !== undefined;
  const isSafe = error.effect === 'none' || flight.operation.operation.idempotent;
  const isMeant = policy.codes === undefined || policy.codes.includes(error.code);
  if (!passes || !isSafe || !isMeant) return null;
  const most = Math.min(longestDelayMs, (policy.firstDelayMs ?? firstDelayMs) * 2 ** again);
  // Between half of it and all of it, so that callers who failed together do not come together again.
  return Math.max(error.retryAfterMs ?? 0, most * (0.5 + Math.random() / 2));
}

/** The answer with the public form of what the operation's code answered. */
export function shaped(flight: Flight, answer: Result<unknown>): Answer {
  flight.enter('shape');
  flight.result = shape(flight, answer);
  return answerOf(flight, flight.result);
}

function shape(flight: Flight, answer: Result<unknown>): Result<Json> {
  if (!answer.ok) return answer;
  const { operation, result } = flight.operation;
  const effect = isWrite(operation) ? 'applied' : 'none';
  try {
    const shown: unknown = operation.shape === undefined ? answer.value : operation.shape(answer.value);
    const checked = isJson(shown, resultLimits) ? result.check(shown) : { problems: [] };
    return 'problems' in checked ? badResult(operation.name, checked.problems, effect) : ok(checked.value);
  } catch (thrown) {
    return threw(operation.name, effect, thrown);
  }
}

function badResult(operation: string, problems: readonly Problem[], effect: Effect): Failure {
  const said =
    problems.map(({ pointer, message }) => `${pointer} ${message}`).join('; ') || 'it is not JSON, or too large';
  return bug(
    'operation.bad_result',
    `${operation} answered what its schema does not allow: ${said}`,
    effect,
    operation,
  );
}

/** A result as the call's answer. */
export function answerOf(flight: Flight, result: Result<Json>): Answer {
  if (!result.ok) return result;
  const { correlationId, ageMs } = flight;
  const durationMs = flight.durationMs();
  const answer = { mode: 'run', result: result.value, durationMs, correlationId } as const;
  return ok(ageMs === null ? answer : { ...answer, ageMs });
}
