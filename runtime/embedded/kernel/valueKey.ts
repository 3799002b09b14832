/** Maps whose keys are terms: what a child is called, a group, a global name. */
import { termKey } from '../../term/term.ts';
import type { Value } from '../../term/values.ts';
import { Atom, toTerm } from '../../term/values.ts';

/** A key for maps and sets: the same for two values exactly when they are the same term. */
export function valueKey(value: Value): unknown {
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
  if (
    value === null ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    value === undefined ||
    value instanceof Atom
  ) {
    return value;
  }
  const term = toTerm(value);
  // What has no term (a function of a test) is only the same as itself.
  return term.ok ? `t${termKey(term.value)}` : value;
}

/** A map from terms, in the order of insertion. */
export class ValueMap<V> {
  readonly #entries = new Map<unknown, readonly [Value, V]>();

  get size(): number {
    return this.#entries.size;
  }
  get(key: Value): V | undefined {
    return this.#entries.get(valueKey(key))?.[1];
  }
  has(key: Value): boolean {
    return this.#entries.has(valueKey(key));
  }
  set(key: Value, value: V): void {
    this.#entries.set(valueKey(key), [key, value]);
  }
  delete(key: Value): boolean {
    return this.#entries.delete(valueKey(key));
  }
  entries(): IterableIterator<readonly [Value, V]> {
    return this.#entries.values();
  }
  keys(): readonly Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}
