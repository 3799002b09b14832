/** Acts on single processes that run code of ours on the node, in both tiers of the agent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentChoice, ProcessRef } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { atom, integer, nil, tuple } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { valueOf } from '../port/results.ts';
import { loadPorters, porter } from './porters.ts';
import { connectShop, errorOf, inTime, named } from './shop.ts';

const erlang = (source: string) => ({ syntax: 'erlang', source }) as const;
const elixir = (source: string) => ({ syntax: 'elixir', source }) as const;

describe.each(['load', 'interpret', 'none'] satisfies AgentChoice[])('with the agent by %s', (agent) => {
  let shop: Shop;
  let runtime: Runtime;
  beforeAll(async () => {
    shop = await startShop();
    await loadPorters(shop, shop.node);
    runtime = await connectShop(shop, { agent });
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    await shop.stop();
  });

  async function sleeper(): Promise<ProcessRef> {
    const start = { node: shop.node, module: 'timer', function: 'sleep', args: [elixir(':infinity')] };
    return valueOf(await runtime.port.processes.start(start, inTime()));
  }

  it('has its state replaced where it is the one that was read', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Checkout');
    const { state: read, replaceState } = runtime.port.processes;
    const before = valueOf(await read({ pid, maxBytes: 1e6 }, inTime()));
    const expectDigest = before.digest ?? '';
    const { digest } = valueOf(await replaceState({ pid, expectDigest, state: elixir('41') }, inTime()));
    const after = valueOf(await read({ pid, maxBytes: 1e6 }, inTime()));
    expect(after).toEqual({ state: integer(41), whole: true, digest });
    expect(await shop.rpc(shop.node, "gen_server:call('Elixir.Shop.Checkout', orders).")).toBe('41');
    const late = await replaceState({ pid, expectDigest, state: elixir('42') }, inTime());
    expect(errorOf(late)).toMatchObject({ code: 'process.state_changed', class: 'conflict', effect: 'none' });
    const atoms = await replaceState({ pid, expectDigest: digest, state: elixir(':no_such_atom_there') }, inTime());
    expect(errorOf(atoms)).toMatchObject({ code: 'term.unknown_atom' });
    await shop.rpc(shop.node, "sys:suspend('Elixir.Shop.Checkout').");
    // What is suspended by `sys` still answers `sys`.
    expect(valueOf(await read({ pid, maxBytes: 1e6 }, inTime())).state).toEqual(integer(41));
    await shop.rpc(shop.node, "sys:resume('Elixir.Shop.Checkout').");
  });

  it('tells the state of one that hibernates, and of one at work when it is done', async () => {
    const supervisor = await named(runtime, shop.node, 'Elixir.Shop.Carts');
    const spec = porter(atom('porter_a'), atom('plain'), { restart: 'temporary' });
    const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
    if (pid === null) throw new Error('It has no process.');
    const self = `list_to_pid("${pidText(pid)}")`;
    const read = (ms = 10_000) => runtime.port.processes.state({ pid, maxBytes: 1e6 }, inTime(ms));
    const plain = tuple(atom('plain'), nil);
    await shop.rpc(shop.node, `gen_server:call(${self}, hibernate).`);
    expect(await shop.rpc(shop.node, `process_info(${self}, current_function).`)).toContain('hibernate');
    expect(valueOf(await read()).state).toEqual(plain);
    await shop.rpc(shop.node, `spawn(fun() -> gen_server:call(${self}, {work, 400}) end), timer:sleep(50).`);
    expect(valueOf(await read()).state).toEqual(plain);
    await shop.rpc(shop.node, `spawn(fun() -> gen_server:call(${self}, {work, 1500}) end), timer:sleep(50).`);
    expect(errorOf(await read(500))).toMatchObject({ class: 'timeout', effect: 'none' });
    // What it was asked in vain does not come to its own code.
    expect(await shop.rpc(shop.node, `gen_server:call(${self}, received, 5000).`)).toBe('[]');
  });

  it('shows a mailbox only while it is short', async () => {
    const pid = await sleeper();
    const read = (limit: number) => runtime.port.processes.mailbox({ pid, limit }, inTime());
    await shop.rpc(shop.node, `[list_to_pid("${pidText(pid)}") ! N || N <- lists:seq(1, 1000)], ok.`);
    expect(valueOf(await read(1_000)).messages?.slice(0, 2)).toEqual([integer(1), integer(2)]);
    await shop.rpc(shop.node, `list_to_pid("${pidText(pid)}") ! last.`);
    expect(valueOf(await read(5_000))).toEqual({ length: 1_001, messages: null });
  });

  // @row OP-01
  it('is linked to its owner before it runs, and ends with it', async () => {
    const owner = await sleeper();
    const start = { node: shop.node, module: 'timer', function: 'sleep', args: [elixir(':infinity')] };
    const pid = valueOf(await runtime.port.processes.start({ ...start, link: owner, name: 'expenses' }, inTime()));
    expect(await named(runtime, shop.node, 'expenses')).toEqual(pid);
    expect(await shop.rpc(shop.node, `process_info(list_to_pid("${pidText(pid)}"), links).`)).toBe(
      `{links,[${pidText(owner)}]}`,
    );
    const taken = await runtime.port.processes.start({ ...start, link: owner, name: 'expenses' }, inTime());
    expect(errorOf(taken)).toMatchObject({ code: 'name.taken', effect: 'none' });
    valueOf(await runtime.port.processes.exit({ pid: owner, reason: erlang('shutdown'), confirmMs: 1_000 }, inTime()));
    expect(await shop.rpc(shop.node, `is_process_alive(list_to_pid("${pidText(pid)}")).`)).toBe('false');
    const late = await runtime.port.processes.start({ ...start, link: owner }, inTime());
    expect(errorOf(late)).toMatchObject({ code: 'process.not_found', effect: 'none' });
    const kernel = await named(runtime, shop.node, 'kernel_sup');
    expect(errorOf(await runtime.port.processes.start({ ...start, link: kernel }, inTime()))).toMatchObject({
      code: 'process.protected',
    });
  });

  it('is monitored by an owner that can be told to, and by no other', async () => {
    const plain = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    const start = { node: shop.node, module: 'timer', function: 'sleep', args: [elixir(':infinity')] };
    const pid = valueOf(await runtime.port.processes.start({ ...start, monitoredBy: plain }, inTime()));
    expect(await shop.rpc(shop.node, `process_info(list_to_pid("${pidText(pid)}"), monitored_by).`)).toBe(
      `{monitored_by,[${pidText(plain)}]}`,
    );
    valueOf(await runtime.port.processes.exit({ pid, reason: erlang('kill'), confirmMs: 1_000 }, inTime()));
    expect(await shop.rpc(shop.node, "hd(gen_server:call('Elixir.Shop.Plain', received)).")).toContain("{'DOWN',");
    const owner = await sleeper();
    const before = await shop.rpc(shop.node, 'length(processes()).');
    expect(errorOf(await runtime.port.processes.start({ ...start, monitoredBy: owner }, inTime()))).toMatchObject({
      class: 'unsupported',
      effect: 'none',
    });
    expect(await shop.rpc(shop.node, 'length(processes()).')).toBe(before);
  });
});
