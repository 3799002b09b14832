/**
 * A queue on a power-of-two ring, which also gives back elements from its middle. Positions are absolute: the first element ever
 * pushed had position 0 and positions only grow, so that a reader can remember "everything before here is seen" while elements
 * are taken out in front of it.
 */
export class Ring<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  #tail = 0;

  /** How many elements there are. */
  get length(): number {
    return this.#tail - this.#head;
  }
  /** How many elements fit before it grows. */
  get capacity(): number {
    return this.#slots.length;
  }
  /** Position of the oldest element; equal to {@link Ring.end} when there is none. */
  get start(): number {
    return this.#head;
  }
  /** The position that the next element will get. */
  get end(): number {
    return this.#tail;
  }

  /** Adds an element behind all others. */
  push(element: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[this.#tail & (this.#slots.length - 1)] = element;
    this.#tail += 1;
  }

  /** Takes the oldest element; undefined when empty. */
  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    const slot = this.#head & (this.#slots.length - 1);
    const element = this.#slots[slot];
    this.#slots[slot] = undefined;
    this.#head += 1;
    return element;
  }

  /** The element at an absolute position within [start, end). */
  at(position: number): T | undefined {
    return this.#slots[position & (this.#slots.length - 1)];
  }

  /**
   * Takes out the element at an absolute position within [start, end) and keeps the order of the others. The shorter side moves:
   * answers whether it was the `front` (older elements move one position up) or the `back` (newer ones move one down).
   */
  removeAt(position: number): 'front' | 'back' {
    const mask = this.#slots.length - 1;
    if (position - this.#head <= this.#tail - 1 - position) {
      for (let at = position; at > this.#head; at -= 1) this.#slots[at & mask] = this.#slots[(at - 1) & mask];
      this.#slots[this.#head & mask] = undefined;
      this.#head += 1;
      return 'front';
    }
    for (let at = position; at < this.#tail - 1; at += 1) this.#slots[at & mask] = this.#slots[(at + 1) & mask];
    this.#tail -= 1;
    this.#slots[this.#tail & mask] = undefined;
    return 'back';
  }

  /** Takes out the element at an absolute position within [start, end); the oldest takes its place. */
  takeAt(position: number): T | undefined {
    const mask = this.#slots.length - 1;
    const element = this.#slots[position & mask];
    this.#slots[position & mask] = this.#slots[this.#head & mask];
    this.#slots[this.#head & mask] = undefined;
    this.#head += 1;
    return element;
  }

  /** Up to `limit` elements, oldest first; the ring stays as it is. */
  peek(limit: number): T[] {
    const seen: T[] = [];
    for (let at = this.#head; at < this.#tail && seen.length < limit; at += 1) {
      const element = this.at(at);
      if (element !== undefined) seen.push(element);
    }
    return seen;
  }

  #grow(): void {
    const before = this.#slots;
    const wider = new Array<T | undefined>(Math.max(4, before.length * 2));
    for (let at = this.#head; at < this.#tail; at += 1)
      wider[at & (wider.length - 1)] = before[at & (before.length - 1)];
    this.#slots = wider;
  }
}
