/** What tests say of answers. They throw node:assert's AssertionError, which every test runner shows as one. */
import { AssertionError } from 'node:assert';
import type { ArsenalError, ErrorClass, Result } from '../../runtime/model.ts';

/** The value of a result that must be one; throws with the error's code, message and remedy. */
export function assertOperationSuccess<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { code, message, remedy, effect, details } = result.error;
  throw new AssertionError({
    message: `The operation failed: ${code}: ${message} ${remedy} (effect: ${effect})${
      details === undefined ? '' : `\n${JSON.stringify(details, null, 2)}`
    }`,
    actual: code,
    expected: 'ok',
    operator: 'assertOperationSuccess',
    stackStartFn: assertOperationSuccess,
  });
}

/** The error of a result that must have failed, with this code or of this class when one is given. */
export function assertOperationFailure(
  result: Result<unknown>,
  expected: { readonly code?: string; readonly class?: ErrorClass } = {},
): ArsenalError {
  const wanted = expected.code ?? expected.class ?? 'an error';
  const found = result.ok
    ? 'ok'
    : expected.code !== undefined || expected.class === undefined
      ? result.error.code
      : result.error.class;
  const fits =
    !result.ok &&
    (expected.code === undefined || result.error.code === expected.code) &&
    (expected.class === undefined || result.error.class === expected.class);
  if (fits) return result.error;
  const said = result.ok
    ? `it succeeded: ${JSON.stringify(result.value)}`
    : `${result.error.code}: ${result.error.message}`;
  throw new AssertionError({
    message: `The operation was to fail with ${wanted}; ${said}`,
    actual: found,
    expected: wanted,
    operator: 'assertOperationFailure',
    stackStartFn: assertOperationFailure,
  });
}
