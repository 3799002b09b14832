/**
 * Tables, ports, names and children of a live node, chosen there: the same rows as are chosen out of all of them here, and no others sent;
 * with the agent's code loaded and with its text interpreted.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import type { FieldForm, PortField } from '../../runtime/listFields.ts';
import {
  childFields,
  childValue,
  lastingPortFields,
  nameFields,
  nameValue,
  portValue,
  tableFields,
  tableValue,
} from '../../runtime/listFields.ts';
import type { Json, Result, RowPredicate, RowSelect, Scalar } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { countRows } from '../../runtime/processQuery.ts';
import { printTerm } from '../../runtime/term/print.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { manySupervisor } from './many.ts';
import { freshLeaseDir, inTime } from './shop.ts';

/** The same in every run; ARSENAL_SEED gives others. */
const seed = Number(process.env['ARSENAL_SEED'] ?? 7);
const many = 1_200;
const nodes = new Map<string, LiveNode>();
const runtimes = new Map<string, Runtime>();

beforeAll(async () => {
  for (const agent of ['load', 'interpret'] as const) {
    const node = await startErlang({ name: `lists_${agent}`, cookie: 'lists' });
    nodes.set(agent, node);
    await node.eval(String.raw`
      Self = self(),
      spawn(fun() ->
        register(holder, self()),
        [begin
          T = ets:new(list_to_atom("table_" ++ integer_to_list(N rem 7)), [case N rem 2 of 0 -> set; 1 -> bag end,
            case N rem 3 of 0 -> public; _ -> protected end]),
          [ets:insert(T, {M, lists:seq(1, N rem 40)}) || M <- lists:seq(1, N rem 11)]
        end || N <- lists:seq(1, ${String(many)})],
        [ets:new(list_to_atom(Name), [named_table, public]) || Name <- ["Elixir.Shop", "a b", [16#e000], [16#1f600]]],
        [begin {ok, _} = gen_udp:open(0, [{ip, {127, 0, 0, 1}}]) end || _ <- lists:seq(1, 12)],
        {ok, S} = socket:open(inet, dgram, udp), ok = socket:bind(S, #{family => inet, addr => {127, 0, 0, 1}, port => 0}),
        Self ! made, receive stop -> ok end
      end),
      receive made -> ok end,
      Idle = fun Loop() -> receive stop -> ok after infinity -> Loop() end end,
      [register(list_to_atom(Name), spawn(Idle)) || Name <- [[16#e000], [16#1f600], "Elixir.Shop" | ["name_" ++ integer_to_list(N) || N <- lists:seq(1, 1500)]]],
      ${manySupervisor(1_500)},
      ok.`);
    const spec = { id: agent, node: node.node, cookie: 'lists', epmd: { port: node.epmdPort } };
    runtimes.set(agent, valueOf(await connectBeam({ ...spec, agent, leaseDir: freshLeaseDir() })));
  }
}, 60_000);
afterAll(async () => {
  for (const runtime of runtimes.values()) await runtime.close();
  stopAll();
});

function thereIs<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('There is none.');
  return value;
}

/** One of the lists: how it is asked for, and by which fields its rows can be chosen while nothing happens. */
type List<Row, Field extends string> = {
  readonly title: string;
  readonly ask: (runtime: Runtime, node: string, select: RowSelect<Field>) => Promise<Asked<Row>>;
  readonly fields: { readonly [field in Field]?: FieldForm };
  readonly valueOf: (row: Row, field: Field) => Json;
  readonly key: (row: Row) => string;
};
type Asked<Row> = { readonly rows: readonly Row[]; readonly total: number };

function read<Row>({
  frames,
  end,
}: {
  readonly frames: readonly (readonly Row[])[];
  readonly end: Result<{ readonly total: number }>;
}): Asked<Row> {
  return { rows: frames.flat(), total: valueOf(end).total };
}

