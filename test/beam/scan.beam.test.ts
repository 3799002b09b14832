/** Processes in bulk on a live node: pages, filters and the best of all, with the agent's code loaded there and with its text interpreted. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { Predicate, ProcessField, RowPage, Scalar } from '../../runtime/model.ts';
import type { Runtime, ScanQuery } from '../../runtime/port.ts';
import { matches, valueAt } from '../../runtime/processQuery.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startErlang, stopAll } from '../harness/erlang.ts';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { errorOf, freshLeaseDir, inTime } from './shop.ts';

let target: LiveNode;
const nodes = new Map<string, LiveNode>();
const runtimes = new Map<string, Runtime>();

beforeAll(async () => {
  // A node for each, since code that is loaded serves all who look at a node.
  for (const agent of ['load', 'interpret', 'none'] as const) {
    const node = await startErlang({ name: `scan_${agent}`, cookie: 'scan' });
    nodes.set(agent, node);
    // Named ones, some with letters beyond the first plane of Unicode, idle ones, some with messages, some that trap exits.
    await node.eval(String.raw`
      Idle = fun Loop() -> receive stop -> ok after infinity -> Loop() end end,
      [register(list_to_atom("arsenal_named_" ++ integer_to_list(N)), spawn(Idle)) || N <- lists:seq(1, 30)],
      [register(list_to_atom(Name), spawn(Idle)) || Name <- [[16#e000], [16#1f600], "Elixir.Shop", "a b"]],
      [begin P = spawn(fun() -> process_flag(trap_exit, N rem 2 =:= 0), timer:sleep(infinity) end),
        [P ! {job, M} || M <- lists:seq(1, N rem 17)] end || N <- lists:seq(1, 2500)],
      ok.`);
    const spec = { id: agent, node: node.node, cookie: 'scan', epmd: { port: node.epmdPort } };
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

type Row = { readonly page: RowPage; readonly at: number };

async function scan(runtime: Runtime, query: Omit<ScanQuery, 'nodes' | 'pageRows'> & { readonly pageRows?: number }) {
  const { frames, end } = await readAll(
    runtime.port.processes.scan({ nodes: [target.node], pageRows: 1_000, ...query }, inTime(30_000)),
  );
  return { pages: frames, end };
}

function rowsOf(pages: readonly RowPage[]): readonly Row[] {
  return pages.flatMap((page) => Array.from(page.ids.keys(), (at) => ({ page, at })));
}

function nameOf({ page, at }: Row): string {
  return `<0.${String(page.ids[at])}.${String(page.serials[at])}>`;
}

const read = ({ page, at }: Row, key: ProcessField) => valueAt(page.columns, key, at) ?? null;

/** What does not change on this node while nobody does anything. */
const still = ['registered_name', 'message_queue_len', 'trap_exit', 'priority', 'ancestors'] as const;

