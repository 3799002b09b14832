/**
 * The map that Horde keeps its members, keys and children in: delta_crdt's `AWLWWMap` (0.6), where an add wins over a remove that did
 * not know of it, and among adds that did not know of each other the one of the latest time. Pure: times and writers are handed in.
 *
 * Every add has a dot, its writer and that writer's count. What is known is told by the dots that were ever seen, so a dot that was
 * seen and stands for nothing any more was removed.
 */
import type { Value } from '../../term/values.ts';
import { toTerm } from '../../term/values.ts';
import { compareTerms } from '../../term/order.ts';
import { ValueMap } from '../kernel/valueKey.ts';

/** An add: a writer, and how many it had made with this one. */
export type Dot = readonly [writer: number, count: number];
/** A value that was added, and not removed by anybody who knew of it. Times of different nodes are of different clocks. */
export type Added = { readonly value: Value; readonly atNs: number; readonly dots: readonly Dot[] };
/** By writer, how many of its adds are known. */
export type Context = ReadonlyMap<number, number>;
/** A change, or a part of a map that is sent: what is known, and what the keys it is about have. */
export type Delta = {
  readonly seen: Context | readonly Dot[];
  readonly adds: readonly (readonly [key: Value, added: readonly Added[]])[];
};
export type Diff =
  { readonly is: 'add'; readonly key: Value; readonly value: Value } | { readonly is: 'remove'; readonly key: Value };

/** In how many parts two maps are compared. */
const bucketCount = 32;

export class AwLwwMap {
  readonly #seen = new Map<number, number>();
  readonly #adds = new ValueMap<readonly Added[]>();
  /** The dots that stand for something, by part, each with its key. */
  readonly #live = Array.from({ length: bucketCount }, () => new Map<string, Value>());
  /** Of each part, all its dots in one number: equal for equal parts. */
  readonly #hashes = new Int32Array(bucketCount);

  get seen(): Context {
    return this.#seen;
  }