const tables = {
  title: 'tables',
  // Those of OTP change while we look.
  ask: async (runtime: Runtime, node: string, { where = { all: [] }, ...cut }: RowSelect<keyof typeof tableFields>) => {
    const ours = { all: [{ key: 'ownerName', op: 'eq', value: 'holder' }, where] } as const;
    return read(await readAll(runtime.port.system.ets({ node, where: ours, ...cut }, inTime(60_000))));
  },
  fields: tableFields,
  valueOf: tableValue,
  key: ({ id }: Parameters<typeof tableValue>[0]) => printTerm(id, { syntax: 'erlang' }),
};
const ports = {
  title: 'ports',
  ask: async (runtime: Runtime, node: string, select: RowSelect<PortField>) =>
    read(await readAll(runtime.port.system.ports({ node, ...select }, inTime(60_000)))),
  fields: lastingPortFields,
  valueOf: portValue,
  key: ({ id }: Parameters<typeof portValue>[0]) => id,
};
const names = {
  title: 'names',
  ask: async (runtime: Runtime, node: string, select: RowSelect<keyof typeof nameFields>) =>
    read(await readAll(runtime.port.names.list({ nodes: [node], registry: 'local', ...select }, inTime(60_000)))),
  fields: nameFields,
  valueOf: nameValue,
  key: ({ name }: Parameters<typeof nameValue>[0]) => JSON.stringify(name),
};
const children = {
  title: 'children',
  ask: async (runtime: Runtime, node: string, { where, top, first }: RowSelect<keyof typeof childFields>) => {
    const target = { name: { in: 'local', node, name: 'many_sup' } } as const;
    const { pid } = valueOf(await runtime.port.names.resolve({ target, seenFrom: 'any' }, inTime()));
    const select = { ...(where !== undefined && { where }), ...(top !== undefined && { top }) };
    const window = { supervisor: pid, offset: 0, limit: first ?? 200_000 };
    return read(await readAll(runtime.port.supervisors.children({ ...window, ...select }, inTime(60_000))));
  },
  fields: childFields,
  valueOf: childValue,
  key: ({ index }: Parameters<typeof childValue>[0]) => String(index),
};

/** Filters, orders and limits made of values that there are, and of some that there are not. */
function selects<Row, Field extends string>(
  { fields, valueOf: value }: List<Row, Field>,
  rows: readonly Row[],
): fc.Arbitrary<RowSelect<Field>> {
  const known = Object.keys(fields) as Field[];
  const scalar = (field: Field): fc.Arbitrary<Scalar> =>
    fc.oneof(
      fc.constantFrom(...rows).map((row) => value(row, field) as Scalar),
      fc.constantFrom<Scalar>(null, true, 0, 'table_3', 'x', ''),
    );
  const leaf = fc.constantFrom(...known).chain((key): fc.Arbitrary<RowPredicate<Field>> => {
    const compared = fc.record({
      key: fc.constant(key),
      op: fc.constantFrom('eq', 'ne', 'lt', 'le', 'gt', 'ge'),
      value: scalar(key),
    } as const);
    if (fields[key] !== 'text') return compared;
    const part = scalar(key).chain((text) => {
      const letters = Array.from(String(text));
      return fc.nat(letters.length).map((size) => letters.slice(0, size).join(''));
    });
    const like = fc.record({
      key: fc.constant(key),
      op: fc.constantFrom('contains', 'prefix', 'like'),
      value: fc.oneof(
        part,
        part.map((text) => `${text}*`),
        part.map((text) => `*${text.replace(/^./su, '')}*`),
      ),
    } as const);
    return fc.oneof(compared, like);
  });
  const where = fc.oneof(
    leaf,
    fc.record({ all: fc.array(leaf, { maxLength: 3 }) }),
    fc.record({ any: fc.array(leaf, { maxLength: 3 }) }),
    fc.record({ not: leaf }),
  );
  const top = fc.record({
    n: fc.integer({ min: 1, max: 1_200 }),
    by: fc.constantFrom(...known),
    direction: fc.constantFrom('ascending', 'descending'),
  } as const);
  return fc.oneof(
    fc.record({ where }),
    fc.record({ where, top }),
    fc.record({ top }),
    fc.record({ where, first: fc.integer({ min: 1, max: 1_200 }) }),
  );
}