describe.each(['load', 'interpret', 'none'])('processes in bulk, %s', (agent) => {
  beforeAll(() => {
    target = thereIs(nodes.get(agent));
  });
  const runtime = (): Runtime => thereIs(runtimes.get(agent));

  it('come in pages of as many rows as asked for, all of them, with what process_info says', async () => {
    const keys = ['registered_name', 'message_queue_len', 'initial_call', 'status'] as const;
    const { pages, end } = await scan(runtime(), { keys, pageRows: 700 });
    const { total, scanned, nodes } = valueOf(end);
    expect(nodes).toEqual([{ node: target.node, status: 'ok' }]);
    expect(pages.slice(0, -1).every(({ ids }) => ids.length >= 690 && ids.length <= 700)).toBe(true);
    expect([total, scanned].every((count) => count >= 2_534)).toBe(true);
    const rows = rowsOf(pages);
    const said = await target.eval(`lists:sort([{length(element(2, process_info(P, messages))), P} || P <- processes(),
      {_, {timer, sleep, 1}} <- [process_info(P, current_function)]]).`);
    const expected = [...said.matchAll(/\{(\d+),(<[\d.]+>)\}/g)].map(([, count, pid]) => `${pid} ${count}`);
    const found = new Map(rows.map((row) => [nameOf(row), row]));
    const shown = expected.map((line) => {
      const row = found.get(line.split(' ')[0] ?? '');
      return row === undefined ? null : `${nameOf(row)} ${JSON.stringify(read(row, 'message_queue_len'))}`;
    });
    expect(expected).toHaveLength(2_500);
    expect(shown).toEqual(expected);
    expect(rows.filter((row) => read(row, 'registered_name') === '\u{1f600}')).toHaveLength(1);
    const kernel = rows.filter((row) => read(row, 'registered_name') === 'kernel_sup');
    expect(kernel.map((row) => read(row, 'initial_call'))).toEqual(['supervisor:kernel/1']);
  });

  it('are the best of all, in order, with what they were chosen by', async () => {
    for (const direction of ['descending', 'ascending'] as const) {
      const keys = ['message_queue_len', 'current_stacktrace', 'memory'] as const;
      const top = { n: 40, by: 'message_queue_len', direction } as const;
      const { pages, end } = await scan(runtime(), { keys, top, pageRows: 25 });
      expect(pages.map(({ ids }) => ids.length)).toEqual([25, 15]);
      expect(valueOf(end).scanned).toBeGreaterThan(2_500);
      const lengths = rowsOf(pages).map((row) => read(row, 'message_queue_len'));
      expect(lengths).toEqual(Array.from({ length: 40 }, () => (direction === 'descending' ? 16 : 0)));
    }
    const traced = await scan(runtime(), {
      keys: ['current_stacktrace'],
      top: { n: 1, by: 'message_queue_len', direction: 'descending' },
    });
    const [frames] = rowsOf(traced.pages).map((row) => read(row, 'current_stacktrace'));
    // With the line of the source.
    expect(JSON.stringify(frames)).toMatch(/timer:sleep\/1 \(timer\.erl:\d+\)/);
  });

  it('are the first so many, and the others are counted', async () => {
    const keys = ['registered_name', 'memory'] as const;
    const { pages, end } = await scan(runtime(), { keys, first: 40, pageRows: 25 });
    expect(pages.map(({ ids }) => ids.length)).toEqual([25, 15]);
    expect(valueOf(end).total).toBeGreaterThan(2_500);
    expect(rowsOf(pages).every((row) => Number(read(row, 'memory')) > 0)).toBe(true);
    // Decided there, and here: nodes know nothing of the order of ids.
    const waiting = { key: 'message_queue_len', op: 'ge', value: 16 } as const;
    const here = { key: 'group_leader', op: 'ge', value: '' } as const;
    for (const where of [waiting, { all: [waiting, here] }]) {
      const some = await scan(runtime(), { keys, where, first: 40 });
      expect(rowsOf(some.pages)).toHaveLength(40);
      // Those started with 16 messages each, and nobody reads them.
      expect(valueOf(some.end)).toMatchObject({ total: 147 });
      const few = await scan(runtime(), { keys, where, first: 500 });
      expect(rowsOf(few.pages)).toHaveLength(147);
    }
  });

  it('are those that somebody leads, and those below another', async () => {
    const printed = await target.eval(`{group_leader(), whereis(kernel_sup)}.`);
    const [leader = ''] = printed.match(/\d+\.\d+\.\d+/g) ?? [];
    const { pages } = await scan(runtime(), { keys: ['group_leader', 'registered_name', 'ancestors'], first: 5_000 });
    const rows = rowsOf(pages);
    const led = rows
      .map((row) => read(row, 'group_leader'))
      .find((id) => typeof id === 'string' && id.includes(`~${leader}~`));
    const leads = { key: 'group_leader', op: 'eq', value: typeof led === 'string' ? led : '' } as const;
    const found = await scan(runtime(), { keys: ['group_leader'], where: leads });
    expect(rowsOf(found.pages).every((row) => read(row, 'group_leader') === led)).toBe(true);
    expect(rowsOf(found.pages).length).toBeGreaterThan(2_500);
    const [page] = pages;
    const sup = rows.find((row) => read(row, 'registered_name') === 'kernel_sup');
    const id = `${target.node}~${sup === undefined ? '' : nameOf(sup).slice(1, -1)}~${(page?.of.creation ?? 0).toString(16)}`;
    for (const above of ['kernel_sup', id]) {
      const where = { key: 'ancestors', op: 'has', value: [above] } as const;
      const below = await scan(runtime(), { keys: ['registered_name'], where, allowCostly: true });
      const names = rowsOf(below.pages).map((row) => read(row, 'registered_name'));
      // By its name, as supervisors that have one are written; its id stands nowhere.
      expect(names.includes('net_sup')).toBe(above === 'kernel_sup');
    }
  });

  it('are filtered there as they would be here', async () => {
    const { pages } = await scan(runtime(), { keys: still, allowCostly: true });
    const all = rowsOf(pages);
    const known = new Set(all.map(nameOf));
    await fc.assert(
      fc.asyncProperty(predicates, async (where) => {
        const { pages: found } = await scan(runtime(), { keys: still, where, allowCostly: true });
        // Processes of the node's own come and go; only those there before are compared.
        const shown = rowsOf(found)
          .map(nameOf)
          .filter((name) => known.has(name));
        const expected = all.filter((row) => matches(row, where, read)).map(nameOf);
        const stayed = new Set((await target.eval('processes().')).match(/<[\d.]+>/g));
        expect(shown.filter((name) => stayed.has(name)).sort()).toEqual(
          expected.filter((name) => stayed.has(name)).sort(),
        );
      }),
      { numRuns: agent === 'load' ? 60 : 15, seed: Number(process.env['ARSENAL_SEED'] ?? 7) },
    );
  }, 120_000);

  it('are no longer counted when they end before they are read', async () => {
    await target.eval(`
      Self = self(),
      register(short_lived, spawn(fun() ->
        put(all, [spawn_link(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 300)]),
        Self ! started,
        receive stop -> exit(with_all) end
      end)),
      receive started -> ok end.`);
    const before = Number(await target.eval('erlang:system_info(process_count).'));
    const query = { nodes: [target.node], keys: ['registered_name'], pageRows: 10 } as const;
    let rows = 0;
    let isEnded = false;
    for await (const item of runtime().port.processes.scan(query, inTime(30_000))) {
      if (item.is === 'end') {
        expect(valueOf(item.result).total).toBe(rows);
        continue;
      }
      rows += item.frame.ids.length;
      if (isEnded) continue;
      isEnded = true;
      // Wherever they stand: a few pages are read ahead, and no more.
      await target.eval(`
        Parent = whereis(short_lived),
        {dictionary, Own} = process_info(Parent, dictionary),
        Ends = [monitor(process, P) || P <- [Parent | proplists:get_value(all, Own)]],
        Parent ! stop,
        [receive {'DOWN', End, _, _, _} -> ok end || End <- Ends], ok.`);
    }
    expect(rows).toBeLessThanOrEqual(before - 200);
  });

  it('are left alone when nobody reads on, and when who asked has gone', async () => {
    const stop = new AbortController();
    const ours = `[P || P <- processes(), {_, I} <- [process_info(P, initial_call)], I =:= {erpc, execute_call, 4}]`;
    const query = { nodes: [target.node], keys: ['reductions'], pageRows: 10 } as const;
    const stream = runtime().port.processes.scan(query, callOptions(30_000, stop.signal));
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    const calls = () => target.eval(`length(${ours}).`);
    await eventually(calls, (count) => count === '1');
    const work = `lists:sum([R || P <- ${ours}, {_, R} <- [process_info(P, reductions)]]).`;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = await target.eval(work);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await target.eval(work)).toBe(before);
    await reader.return?.(undefined);
    await eventually(calls, (count) => count === '0');
  });

  it('tell what they do not tell otherwise: the binaries they hold, who monitors them, where they are', async () => {
    const printed = await target.eval(`
      P = spawn(fun() -> B = binary:copy(<<"x">>, 100000), timer:sleep(infinity), B end),
      monitor(process, P), Q = spawn(fun() -> monitor(process, P), timer:sleep(infinity) end), timer:sleep(50), {P, Q}.`);
    const [first = '', second = ''] = printed.match(/<[\d.]+>/g) ?? [];
    const numbers = /<0\.(\d+)\.(\d+)>/.exec(first);
    const { pages } = await scan(runtime(), { keys: ['status'], pageRows: 1_000 });
    const of = pages[0]?.of ?? { node: '', creation: 0 };
    const pid = { ...of, id: Number(numbers?.[1]), serial: Number(numbers?.[2]) };
    const keys = [
      'binary_bytes',
      'monitored_by',
      'current_location',
      'garbage_collection',
      'priority',
      'suspending',
    ] as const;
    const info = valueOf(await runtime().port.processes.info({ pids: [pid], keys }, inTime()));
    const [page] = info.pages;
    const value = (key: ProcessField) => (page === undefined ? undefined : valueAt(page.columns, key, 0));
    expect(value('binary_bytes')).toBe(100_000);
    expect(JSON.stringify(value('monitored_by'))).toContain(`~${second.slice(1, -1)}~`);
    expect(value('current_location')).toMatch(/^timer:sleep\/1/);
    expect(value('garbage_collection')).toMatchObject({ fullsweep_after: 65_535, max_heap_size: { size: 0 } });
    expect(value('priority')).toBe('normal');
    expect(value('suspending')).toEqual([]);
    await target.eval(`[exit(P, kill) || P <- [list_to_pid("${first}"), list_to_pid("${second}")]].`);
  });

  it('are refused costly keys of too many, and a page must have rows', async () => {
    await target.eval(
      `persistent_term:put(scan_many, [spawn(fun() -> timer:sleep(infinity) end) || _ <- lists:seq(1, 9000)]), ok.`,
    );
    const refused = await scan(runtime(), { keys: ['memory'] });
    expect(valueOf(refused.end).nodes).toMatchObject([
      { node: target.node, status: 'missing', error: { code: 'scan.costly', details: { key: 'memory' } } },
    ]);
    const allowed = await scan(runtime(), { keys: ['memory'], allowCostly: true });
    expect(valueOf(allowed.end).total).toBeGreaterThan(11_500);
    await target.eval(`[exit(P, kill) || P <- persistent_term:get(scan_many)], persistent_term:erase(scan_many).`);
    expect(errorOf((await scan(runtime(), { keys: [], pageRows: 0 })).end).code).toBe('scan.page_rows');
  });
});

