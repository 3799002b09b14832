/** A bucket of calls for every caller and operation: generous for people, a stop for a loop that has gone wild. */
import { failure } from '../../runtime/errors.ts';
import type { Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import type { Caller } from '../core/context.ts';

export type RateLimits = {
  /** Calls at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** For single operations, by name, others. */
  readonly operations?: { readonly [operation: string]: RateLimit };
};
export type RateLimit = Pick<RateLimits, 'burst' | 'perSecond'>;
export const defaultRateLimits: RateLimits = { burst: 500, perSecond: 100 };

/** What these limits say of an operation. */
export function limitOf(limits: RateLimits, operation: string): RateLimit {
  const { operations = {} } = limits;
  return (Object.hasOwn(operations, operation) ? operations[operation] : undefined) ?? limits;
}

/** `placedAt`: when it was put at the end of those that there are. */
type Bucket = { calls: number; at: number; placedAt: number };
const mostBuckets = 10_000;
/** A bucket is not moved more often: to move one at every call costs more than the rest. */
const placedForMs = 1_000;

export class RateLimiter {
  #limits: RateLimits;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: RateLimits = defaultRateLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Puts other limits in force: what a bucket holds beyond them is gone with its next call. */
  configure(limits: RateLimits): void {
    this.#limits = limits;
  }

  /** Takes one call out of the bucket. Error: `rate_limited` `rate.exceeded`, with how long to wait. */
  admit(caller: Caller, operation: string): Result<null> {
    const { burst, perSecond } = limitOf(this.#limits, operation);
    // Neither ways in nor operations have spaces in their names.
    const key = `${caller.via} ${operation} ${caller.principal}`;
    const now = this.#nowMs();
    const bucket = this.#buckets.get(key) ?? { calls: burst, at: now, placedAt: Number.NEGATIVE_INFINITY };
    const refilled = bucket.calls + ((now - bucket.at) / 1000) * perSecond;
    bucket.calls = Math.min(burst, refilled);
    bucket.at = now;
    if (now - bucket.placedAt >= placedForMs) this.#placeLast(key, bucket);
    if (bucket.calls >= 1) {
      bucket.calls -= 1;
      return ok(null);
    }
    const retryAfterMs = Math.ceil(((1 - bucket.calls) / perSecond) * 1000);
    return failure(
      'rate_limited',
      'rate.exceeded',
      `${operation} was called too often.`,
      `Wait ${retryAfterMs} ms, or call it less often.`,
      { retryAfterMs },
    );
  }

  /** Most recently used last; the one forgotten has had the longest time to fill up. */
  #placeLast(key: string, bucket: Bucket): void {
    bucket.placedAt = bucket.at;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > mostBuckets) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
