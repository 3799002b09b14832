/**
 * What became of every call: from memory while this process lives, from the audit logs after any crash. One requestId is one
 * execution; asked again, it answers what the first time answered.
 */
import { failure } from '../../runtime/errors.ts';
import type { ArsenalError, Failure, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { Claim, ClaimedCall, Claims, OwnClaim } from '../core/calls.ts';
import type { Caller } from '../core/context.ts';
import type { ProbedEffect } from '../core/operation.ts';
import { isSmall } from '../core/plainData.ts';
import { summaryOf } from '../core/plans.ts';
import type { OperationAnswer, OperationOutcome } from '../protocol/operation.ts';
import type { Journal, JournalEntry } from './audit/journal.ts';

/** What is known of a call of this process's. */
class Known implements OwnClaim {
  readonly is = 'ours';
  readonly call: ClaimedCall;
  readonly startedAt = Date.now();
  /** null while it runs. */
  answer: Result<OperationAnswer> | null = null;
  /** False when it was refused before anything was done: then the same requestId may be tried again. */
  executed = false;
  /** Who joined it while it runs; null when nobody has. */
  #waiting: ((answer: Result<OperationAnswer>) => void)[] | null = null;
  readonly #settled: (known: Known) => void;

  constructor(call: ClaimedCall, settled: (known: Known) => void) {
    this.call = call;
    this.#settled = settled;
  }

  settle(answer: Result<OperationAnswer>, executed: boolean): void {
    this.answer = answer;
    this.executed = executed;
    this.#settled(this);
    for (const join of this.#waiting ?? []) join(answer);
    this.#waiting = null;
  }

  correct(answer: Result<OperationAnswer>): void {
    this.answer = answer;
  }

  /** What it answers. */
  join(): Promise<Result<OperationAnswer>> {
    const { answer } = this;
    if (answer !== null) return Promise.resolve(answer);
    return new Promise((resolve) => {
      this.#waiting = [...(this.#waiting ?? []), resolve];
    });
  }
}

/**
 * Calls by requestId: all that run, and of what is over the last, at most {@link mostKept}. The older half of those is let go of at
 * once, which costs less than one at a time.
 */
class KnownCalls {
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();

  get(requestId: string): Known | undefined {
    return this.#young.get(requestId) ?? this.#old.get(requestId);
  }

  add(known: Known): void {
    if (this.#young.size >= mostKept / 2) this.#age();
    this.#young.set(known.call.requestId, known);
    this.#old.delete(known.call.requestId);
  }

  delete(requestId: string): void {
    this.#young.delete(requestId);
    this.#old.delete(requestId);
  }

  #age(): void {
    const before = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    for (const [requestId, known] of before) if (known.answer === null) this.#young.set(requestId, known);
  }
}

export type OutcomeServices = {
  readonly journal: Pick<Journal, 'find'>;
  /** Asks the world what became of an interrupted call; `unknown` when it cannot be asked now. */
  probe(entry: JournalEntry): Promise<ProbedEffect>;
  settle(requestId: string, operation: string, effect: 'none' | 'applied'): Promise<void>;
};

const mostKept = 1_000;
/** An answer above this is not kept when the call only looked: looking again costs less than remembering. */
const mostAnswerCharacters = 65_536;

export class Outcomes implements Claims {
  readonly #services: OutcomeServices;
  readonly #known = new KnownCalls();
  readonly #settled = (known: Known): void => this.#keepSmall(known);

  constructor(services: OutcomeServices) {
    this.#services = services;
  }

  claim(call: ClaimedCall): Claim | Promise<Claim> {
    const known = this.#known.get(call.requestId);
    if (known !== undefined && (known.answer === null || known.executed)) return joined(known, call);
    // Entered before anything is awaited, so that a second call of this id joins this one.
    const ours = new Known(call, this.#settled);
    this.#known.add(ours);
    return call.write ? this.#claimWrite(ours) : ours;
  }

  async #claimWrite(ours: Known): Promise<Claim> {
    const { call } = ours;
    const earlier = await this.#services.journal.find(call.requestId);
    if (earlier === null) return ours;
    const claim = fromJournal(earlier, call);
    ours.settle(claim.answer, claim.executed);
    // What the logs know stays theirs to tell.
    if (!claim.executed) this.#known.delete(call.requestId);
    return { is: 'joined', answer: ours.join() };
  }

  /** What became of a call of this caller's (an admin may ask for anyone's). After a crash, what probing found. */
  async outcome(requestId: string, caller: Caller): Promise<OperationOutcome> {
    const mayAsk = (principal: string) => principal === caller.principal || caller.role === 'admin';
    const known = this.#known.get(requestId);
    if (known !== undefined && mayAsk(known.call.principal)) return outcomeOf(known);
    const entry = known === undefined ? await this.#services.journal.find(requestId) : null;
    if (entry === null || !mayAsk(entry.principal)) return { state: 'never_seen' };
    const { operation, outcome, at, plan } = entry;
    switch (outcome.is) {
      case 'done':
        return { state: 'done', operation, result: outcome.result };
      case 'running':
        return { state: 'running', operation, startedAt: at };
      case 'interrupted': {
        const effect = outcome.effect ?? (await this.#probe(entry));
        return { state: 'interrupted', operation, effect, plan: summaryOf(plan) };
      }
    }
  }

  async #probe(entry: JournalEntry): Promise<ProbedEffect> {
    const effect = await this.#services.probe(entry);
    // What was found is written down: the world moves on, and the next look could be misled.
    if (effect !== 'unknown') await this.#services.settle(entry.requestId, entry.operation, effect);
    return effect;
  }

  #keepSmall({ call, answer }: Known): void {
    if (call.write || answer?.ok !== true || answer.value.mode !== 'run') return;
    if (!isSmall(answer.value.result, mostAnswerCharacters)) this.#known.delete(call.requestId);
  }
}

function outcomeOf({ call: { operation }, startedAt, answer }: Known): OperationOutcome {
  if (answer === null) return { state: 'running', operation, startedAt };
  if (!answer.ok) return { state: 'done', operation, result: answer };
  return answer.value.mode === 'run'
    ? { state: 'done', operation, result: ok(answer.value.result) }
    : { state: 'never_seen' };
}

function joined(known: Known, call: ClaimedCall): Claim {
  if (known.call.fingerprint !== call.fingerprint) return { is: 'refused', failure: reused() };
  return { is: 'joined', answer: known.join() };
}

/** What a repeated call answers whose first time is known from the logs only. */
function fromJournal(entry: JournalEntry, call: ClaimedCall): { answer: Result<OperationAnswer>; executed: boolean } {
  if (entry.fingerprint !== call.fingerprint) return { answer: reused(), executed: false };
  const { outcome, requestId } = entry;
  switch (outcome.is) {
    case 'done': {
      if (!outcome.result.ok) return { answer: outcome.result, executed: true };
      const { durationMs, result } = outcome;
      return {
        answer: ok({ mode: 'run', result: result.value, durationMs, correlationId: requestId }),
        executed: true,
      };
    }
    case 'running':
      return {
        answer: earlier('request.running', 'is being run by another window or server', 'Wait for it'),
        executed: false,
      };
    case 'interrupted':
      return {
        answer: earlier('request.interrupted', 'was cut off by a crash', 'Ask for its outcome'),
        executed: false,
      };
  }
}

function reused(): Failure {
  return failure(
    'conflict',
    'request.reused',
    'This requestId belongs to another call.',
    'Make a new requestId for every call; repeat one only to repeat the same call.',
  );
}

function earlier(code: string, what: string, remedy: string): Failure {
  const error: ArsenalError = {
    code,
    class: 'conflict',
    message: `The call with this requestId ${what}.`,
    remedy: `${remedy}; nothing was done a second time.`,
    effect: 'none',
  };
  return fail(error);
}
