/** Runs an operation's own code within the time its caller gave, whatever that code does. */
import { remainingNow } from '../../runtime/callOptions.ts';
import { isResult } from '../../runtime/callGuard.ts';
import { cancelled, timedOut } from '../../runtime/errors.ts';
import type { Effect, Failure, Result } from '../../runtime/model.ts';
import type { CallOptions } from '../../runtime/port.ts';
import { onAbort } from './callBudget.ts';
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
  budget: CallOptions & { readonly follows?: AbortSignal },
  run: () => Promise<Result<T>>,
  graceMs = lastWordMs,
): Promise<Bounded<T>> {
  // The signal a budget follows says the same, and need not be made.
  const signal = budget.follows ?? budget.signal;
  return new Promise((resolve) => {
    const ended = settled(operation, effect, run);
    const cut = (failure: Failure) => {
      stop();
      lastWord = setTimeout(() => resolve({ answer: failure, late: ended }), graceMs);
    };
    let lastWord: ReturnType<typeof setTimeout> | undefined;
    const onCancel = () => cut(cancelled(effect));
    const timer = setTimeout(() => cut(timedOut(operation, effect)), remainingNow(budget));
    const unfollow = signal.aborted ? null : onAbort(signal, onCancel);
    const stop = () => {
      clearTimeout(timer);
      unfollow?.();
    };
    if (unfollow === null) onCancel();
    void ended.then((answer) => {
      stop();
      clearTimeout(lastWord);
      resolve({ answer, late: null });
    });
  });
}

async function settled<T>(operation: string, effect: Effect, run: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    const answer: unknown = await run();
    if (isResultOf<T>(answer)) return answer;
    return bug('operation.bad_answer', `${operation} answered no result.`, effect, operation);
  } catch (thrown) {
    return threw(operation, effect, thrown);
  }
}

/** The error for an operation whose own code threw: `system` `operation.threw`. */
export function threw(operation: string, effect: Effect, thrown: unknown): Failure {
  return bug('operation.threw', `${operation} failed: ${wordsOf(thrown).slice(0, 500)}`, effect, operation);
}

/** Whether it is a Result; of what, its schema says later. */
function isResultOf<T>(answer: unknown): answer is Result<T> {
  return isResult(answer);
}
