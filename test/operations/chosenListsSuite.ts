/**
 * Lists of many rows, on any runtime: what is sent for them, that their totals are true, and that their pages go through all, each once.
 * The node has tables `many_1`, `many_2` and so on, processes of the same names, and a supervisor `many_sup` with as many children.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, NodeName } from '../../runtime/model.ts';
import type { Runtime, StreamItem } from '../../runtime/port.ts';
import type { House } from '../../server/backend/testKit.ts';
import { at, houseOn, listAt } from '../../server/backend/testKit.ts';

/** Of each kind. */
export const many = 1_300;
/** What every node sends at most for the first page. */
const mostShipped = 1_000;

export type ManyRows = { readonly runtime: Runtime; readonly node: NodeName; readonly end: () => Promise<void> };
type Params = { readonly [name: string]: Json };

export function describeChosenLists(title: string, open: () => Promise<ManyRows>): void {
  describe(`lists of many rows ${title}`, () => {
    let system: ManyRows;
    let house: House;
    let shipped = 0;
    let calls = 0;
    beforeAll(async () => {
      system = await open();
      house = await houseOn(counting(system.runtime));
    }, 120_000);
    afterAll(async () => {
      await house.close();
      await system.end();
    });

    /** Counts the rows that come through the port. */
    function counting(runtime: Runtime): Runtime {
      const { system: emulator, names, supervisors } = runtime.port;
      return {
        ...{ id: runtime.id, kind: runtime.kind },
        get state() {
          return runtime.state;
        },
        get capabilities() {
          return runtime.capabilities;
        },
        port: {
          ...runtime.port,
          system: { ...emulator, ets: counted(emulator.ets) },
          names: { ...names, list: counted(names.list) },
          supervisors: { ...supervisors, children: counted(supervisors.children) },
        },
        onChange: (listener) => runtime.onChange(listener),
        close: () => runtime.close(),
      };
    }
    function counted<P, O, Row, R>(
      method: (params: P, options: O) => AsyncIterable<StreamItem<readonly Row[], R>>,
    ): (params: P, options: O) => AsyncIterable<StreamItem<readonly Row[], R>> {
      return async function* (params, options) {
        calls += 1;
        for await (const item of method(params, options)) {
          if (item.is === 'frame') shipped += item.frame.length;
          yield item;
        }
      };
    }

    async function list(operation: string, params: Params) {
      shipped = 0;
      calls = 0;
      const answer = await house.result(operation, { node: system.node, ...params });
      const [total, next, truncated] = ['total', 'next', 'truncated'].map((field) => at(answer, field));
      return { rows: listAt(answer, 'items'), total, next: next ?? null, truncated, shipped, calls };
    }
    /** Every page, from the first. */
    async function paged(operation: string, params: Params) {
      const rows: Json[] = [];
      let asked = 0;
      let after: Json = null;
      do {
        const page = await list(operation, { ...params, ...(after !== null && { after }) });
        rows.push(...page.rows);
        asked += page.calls;
        after = page.next;
        expect(page.truncated).toBe(false);
      } while (after !== null);
      return { rows, asked };
    }

    /** Each list, with filters that leave only ours, one of ours, and none; what names a row; and what else it is asked. */
    const lists: readonly (readonly [string, { readonly [part in 'all' | 'one' | 'none']: Params }, string, Params])[] =
      [
        [
          'list_ets_tables',
          {
            all: { name: { prefix: 'many_' } },
            one: { name: { eq: 'many_7' } },
            none: { owner: { eq: 'n@h~0.1.0~1' } },
          },
          'name',
          {},
        ],
        [
          'list_registered_processes',
          {
            all: { name: { prefix: 'many_', ne: 'many_sup' } },
            one: { name: { eq: 'many_7' } },
            none: { name: { like: 'n*body' } },
          },
          'name',
          {},
        ],
        [
          'which_children',
          { all: { index: { ge: 0 } }, one: { index: { eq: 7 } }, none: { state: { eq: 'restarting' } } },
          'index',
          { supervisor: 'many_sup' },
        ],
      ];

    // @row OP-39
    describe.each(lists)('%s', (operation, filters, key, base) => {
      it.each([
        ['unsorted', {}],
        ['sorted', { sort: key }],
        ['sorted the other way', { sort: `-${key}` }],
      ])('has its node send the first rows only, and count the others, %s', async (_how, params) => {
        const {
          rows,
          total,
          next,
          shipped: sent,
        } = await list(operation, {
          ...base,
          ...params,
          filter: filters.all,
          limit: 10,
        });
        expect([rows.length, total, next === null]).toEqual([10, many, false]);
        expect(sent).toBeLessThanOrEqual(mostShipped);
      });

      it('is filtered at its node: no other row is sent', async () => {
        for (const [filter, count] of [
          [filters.one, 1],
          [filters.none, 0],
        ] as const) {
          const { total, next, shipped: sent } = await list(operation, { ...base, filter });
          expect([total, next, sent]).toEqual([count, null, count]);
        }
      });

      it.each([
        ['unsorted', {}],
        ['sorted', { sort: `-${key}` }],
      ])('goes through all of them, each once, in one order, %s', async (_how, params) => {
        const { rows, asked } = await paged(operation, { ...base, ...params, filter: filters.all, limit: 700 });
        const keys = rows.map((row) => at(row, key) ?? null);
        expect(new Set(keys).size).toBe(many);
        expect(keys).toHaveLength(many);
        // The first thousand, then all.
        expect(asked).toBeLessThanOrEqual(2);
        if ('sort' in params) expect(keys).toEqual(keys.toSorted(backwards));
      });
    });

    it('a filter on what only we can tell brings all rows, and counts those that are left', async () => {
      const filter = { childIdText: { like: '*, 7}' } };
      const { rows, total, shipped: sent, next } = await list('which_children', { supervisor: 'many_sup', filter });
      expect([rows.length, total, next, sent]).toEqual([1, 1, null, many]);
    });
  });
}

function backwards(one: Json, other: Json): number {
  if (typeof one === 'number' && typeof other === 'number') return other - one;
  return typeof one === 'string' && typeof other === 'string' && one < other ? 1 : -1;
}
