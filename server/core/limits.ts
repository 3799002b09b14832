/** Time limits of calls. */

/** When neither the caller nor the operation says. */
export const defaultTimeoutMs = 30_000;
export const longestTimeoutMs = 3_600_000;
