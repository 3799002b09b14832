/** How a table holds its objects: by hash of their key, or in the order of their keys. */
import { compareTerms } from '../../../term/order.ts';
import type { Term } from '../../../term/term.ts';
import type { Tuple, Value } from '../../../term/values.ts';
import { hashKey, termOf } from './terms.ts';

export type Row = Tuple<readonly unknown[]>;

/** The objects with one key; a set has one of them. */
export type Group = { readonly key: Value; readonly rows: readonly Row[] };

/** A place in a traversal that goes on although the table changes: behind a group that may be gone by then. */
export type Place = { readonly key: Value; readonly number: number };

export interface Rows {
  /** How many objects there are. */
  readonly size: number;
  /** The objects with this key; an ordered table compares by `==`. */
  under(key: Value): readonly Row[];
  /** Puts these objects in place of all that have the key; answers those. */
  put(key: Value, rows: readonly Row[]): readonly Row[];
  /** Puts one more object under a key. */
  append(key: Value, row: Row): void;
  clear(): void;
  first(): Group | null;
  last(): Group | null;
  /** The group behind a key; `unknown` when that depends on a key that is not there. */
  next(key: Value): Group | null | 'unknown';
  previous(key: Value): Group | null | 'unknown';
  place(group: Group): Place;
  /** The group behind (or, backwards, before) a place. */
  from(place: Place, backwards: boolean): Group | null;
  /** Keys that go keep their place in the table until it is no longer fixed. */
  fix(fixed: boolean): void;
}

class Bucket {
  readonly key: Value;
  readonly hash: unknown;
  readonly number: number;
  rows: Row[];
  before: Bucket | null = null;
  behind: Bucket | null = null;

  constructor(key: Value, hash: unknown, number: number, rows: Row[]) {
    this.key = key;
    this.hash = hash;
    this.number = number;
    this.rows = rows;
  }
}

/** A set or bag: its order is that in which the keys came, which OTP leaves open. */
export class HashRows implements Rows {
  readonly #byKey = new Map<unknown, Bucket>();
  #first: Bucket | null = null;
  #last: Bucket | null = null;
  #size = 0;
  #lastNumber = 0;
  #fixed = false;
  /** Emptied while the table was fixed. */
  readonly #empty = new Set<Bucket>();