  /** What `add` of a key changes: the adds it knows of are replaced. */
  add(key: Value, value: Value, writer: number, atNs: number): Delta {
    const known = this.#adds.get(key) ?? [];
    const dot: Dot = [writer, (this.#seen.get(writer) ?? 0) + 1];
    return { seen: [...known.flatMap(({ dots }) => dots), dot], adds: [[key, [{ value, atNs, dots: [dot] }]]] };
  }
  /** What `remove` of a key changes. */
  remove(key: Value): Delta {
    return { seen: (this.#adds.get(key) ?? []).flatMap(({ dots }) => dots), adds: [] };
  }

  /** Takes over what a delta says of these keys; answers what one reads otherwise than before. */
  join(delta: Delta, keys: readonly Value[]): readonly Diff[] {
    const theirs = new ValueMap<readonly Added[]>();
    for (const [key, added] of delta.adds) theirs.set(key, added);
    const seenThere = hasSeen(delta.seen);
    const diffs: Diff[] = [];
    for (const key of keys) {
      const mine = this.#adds.get(key) ?? [];
      const joined = this.#joined(mine, theirs.get(key) ?? [], seenThere);
      if (isSame(mine, joined)) continue;
      this.#put(key, mine, joined);
      const diff = difference(key, winner(mine), winner(joined));
      if (diff !== null) diffs.push(diff);
    }
    for (const [writer, count] of delta.seen) {
      if (count > (this.#seen.get(writer) ?? 0)) this.#seen.set(writer, count);
    }
    return diffs;
  }

  /** What both have stays; what one of them alone has stays unless the other has seen it, and so removed it. */
  #joined(mine: readonly Added[], theirs: readonly Added[], seenThere: (dot: Dot) => boolean): readonly Added[] {
    const live = new Set(theirs.flatMap(({ dots }) => dots.map(dotText)));
    const own = new Set(mine.flatMap(({ dots }) => dots.map(dotText)));
    const kept = mine.flatMap(withDots((dot) => live.has(dotText(dot)) || !seenThere(dot)));
    const isNew = ([writer, count]: Dot): boolean => count > (this.#seen.get(writer) ?? 0);
    return [...kept, ...theirs.flatMap(withDots((dot) => !own.has(dotText(dot)) && isNew(dot)))];
  }

  #put(key: Value, before: readonly Added[], now: readonly Added[]): void {
    for (const { dots } of before) for (const dot of dots) this.#live[bucketOf(dot)]?.delete(this.#toggled(dot));
    for (const { dots } of now) for (const dot of dots) this.#live[bucketOf(dot)]?.set(this.#toggled(dot), key);
    if (now.length === 0) this.#adds.delete(key);
    else this.#adds.set(key, now);
  }
  #toggled(dot: Dot): string {
    const bucket = bucketOf(dot);
    this.#hashes[bucket] = (this.#hashes[bucket] ?? 0) ^ hashOf(dot);
    return dotText(dot);
  }

  /** The value of a key; undefined when it has none. */
  get(key: Value): Value {
    return winner(this.#adds.get(key) ?? [])?.value;
  }
  /** Every key with its value. */
  entries(): readonly (readonly [Value, Value])[] {
    return [...this.#adds.entries()].map(([key, added]) => [key, winner(added)?.value] as const);
  }
  get size(): number {
    return this.#adds.size;
  }

  // ------------------------------------------------------------------------------------------------------ comparing

  /** One number a part: where two maps have the same number, they have the same. */
  hashes(): readonly number[] {
    return [...this.#hashes];
  }
  /** The parts whose numbers are others than ours. */
  differing(hashes: readonly number[]): readonly number[] {
    return this.hashes().flatMap((hash, bucket) => (hash === hashes[bucket] ? [] : [bucket]));
  }
  /** The dots of these parts with their keys. */
  held(buckets: readonly number[]): readonly (readonly [dot: string, key: Value])[] {
    return buckets.flatMap((bucket) => [...(this.#live[bucket] ?? [])]);
  }
  /** The keys of these parts that we and whoever holds `theirs` have otherwise. */
  differingKeys(buckets: readonly number[], theirs: readonly (readonly [dot: string, key: Value])[]): readonly Value[] {
    const there = new Map(theirs);
    const here = new Map(this.held(buckets));
    const keys = new ValueMap<true>();
    for (const [dot, key] of here) if (!there.has(dot)) keys.set(key, true);
    for (const [dot, key] of there) if (!here.has(dot)) keys.set(key, true);
    return keys.keys();
  }
  /** What is to be sent of these keys. */
  part(seen: Context, keys: readonly Value[]): Delta {
    return { seen, adds: keys.flatMap((key) => (this.#adds.has(key) ? [[key, this.#adds.get(key) ?? []]] : [])) };
  }
}

function hasSeen(seen: Delta['seen']): (dot: Dot) => boolean {
  if (seen instanceof Map) return ([writer, count]) => (Number(seen.get(writer)) || 0) >= count;
  const dots = new Set([...seen].map(dotText));
  return (dot) => dots.has(dotText(dot));
}

function withDots(keep: (dot: Dot) => boolean): (added: Added) => readonly Added[] {
  return (added) => {
    const dots = added.dots.filter(keep);
    return dots.length === 0 ? [] : [{ ...added, dots }];
  };
}

function isSame(mine: readonly Added[], joined: readonly Added[]): boolean {
  const texts = (all: readonly Added[]): string => all.flatMap(({ dots }) => dots.map(dotText)).join(' ');
  return mine.length === joined.length && texts(mine) === texts(joined);
}

/** The add of the latest time; of two at the same time the smaller value, as the order of a map's keys has it. */
function winner(added: readonly Added[]): Added | undefined {
  return added.reduce<Added | undefined>(
    (best, one) => (best === undefined || isLater(one, best) ? one : best),
    undefined,
  );
}
function isLater(one: Added, other: Added): boolean {
  if (one.atNs !== other.atNs) return one.atNs > other.atNs;
  const [mine, theirs] = [toTerm(one.value), toTerm(other.value)];
  return mine.ok && theirs.ok && compareTerms(mine.value, theirs.value) < 0;
}

/** A key whose value is `nil` reads as if it were not there. */
function difference(key: Value, before: Added | undefined, now: Added | undefined): Diff | null {
  if (before === now) return null;
  if (now === undefined || now.value === null) return { is: 'remove', key };
  const isEqual = before !== undefined && isSameValue(before.value, now.value);
  return isEqual ? null : { is: 'add', key, value: now.value };
}
function isSameValue(one: Value, other: Value): boolean {
  const [mine, theirs] = [toTerm(one), toTerm(other)];
  return mine.ok && theirs.ok ? compareTerms(mine.value, theirs.value, 'exact') === 0 : one === other;
}

function dotText([writer, count]: Dot): string {
  return `${writer} ${count}`;
}
function hashOf([writer, count]: Dot): number {
  let hash = Math.imul(writer, 0x85ebca6b) ^ Math.imul(count, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
  return hash ^ (hash >>> 13);
}
function bucketOf(dot: Dot): number {
  return (hashOf(dot) >>> 0) % bucketCount;
}
