/** Parameters come from anywhere: this makes sure that they are plain JSON of a size that can be dealt with, before anything reads them. */
import type { Json } from '../../runtime/model.ts';
import type { Problem } from './operation.ts';

export type PlainDataLimits = { readonly depth: number; readonly values: number; readonly characters: number };
/** For what callers send. */
export const paramLimits: PlainDataLimits = { depth: 32, values: 100_000, characters: 1_048_576 };
/** For what operations answer: larger lists are paged or streamed. */
export const resultLimits: PlainDataLimits = { depth: 64, values: 1_000_000, characters: 33_554_432 };

type Waiting = { readonly value: unknown; readonly pointer: string; readonly depth: number };
type Counted = { values: number; characters: number };

/**
 * What keeps `value` from being plain JSON within the limits: cycles (too deep), functions, NaN, class instances,
 * `undefined` in an array; null when nothing does.
 */
export function plainDataProblem(value: unknown, limits: PlainDataLimits = paramLimits): Problem | null {
  // Nearly always there is none, and then nobody asks where it is.
  return isPlainWithin(value, limits, 0, { values: 0, characters: 0 }) ? null : problemIn(value, limits);
}

/** No deeper than the limit, which no stack is too small for. */
function isPlainWithin(value: unknown, limits: PlainDataLimits, depth: number, counted: Counted): boolean {
  counted.values += 1;
  counted.characters += typeof value === 'string' ? value.length : 8;
  if (counted.values > limits.values || counted.characters > limits.characters || depth > limits.depth) return false;
  if (typeof value !== 'object' || value === null) return isPlain(value);
  if (Array.isArray(value)) {
    for (const part of value) if (!isPlainWithin(part, limits, depth + 1, counted)) return false;
    return true;
  }
  if (!isPlainObject(value)) return false;
  for (const name of Object.keys(value)) {
    counted.characters += name.length;
    if (!isPlainWithin(Reflect.get(value, name), limits, depth + 1, counted)) return false;
  }
  return counted.characters <= limits.characters;
}

/** Where the problem is that there is. */
function problemIn(value: unknown, limits: PlainDataLimits): Problem {
  const waiting: Waiting[] = [{ value, pointer: '', depth: 0 }];
  let values = 0;
  let characters = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    values += 1;
    characters += sizeOf(next.value);
    if (values > limits.values || characters > limits.characters) {
      return { pointer: '', message: 'is too large.' };
    }
    if (next.depth > limits.depth) return { pointer: next.pointer, message: 'is nested too deep.' };
    if (!isPlain(next.value)) return { pointer: next.pointer, message: 'is not JSON.' };
    for (const part of partsOf(next)) waiting.push(part);
  }
  // It has changed since: what does so when it is read is no data.
  return { pointer: '', message: 'is not JSON.' };
}

/** About how many characters `value` has as JSON; stops counting above `most`. */
export function sizeUpTo(value: Json, most: number): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 5;
  let size = 2;
  if (Array.isArray(value)) {
    const parts: readonly Json[] = value;
    for (const part of parts) {
      if (size > most) break;
      size += sizeUpTo(part, most - size) + 1;
    }
    return size;
  }
  for (const [name, part] of Object.entries(value)) {
    if (size > most) break;
    size += name.length + 4 + sizeUpTo(part, most - size);
  }
  return size;
}

/** Whether `value` has about that many characters as JSON, or fewer. */
export function isSmall(value: Json, characters: number): boolean {
  return sizeUpTo(value, characters) <= characters;
}

/** Whether `value` is JSON that {@link plainDataProblem} has nothing against. */
export function isJson(value: unknown, limits: PlainDataLimits = paramLimits): value is Json {
  return plainDataProblem(value, limits) === null;
}

/** Whether JSON is an object. */
export function isJsonObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A property name or index as a step of a JSON pointer (RFC 6901). */
export function pointerStep(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 8;
  return Object.keys(value).reduce((sum, name) => sum + name.length, 8);
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || Array.isArray(value) || isPlainObject(value);
    default:
      return false;
  }
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function* partsOf({ value, pointer, depth }: Waiting): Generator<Waiting> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, part] of value.entries())
      yield { value: part, pointer: `${pointer}/${index}`, depth: depth + 1 };
    return;
  }
  for (const [name, part] of Object.entries(value)) {
    yield { value: part, pointer: pointer + pointerStep(name), depth: depth + 1 };
  }
}
