/**
 * A set and a map of which nearly all hold nothing or one element: that one stands in the object itself. As {@link Set} and
 * {@link Map} they keep the order of insertion; unlike those, they must not be changed while they are iterated.
 */
const none: unique symbol = Symbol('none');

export class SmallSet<T> implements Iterable<T> {
  #first: T | typeof none = none;
  /** All elements, once there have been two. */
  #all: Set<T> | null = null;

  get size(): number {
    return this.#all !== null ? this.#all.size : this.#first === none ? 0 : 1;
  }

  has(element: T): boolean {
    return this.#all !== null ? this.#all.has(element) : this.#first === element;
  }

  add(element: T): this {
    if (this.#all !== null) this.#all.add(element);
    else if (this.#first === none) this.#first = element;
    else if (this.#first !== element) {
      this.#all = new Set([this.#first, element]);
      this.#first = none;
    }
    return this;
  }

  /** False when it was not there. */
  delete(element: T): boolean {
    if (this.#all !== null) {
      const was = this.#all.delete(element);
      if (this.#all.size === 0) this.#all = null;
      return was;
    }
    if (this.#first !== element) return false;
    this.#first = none;
    return true;
  }

  *[Symbol.iterator](): Generator<T, void> {
    if (this.#all !== null) yield* this.#all;
    else if (this.#first !== none) yield this.#first;
  }
}

export class SmallMap<K, V> implements Iterable<readonly [K, V]> {
  #key: K | typeof none = none;
  #value: V | typeof none = none;
  /** All entries, once there have been two. */
  #all: Map<K, V> | null = null;

  get size(): number {
    return this.#all !== null ? this.#all.size : this.#key === none ? 0 : 1;
  }

  has(key: K): boolean {
    return this.#all !== null ? this.#all.has(key) : this.#key === key;
  }

  get(key: K): V | undefined {
    if (this.#all !== null) return this.#all.get(key);
    return this.#key === key && this.#value !== none ? this.#value : undefined;
  }

  set(key: K, value: V): this {
    if (this.#all !== null) this.#all.set(key, value);
    else if (this.#key === none || this.#value === none || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#all = new Map([
        [this.#key, this.#value],
        [key, value],
      ]);
      this.#key = none;
      this.#value = none;
    }
    return this;
  }

  /** False when it was not there. */
  delete(key: K): boolean {
    if (this.#all !== null) {
      const was = this.#all.delete(key);
      if (this.#all.size === 0) this.#all = null;
      return was;
    }
    if (this.#key !== key) return false;
    this.#key = none;
    this.#value = none;
    return true;
  }

  *[Symbol.iterator](): Generator<readonly [K, V], void> {
    if (this.#all !== null) yield* this.#all;
    else if (this.#key !== none && this.#value !== none) yield [this.#key, this.#value];
  }
  *keys(): Generator<K, void> {
    for (const [key] of this) yield key;
  }
  *values(): Generator<V, void> {
    for (const [, value] of this) yield value;
  }
}
