/** Tables, ports, allocators, schedulers and waits of live nodes, compared with what the nodes themselves say. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessRef, Wait } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { printTerm } from '../../runtime/term/print.ts';
import { atom } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, errorOf, inTime, pidsIn } from './shop.ts';

let shop: Shop;
let runtime: Runtime;
let second: string;
beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  [, second = ''] = shop.nodes;
  runtime = await connectShop(shop);
}, 60_000);
afterAll(async () => {
  await runtime.close();
  await shop.stop();
});

const ask = (source: string, node = shop.node) => shop.rpc(node, source);

describe('tables', () => {
  async function tables() {
    const { frames, end } = await readAll(runtime.port.system.ets({ node: shop.node }, inTime()));
    return { rows: frames.flat(), total: valueOf(end).total };
  }

  // @row OP-24
  it('are those that the node has, with size, memory and owner', async () => {
    await ask(
      'spawn(fun() -> register(table_owner, self()), ets:new(seen_table, [named_table, public, ordered_set]), ' +
        '[ets:insert(seen_table, {N, made}) || N <- lists:seq(1, 200)], receive stop -> ok end end), timer:sleep(100).',
    );
    const { rows, total } = await tables();
    expect(rows.length).toBe(total);
    const seen = rows.find(({ name }) => name === 'seen_table');
    expect(seen).toMatchObject({
      ...{ type: 'ordered_set', protection: 'public', objects: 200, ownerName: 'table_owner', isNamed: true },
      ...{ keyPosition: 1, isCompressed: false, readConcurrency: false, writeConcurrency: 'false' },
    });
    expect(String(seen?.bytes)).toBe(await ask('ets:info(seen_table, memory) * erlang:system_info(wordsize).'));
    expect(pidText(seen?.owner ?? nobody)).toBe(await ask('whereis(table_owner).'));
    expect(Math.abs(total - Number(await ask('length(ets:all()).')))).toBeLessThan(5);
  });

  it('show at most fifty rows, none of a private one, and never a row that is too large', async () => {
    const rows = (name: string, limit = 1_000) =>
      runtime.port.system.etsRows({ node: shop.node, table: atom(name), limit }, inTime());
    const seen = valueOf(await rows('seen_table'));
    expect(seen.rows).toHaveLength(50);
    expect(seen.whole).toBe(false);
    expect(printTerm(seen.rows[0] ?? atom('none'), { syntax: 'erlang' })).toBe('{1,made}');
    await ask(
      'spawn(fun() -> register(other_owner, self()), ets:new(private_table, [named_table, private]), ' +
        'ets:new(large_table, [named_table, public]), ets:insert(large_table, {1, lists:seq(1, 100000)}), ' +
        'ets:insert(large_table, [{N, small} || N <- lists:seq(2, 200)]), ' +
        'ets:new(huge_table, [named_table, public]), ets:insert(huge_table, {1, lists:seq(1, 100000)}), ' +
        'receive stop -> ok end end), timer:sleep(100).',
    );
    expect(errorOf(await rows('private_table'))).toMatchObject({ code: 'table.private', class: 'authorization' });
    expect(errorOf(await rows('huge_table'))).toMatchObject({ code: 'table.large_rows' });
    expect(errorOf(await rows('no_such_table_at_all'))).toMatchObject({ class: 'not_found' });
    expect(errorOf(await rows('kernel'))).toMatchObject({ class: 'not_found' });
    const large = valueOf(await rows('large_table', 50));
    expect(large.rows.length).toBe(50);
    await ask('other_owner ! stop, table_owner ! stop.');
  });
});

const nobody: ProcessRef = { node: '', creation: 0, id: 0, serial: 0 };

describe('ports and sockets', () => {
  it('are those that the node has, with the two ends of what is connected', async () => {
    await ask(
      'spawn(fun() -> register(socket_owner, self()), {ok, L} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]), ' +
        '{ok, P} = inet:port(L), {ok, C} = gen_tcp:connect({127, 0, 0, 1}, P, []), {ok, _} = gen_tcp:accept(L), ' +
        'ok = gen_tcp:send(C, <<"twelve bytes">>), put(port, P), receive stop -> ok end end), timer:sleep(200).',
    );
    const port = await ask(
      '{dictionary, D} = process_info(whereis(socket_owner), dictionary), proplists:get_value(port, D).',
    );
    const { frames, end } = await readAll(runtime.port.system.ports({ node: shop.node }, inTime()));
    const rows = frames.flat();
    expect(valueOf(end).total).toBe(rows.length);
    const client = rows.find(({ remote }) => remote === `127.0.0.1:${port}`);
    expect(client).toMatchObject({ kind: 'port', name: 'tcp_inet', outputBytes: 12 });
    expect(pidText(client?.owner ?? nobody)).toBe(await ask('whereis(socket_owner).'));
    const [, accepted] = [client, rows.find(({ local, remote }) => local === `127.0.0.1:${port}` && remote !== null)];
    expect(accepted?.inputBytes).toBe(12);
    await ask('socket_owner ! stop.');
  });

  it('of the module socket are there too', async () => {
    await ask(
      'spawn(fun() -> register(nif_owner, self()), {ok, S} = socket:open(inet, stream, tcp), ' +
        'ok = socket:bind(S, #{family => inet, addr => {127, 0, 0, 1}, port => 0}), receive stop -> ok end end), timer:sleep(200).',
    );
    const { frames } = await readAll(runtime.port.system.ports({ node: shop.node }, inTime()));
    const sockets = frames.flat().filter(({ kind }) => kind === 'socket');
    expect(sockets).toMatchObject([
      { name: 'inet.stream.tcp', local: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string },
    ]);
    expect(pidText(sockets[0]?.owner ?? nobody)).toBe(await ask('whereis(nif_owner).'));
    await ask('nif_owner ! stop.');
  });
});

describe('the emulator', () => {
  it('tells what its allocators hold: of tables what erlang:memory/0 counts', async () => {
    const { allocators } = valueOf(await runtime.port.system.allocators({ node: shop.node }, inTime()));
    const names = allocators.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['binary_alloc', 'eheap_alloc', 'ets_alloc', 'll_alloc']));
    for (const { carrierBytes, blockBytes } of allocators) expect(carrierBytes).toBeGreaterThanOrEqual(blockBytes);
    await ask(
      'spawn(fun() -> register(big_owner, self()), T = ets:new(big_table, [public]), ' +
        '[ets:insert(T, {N, lists:seq(1, 1000)}) || N <- lists:seq(1, 500)], receive stop -> ok end end), timer:sleep(300).',
    );
    const after = valueOf(await runtime.port.system.allocators({ node: shop.node }, inTime())).allocators;
    const blocks = after.find(({ name }) => name === 'ets_alloc')?.blockBytes ?? 0;
    const counted = Number(await ask('erlang:memory(ets).'));
    expect(counted).toBeGreaterThan(5_000_000);
    expect(blocks / counted).toBeGreaterThan(0.95);
    expect(blocks / counted).toBeLessThan(1.05);
    await ask('big_owner ! stop.');
  });

  it('tells which schedulers were busy, and leaves the measuring switched off', async () => {
    await ask('register(spinner, spawn(fun Loop() -> Loop() end)).');
    const { schedulers } = valueOf(await runtime.port.system.schedulers({ node: shop.node, forMs: 300 }, inTime()));
    await ask('exit(whereis(spinner), kill).');
    const normal = schedulers.filter(({ kind }) => kind === 'normal');
    expect(String(normal.length)).toBe(await ask('erlang:system_info(schedulers).'));
    expect(Math.max(...normal.map(({ utilisation }) => utilisation))).toBeGreaterThan(0.5);
    expect(schedulers.filter(({ kind }) => kind === 'dirty_io').length).toBe(
      Number(await ask('erlang:system_info(dirty_io_schedulers).')),
    );
    const measuring = () => ask('erlang:statistics(scheduler_wall_time).');
    await eventually(measuring, (answer) => answer === 'undefined');
  });
});

describe('who waits for whom', () => {
  /** A gen_server of nothing but funs: it calls whom it is told to, and so waits. */
  const caller = (name: string, callee: string) =>
    `spawn(fun() -> register(${name}, self()), receive go -> catch gen_server:call(${callee}, hello, infinity) end end)`;

  async function waits(node = shop.node): Promise<readonly Wait[]> {
    return valueOf(await runtime.port.system.waits({ node, limit: 1_000 }, inTime())).waits;
  }

  it('is told for each that waits in a call, by pid or by name, on this node or another', async () => {
    await ask(
      `${caller('waits_a', 'waits_b')}, ${caller('waits_b', 'waits_a')}, timer:sleep(50), waits_a ! go, waits_b ! go, timer:sleep(100).`,
    );
    await ask(
      `${caller('waits_far', `{waits_b, '${shop.node}'}`)}, timer:sleep(50), waits_far ! go, timer:sleep(100).`,
      second,
    );
    const found = new Map((await waits()).map((wait) => [wait.registeredName, wait]));
    const [a, b] = pidsIn(await ask('[whereis(waits_a), whereis(waits_b)].'));
    const onOf = (wait: Wait | undefined) =>
      (wait?.on ?? []).map((on) => ('name' in on ? `${on.name}@@${on.node}` : pidText(on)));
    expect([onOf(found.get('waits_a')), onOf(found.get('waits_b'))].flat().toSorted()).toEqual([a, b]);
    expect(found.get('waits_a')).toMatchObject({ evidence: 'certain' });
    expect(found.get('waits_a')?.stack[0]).toMatch(/^gen:do_call\/4/);
    const far = (await waits(second)).find(({ registeredName }) => registeredName === 'waits_far');
    expect(onOf(far)).toEqual([`waits_b@@${shop.node}`]);
    await ask('exit(whereis(waits_a), kill), exit(whereis(waits_b), kill).');
    await ask('exit(whereis(waits_far), kill).', second);
  });

  it('is read from the stack where the caller monitors others too', async () => {
    await ask(
      `spawn(fun() -> register(idle_one, self()), receive stop -> ok end end), ` +
        `spawn(fun() -> register(busy_one, self()), receive stop -> ok end end), timer:sleep(50), ` +
        `spawn(fun() -> register(many_monitors, self()), monitor(process, idle_one), monitor(process, whereis(shop_ledger_sup)), ` +
        `catch gen_server:call(whereis(busy_one), hello, infinity) end), timer:sleep(100).`,
    );
    const wait = (await waits()).find(({ registeredName }) => registeredName === 'many_monitors');
    expect(wait).toMatchObject({ evidence: 'likely' });
    const [busy] = pidsIn(await ask('whereis(busy_one).'));
    expect((wait?.on ?? []).map((on) => ('name' in on ? on.name : processId(on).includes('~') && pidText(on)))).toEqual(
      [busy],
    );
    await ask('[exit(whereis(P), kill) || P <- [idle_one, busy_one, many_monitors], whereis(P) =/= undefined].');
  });
});
