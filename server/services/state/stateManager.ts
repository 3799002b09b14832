/** What is known of calls beyond their answers: those going on, those that are over, their results for a while, their figures. */
import type { ArsenalError, Result } from '../../../runtime/model.ts';
import type { CallExtras } from '../../core/calls.ts';
import type { Caller } from '../../core/context.ts';
import { fail, ok } from '../../../runtime/model.ts';
import type { WatchFeed } from '../../../runtime/watch.ts';
import type { OperationAnswer, OperationCall, OperationOutcome } from '../../protocol/operation.ts';
import type { FoundCall } from './activeCalls.ts';
import { ActiveCalls } from './activeCalls.ts';
import type { KnownCall, StateStore } from './stateStore.ts';
import { millisecondsSince } from '../../core/duration.ts';

/** After the processor time of a call was measured it is so long not measured again: to ask for it takes longer than most calls. */
const sampledEveryMs = 20;
/** A call with a longer one is refused, and is not kept. */
const longestId = 128;

export class StateManager {
  readonly store: StateStore;
  readonly #find: (operation: string) => FoundCall | null;
  readonly #active: ActiveCalls;
  #sampledMs = Number.NEGATIVE_INFINITY;

  constructor(store: StateStore, find: (operation: string) => FoundCall | null) {
    this.store = store;
    this.#find = find;
    this.#active = new ActiveCalls((operation) => find(operation)?.entry ?? null);
  }

  /** Runs a call with `execute`, and keeps what is to be known of it. What only validates is no news. */
  run(
    call: OperationCall,
    extras: CallExtras,
    execute: (extras: CallExtras) => Promise<Result<OperationAnswer>>,
  ): Promise<Result<OperationAnswer>> {
    return this.runAs(call, extras, execute, itself);
  }

  /** The same for what answers more than a result. */
  async runAs<T>(
    call: OperationCall,
    extras: CallExtras,
    execute: (extras: CallExtras) => Promise<T>,
    answerIn: (done: T) => Result<OperationAnswer>,
  ): Promise<T> {
    if (call.mode === 'validate' || call.requestId.length > longestId) return execute(extras);
    const active = this.#active.begin(call, extras, this.#find(call.operation));
    // It joins the one that is going on, and is not a second one.
    if (active === null) return execute(extras);
    this.store.begin(active);
    const cpu = active.startedAlone && this.#isSampled(active.startedMs) ? process.cpuUsage() : null;
    const done = await execute(active);
    const answer = answerIn(done);
    const used = cpu !== null && this.#active.isAlone(active) ? process.cpuUsage(cpu) : null;
    this.#active.end(active);
    const isDryRun = call.mode === 'dry_run' || (answer.ok && answer.value.mode === 'dry_run');
    this.store.end({
      kind: active.kind,
      requestId: active.requestId,
      parent: active.parent ?? null,
      mode: isDryRun ? 'dry_run' : 'run',
      startedAt: active.startedAt,
      correlationId: active.correlationId ?? null,
      paramsJson: active.paramsJson,
      durationMs: millisecondsSince(active.startedMs),
      cpuMs: used === null ? null : (used.user + used.system) / 1_000,
      error: answer.ok ? null : keptError(answer.error),
      resultJson: answer.ok && answer.value.mode === 'run' ? active.resultJson(answer.value.result) : null,
    });
    return done;
  }

  #isSampled(nowMs: number): boolean {
    if (nowMs - this.#sampledMs < sampledEveryMs) return false;
    this.#sampledMs = nowMs;
    return true;
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

function itself(answer: Result<OperationAnswer>): Result<OperationAnswer> {
  return answer;
}

function maySee({ call }: KnownCall, caller: Caller): boolean {
  return caller.role === 'admin' || call.principal === caller.principal;
}

/** Its words are cut, and its details left out: they may be large, and hold what was sent. */
function keptError({ code, class: errorClass, message, remedy, effect }: ArsenalError): ArsenalError {
  return { code, class: errorClass, message: message.slice(0, 500), remedy: remedy.slice(0, 500), effect };
}
