/**
 * The one way of every call, wherever it comes from: nine steps, in this order ({@link pipelineSteps}).
 *
 * 1 receive, 2 authenticate, 3 validate, 4 authorize: may refuse; nothing has been asked of the target (steps.ts).
 * 5 prepare: the rate limit, whether the runtime can do it, and for a write its plan and then its intent, on disk. May refuse.
 * 6 execute: the operation's own code, within the time given. 7 shape: its result, checked against its schema.
 * 8 record: the outcome on the audit log, metrics, history, events. 9 answer, with the correlation id.
 */
import { createHash } from 'node:crypto';
import { unsupported } from '../../runtime/errors.ts';
import type { Effect, Failure, Json, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { MethodName, Port } from '../../runtime/port.ts';
import { buildPort, restrictPort, safeNeeds } from '../../runtime/portFacade.ts';
import type { OperationAnswer, OperationCall, PlanSummary } from '../protocol/operation.ts';
import { checkRole, defaultRole, graverRole } from './authorization.ts';
import { threw, withinBudget } from './budget.ts';
import type { Authorized, CallExtras, Claim, FinishedCall, Intent, PipelineServices, Validated } from './calls.ts';
import { canonicalJson } from './canonicalJson.ts';
import type { Context } from './context.ts';
import { makeContext } from './context.ts';
import { bug, withoutConnection } from './errors.ts';
import { Flight } from './flight.ts';
import type { AnyReadOperation, AnyWriteOperation, Plan, Problem } from './operation.ts';
import { isWrite, methodsOf } from './operation.ts';
import { isJson, resultLimits } from './plainData.ts';
import { checkedPlan, planOfLooking, summaryOf } from './plans.ts';
import type { Registered } from './registry.ts';
import { accessTo, authenticate, authorize, receive, validate } from './steps.ts';

type LookingReady = { readonly is: 'looking'; readonly call: Authorized; readonly operation: AnyReadOperation };
type ChangingReady = {
  readonly is: 'changing';
  readonly call: Authorized;
  readonly operation: AnyWriteOperation;
  readonly plan: Plan<Json>;
};
/** A call that may be done, and what exactly would be done. */
type Ready = LookingReady | ChangingReady;
type OwnClaim = Extract<Claim, { readonly is: 'ours' }>;
/** The answer, and whether the operation's code had its turn: if not, nothing has happened. */
type Passed = { readonly answer: Result<OperationAnswer>; readonly executed: boolean };

/** The port of a call without a connection: only an operation that needs nothing of a runtime comes that far. */
const portOfNothing: Port = buildPort({}, withoutConnection);

/** Runs calls, any number at a time; one requestId is one execution. */
export class Pipeline {
  readonly #services: PipelineServices;

  constructor(services: PipelineServices) {
    this.#services = services;
  }

  /** Runs, plans or validates. Never rejects; every error says its effect and carries the correlation id. */
  async execute(call: OperationCall, extras: CallExtras): Promise<Result<OperationAnswer>> {
    const flight = new Flight(call, extras);
    const answer = await this.#pass(flight);
    flight.enter('record');
    this.#tellObservers(flight, answer);
    return answer.ok ? answer : fail({ ...answer.error, correlationId: flight.correlationId });
  }

  async #pass(flight: Flight): Promise<Result<OperationAnswer>> {
    flight.enter('receive');
    const received = receive(flight.call, flight.extras, flight.correlationId, this.#services);
    if (!received.ok) return received;
    flight.mode = received.value.call.mode;
    flight.enter('authenticate');
    const known = authenticate(received.value);
    if (!known.ok) return known;
    flight.enter('validate');
    const valid = validate(known.value);
    if (!valid.ok) return valid;
    const { correlationId } = flight;
    switch (flight.mode) {
      case 'validate':
        return ok({ mode: 'validate', valid: true, correlationId });
      case 'dry_run': {
        const ready = await this.#ready(flight, valid.value);
        return ready.ok ? ok({ mode: 'dry_run', plan: planFor(ready.value), correlationId }) : ready;
      }
      case 'run':
        return this.#once(flight, valid.value);
    }
  }

  /** Runs the call, unless its requestId has been run: then answers what became of that. */
  async #once(flight: Flight, valid: Validated): Promise<Result<OperationAnswer>> {
    const claim = await this.#services.claims.claim({
      requestId: valid.call.requestId,
      principal: valid.extras.caller.principal,
      operation: valid.found.entry.name,
      fingerprint: fingerprintOf(valid),
      write: isWrite(valid.found.operation),
    });
    if (claim.is === 'refused') return claim.failure;
    if (claim.is === 'joined') return claim.answer;
    const { answer, executed } = await this.#run(flight, valid, claim);
    claim.settle(answer, executed);
    return answer;
  }

  async #run(flight: Flight, valid: Validated, claim: OwnClaim): Promise<Passed> {
    const ready = await this.#ready(flight, valid);
    if (!ready.ok) return { answer: ready, executed: false };
    return ready.value.is === 'looking' ? this.#look(flight, ready.value) : this.#change(flight, ready.value, claim);
  }

  /** Steps 4 and 5 but for the intent: allowed, within the rate, possible there, and planned. */
  async #ready(flight: Flight, valid: Validated): Promise<Result<Ready>> {
    flight.enter('authorize');
    const call = authorize(valid, this.#services);
    if (!call.ok) return call;
    flight.enter('prepare');
    const { operation, entry } = valid.found;
    const admitted = this.#services.admit(valid.extras.caller, entry);
    if (!admitted.ok) return admitted;
    const possible = checkNeeds(call.value);
    if (!possible.ok) return possible;
    if (!isWrite(operation)) return ok({ is: 'looking', call: call.value, operation });
    const plan = await this.#plan(call.value, operation);
    return plan.ok ? ok({ is: 'changing', call: call.value, operation, plan: plan.value }) : plan;
  }

  /** What would be done. A plan graver than its operation asks for the role and the access of its own severity. */
  async #plan(call: Authorized, operation: AnyWriteOperation): Promise<Result<Plan<Json>>> {
    const context = contextOf(call, safeNeeds(methodsOf(operation)));
    const { answer } = await withinBudget(operation.name, 'none', call.budget, () =>
      operation.plan(context, call.params),
    );
    const plan = answer.ok ? checkedPlan(operation, answer.value) : answer;
    if (!plan.ok) return plan;
    const { severity } = plan.value;
    const role = checkRole(
      call.extras.caller,
      operation.name,
      graverRole(call.found.entry.role, defaultRole(severity)),
    );
    if (!role.ok) return role;
    const access = call.call.mode === 'run' ? accessTo(call.connection, call, severity) : ok(null);
    return access.ok ? plan : access;
  }

  async #look(flight: Flight, { call, operation }: LookingReady): Promise<Passed> {
    flight.enter('execute');
    const context = contextOf(call, methodsOf(operation));
    const { answer } = await withinBudget(operation.name, 'none', call.budget, () =>
      operation.execute(context, call.params),
    );
    flight.enter('shape');
    return { answer: answerOf(flight, shape(call, answer, 'none')), executed: true };
  }

  async #change(flight: Flight, { call, operation, plan }: ChangingReady, claim: OwnClaim): Promise<Passed> {
    const declared = await this.#services.audit.intent(intentOf(call, plan));
    if (!declared.ok) return { answer: declared, executed: false };
    flight.enter('execute');
    const context = contextOf(call, methodsOf(operation));
    const { answer, late } = await withinBudget(operation.name, 'unknown', call.budget, () =>
      operation.apply(context, plan),
    );
    flight.enter('shape');
    const result = shape(call, answer, 'applied');
    flight.enter('record');
    await this.#recordOutcome(flight, result, false);
    void late?.then(async (truth) => {
      const known = shape(call, truth, 'applied');
      claim.correct(answerOf(flight, known));
      await this.#recordOutcome(flight, known, true);
    });
    return { answer: answerOf(flight, result), executed: true };
  }

  #recordOutcome(flight: Flight, result: Result<Json>, late: boolean): Promise<void> {
    const { requestId, operation } = flight.call;
    return this.#services.audit.outcome({ requestId, operation, result, durationMs: flight.durationMs(), late });
  }

  #tellObservers(flight: Flight, answer: Result<OperationAnswer>): void {
    const found = this.#services.find(flight.call.operation);
    const finished = flight.finished(found, answer);
    for (const observe of [...this.#services.observers, (call: FinishedCall) => tellOperation(found, call)]) {
      try {
        observe(finished);
      } catch {
        // The call is over, and is not undone because somebody could not count it.
      }
    }
  }
}

