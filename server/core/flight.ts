/** What is known of one call from its first step to its last. */
import type { Result } from '../../runtime/model.ts';
import type { OperationAnswer, OperationCall } from '../protocol/operation.ts';
import type { CallExtras, FinishedCall, PipelineStep } from './calls.ts';
import { correlationIdOf } from './steps.ts';
import type { Registered } from './registry.ts';

export class Flight {
  readonly call: OperationCall;
  readonly extras: CallExtras;
  readonly correlationId: string;
  /** What is done in the end: a parameter can make a run a dry run. */
  mode: OperationCall['mode'];
  readonly #steps: PipelineStep[] = [];
  readonly #startedAt = Date.now();
  readonly #startedMs = performance.now();

  constructor(call: OperationCall, extras: CallExtras) {
    this.call = call;
    this.mode = call.mode;
    this.extras = extras;
    this.correlationId = correlationIdOf(extras.correlationId);
  }

  enter(step: PipelineStep): void {
    this.#steps.push(step);
  }

  durationMs(): number {
    return performance.now() - this.#startedMs;
  }

  finished(found: Registered | null, answer: Result<OperationAnswer>): FinishedCall {
    return {
      entry: found?.entry ?? null,
      requestId: this.call.requestId,
      correlationId: this.correlationId,
      connection: this.call.connection,
      caller: this.extras.caller,
      parent: this.extras.parent ?? null,
      mode: this.mode,
      startedAt: this.#startedAt,
      durationMs: this.durationMs(),
      error: answer.ok ? null : answer.error,
      steps: [...this.#steps],
    };
  }
}
