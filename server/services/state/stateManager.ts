/** What is known of calls beyond their answers: those going on, those that are over, their results for a while, their figures. */
import type { ArsenalError, Json, Result } from '../../../runtime/model.ts';
import { onAbort } from '../../core/callBudget.ts';
import type { CallExtras, JsonObject } from '../../core/calls.ts';
import type { Caller } from '../../core/context.ts';
import { fail, ok } from '../../../runtime/model.ts';
import { isJsonObject } from '../../core/plainData.ts';
import type { WatchFeed } from '../../../runtime/watch.ts';
import type { CatalogueEntry, OperationAnswer, OperationCall, OperationOutcome } from '../../protocol/operation.ts';
import { redact } from '../audit/redact.ts';
import { unknownOperation } from '../metrics.ts';
import { ActiveCalls } from './activeCalls.ts';
import type { CallBegun } from './records.ts';
import { sanitized } from './sanitize.ts';
import type { KnownCall, StateStore } from './stateStore.ts';

/** A result with more values than this is not kept: of what only looked, looking again costs less than remembering. */
const mostValues = 2_000;
/** The processor time is measured of one call in so many, beginning with the first. */
const sampledEvery = 16;
/** A call with a longer one is refused, and is not kept. */
const longestId = 128;

export class StateManager {
  readonly store: StateStore;
  readonly #find: (operation: string) => CatalogueEntry | null;
  readonly #active = new ActiveCalls();
  #runs = 0;

  constructor(store: StateStore, find: (operation: string) => CatalogueEntry | null) {
    this.store = store;
    this.#find = find;
  }

  /** Runs a call with `execute`, and keeps what is to be known of it. What only validates is no news. */
  run(
    call: OperationCall,
    extras: CallExtras,
    execute: (extras: CallExtras) => Promise<Result<OperationAnswer>>,
  ): Promise<Result<OperationAnswer>> {
    return this.runAs(call, extras, execute, (answer) => answer);
  }

  /** The same for what answers more than a result. */
  async runAs<T>(
    call: OperationCall,
    extras: CallExtras,
    execute: (extras: CallExtras) => Promise<T>,
    answerIn: (done: T) => Result<OperationAnswer>,
  ): Promise<T> {
    if (call.mode === 'validate' || call.requestId.length > longestId) return execute(extras);
    const active = this.#active.begin(call, extras.caller);
    // It joins the one that is going on, and is not a second one.
    if (active === null) return execute(extras);
    const entry = this.#find(call.operation);
    const begun = begunOf(call, extras, entry);
    this.store.begin(begun);
    const startedMs = performance.now();
    const cpu = active.isAlone && this.#isSampled() ? process.cpuUsage() : null;
    const { stop } = active;
    if (extras.signal.aborted) stop.abort();
    // AbortSignal.any would say the same, and costs more than the rest of a call.
    const unfollow = onAbort(extras.signal, () => stop.abort());
    const done = await execute({
      ...extras,
      signal: stop.signal,
      onProgress: async (progress) => {
        this.#active.progress(active, progress);
        await extras.onProgress?.(progress);
      },
    });
    unfollow();
    const answer = answerIn(done);
    const used = cpu !== null && active.isAlone ? process.cpuUsage(cpu) : null;
    this.#active.end(active);
    this.store.end({
      ...begun,
      mode: answer.ok && answer.value.mode === 'dry_run' ? 'dry_run' : begun.mode,
      durationMs: performance.now() - startedMs,
      cpuMs: used === null ? null : (used.user + used.system) / 1_000,
      error: answer.ok ? null : keptError(answer.error),
      result: answer.ok && answer.value.mode === 'run' ? keptResult(answer.value.result) : null,
    });
    return done;
  }

  /** Asking the system what time was used takes longer than most calls. */
  #isSampled(): boolean {
    this.#runs += 1;
    return this.#runs % sampledEvery === 1;
  }

  /** Cancels a call that is going on here. Error: `execution.not_running`. */
  cancel(requestId: string, caller: Caller): Result<OperationCall> {
    return this.#active.cancel(requestId, caller);
  }

  /** What a call that is going on here tells on its way. Error: `execution.not_running`. */
  follow(requestId: string, caller: Caller): Result<WatchFeed> {
    return this.#active.follow(requestId, caller);
  }

  /** A call of this caller's (an admin sees anyone's); null when none is kept. */
  async find(requestId: string, caller: Caller): Promise<KnownCall | null> {
    const known = await this.store.find(requestId);
    return known !== null && maySee(known, caller) ? known : null;
  }

  /** What the history says became of a call of this caller's; null when it is not kept. */
  async outcome(requestId: string, caller: Caller): Promise<OperationOutcome | null> {
    const known = await this.find(requestId, caller);
    if (known === null || known.call.mode !== 'run') return null;
    const { operation, startedAt } = known.call;
    switch (known.state) {
      case 'running':
        return { state: 'running', operation, startedAt };
      case 'interrupted':
        // What changes something is on the audit log; this only looked.
        return { state: 'interrupted', operation, effect: 'none', plan: null };
      case 'ended': {
        const { error, result } = known.call;
        return { state: 'done', operation, result: error === null ? ok(result ?? { omitted: true }) : fail(error) };
      }
    }
  }

  /** The last calls of this caller's (an admin sees everyone's), newest first. */
  async calls(caller: Caller): Promise<readonly KnownCall[]> {
    return (await this.store.calls()).filter((known) => maySee(known, caller));
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

function maySee({ call }: KnownCall, caller: Caller): boolean {
  return caller.role === 'admin' || call.principal === caller.principal;
}

function begunOf(
  { requestId, connection, params, mode }: OperationCall,
  { caller, parent, correlationId }: CallExtras,
  entry: CatalogueEntry | null,
): CallBegun {
  return {
    requestId,
    parent: parent ?? null,
    operation: entry?.name ?? unknownOperation,
    category: entry?.category ?? unknownOperation,
    connection,
    principal: caller.principal,
    via: caller.via,
    mode: mode === 'dry_run' ? 'dry_run' : 'run',
    startedAt: Date.now(),
    correlationId: correlationId ?? null,
    params: keptParams(params, entry),
  };
}

/** What came may be anything: what is no operation's, or not even an object, is not kept. */
function keptParams(params: Json, entry: CatalogueEntry | null): Json {
  if (entry === null || !isPlainObject(params) || !hasAtMost(params, mostValues)) return null;
  return sanitized(params, entry.params);
}

function isPlainObject(params: Json): params is JsonObject {
  return typeof params === 'object' && params !== null && isJsonObject(params);
}

/** Its words are cut, and its details left out: they may be large, and hold what was sent. */
function keptError({ code, class: errorClass, message, remedy, effect }: ArsenalError): ArsenalError {
  return { code, class: errorClass, message: message.slice(0, 500), remedy: remedy.slice(0, 500), effect };
}

function keptResult(result: Json): Json {
  return hasAtMost(result, mostValues) ? redact(result) : null;
}

/** Whether `value` has at most so many values; it is not walked further than that, however deep it goes. */
function hasAtMost(value: unknown, most: number): boolean {
  const waiting: unknown[] = [value];
  for (let seen = 0; waiting.length > 0; seen += 1) {
    if (seen + waiting.length > most) return false;
    const next = waiting.pop();
    if (typeof next === 'object' && next !== null) {
      for (const part of Object.values(next)) waiting.push(part);
    }
  }
  return true;
}