  get size(): number {
    return this.#size;
  }
  under(key: Value): readonly Row[] {
    return this.#byKey.get(hashKey(key))?.rows ?? [];
  }
  put(key: Value, rows: readonly Row[]): readonly Row[] {
    const hash = hashKey(key);
    const known = this.#byKey.get(hash);
    const before = known?.rows ?? [];
    this.#size += rows.length - before.length;
    if (known === undefined) {
      if (rows.length > 0) this.#append(new Bucket(key, hash, (this.#lastNumber += 1), [...rows]));
      return before;
    }
    known.rows = [...rows];
    if (rows.length > 0) this.#empty.delete(known);
    else if (this.#fixed) this.#empty.add(known);
    else this.#remove(known);
    return before;
  }
  append(key: Value, row: Row): void {
    const hash = hashKey(key);
    const known = this.#byKey.get(hash);
    if (known === undefined) this.#append(new Bucket(key, hash, (this.#lastNumber += 1), [row]));
    else {
      known.rows.push(row);
      this.#empty.delete(known);
    }
    this.#size += 1;
  }
  clear(): void {
    if (this.#fixed) {
      for (const { key } of this.#byKey.values()) this.put(key, []);
      return;
    }
    this.#byKey.clear();
    this.#first = null;
    this.#last = null;
    this.#size = 0;
  }
  first(): Group | null {
    return held(this.#first, 'behind');
  }
  /** As OTP has it for tables without an order: the first, too. */
  last(): Group | null {
    return this.first();
  }
  next(key: Value): Group | null | 'unknown' {
    const bucket = this.#byKey.get(hashKey(key));
    return bucket === undefined ? 'unknown' : held(bucket.behind, 'behind');
  }
  previous(key: Value): Group | null | 'unknown' {
    return this.next(key);
  }
  place({ key }: Group): Place {
    return { key, number: this.#byKey.get(hashKey(key))?.number ?? 0 };
  }
  from(place: Place): Group | null {
    const known = this.#byKey.get(hashKey(place.key));
    if (known?.number === place.number) return held(known.behind, 'behind');
    let bucket = this.#first;
    while (bucket !== null && bucket.number <= place.number) bucket = bucket.behind;
    return held(bucket, 'behind');
  }
  fix(fixed: boolean): void {
    this.#fixed = fixed;
    if (fixed) return;
    for (const bucket of this.#empty) this.#remove(bucket);
    this.#empty.clear();
  }

  #append(bucket: Bucket): void {
    this.#byKey.set(bucket.hash, bucket);
    bucket.before = this.#last;
    if (this.#last === null) this.#first = bucket;
    else this.#last.behind = bucket;
    this.#last = bucket;
  }
  #remove(bucket: Bucket): void {
    this.#byKey.delete(bucket.hash);
    const { before, behind } = bucket;
    if (before === null) this.#first = behind;
    else before.behind = behind;
    if (behind === null) this.#last = before;
    else behind.before = before;
  }
}

/** The next bucket from here on that holds anything. */
function held(from: Bucket | null, towards: 'behind' | 'before'): Bucket | null {
  let bucket = from;
  while (bucket !== null && bucket.rows.length === 0) bucket = bucket[towards];
  return bucket;
}

type Sorted = Group & { readonly term: Term };

/** An ordered set: by the order of terms, in which 1 and 1.0 are one key. */
export class OrderedRows implements Rows {
  #sorted: Sorted[] = [];

  get size(): number {
    return this.#sorted.length;
  }
  under(key: Value): readonly Row[] {
    const { at, found } = this.#search(termOf(key));
    return found ? (this.#sorted[at]?.rows ?? []) : [];
  }
  put(key: Value, rows: readonly Row[]): readonly Row[] {
    const term = termOf(key);
    const { at, found } = this.#search(term);
    const before = found ? (this.#sorted[at]?.rows ?? []) : [];
    const row = rows.at(-1);
    if (row === undefined) this.#sorted.splice(at, found ? 1 : 0);
    else this.#sorted.splice(at, found ? 1 : 0, { key, term, rows: [row] });
    return before;
  }
  append(key: Value, row: Row): void {
    this.put(key, [row]);
  }
  clear(): void {
    this.#sorted = [];
  }
  first(): Group | null {
    return this.#sorted[0] ?? null;
  }
  last(): Group | null {
    return this.#sorted.at(-1) ?? null;
  }
  next(key: Value): Group | null {
    const { at, found } = this.#search(termOf(key));
    return this.#sorted[found ? at + 1 : at] ?? null;
  }
  previous(key: Value): Group | null {
    const { at } = this.#search(termOf(key));
    return at === 0 ? null : (this.#sorted[at - 1] ?? null);
  }
  place({ key }: Group): Place {
    return { key, number: 0 };
  }
  from({ key }: Place, backwards: boolean): Group | null {
    return backwards ? this.previous(key) : this.next(key);
  }
  /** A key that goes has left no gap: its neighbours are found without it. */
  fix(): void {
    return;
  }

  /** Where the key is, or would be put. */
  #search(key: Term): { readonly at: number; readonly found: boolean } {
    let [from, to] = [0, this.#sorted.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const here = this.#sorted[middle];
      const by = here === undefined ? 1 : compareTerms(here.term, key, 'arithmetic_before_27');
      if (by === 0) return { at: middle, found: true };
      if (by < 0) from = middle + 1;
      else to = middle;
    }
    return { at: from, found: false };
  }
}