function planFor(ready: Ready): PlanSummary {
  return ready.is === 'looking' ? planOfLooking(ready.operation) : summaryOf(ready.plan);
}

function contextOf<N extends MethodName>(call: Authorized, needs: readonly N[]): Context<N> {
  const { connection, extras, found, budget } = call;
  const { caller } = extras;
  const { requestId } = call.call;
  return makeContext({
    connection: connection?.facts ?? null,
    port: restrictPort<N>(connection?.runtime.port ?? portOfNothing, needs),
    caller,
    owner: { principal: caller.principal, client: caller.via, operation: found.entry.name, requestId },
    requestId,
    budget,
    onProgress: extras.onProgress,
  });
}

/** Whether the runtime has every method the operation needs; the menu knew already, but capabilities change. */
function checkNeeds({ connection, found }: Authorized): Result<null> {
  if (connection === null) return ok(null);
  const { capabilities } = connection.runtime;
  for (const need of found.entry.needs) {
    const capability = capabilities.runtime[need];
    if (!capability.can) return unsupported(found.entry.title, capability.why, capability.remedy);
  }
  return ok(null);
}

/** Step 7: the public form of the result, which must be what the operation's schema promises. */
function shape({ found }: Authorized, answer: Result<unknown>, effect: Effect): Result<Json> {
  if (!answer.ok) return answer;
  const { operation, result } = found;
  try {
    const shaped: unknown = operation.shape === undefined ? answer.value : operation.shape(answer.value);
    const checked = isJson(shaped, resultLimits) ? result.check(shaped) : { problems: [] };
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

function answerOf(flight: Flight, result: Result<Json>): Result<OperationAnswer> {
  if (!result.ok) return result;
  const { correlationId } = flight;
  return ok({ mode: 'run', result: result.value, durationMs: flight.durationMs(), correlationId });
}

function intentOf(call: Authorized, plan: Plan<Json>): Intent {
  const { connection } = call;
  return {
    requestId: call.call.requestId,
    correlationId: call.budget.correlationId,
    operation: call.found.entry.name,
    connection: connection === null ? null : { ...connection.facts, label: connection.label },
    caller: call.extras.caller,
    severity: plan.severity,
    params: call.params,
    plan,
    fingerprint: fingerprintOf(call),
  };
}

/** Equal for two calls exactly when the same person asks the same of the same system. */
function fingerprintOf({ call, found, params, extras }: Validated): string {
  const said = canonicalJson([extras.caller.principal, call.connection, found.entry.name, params]);
  return createHash('sha256').update(said).digest('hex');
}

function tellOperation(found: Registered | null, call: FinishedCall): void {
  found?.operation.telemetry?.({
    operation: found.entry.name,
    category: found.entry.category,
    connection: call.connection,
    via: call.caller.via,
    mode: call.mode,
    durationMs: call.durationMs,
    outcome: call.error === null ? 'ok' : 'failed',
    error: call.error,
    correlationId: call.correlationId,
  });
}
