/** What is known of one call from its first step to its last. */
import type { Json, Result } from '../../runtime/model.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import { CallBudget } from './callBudget.ts';
import type { CallConnection, CallExtras, FinishedCall, JsonObject, OwnClaim, PipelineStep } from './calls.ts';
import { pipelineSteps } from './calls.ts';
import { bug } from './errors.ts';
import { defaultTimeoutMs } from './limits.ts';
import type { Plan } from './operation.ts';
import type { Found } from './registry.ts';
import type { ActiveSpan } from './spans.ts';
import { millisecondsSince } from './duration.ts';

/**
 * Why a call passes: `call`, to be done or planned for whoever made it; `prepare`, to be planned as a part of a whole; `planned`, to be
 * done as it was prepared.
 */
export type Purpose = 'call' | 'prepare' | 'planned';

const idPattern = /^[\w.:~-]{1,128}$/;
const noParams: JsonObject = {};
const notRun = bug('pipeline.not_run', 'The call was not run.', 'none', 'unknown');

/** Whether it is an id that is safe to log and to send back. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** The bit that stands for a step. */
export function stepBit(step: PipelineStep): number {
  return 1 << pipelineSteps.indexOf(step);
}

const stepsByBits = new Map<number, readonly PipelineStep[]>();

/** The steps that these bits stand for: the same list for the same ones. */
function stepsIn(bits: number): readonly PipelineStep[] {
  const known = stepsByBits.get(bits) ?? pipelineSteps.filter((_, index) => (bits & (1 << index)) !== 0);
  stepsByBits.set(bits, known);
  return known;
}

/** Nobody else's, and numbered from there: a random id for each costs as much as the rest of a call's first step. */
const idBase = crypto.randomUUID().slice(0, 23);
let lastId = 0;

function nextId(): string {
  lastId += 1;
  return `${idBase}-${lastId.toString(16).padStart(12, '0')}`;
}

export class Flight {
  readonly call: OperationCall;
  readonly extras: CallExtras;
  readonly purpose: Purpose;
  /** The caller's, or one made here when it gave none that is safe. */
  readonly correlationId: string;
  /** What is done in the end: a parameter can make a run a dry run. */
  mode: OperationCall['mode'];
  /** Null where there is no such operation. */
  found: Found | null = null;
  /** As they were sent, until they are validated; then with defaults, and without those that are the pipeline's. */
  params: JsonObject = noParams;
  connection: CallConnection | null = null;
  plan: Plan<Json> | null = null;
  claim: OwnClaim | null = null;
  /** What `apply` answered, before it was shaped. */
  applied: Result<unknown> | null = null;
  /** The public form of that. */
  result: Result<Json> = notRun;
  /** What it answers after all, when it was cut off before. */
  late: Promise<Result<unknown>> | null = null;
  /** Whether the operation's code had its turn: if not, nothing has happened. */
  executed = false;
  attempts = 1;
  /** Null while no spans are made. */
  span: ActiveSpan | null = null;
  /** How old the answer is, when it was taken from the cache. */
  ageMs: number | null = null;
  #budget: CallBudget | null = null;
  /** A bit for each it has entered: they are entered in their order. */
  #steps = 0;
  readonly #startedAt = Date.now();
  readonly #startedMs = performance.now();

  constructor(call: OperationCall, extras: CallExtras, purpose: Purpose = 'call') {
    this.call = call;
    this.mode = call.mode;
    this.extras = extras;
    this.purpose = purpose;
    const { correlationId } = extras;
    this.correlationId = correlationId !== undefined && isId(correlationId) ? correlationId : nextId();
  }

  /** The time it has in all, from its beginning. */
  limit(timeoutMs: number): void {
    this.#budget = this.#budgetOf(timeoutMs);
  }

  /** Its time and its signal: 30 s, unless {@link limit} says otherwise. */
  get budget(): CallBudget {
    this.#budget ??= this.#budgetOf(defaultTimeoutMs);
    return this.#budget;
  }

  /** It is answered: nothing of it stays with its caller. What a call that did not come to its operation still does is to stop. */
  leave(): void {
    if (this.executed) this.#budget?.release();
    else this.#budget?.end();
  }

  enter(step: PipelineStep): void {
    this.enterBit(stepBit(step));
  }

  /** The same by {@link stepBit}, for who enters often. */
  enterBit(bit: number): void {
    this.#steps |= bit;
  }

  /** The operation, which must have been found by now. */
  get operation(): Found {
    if (this.found === null) throw new Error('no operation was found yet');
    return this.found;
  }

  /** What is to be done, which must have been planned by now. */
  get madePlan(): Plan<Json> {
    if (this.plan === null) throw new Error('nothing was planned yet');
    return this.plan;
  }

  /** What stands for its connection in caches. */
  get connectionKey(): string {
    return this.connection?.facts.id ?? '';
  }

  durationMs(): number {
    return millisecondsSince(this.#startedMs);
  }

  finished(answer: Result<OperationAnswer>): FinishedCall {
    const finished: FinishedCall = {
      entry: this.found?.entry ?? null,
      requestId: this.call.requestId,
      correlationId: this.correlationId,
      connection: this.call.connection,
      caller: this.extras.caller,
      parent: this.extras.parent ?? null,
      mode: this.mode,
      startedAt: this.#startedAt,
      durationMs: this.durationMs(),
      error: answer.ok ? null : answer.error,
      steps: stepsIn(this.#steps),
    };
    const { attempts, ageMs, span } = this;
    if (attempts === 1 && ageMs === null && span === null) return finished;
    return {
      ...finished,
      ...(attempts > 1 && { attempts }),
      ...(ageMs !== null && { ageMs }),
      ...(span !== null && { traceparent: span.traceparent }),
    };
  }

  #budgetOf(timeoutMs: number): CallBudget {
    return new CallBudget(timeoutMs, this.#startedMs, this.extras.signal, this.correlationId, this.extras.stop);
  }
}
