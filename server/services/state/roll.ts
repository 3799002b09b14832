/**
 * What comes and goes all the time, by its id. A Map that things are deleted from makes its table anew again and again, and each table that
 * has outlived its use holds the one after it: to forget many ids at once costs a tenth of that.
 */
const mostForgotten = 512;

export class Roll<T extends object> {
  /** null for what has gone. */
  #held = new Map<string, T | null>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): T | null {
    return this.#held.get(id) ?? null;
  }

  /** Puts it in the place of what had its id. */
  add(id: string, value: T): void {
    if (this.#held.size - this.#size >= mostForgotten) this.#forget();
    if (this.get(id) === null) this.#size += 1;
    this.#held.set(id, value);
  }

  remove(id: string): void {
    if (this.get(id) === null) return;
    this.#size -= 1;
    this.#held.set(id, null);
  }

  /** What is there, in the order in which it came. */
  values(): readonly T[] {
    return [...this.#held.values()].filter((value) => value !== null);
  }

  #forget(): void {
    const left = new Map<string, T | null>();
    for (const [id, value] of this.#held) if (value !== null) left.set(id, value);
    this.#held = left;
  }
}