const values = fc.oneof<fc.Arbitrary<Scalar>[]>(
  fc.integer({ min: -1, max: 18 }),
  fc.constantFrom(0.5, 15.5, 1e300),
  fc.constantFrom(
    'arsenal_named_1',
    'arsenal_named_3',
    'kernel_sup',
    'a b',
    'normal',
    '\u{1f600}',
    '\ue000',
    'Elixir.Shop',
    '',
  ),
  fc.boolean(),
  fc.constant(null),
);
const comparison = fc.record({
  key: fc.constantFrom('registered_name', 'message_queue_len', 'trap_exit', 'priority'),
  op: fc.constantFrom('eq', 'ne', 'lt', 'le', 'gt', 'ge'),
  value: values,
});
const wording = fc.record({
  key: fc.constantFrom('registered_name', 'priority'),
  op: fc.constantFrom('contains', 'prefix', 'like'),
  value: fc.constantFrom(
    ...['arsenal', 'named_2', '', '\u{1f600}', 'sup', 'Shop', ' ', '\ude00'],
    ...['*', '**', 'arsenal*', '*sup', '*_named_*2', 'a*a', '*named*named*', 'kernel_sup', 'a*b', '*\ude00', 'norm*l'],
  ),
});
/** Who stands above those that the node's own supervisors have started. */
const standing = fc.record({
  key: fc.constant('ancestors'),
  op: fc.constant('has'),
  value: fc.subarray(['kernel_sup', 'nobody', 'kernel_safe_sup', '']),
});
const predicates: fc.Arbitrary<Predicate> = fc.letrec<{ predicate: Predicate }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    comparison,
    wording,
    standing,
    fc.record({ not: tie('predicate') }),
    fc.record({ all: fc.array(tie('predicate'), { maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('predicate'), { maxLength: 3 }) }),
  ),
})).predicate;
