import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column, RowPage } from '../../../runtime/model.ts';
import { selectRows } from '../lists.ts';
import { rowsOf } from '../processRows.ts';
import { ProcessTable } from './processTable.ts';

type Figures = { readonly name: string | null; readonly memory: number; readonly trapExit: boolean | null };

function pageOf(node: string, from: number, figures: readonly Figures[]): RowPage {
  const names = figures.map(({ name }) => name);
  const known = [...new Set(names)];
  const traps: Column = {
    as: 'dictionary',
    index: Uint32Array.from(figures.keys()),
    values: figures.map((one) => one.trapExit),
  };
  return {
    of: { node, creation: 7 },
    ids: Uint32Array.from(figures, (_one, at) => from + at),
    serials: new Uint32Array(figures.length),
    columns: {
      registered_name: {
        as: 'dictionary',
        index: Uint32Array.from(names, (name) => known.indexOf(name)),
        values: known,
      },
      memory: { as: 'number', values: Float64Array.from(figures, ({ memory }) => memory) },
      trap_exit: traps,
    },
    takenAt: { node, creation: 7, monotonicUs: 0, estimatedAt: 0, errorUs: 0 },
  };
}

const fields = ['registeredName', 'memory', 'trapExit'] as const;
const figures = fc.array(
  fc.record({
    name: fc.option(fc.constantFrom('a', 'b', 'Z', '\u{1f600}', '\ue000')),
    memory: fc.integer({ min: -3, max: 3 }),
    trapExit: fc.option(fc.boolean()),
  }),
  { maxLength: 12 },
);
const pages = fc
  .array(fc.tuple(fc.constantFrom('a@h', 'b@h'), figures), { maxLength: 5 })
  .map((all) => all.map(([node, rows], at) => pageOf(node, at * 100, rows)));
const sorts = fc.option(fc.constantFrom(...fields.flatMap((field) => [field, `-${field}`])), { nil: undefined });

describe('a table of processes', () => {
  it('has the rows that objects would have, in the same order', () => {
    fc.assert(
      fc.property(pages, sorts, fc.nat(20), fc.nat(20), (all, sort, from, count) => {
        const table = ProcessTable.of(all, fields, sort);
        const rows = all.flatMap((page) => rowsOf(page, fields));
        const expected = selectRows(rows, { ...(sort !== undefined && { sort }) });
        expect(table.length).toBe(rows.length);
        expect(table.slice(0, table.length)).toEqual(expected);
        expect(table.slice(from, from + count)).toEqual(expected.slice(from, from + count));
        expect(table.head(from).slice(0, 100)).toEqual(expected.slice(0, from));
      }),
    );
  });

  it('goes on with those that it had not', () => {
    fc.assert(
      fc.property(pages, sorts, fc.nat(30), (all, sort, most) => {
        const head = ProcessTable.of(all, fields, sort).head(most);
        const whole = head.followedBy(ProcessTable.of(all, fields, sort, head));
        expect(whole.slice(0, whole.length)).toEqual(ProcessTable.of(all, fields, sort).slice(0, whole.length));
        expect(whole.length).toBe(all.reduce((sum, { ids }) => sum + ids.length, 0));
      }),
    );
  });
});
