/** Reads data that came from the server or from a settings file into our types, checking what is used of it. */
import { errorClasses } from '../runtime/model.ts';
import type { ArsenalError, Json } from '../runtime/model.ts';

/** A JSON object. */
export function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Those of `values` that are objects. */
export function recordsIn(values: readonly unknown[]): readonly { readonly [key: string]: unknown }[] {
  return values.filter(isRecord);
}

/** The error of a failed request, when `data` is a `FailureData`; else null. */
export function errorOfFailure(data: unknown): ArsenalError | null {
  if (!isRecord(data) || !isArsenalError(data['arsenal'])) return null;
  return data['arsenal'];
}

/** Whether `value` has what an {@link ArsenalError} always has. */
export function isArsenalError(value: unknown): value is ArsenalError {
  return (
    isRecord(value) &&
    typeof value['code'] === 'string' &&
    typeof value['message'] === 'string' &&
    typeof value['remedy'] === 'string' &&
    errorClasses.some((known) => known === value['class']) &&
    ['none', 'applied', 'partial', 'unknown'].some((known) => known === value['effect'])
  );
}

/** Whether `value` is JSON data; depth is bounded, so that nothing hostile exhausts the stack. */
export function isJson(value: unknown, depth = 64): value is Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (depth === 0 || typeof value !== 'object') return false;
  return Object.values(value).every((part) => isJson(part, depth - 1));
}
