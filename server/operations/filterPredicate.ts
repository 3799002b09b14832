/** Filters on the rows of lists as what the port is asked: the same conditions, on the port's own keys. */
import type { Json, RowPredicate, Scalar } from '../../runtime/model.ts';
import type { Condition, Conditions, Filter } from './rowFilter.ts';
import { filteredFields, passes } from './rowFilter.ts';

/** What a field of a row is at the port: a key; or one value, the same for all rows that are asked for; null where the port has no such. */
export type AtPort<Key extends string> = { readonly key: Key } | { readonly is: Json } | null;
type Keys<Key extends string> = (field: string) => AtPort<Key>;

/**
 * What of a filter the port can decide; `isAll` when that is all of it. A condition on a field that the port does not know is left out, and
 * so is a group that looks at one: the rows that come then still have to pass the filter.
 */
export function portPredicate<Key extends string>(
  filter: Filter | undefined,
  keyOf: Keys<Key>,
): { readonly where: RowPredicate<Key> | undefined; readonly isAll: boolean } {
  if (filter === undefined) return { where: undefined, isAll: true };
  const { any, not, ...conditions } = filter;
  const isKnown = (groups: readonly Conditions[]): boolean =>
    groups.flatMap((group) => Object.keys(group)).every((field) => keyOf(field) !== null);
  const all = allOf(conditions, keyOf);
  if (any !== undefined && isKnown(any)) all.push({ any: any.map((group) => ({ all: allOf(group, keyOf) })) });
  if (not !== undefined && isKnown([not])) all.push({ not: { all: allOf(not, keyOf) } });
  const isAll = filteredFields(filter).every((field) => keyOf(field) !== null);
  return { where: all.length === 0 ? undefined : { all }, isAll };
}

function allOf<Key extends string>(conditions: Conditions, keyOf: Keys<Key>): RowPredicate<Key>[] {
  return Object.entries(conditions).flatMap(([field, condition]): RowPredicate<Key>[] => {
    const at = keyOf(field);
    if (at === null) return [];
    if ('is' in at) return passes({ [field]: at.is }, { [field]: condition }) ? [] : [{ any: [] }];
    return comparisons(at.key, condition);
  });
}

function comparisons<Key extends string>(key: Key, condition: Condition): RowPredicate<Key>[] {
  return Object.entries(condition).flatMap(([op, value]: [string, Json]): RowPredicate<Key>[] => {
    if (op === 'in') return [{ any: listed(value).map((one) => ({ key, op: 'eq', value: one })) }];
    // The schema lets only text fields have these.
    if (op === 'contains' || op === 'prefix' || op === 'like') {
      return [{ key, op, value: typeof value === 'string' ? value : '' }];
    }
    const comparison = (['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).find((known) => known === op) ?? 'eq';
    return [{ key, op: comparison, value: scalar(value) }];
  });
}

function listed(value: Json): readonly Scalar[] {
  return Array.isArray(value) ? value.map(scalar) : [];
}

function scalar(value: Json): Scalar {
  return typeof value === 'object' ? null : value;
}
