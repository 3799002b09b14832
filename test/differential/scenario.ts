/**
 * What the differential test does to both systems: scenarios as plain data, made from a seed, carried out by differential.erl on a
 * real OTP and by embedded.ts on ours. An atom is a string, a tuple an array; lists and maps are spelled out.
 */
import type { Value } from '../../runtime/term/values.ts';
import { a, tup } from '../../runtime/term/values.ts';

/** A term as JSON: string an atom, array a tuple. */
export type Data =
  string | number | boolean | readonly Data[] | { readonly list: readonly Data[] } | { readonly map: readonly Entry[] };
type Entry = readonly [Data, Data];

/** Something done by an actor: its name, the actor's number, arguments. The vocabulary is `act/1` of differential.erl. */
export type Operation = readonly [name: string, by: Data, ...rest: Data[]];

export type Scenario = {
  readonly seed: number;
  /** How many actors there are at the beginning; more are spawned. */
  readonly actors: number;
  /** What is done before everything is let come to rest again. */
  readonly steps: readonly (readonly Operation[])[];
};

/** What one process saw, in order: `step process sender what`. */
export type Log = readonly string[];

export function isTupleData(data: Data | undefined): data is readonly Data[] {
  return Array.isArray(data);
}

/** A name or number in a scenario as text. */
export function wordOf(data: Data | undefined): string {
  return typeof data === 'object' ? JSON.stringify(data) : String(data);
}

/** The value that a {@link Data} stands for. */
export function valueOf(data: Data): Value {
  if (typeof data === 'string') return data === 'undefined' ? undefined : a(data);
  if (typeof data === 'number' || typeof data === 'boolean') return data;
  if (isTupleData(data)) return tup(...data.map(valueOf));
  if ('list' in data) return data.list.map(valueOf);
  const entries = data.map.map(([key, value]): readonly [Value, Value] => [valueOf(key), valueOf(value)]);
  if (!data.map.every(([key]) => typeof key === 'string')) return new Map(entries);
  return Object.fromEntries(data.map.map(([key, value]) => [wordOf(key), valueOf(value)]));
}

/** The scenario as differential.erl reads it: `{Actors, [[Operation]]}`. */
export function scenarioValue({ actors, steps }: Scenario): Value {
  return tup(
    actors,
    steps.map((operations) => operations.map((operation) => valueOf(operation))),
  );
}

/** A short name of the scenario's content, by which a recorded log is known to belong to it. */
export function fingerprint(scenario: Scenario): string {
  return fnv1a(JSON.stringify([scenario.actors, scenario.steps]));
}

/** FNV-1a of a text's UTF-16 units, 32 bits as 8 hex digits. */
export function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
