/** How long something took, as it is told: nobody needs more of it than microseconds. */

/** Milliseconds since then (of `performance.now()`), to the microsecond. */
export function millisecondsSince(startedMs: number): number {
  return toMicrosecond(performance.now() - startedMs);
}

/** Milliseconds, to the microsecond. */
export function toMicrosecond(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
