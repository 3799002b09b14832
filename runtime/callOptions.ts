/**
 * What travels beside every call: the time left, the signal and the correlation id.
 *
 * Time is a budget, measured by whoever holds it on a monotonic clock: no absolute time crosses a hop, because two clocks never
 * agree, and a wall clock can jump.
 */
import type { CallOptions } from './port.ts';

/** As long as a timer can wait (24 days). A budget of this or more has no deadline: a watch lives as long as its view. */
export const longestMs = 2_147_483_647;

/**
 * Options for a call that begins now. `remainingMs` of what is answered shrinks as time passes, so the same object can be handed
 * to every call made on the way. A budget that is not a number counts as none left.
 */
export function callOptions(
  remainingMs: number,
  signal: AbortSignal = new AbortController().signal,
  correlationId: string = crypto.randomUUID(),
): CallOptions {
  const budgetMs = Number.isNaN(remainingMs) ? 0 : Math.min(remainingMs, longestMs);
  const startedAt = performance.now();
  return {
    signal,
    correlationId,
    get remainingMs() {
      return budgetMs === longestMs ? longestMs : Math.max(0, budgetMs - (performance.now() - startedAt));
    },
  };
}

/** Options for a part of the call `parent`: at most `capMs` of what it has left, and its signal unless another is given. */
export function childOptions(
  parent: CallOptions,
  capMs: number = longestMs,
  signal: AbortSignal = parent.signal,
): CallOptions {
  return callOptions(Math.min(remainingNow(parent), capMs), signal, parent.correlationId);
}

/** Milliseconds left now: never negative, never not a number; {@link longestMs} means there is no deadline. */
export function remainingNow(options: CallOptions): number {
  const left = options.remainingMs;
  return left > 0 ? Math.min(left, longestMs) : 0;
}
