/** Gives answers again where an operation says that they may be. */
import type { Json } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { AnswerCache, CacheKey } from './answerCache.ts';
import { withinBudget } from './budget.ts';
import { canonicalJson } from './canonicalJson.ts';
import type { Flight } from './flight.ts';
import type { Answer, Middleware, Next } from './middleware.ts';
import type { AnyOperation, AnyReadOperation } from './operation.ts';
import { isWrite } from './operation.ts';
import { answerOf } from './perform.ts';

type Policy = NonNullable<AnyReadOperation['cache']>;

/** Single flight: who asks for what is being made waits for it, within its own time; if that fails, it looks for itself. */
export function cached(answers: AnswerCache): Middleware {
  return {
    name: 'cache',
    step: 'prepare',
    says: 'An answer that may be given again, and is young enough, is given again; what is being made is waited for.',
    appliesTo: (operation) => policyOf(operation) !== undefined,
    run(flight, next) {
      const policy = policyOf(flight.operation.operation);
      const isRun = flight.mode === 'run' && flight.purpose !== 'prepare';
      return policy !== undefined && isRun ? fromCache(answers, policy, flight, next) : next(flight);
    },
  };
}

function policyOf(operation: AnyOperation): Policy | undefined {
  return isWrite(operation) ? undefined : operation.cache;
}

async function fromCache(answers: AnswerCache, policy: Policy, flight: Flight, next: Next): Promise<Answer> {
  /** What was answered without the cache: by the operation, or because the caller waits no longer. */
  const own: Answer[] = [];
  const compute = async (): Promise<Json | undefined> => {
    const answer = await next(flight);
    own.push(answer);
    return answer.ok && answer.value.mode === 'run' ? answer.value.result : undefined;
  };
  const wait = async (value: Promise<Json | undefined>): Promise<Json | undefined> => {
    const { answer } = await withinBudget(flight.operation.entry.name, 'none', flight.budget, async () =>
      ok((await value) ?? null),
    );
    if (!answer.ok) own.push(answer);
    return answer.ok ? value : undefined;
  };
  const found = await answers.getOrCompute(keyOf(flight, policy), policy.ttlMs, compute, wait);
  const [instead] = own;
  if (instead !== undefined) return instead;
  if (found === undefined) return next(flight);
  flight.ageMs = found.ageMs;
  return answerOf(flight, ok(found.value));
}

/** The connection and its epoch, the operation as it is now, the parameters, and who may see what it answers. */
function keyOf(flight: Flight, policy: Policy): CacheKey {
  const { operation, params, connection, connectionKey } = flight;
  const { principal, via, role } = flight.extras.caller;
  const isPrivate = operation.entry.severity === 'diagnose' || policy.perCaller === true;
  const state = connection?.runtime.state;
  const text = canonicalJson([
    connectionKey,
    state?.is === 'ready' ? state.epoch : null,
    serialOf(operation.operation),
    isPrivate ? [role, principal, via] : [role],
    policy.key === undefined ? params : policy.key(params),
  ]);
  return { connection: connectionKey, text };
}

const serials = new WeakMap<AnyOperation, number>();
let lastSerial = 0;

/** A number for each operation: a later version of the same name is another one. */
function serialOf(operation: AnyOperation): number {
  const known = serials.get(operation);
  if (known !== undefined) return known;
  lastSerial += 1;
  serials.set(operation, lastSerial);
  return lastSerial;
}
