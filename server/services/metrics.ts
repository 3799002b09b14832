/** Counts, errors and durations of every operation since the backend started. */
import { Subscribers } from '../../runtime/listeners.ts';
import type { FinishedCall } from '../core/calls.ts';
import type { OperationTelemetry } from '../core/operation.ts';

/** Upper bounds of the duration classes, in milliseconds; above the last is one more class. */
export const durationBoundsMs = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000] as const;

export type OperationMetrics = {
  readonly operation: string;
  readonly calls: number;
  readonly failures: number;
  readonly failuresByCode: { readonly [code: string]: number };
  readonly durationMs: { readonly sum: number; readonly max: number; readonly classes: readonly number[] };
};
type Counter = {
  calls: number;
  failures: number;
  codes: Map<string, number>;
  sum: number;
  max: number;
  classes: number[];
};

/** Calls of operations that do not exist are counted under this name: what callers write makes no counters. */
export const unknownOperation = 'unknown';

export class Metrics {
  readonly #counters = new Map<string, Counter>();
  readonly #listeners = new Subscribers<OperationTelemetry>();

  readonly observe = (call: FinishedCall): void => {
    const operation = call.entry?.name ?? unknownOperation;
    const counter = this.#counters.get(operation) ?? emptyCounter();
    this.#counters.set(operation, counter);
    counter.calls += 1;
    counter.sum += call.durationMs;
    counter.max = Math.max(counter.max, call.durationMs);
    const at = durationBoundsMs.findIndex((bound) => call.durationMs <= bound);
    const index = at === -1 ? durationBoundsMs.length : at;
    counter.classes[index] = (counter.classes[index] ?? 0) + 1;
    if (call.error !== null) {
      counter.failures += 1;
      counter.codes.set(call.error.code, (counter.codes.get(call.error.code) ?? 0) + 1);
    }
    if (!this.#listeners.isEmpty) this.#listeners.tell(telemetryOf(call, operation));
  };

  /** What has been counted, by operation. */
  all(): readonly OperationMetrics[] {
    return [...this.#counters].map(([operation, { calls, failures, codes, sum, max, classes }]) => ({
      operation,
      calls,
      failures,
      failuresByCode: Object.fromEntries(codes),
      durationMs: { sum, max, classes: [...classes] },
    }));
  }

  /** Calls `listener` for every call that is over: where exporters hang on. */
  onTelemetry(listener: (event: OperationTelemetry) => void): { dispose(): void } {
    return this.#listeners.add(listener);
  }
}

function emptyCounter(): Counter {
  const classes = Array.from({ length: durationBoundsMs.length + 1 }, () => 0);
  return { calls: 0, failures: 0, codes: new Map(), sum: 0, max: 0, classes };
}

function telemetryOf(call: FinishedCall, operation: string): OperationTelemetry {
  return {
    operation,
    category: call.entry?.category ?? unknownOperation,
    connection: call.connection,
    via: call.caller.via,
    mode: call.mode,
    durationMs: call.durationMs,
    outcome: call.error === null ? 'ok' : 'failed',
    error: call.error,
    correlationId: call.correlationId,
  };
}
