/** Filters on the rows of lists: what can be asked, the schema of it, and whether a row is meant. */
import type { Json } from '../../runtime/model.ts';
import { isLike } from '../../runtime/processQuery.ts';

export type FieldKind = 'text' | 'number' | 'boolean';
export type Condition = {
  readonly eq?: Json;
  readonly ne?: Json;
  readonly in?: readonly Json[];
  readonly lt?: number;
  readonly le?: number;
  readonly gt?: number;
  readonly ge?: number;
  readonly contains?: string;
  readonly prefix?: string;
  readonly like?: string;
};
/** All of them have to hold. */
export type Conditions = { readonly [field: string]: Condition };
/** All conditions on fields have to hold; of `any` one alternative, with all that it asks; and not all that `not` asks. */
export type Filter = Conditions & { readonly any?: readonly Conditions[]; readonly not?: Conditions };

const mostAlternatives = 20;
const mostValues = 100;

/** The schema of a filter on rows that have these fields. */
export function filterSchema(fields: { readonly [field: string]: FieldKind }): object {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, conditionSchema(kind)]));
  const conditions = { type: 'object', properties, additionalProperties: false, minProperties: 1 };
  return {
    type: 'object',
    description:
      'Conditions on fields, all of which must hold: {"FIELD": {"gt": 100}}; {"like": "Shop.*"} with * for any text. `any`: one of several such groups must hold, too. `not`: what fits all of that group is left out.',
    properties: {
      ...properties,
      any: { type: 'array', items: conditions, minItems: 1, maxItems: mostAlternatives },
      not: conditions,
    },
    additionalProperties: false,
  };
}

function conditionSchema(kind: FieldKind): object {
  const text = { type: 'string', maxLength: 1024 };
  const value = kind === 'text' ? text : { type: kind };
  const orNull = { anyOf: [value, { type: 'null' }] };
  const order = { lt: value, le: value, gt: value, ge: value };
  const properties = {
    eq: orNull,
    ne: orNull,
    ...(kind === 'boolean' ? {} : { in: { type: 'array', items: orNull, minItems: 1, maxItems: mostValues } }),
    ...(kind === 'text' ? { contains: text, prefix: text, like: text } : {}),
    ...(kind === 'number' ? order : {}),
  };
  return { type: 'object', properties, additionalProperties: false, minProperties: 1 };
}

/** Whether a row is as the filter asks; a field that the row has not counts as null. */
export function passes(row: { readonly [field: string]: Json }, { any, not, ...conditions }: Filter): boolean {
  return (
    allHold(row, conditions) &&
    (any === undefined || any.some((one) => allHold(row, one))) &&
    (not === undefined || !allHold(row, not))
  );
}

/** Every field that a filter looks at. */
export function filteredFields(filter: Filter | undefined): readonly string[] {
  if (filter === undefined) return [];
  const { any = [], not = {}, ...conditions } = filter;
  return [...new Set([conditions, ...any, not].flatMap((one) => Object.keys(one)))];
}

function allHold(row: { readonly [field: string]: Json }, conditions: Conditions): boolean {
  return Object.entries(conditions).every(([field, condition]) => holds(row[field] ?? null, condition));
}

function holds(value: Json, condition: Condition): boolean {
  const { eq, ne, lt, le, gt, ge, contains, prefix, like } = condition;
  return (
    (eq === undefined || value === eq) &&
    (ne === undefined || value !== ne) &&
    (condition.in === undefined || condition.in.includes(value)) &&
    (lt === undefined || (typeof value === 'number' && value < lt)) &&
    (le === undefined || (typeof value === 'number' && value <= le)) &&
    (gt === undefined || (typeof value === 'number' && value > gt)) &&
    (ge === undefined || (typeof value === 'number' && value >= ge)) &&
    (contains === undefined || (typeof value === 'string' && value.includes(contains))) &&
    (prefix === undefined || (typeof value === 'string' && value.startsWith(prefix))) &&
    (like === undefined || (typeof value === 'string' && isLike(value, like)))
  );
}
