/** The figures of operations in the text format of Prometheus (exposition format 0.0.4). */
import type { OperationMetrics } from './metrics.ts';
import { durationBoundsMs } from './metrics.ts';

export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8';

/** One counter of calls, one of failures by code, and one histogram of durations in seconds, by operation. */
export function prometheusText(metrics: readonly OperationMetrics[]): string {
  return [
    '# HELP arsenal_operation_calls_total Calls of an operation that are over.',
    '# TYPE arsenal_operation_calls_total counter',
    ...metrics.map(({ operation, calls }) => `arsenal_operation_calls_total{${label({ operation })}} ${calls}`),
    '# HELP arsenal_operation_failures_total Of these, those that failed, by the code of their error.',
    '# TYPE arsenal_operation_failures_total counter',
    ...metrics.flatMap(({ operation, failuresByCode }) =>
      Object.entries(failuresByCode).map(
        ([code, times]) => `arsenal_operation_failures_total{${label({ operation, code })}} ${times}`,
      ),
    ),
    '# HELP arsenal_operation_duration_seconds How long calls took.',
    '# TYPE arsenal_operation_duration_seconds histogram',
    ...metrics.flatMap(histogram),
    '',
  ].join('\n');
}

function histogram({ operation, calls, durationMs }: OperationMetrics): readonly string[] {
  const name = 'arsenal_operation_duration_seconds';
  let below = 0;
  const buckets = durationBoundsMs.map((boundMs, index) => {
    below += durationMs.classes[index] ?? 0;
    return `${name}_bucket{${label({ operation, le: String(boundMs / 1_000) })}} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket{${label({ operation, le: '+Inf' })}} ${calls}`,
    `${name}_sum{${label({ operation })}} ${durationMs.sum / 1_000}`,
    `${name}_count{${label({ operation })}} ${calls}`,
  ];
}

function label(values: { readonly [name: string]: string }): string {
  return Object.entries(values)
    .map(
      ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',');
}
