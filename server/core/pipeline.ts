/**
 * The one way of every call, wherever it comes from: nine steps, in this order ({@link pipelineSteps}), each made of middlewares
 * ({@link Pipeline.middlewares} says which, in the order in which they begin).
 *
 * 1 receive, 2 authenticate, 3 validate, 4 authorize: may refuse; nothing has been asked of the target (steps.ts).
 * 5 prepare: the rate limit, whether the runtime can do it, an answer from the cache, and for a write its plan and then its intent, on
 * disk. May refuse (prepare.ts, cached.ts, audited.ts).
 * 6 execute: the operation's own code, within the time given. 7 shape: its result, checked against its schema (perform.ts).
 * 8 record: the outcome on the audit log, metrics, history, events, hooks. 9 answer, with the correlation id.
 */
import type { Json, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import { AnswerCache } from './answerCache.ts';
import { audited } from './audited.ts';
import { cached } from './cached.ts';
import type { CallExtras, FinishedCall, PipelineServices, PlannedRun, PreparedCall } from './calls.ts';
import { pipelineThrew } from './errors.ts';
import { Flight } from './flight.ts';
import type { Answer, Middleware, MiddlewareFacts, Next, PluggedMiddleware } from './middleware.ts';
import { compose, contained } from './middleware.ts';
import { offerUndo } from './offerUndo.ts';
import { once } from './once.ts';
import type { AnyOperation, OperationTelemetry, Plan } from './operation.ts';
import { isWrite } from './operation.ts';
import { perform, performing } from './perform.ts';
import { beforeHook, capabilities, onlyPlanned, planned, rateLimit } from './prepare.ts';
import type { SpanExporter } from './spans.ts';
import { ActiveSpan, attributesOf, readTraceparent } from './spans.ts';
import {
  connectionAccess,
  envelope,
  knownCaller,
  knownConnection,
  onlyValidated,
  ownCondition,
  ownValidation,
  parameters,
  sufficientRole,
} from './steps.ts';
import { undo } from './undo.ts';

type Said = MiddlewareFacts & Pick<Middleware, 'appliesTo'>;

/** What happens at the end of every call, in the form of the middlewares before it. */
const ending: readonly Said[] = [
  {
    name: 'after',
    step: 'record',
    says: 'The operation’s hook, after it was run, and its telemetry.',
    appliesTo: (operation) => operation.after !== undefined || operation.telemetry !== undefined,
  },
  { name: 'observers', step: 'record', says: 'Metrics, history, events: whoever is told of every call that is over.' },
  { name: 'answer', step: 'answer', says: 'The answer, or an error that says its effect, with the correlation id.' },
];

/** Runs calls, any number at a time; one requestId is one execution. */
export class Pipeline {
  readonly #services: PipelineServices;
  readonly #said: readonly Said[];
  readonly #way: Next;

  constructor(services: PipelineServices) {
    this.#services = services;
    const answers = services.answers ?? new AnswerCache();
    const middlewares = middlewaresOf(services, answers);
    this.#way = compose(middlewares, perform(answers, services));
    this.#said = [...middlewares, ...performing, ...ending];
  }

  /** What calls pass, or those of one operation, in the order in which it begins. */
  middlewares(operation?: AnyOperation): readonly MiddlewareFacts[] {
    return this.#said
      .filter(({ appliesTo }) => operation === undefined || appliesTo === undefined || appliesTo(operation))
      .map(({ name, step, says }) => ({ name, step, says }));
  }

  /** Runs, plans or validates. Never rejects; every error says its effect and carries the correlation id. */
  execute(call: OperationCall, extras: CallExtras): Promise<Result<OperationAnswer>> {
    return this.#pass(new Flight(call, extras), this.#executed);
  }

  readonly #executed = (flight: Flight, answer: Answer): Result<OperationAnswer> => {
    this.#end(flight, answer);
    return answer.ok ? answer : fail({ ...answer.error, correlationId: flight.correlationId });
  };

  /**
   * Steps 1 to 5 of a call that is to be done as a part of a whole, but for what stands once for the whole: the claim of its requestId
   * and the intent. `extras.parent` names the whole. Error beside those of the steps: `call.only_planned` for a dry run.
   */
  prepare(call: OperationCall, extras: CallExtras): Promise<Result<PreparedCall>> {
    return this.#pass(new Flight(call, extras, 'prepare'), (flight, answer) => {
      if (!answer.ok) return answer;
      const { operation, entry } = flight.operation;
      const canUndo = !isWrite(operation) || operation.compensate !== undefined;
      return ok({ entry, plan: flight.plan, canUndo });
    });
  }

  /**
   * Runs a call that was prepared, as it was planned then, through all steps but planning, claim and intent: whoever calls this has
   * written down the intent of the whole. Never rejects.
   */
  runPlanned(call: OperationCall, extras: CallExtras, plan: Plan<Json> | null): Promise<PlannedRun> {
    const planned = new Flight(call, extras, 'planned');
    planned.plan = plan;
    return this.#pass(planned, (flight, answer) => {
      this.#end(flight, answer);
      return this.#plannedRun(flight, answer);
    });
  }

  #plannedRun(flight: Flight, answer: Answer): PlannedRun {
    return {
      answer,
      undo: (budget) => undo(flight, budget),
      offerUndo: () => {
        if (answer.ok) offerUndo(this.#services, flight);
      },
    };
  }

  /** All its steps, and then `end`, in one go: each async function on the way costs a call as much as several of its middlewares. */
  async #pass<T>(flight: Flight, end: (flight: Flight, answer: Answer) => T): Promise<T> {
    let answer: Answer;
    try {
      answer = await this.#way(flight);
    } catch (thrown) {
      answer = pipelineThrew(flight, thrown);
    }
    flight.leave();
    return end(flight, answer);
  }

  /** The call is over, and is not undone because somebody could not count it. */
  #end(flight: Flight, answer: Answer): void {
    flight.enter('record');
    const finished = flight.finished(answer);
    for (const observe of this.#services.observers) {
      try {
        observe(finished);
      } catch {
        // Theirs alone.
      }
    }
    try {
      tellOperation(flight, finished);
    } catch {
      // Theirs alone.
    }
  }
}