describe.each(['load', 'interpret'])('lists of a node, %s', (agent) => {
  const runtime = (): Runtime => thereIs(runtimes.get(agent));
  const target = (): LiveNode => thereIs(nodes.get(agent));

  async function agree<Row, Field extends string>(
    list: List<Row, Field>,
    found: readonly RowSelect<Field>[] = [],
  ): Promise<void> {
    const { node } = target();
    const all = await list.ask(runtime(), node, {});
    expect(all.total).toBe(all.rows.length);
    await fc.assert(
      fc.asyncProperty(selects(list, all.rows), async (select) => {
        const there = await list.ask(runtime(), node, select);
        const here = countRows(all.rows, select, list.valueOf);
        expect({ total: there.total, rows: there.rows.length }).toEqual({
          total: here.matched,
          rows: here.chosen.length,
        });
        // Among equals they stand as the node names them, which ets:all/0 does in no order.
        const { top, where } = select;
        if (top !== undefined) {
          const by = (row: Row) => list.valueOf(row, top.by);
          const wrong = here.chosen.findIndex((row, at) => by(row) !== by(thereIs(there.rows[at])));
          expect([wrong, here.chosen[wrong], there.rows[wrong]]).toEqual([-1, undefined, undefined]);
        }
        const matching = new Set(countRows(all.rows, { where }, list.valueOf).chosen.map(list.key));
        expect(there.rows.filter((row) => !matching.has(list.key(row)))).toEqual([]);
        expect(new Set(there.rows.map(list.key)).size).toBe(there.rows.length);
      }),
      { numRuns: agent === 'load' ? 60 : 25, seed, examples: found.map((select): [RowSelect<Field>] => [select]) },
    );
  }

  it('of tables are chosen there as they would be here', () => {
    const isNothing = { key: 'bytesPerObject', op: 'eq', value: null } as const;
    const top = { n: 1, by: 'name', direction: 'ascending' } as const;
    return agree(tables, [{ where: isNothing, top }, { where: { not: isNothing } }]);
  }, 120_000);
  it('of ports and sockets are chosen there as they would be here', () => agree(ports), 120_000);
  it('of names are chosen there as they would be here', () => agree(names), 120_000);
  it('of children are chosen there as they would be here', () => agree(children), 120_000);

  /** What the node has sent to whoever is connected to it. */
  const sentBytes = async (): Promise<number> =>
    Number(
      await target().eval(
        'lists:sum([begin {ok, [{send_oct, B}]} = inet:getstat(P, [send_oct]), B end || {_, P} <- erlang:system_info(dist_ctrl)]).',
      ),
    );

  it.each([
    ['tables', (select: object) => tables.ask(runtime(), target().node, select), 'bytes', { name: 'nobody' }],
    ['names', (select: object) => names.ask(runtime(), target().node, select), 'name', { name: 'nobody' }],
    ['children', (select: object) => children.ask(runtime(), target().node, select), 'index', { registeredName: 'no' }],
  ])('of %s ship no more rows than are wanted', async (_what, ask, by, none) => {
    const measured = async (select: object) => {
      const before = await sentBytes();
      const asked = await ask(select);
      return { ...asked, bytes: (await sentBytes()) - before };
    };
    await ask({});
    const all = await measured({});
    const [[key, value] = ['', '']] = Object.entries(none);
    const few = [
      { top: { n: 10, by, direction: 'descending' } },
      { where: { key, op: 'eq', value }, first: 10 },
      { where: { not: { key, op: 'eq', value } }, top: { n: 10, by, direction: 'ascending' } },
    ];
    for (const select of few) {
      // What is sent once, such as texts that are interpreted, is no part of it.
      await ask(select);
      const chosen = await measured(select);
      expect(chosen.rows.length).toBeLessThanOrEqual(10);
      expect(chosen.bytes).toBeLessThan(all.bytes / 20);
    }
  });
});
