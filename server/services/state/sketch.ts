/**
 * Percentiles of many numbers in little room: a histogram whose classes grow by a constant factor, so that every quantile it answers is
 * within {@link relativeError} of a value that was there, and two of them add up exactly. After DDSketch (Masson, Rim, Lee: "DDSketch: a
 * fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019).
 */

/** Of a quantile that {@link Sketch.quantile} answers. */
export const relativeError = 0.01;

/** Below this (a microsecond, where values are milliseconds) all are one class, and answer 0. */
const smallest = 0.001;
/** Above this (31 years in milliseconds) all are the last class. */
const largest = 1e12;
const growth = (1 + relativeError) / (1 - relativeError);
const perLog = 1 / Math.log(growth);

/** How a sketch is written down: the count below {@link smallest}, then class and count in turn. */
export type SketchData = readonly number[];

export class Sketch {
  readonly #classes = new Map<number, number>();
  #tiny = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a value; a negative one counts as 0. */
  add(value: number, times = 1): void {
    this.#count += times;
    if (!(value >= smallest)) this.#tiny += times;
    else this.#addTo(Math.ceil(Math.log(Math.min(value, largest)) * perLog), times);
  }

  /** Adds all that another has: as if each of its values had been added. */
  merge(other: Sketch): void {
    this.#count += other.#count;
    this.#tiny += other.#tiny;
    for (const [at, times] of other.#classes) this.#addTo(at, times);
  }

  /** The value at `q` (0 to 1) of the way from the least to the greatest; null when there is none. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(0, Math.min(1, q)) * (this.#count - 1);
    let passed = this.#tiny;
    if (rank < passed) return 0;
    const classes = [...this.#classes].toSorted(([a], [b]) => a - b);
    for (const [at, times] of classes) {
      passed += times;
      if (rank < passed) return valueOf(at);
    }
    return valueOf(classes.at(-1)?.[0] ?? 0);
  }

  data(): SketchData {
    return [this.#tiny, ...[...this.#classes].flat()];
  }

  /** Reads what {@link data} wrote; null for anything else. */
  static from(data: unknown): Sketch | null {
    if (!Array.isArray(data) || data.length % 2 === 0) return null;
    const numbers: readonly unknown[] = data;
    if (!numbers.every((each): each is number => Number.isSafeInteger(each))) return null;
    const [tiny = 0, ...pairs] = numbers;
    const sketch = new Sketch();
    sketch.add(0, tiny);
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [index = 0, times = 0] = pairs.slice(at, at + 2);
      if (times < 0) return null;
      sketch.#addTo(index, times);
      sketch.#count += times;
    }
    return sketch;
  }

  #addTo(at: number, times: number): void {
    this.#classes.set(at, (this.#classes.get(at) ?? 0) + times);
  }
}

/** The value that is within {@link relativeError} of all in a class. */
function valueOf(at: number): number {
  return (2 * growth ** at) / (growth + 1);
}
