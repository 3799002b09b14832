/**
 * The one way of every call, wherever it comes from: nine steps, in this order ({@link pipelineSteps}).
 *
 * 1 receive, 2 authenticate, 3 validate, 4 authorize: may refuse; nothing has been asked of the target (steps.ts).
 * 5 prepare: the rate limit, whether the runtime can do it, and for a write its plan and then its intent, on disk. May refuse.
 * 6 execute: the operation's own code, within the time given. 7 shape: its result, checked against its schema.
 * 8 record: the outcome on the audit log, metrics, history, events. 9 answer, with the correlation id.
 */
import { createHash } from 'node:crypto';
import { childOptions, remainingNow } from '../../runtime/callOptions.ts';
import { failure, unsupported } from '../../runtime/errors.ts';
import type { Effect, Failure, Json, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { CallOptions, MethodName, Port } from '../../runtime/port.ts';
import { buildPort, restrictPort, safeNeeds } from '../../runtime/portFacade.ts';
import type { OperationAnswer, OperationCall, PlanSummary } from '../protocol/operation.ts';
import { checkRole, defaultRole, graverRole } from './authorization.ts';
import type { Bounded } from './budget.ts';
import { threw, withinBudget } from './budget.ts';
import type {
  Authorized,
  CallExtras,
  Claim,
  FinishedCall,
  Intent,
  PipelineServices,
  PlannedRun,
  PreparedCall,
  Validated,
} from './calls.ts';
import { canonicalJson } from './canonicalJson.ts';
import type { Context } from './context.ts';
import { makeContext } from './context.ts';
import { bug, withoutConnection } from './errors.ts';
import { Flight } from './flight.ts';
import type { AnyReadOperation, AnyWriteOperation, Plan, Problem } from './operation.ts';
import { isWrite, methodsOf, undoMethodsOf } from './operation.ts';
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
/** What `apply` answered, and its public form. */
type Applied = Bounded<unknown> & { readonly result: Result<Json> };
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

  /**
   * Steps 1 to 5 of a call that is to be done as a part of a whole, but for what stands once for the whole: the claim of its requestId
   * and the intent. `extras.parent` names the whole. Error beside those of the steps: `call.only_planned` for a dry run.
   */
  async prepare(call: OperationCall, extras: CallExtras): Promise<Result<PreparedCall>> {
    const flight = new Flight(call, extras);
    const valid = this.#check(flight);
    if (!valid.ok) return valid;
    if (flight.mode !== 'run') return onlyPlanned(valid.value.found.entry.name);
    const ready = await this.#ready(flight, valid.value);
    if (!ready.ok) return ready;
    const { entry } = valid.value.found;
    return ready.value.is === 'looking'
      ? ok({ entry, plan: null, canUndo: true })
      : ok({ entry, plan: ready.value.plan, canUndo: ready.value.operation.compensate !== undefined });
  }

  /**
   * Runs a call that was prepared, as it was planned then, through all steps but planning, claim and intent: whoever calls this has
   * written down the intent of the whole. Never rejects.
   */
  async runPlanned(call: OperationCall, extras: CallExtras, plan: Plan<Json> | null): Promise<PlannedRun> {
    const flight = new Flight(call, extras);
    const run = await this.#runPlanned(flight, plan);
    flight.enter('record');
    this.#tellObservers(flight, run.answer);
    return run;
  }

  async #runPlanned(flight: Flight, plan: Plan<Json> | null): Promise<PlannedRun> {
    const nothing = (answer: Result<OperationAnswer>) => ({ answer, undo: () => Promise.resolve(ok(null)) });
    const valid = this.#check(flight);
    if (!valid.ok) return nothing(valid);
    flight.enter('authorize');
    const allowed = authorize(valid.value, this.#services);
    if (!allowed.ok) return nothing(allowed);
    flight.enter('prepare');
    const call = allowed.value;
    const possible = checkNeeds(call);
    if (!possible.ok) return nothing(possible);
    const { operation } = call.found;
    if (!isWrite(operation)) return nothing((await this.#look(flight, { is: 'looking', call, operation })).answer);
    const readable = checkedPlan(operation, plan);
    if (!readable.ok) return nothing(readable);
    const ready: ChangingReady = { is: 'changing', call, operation, plan: readable.value };
    const { result, answer, late } = await this.#apply(flight, ready);
    const undo = async (budget: CallOptions) =>
      undone(ready, late === null ? answer : await within(late, answer, budget), budget);
    return { answer: answerOf(flight, result), undo };
  }

  /** Steps 1 to 3. */
  #check(flight: Flight): Result<Validated> {
    flight.enter('receive');
    const received = receive(flight.call, flight.extras, flight.correlationId, this.#services);
    if (!received.ok) return received;
    flight.mode = received.value.call.mode;
    flight.enter('authenticate');
    const known = authenticate(received.value);
    if (!known.ok) return known;
    flight.enter('validate');
    return validate(known.value);
  }

  async #pass(flight: Flight): Promise<Result<OperationAnswer>> {
    const valid = this.#check(flight);
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
    const admitted = valid.extras.parent === undefined ? this.#services.admit(valid.extras.caller, entry) : ok(null);
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
    if (!plan.ok || operation.delegates === true) return plan;
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

  async #change(flight: Flight, ready: ChangingReady, claim: OwnClaim): Promise<Passed> {
    const { call, plan } = ready;
    // What turned out to be only looking changes nothing, and leaves nothing.
    const audited = plan.severity === 'change' || plan.severity === 'destroy';
    const declared = audited ? await this.#services.audit.intent(intentOf(call, plan)) : ok(null);
    if (!declared.ok) return { answer: declared, executed: false };
    const { result, late } = await this.#apply(flight, ready);
    flight.enter('record');
    if (audited) await this.#recordOutcome(flight, result, false);
    void late?.then(async (truth) => {
      const known = shape(call, truth, 'applied');
      claim.correct(answerOf(flight, known));
      if (audited) await this.#recordOutcome(flight, known, true);
    });
    return { answer: answerOf(flight, result), executed: true };
  }

  /** Steps 6 and 7 of what was planned. */
  async #apply(flight: Flight, { call, operation, plan }: ChangingReady): Promise<Applied> {
    flight.enter('execute');
    const context = contextOf(call, methodsOf(operation));
    const apply = () => operation.apply(context, plan);
    const { answer, late } = await withinBudget(operation.name, 'unknown', call.budget, apply, operation.graceMs);
    flight.enter('shape');
    return { answer, late, result: shape(call, answer, 'applied') };
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

/**
 * Undoes what was applied. What failed without effect needs no undoing; of what is not known to have had one, its operation's probe
 * must say that none is left. Errors: the operation's own, `operation.cannot_undo`, `operation.undo_unknown`.
 */
async function undone(
  { call, operation, plan }: ChangingReady,
  done: Result<unknown>,
  budget: CallOptions,
): Promise<Result<null>> {
  if (!done.ok && done.error.effect === 'none') return ok(null);
  if (operation.compensate === undefined) return cannotUndo(operation.name);
  const context = contextOf({ ...call, budget }, undoMethodsOf(operation));
  const compensate = operation.compensate.bind(operation);
  const { answer } = await withinBudget(operation.name, 'unknown', budget, () => compensate(context, plan, done));
  if (!answer.ok || done.ok || done.error.effect !== 'unknown') return answer;
  const probe = operation.probe?.bind(operation);
  const left = await withinBudget(operation.name, 'none', budget, async () => ok(await probe?.(context, plan)));
  return left.answer.ok && left.answer.value === 'none' ? ok(null) : undoUnknown(operation.name);
}

/** The last word of code that was cut off, or what was said instead of it when half of the time is up: the rest is for undoing. */
async function within<T>(late: Promise<T>, otherwise: T, budget: CallOptions): Promise<T> {
  const half = childOptions(budget, remainingNow(budget) / 2);
  const said = await withinBudget('undo', 'unknown', half, async () => ok(await late));
  return said.answer.ok ? said.answer.value : otherwise;
}

function cannotUndo(operation: string): Failure {
  return failure(
    'unsupported',
    'operation.cannot_undo',
    `${operation} cannot be undone.`,
    'See what it did, and undo it by hand where that is possible.',
    { effect: 'none', details: { operation } },
  );
}

function undoUnknown(operation: string): Failure {
  return failure(
    'execution',
    'operation.undo_unknown',
    `Whether anything is left of ${operation} is not known.`,
    'Look at the target.',
    { effect: 'unknown', details: { operation } },
  );
}

function onlyPlanned(operation: string): Failure {
  return failure(
    'validation',
    'call.only_planned',
    `${operation} is only to be planned here, and cannot be a part of something that is run.`,
    'Leave dryRun out, or dry-run the whole.',
    { pointer: '/dryRun' },
  );
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
