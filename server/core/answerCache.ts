/** Answers that may be given again for a while: one is made at a time, and a write makes those of its connection forgotten. */
import type { Json } from '../../runtime/model.ts';
import { sizeUpTo } from './plainData.ts';

export type CacheLimits = {
  readonly entries: number;
  /** Of all that is kept. */
  readonly characters: number;
};
export const defaultCacheLimits: CacheLimits = { entries: 500, characters: 16_777_216 };

/** What an answer is kept under. */
export type CacheKey = {
  /** Whoever writes through it makes the answer forgotten. */
  readonly connection: string;
  /** All that the answer depends on. */
  readonly text: string;
};
/** `ageMs` is null when it was made just now, for whoever asked. */
export type CachedValue = { readonly value: Json; readonly ageMs: number | null };

type Kept = { readonly connection: string; readonly value: Json; readonly size: number; readonly madeMs: number };
type Making = { readonly connection: string; readonly value: Promise<Json | undefined> };

export class AnswerCache {
  readonly #limits: CacheLimits;
  readonly #nowMs: () => number;
  /** Least recently made first. */
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Making>();
  #size = 0;

  constructor(limits: CacheLimits = defaultCacheLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Those kept now. */
  get entries(): number {
    return this.#kept.size;
  }

  /**
   * The value kept under `key` and not older than `ttlMs`; else what `compute` answers, which is kept. While it is computed, others wait
   * for it: `wait` is given the value to come, and may give up. undefined when `compute`, or `wait`, answers that: nothing is kept then,
   * and whoever waited for it computes for itself.
   */
  async getOrCompute(
    key: CacheKey,
    ttlMs: number,
    compute: () => Promise<Json | undefined>,
    wait: (value: Promise<Json | undefined>) => Promise<Json | undefined> = (value) => value,
  ): Promise<CachedValue | undefined> {
    const kept = this.#kept.get(key.text);
    if (kept !== undefined) {
      const ageMs = this.#nowMs() - kept.madeMs;
      if (ageMs < ttlMs) return { value: kept.value, ageMs };
      this.#forget(key.text, kept);
    }
    const making = this.#making.get(key.text);
    if (making !== undefined) {
      const value = await wait(making.value);
      return value === undefined ? undefined : { value, ageMs: 0 };
    }
    const value = await this.#make(key, ttlMs, compute);
    return value === undefined ? undefined : { value, ageMs: null };
  }

  /** Forgets what was answered on the connection; what is being computed now is not kept. */
  invalidate(connection: string): void {
    for (const [text, kept] of this.#kept) if (kept.connection === connection) this.#forget(text, kept);
    for (const [text, making] of this.#making) if (making.connection === connection) this.#making.delete(text);
  }

  async #make(key: CacheKey, ttlMs: number, compute: () => Promise<Json | undefined>): Promise<Json | undefined> {
    const madeMs = this.#nowMs();
    const making: Making = { connection: key.connection, value: compute() };
    this.#making.set(key.text, making);
    try {
      const value = await making.value;
      // Another than ours, or none: it was forgotten meanwhile.
      const isCurrent = this.#making.get(key.text) === making;
      if (value !== undefined && isCurrent && ttlMs > 0) this.#keep(key, value, madeMs);
      return value;
    } finally {
      if (this.#making.get(key.text) === making) this.#making.delete(key.text);
    }
  }

  #keep({ connection, text }: CacheKey, value: Json, madeMs: number): void {
    const size = text.length + sizeUpTo(value, this.#limits.characters);
    if (size > this.#limits.characters / 4) return;
    this.#kept.set(text, { connection, value, size, madeMs });
    this.#size += size;
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= this.#limits.entries && this.#size <= this.#limits.characters) return;
      this.#forget(oldest, kept);
    }
  }

  #forget(text: string, kept: Kept): void {
    this.#kept.delete(text);
    this.#size -= kept.size;
  }
}