/** In the order in which they begin. */
function middlewaresOf(services: PipelineServices, answers: AnswerCache): readonly Middleware[] {
  const plugged = (step: PluggedMiddleware['step']) =>
    (services.middlewares ?? []).filter((middleware) => middleware.step === step).map(contained);
  return [
    spanned(services),
    envelope(services),
    ...plugged('receive'),
    knownCaller,
    ...plugged('authenticate'),
    parameters,
    ownValidation,
    ...plugged('validate'),
    onlyValidated,
    once(services),
    sufficientRole,
    knownConnection(services),
    connectionAccess,
    ownCondition,
    ...plugged('authorize'),
    rateLimit(services),
    capabilities,
    beforeHook,
    ...plugged('prepare'),
    cached(answers),
    planned,
    onlyPlanned,
    audited(services),
  ];
}

/** A call's span is a child of its caller's, and says what became of it; no parameters: they may hold secrets. */
function spanned({ spans }: PipelineServices): Middleware {
  return {
    name: 'span',
    step: 'receive',
    says: 'A span of the call, in the trace of its caller, where spans are exported.',
    run: (flight, next) => (spans === undefined ? next(flight) : inOwnSpan(spans, flight, next)),
  };
}

async function inOwnSpan(spans: SpanExporter, flight: Flight, next: Next): Promise<Answer> {
  const { traceparent } = flight.extras;
  const span = new ActiveSpan(spans, 'server', traceparent === undefined ? null : readTraceparent(traceparent));
  flight.span = span;
  const answer = await next(flight);
  const { entry, connection, caller, mode, requestId, correlationId, parent, attempts, ageMs } =
    flight.finished(answer);
  const attributes = attributesOf({
    'arsenal.operation': entry?.name,
    'arsenal.category': entry?.category,
    'arsenal.severity': entry?.severity,
    'arsenal.connection': connection,
    'arsenal.via': caller.via,
    'arsenal.mode': mode,
    'arsenal.request_id': requestId,
    'arsenal.correlation_id': correlationId,
    'arsenal.batch': parent,
    'arsenal.attempts': attempts,
    'arsenal.cache_age_ms': ageMs,
    'error.type': answer.ok ? undefined : answer.error.class,
    'arsenal.effect': answer.ok ? undefined : answer.error.effect,
  });
  const exception = answer.ok ? null : { type: answer.error.code, message: answer.error.message };
  // What callers make up names no spans.
  span.end(entry?.name ?? 'unknown', attributes, exception);
  return answer;
}

function tellOperation(flight: Flight, call: FinishedCall): void {
  const operation = flight.found?.operation;
  if (call.entry === null || operation === undefined) return;
  if (operation.telemetry === undefined && operation.after === undefined) return;
  const event: OperationTelemetry = {
    operation: call.entry.name,
    category: call.entry.category,
    connection: call.connection,
    via: call.caller.via,
    mode: call.mode,
    durationMs: call.durationMs,
    outcome: call.error === null ? 'ok' : 'failed',
    error: call.error,
    correlationId: call.correlationId,
  };
  try {
    operation.telemetry?.(event);
  } finally {
    if (flight.executed) operation.after?.(event, flight.result);
  }
}
