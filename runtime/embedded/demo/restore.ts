/** Makes the demo's states of terms again (`sys:replace_state`); what is none of them is `badarg`. */
import type { Value } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import { asValue, atoms } from '../kernel/values.ts';
import { fieldsOf } from '../otp/checkSpec.ts';

/** The map of exactly these keys, whose values are made by `make`. */
export function fieldsIn<K extends string, T>(
  value: Value,
  keys: readonly K[],
  make: (field: Value, key: K) => T,
): { readonly [key in K]: T } {
  const fields = fieldsOf(value);
  if (fields === null || fields.size !== keys.length) throw new ErrorException(atoms.badarg);
  return recordOf(keys, (key) => {
    if (!fields.has(key)) throw new ErrorException(atoms.badarg);
    return make(asValue(fields.get(key)), key);
  });
}

/** A map from names to numbers. */
export function numbersIn(value: Value): { readonly [key: string]: number } {
  const fields = fieldsOf(value);
  if (fields === null) throw new ErrorException(atoms.badarg);
  return recordOf([...fields.keys()], (key) => numberIn(fields.get(key)));
}

export function numberIn(value: Value): number {
  if (typeof value !== 'number') throw new ErrorException(atoms.badarg);
  return value;
}

export function textIn(value: Value): string {
  if (typeof value !== 'string') throw new ErrorException(atoms.badarg);
  return value;
}

function recordOf<K extends string, T>(keys: readonly K[], make: (key: K) => T): { readonly [key in K]: T };
// TypeScript cannot follow that entries made of all keys are a record of them.
function recordOf(keys: readonly string[], make: (key: string) => unknown): object {
  return Object.fromEntries(keys.map((key) => [key, make(key)]));
}
