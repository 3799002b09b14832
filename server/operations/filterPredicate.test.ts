import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { matches } from '../../runtime/processQuery.ts';
import type { AtPort } from './filterPredicate.ts';
import { portPredicate } from './filterPredicate.ts';
import type { Condition, Conditions, Filter } from './rowFilter.ts';
import { passes } from './rowFilter.ts';

type Row = { readonly [field: string]: Json };
const texts = ['', 'a', 'ab', 'b', 'ba*'];
const numbers = [-1, 0, 1, 2.5];
/** Rows all have the same `node`; nobody but us knows their `shown`. */
const rowsOf = (node: string): fc.Arbitrary<Row> =>
  fc.record({
    node: fc.constant(node),
    name: fc.constantFrom(null, ...texts),
    size: fc.constantFrom(null, ...numbers),
    shown: fc.constantFrom(null, ...texts),
  });

const text = fc.constantFrom(...texts);
const number = fc.constantFrom(...numbers);
const some: { noNullPrototype: true; requiredKeys: [] } = { noNullPrototype: true, requiredKeys: [] };
const onText: fc.Arbitrary<Condition> = fc.record(
  {
    ...{ eq: fc.option(text), ne: fc.option(text), in: fc.array(fc.option(text), { minLength: 1, maxLength: 3 }) },
    ...{ contains: text, prefix: text, like: fc.constantFrom('*', 'a*', '*a', 'a*b', 'b') },
  },
  some,
);
const onNumber: fc.Arbitrary<Condition> = fc.record(
  {
    ...{
      eq: fc.option(number),
      ne: fc.option(number),
      in: fc.array(fc.option(number), { minLength: 1, maxLength: 3 }),
    },
    ...{ lt: number, le: number, gt: number, ge: number },
  },
  some,
);
const conditionsOn = (fields: readonly string[]): fc.Arbitrary<Conditions> =>
  fc
    .record(Object.fromEntries(fields.map((field) => [field, field === 'size' ? onNumber : onText])), some)
    .map((known) =>
      Object.fromEntries(Object.entries(known).flatMap(([field, one]) => (one === undefined ? [] : [[field, one]]))),
    );
const filtersOn = (fields: readonly string[]): fc.Arbitrary<Filter> =>
  fc
    .tuple(
      conditionsOn(fields),
      fc.record(
        { any: fc.array(conditionsOn(fields), { minLength: 1, maxLength: 3 }), not: conditionsOn(fields) },
        some,
      ),
    )
    .map(([conditions, groups]) => ({ ...conditions, ...groups }) as Filter);

const atPort =
  (node: Json) =>
  (field: string): AtPort<'name' | 'size'> => {
    if (field === 'node') return { is: node };
    return field === 'name' || field === 'size' ? { key: field } : null;
  };
const read = (row: Row, key: string): Json => row[key] ?? null;

describe('a filter as the port is asked it', () => {
  it('means the same, where the port knows every field, or all rows have the same value in it', () => {
    const asked = fc.tuple(text.chain(rowsOf), filtersOn(['node', 'name', 'size']));
    fc.assert(
      fc.property(asked, ([row, filter]) => {
        const { where, isAll } = portPredicate(filter, atPort(row['node'] ?? null));
        expect(isAll).toBe(true);
        expect(where === undefined || matches(row, where, read)).toBe(passes(row, filter));
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets through whatever passes it, where some of it is left to us', () => {
    const asked = fc.tuple(text.chain(rowsOf), filtersOn(['node', 'name', 'size', 'shown']));
    fc.assert(
      fc.property(asked, ([row, filter]) => {
        const { where, isAll } = portPredicate(filter, atPort(row['node'] ?? null));
        const isThrough = where === undefined || matches(row, where, read);
        if (passes(row, filter)) expect(isThrough).toBe(true);
        else if (isAll) expect(isThrough).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('asks for nothing where nothing is asked, and for what it can of the rest', () => {
    expect(portPredicate(undefined, atPort('a'))).toEqual({ where: undefined, isAll: true });
    expect(portPredicate({ shown: { eq: 'a' } }, atPort('a'))).toEqual({ where: undefined, isAll: false });
    const conditions: Conditions = { shown: { eq: 'a' }, size: { gt: 1 } };
    const filter = Object.assign(conditions, { any: [{ shown: { eq: 'b' } }] });
    expect(portPredicate(filter, atPort('a'))).toEqual({
      where: { all: [{ key: 'size', op: 'gt', value: 1 }] },
      isAll: false,
    });
    expect(portPredicate({ node: { eq: 'b' } }, atPort('a')).where).toEqual({ all: [{ any: [] }] });
  });
});
