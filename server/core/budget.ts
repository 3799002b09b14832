/** Runs an operation's own code within the time its caller gave, whatever that code does. */
import { isCancelled, onCancelled, remainingNow } from '../../runtime/callOptions.ts';
import { isResult } from '../../runtime/callGuard.ts';
import { deadlines } from '../../runtime/deadlines.ts';
import { cancelled, timedOut } from '../../runtime/errors.ts';
import type { Effect, Failure, Result } from '../../runtime/model.ts';
import type { CallOptions } from '../../runtime/port.ts';
import { bug, wordsOf } from './errors.ts';

/**
 * How long, unless it says itself, code that was cut off may still say what became of it: it knows its effect, we could only say that
 * we do not. Longer than the port's own grace, whose answer it waits for.
 */
const lastWordMs = 100;

export type Bounded<T> = {
  readonly answer: Result<T>;
  /** What it answered after all, when it was cut off before. */
  readonly late: Promise<Result<T>> | null;
};

/**
 * Runs `run`. Answers its result; `cancelled` or `timeout` with `effect` when it does not answer in time; a `system` error with
 * `effect` when it throws or answers no Result. Never rejects.
 */
export function withinBudget<T>(
  operation: string,
  effect: Effect,
  budget: CallOptions,
  run: () => Promise<Result<T>>,
  graceMs = lastWordMs,
): Promise<Bounded<T>> {
  return new Promise((resolve) => {
    const running = begun(operation, effect, run);
    const settled = (answer: unknown) => resultOf<T>(operation, effect, answer);
    const threwUp = (thrown: unknown) => threw(operation, effect, thrown);
    const cut = (failure: Failure) => {
      stop();
      const late = running.then(settled, threwUp);
      lastWord = setTimeout(() => resolve({ answer: failure, late }), graceMs);
    };
    let lastWord: ReturnType<typeof setTimeout> | undefined;
    const onCancel = () => cut(cancelled(effect));
    const keepNoDeadline = deadlines.after(remainingNow(budget), () => cut(timedOut(operation, effect)));
    const unfollow = isCancelled(budget) ? null : onCancelled(budget, onCancel);
    const stop = () => {
      keepNoDeadline();
      unfollow?.();
    };
    if (unfollow === null) onCancel();
    const end = (answer: Result<T>) => {
      stop();
      clearTimeout(lastWord);
      resolve({ answer, late: null });
    };
    running.then(
      (answer) => end(settled(answer)),
      (thrown: unknown) => end(threwUp(thrown)),
    );
  });
}

/** What it answers, from untyped code perhaps no promise, or nothing at all but what it throws. */
function begun<T>(operation: string, effect: Effect, run: () => Promise<Result<T>>): Promise<unknown> {
  try {
    return Promise.resolve(run());
  } catch (thrown) {
    return Promise.resolve(threw(operation, effect, thrown));
  }
}

function resultOf<T>(operation: string, effect: Effect, answer: unknown): Result<T> {
  if (isResultOf<T>(answer)) return answer;
  return bug('operation.bad_answer', `${operation} answered no result.`, effect, operation);
}

/** The error for an operation whose own code threw: `system` `operation.threw`. */
export function threw(operation: string, effect: Effect, thrown: unknown): Failure {
  return bug('operation.threw', `${operation} failed: ${wordsOf(thrown).slice(0, 500)}`, effect, operation);
}

/** Whether it is a Result; of what, its schema says later. */
function isResultOf<T>(answer: unknown): answer is Result<T> {
  return isResult(answer);
}
