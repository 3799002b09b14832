/** Reports of supervisors and of crashes, recorded on live nodes whatever Elixir's Logger makes of them, in both tiers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentChoice } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import { printTerm } from '../../runtime/term/print.ts';
import type { Term } from '../../runtime/term/term.ts';
import { atom } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { connectShop, errorOf, inTime, named } from './shop.ts';

const print = (term: Term): string => printTerm(term, { syntax: 'erlang', maxLength: 2_000 });

describe.each(['load', 'interpret'] satisfies AgentChoice[])('with the agent by %s', (agent) => {
  let shop: Shop;
  let runtime: Runtime;
  beforeAll(async () => {
    shop = await startShop();
    runtime = await connectShop(shop, { agent, agentLingerMs: 200 });
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    await shop.stop();
  });
  const restartsOf = async (name: string) =>
    valueOf(
      await runtime.port.supervisors.restarts(
        { supervisor: await named(runtime, shop.node, name), limit: 100 },
        inTime(),
      ),
    );
  const filters = () => shop.rpc(shop.node, 'length(maps:get(filters, logger:get_primary_config())).');

  // @row T009.a1
  it('tells when, which child and why, since it was first asked', async () => {
    const began = Date.now();
    const filtersBefore = Number(await filters());
    const empty = await restartsOf('Elixir.Shop.Supervisor');
    expect(empty.restarts).toEqual([]);
    expect(Math.abs(empty.since - began)).toBeLessThan(5_000);
    expect(Number(await filters())).toBe(filtersBefore + 1);
    // A crash with a message of its own, twice; an exit; a temporary child, which nobody restarts; one of a dynamic supervisor.
    for (let times = 1; times <= 2; times += 1) {
      const pid = await named(runtime, shop.node, 'Elixir.Shop.Checkout');
      await shop.rpc(shop.node, "'Elixir.Shop.Checkout':crash().");
      await eventually(
        () => named(runtime, shop.node, 'Elixir.Shop.Checkout').catch(() => pid),
        (now) => now.id !== pid.id,
      );
    }
    await shop.rpc(shop.node, "exit(whereis('Elixir.Shop.Catalogue'), {shutdown, over}).");
    await shop.rpc(
      shop.node,
      `[{_, C, _, _} | _] = 'Elixir.DynamicSupervisor':which_children('Elixir.Shop.Carts'), exit(C, kill).`,
    );
    const { restarts } = await eventually(
      () => restartsOf('Elixir.Shop.Supervisor'),
      (said) => said.restarts.length >= 3,
    );
    expect(restarts.map(({ childId, count }) => [print(childId), count])).toEqual([
      ["'Elixir.Shop.Checkout'", 1],
      ["'Elixir.Shop.Checkout'", 2],
      ["'Elixir.Shop.Catalogue'", 1],
    ]);
    expect(print(restarts[0]?.reason ?? atom('none'))).toContain('the till is empty');
    expect(print(restarts[2]?.reason ?? atom('none'))).toBe('{shutdown,over}');
    for (const { at } of restarts) expect(at).toBeGreaterThanOrEqual(empty.since);
    const carts = await eventually(
      () => restartsOf('Elixir.Shop.Carts'),
      (said) => said.restarts.length === 1,
    );
    expect(print(carts.restarts[0]?.childId ?? atom('none'))).toBe("{'Elixir.Shop.Cart',start_link}");
    expect(print(carts.restarts[0]?.reason ?? atom('none'))).toBe('killed');
  });

  it('tells the crashes of processes, with what called what and where', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Checkout');
    await shop.rpc(shop.node, "'Elixir.Shop.Checkout':crash().");
    const read = async () => valueOf(await runtime.port.processes.crashes({ node: shop.node, limit: 10 }, inTime()));
    const { crashes } = await eventually(read, (said) => said.crashes[0]?.pid.id === pid.id);
    expect(crashes[0]).toMatchObject({
      pid,
      registeredName: 'Elixir.Shop.Checkout',
      initialCall: 'Elixir.Shop.Checkout:init/1',
      kind: 'error',
    });
    expect(crashes[0]?.stack[0]).toMatchObject({
      call: 'Elixir.Shop.Checkout:handle_cast/2',
      file: 'lib/shop/checkout.ex',
      line: 17,
    });
  });

  it('keeps a large reason as its beginning, and does not hold up whoever logs it', async () => {
    const pid = await named(runtime, shop.node, 'Elixir.Shop.Plain');
    await shop.rpc(shop.node, `exit(list_to_pid("${pidText(pid)}"), kill).`);
    await shop.rpc(
      shop.node,
      `proc_lib:spawn(fun() -> error({much, lists:seq(1, 1000000), binary:copy(<<"x">>, 10000000)}) end).`,
    );
    const read = async () => valueOf(await runtime.port.processes.crashes({ node: shop.node, limit: 1 }, inTime()));
    const { crashes } = await eventually(read, (said) => said.crashes[0]?.reason.t === 'text');
    const reason = print(crashes[0]?.reason ?? atom('none'));
    expect(reason).toContain('{much,[1,2,');
    expect(reason.length).toBeLessThan(2_000);
  });

  it('is told to a second window from the beginning, and ends with the last one', async () => {
    const first = await restartsOf('Elixir.Shop.Supervisor');
    const second = await connectShop(shop, { agent, agentLingerMs: 200 });
    const supervisor = await named(second, shop.node, 'Elixir.Shop.Supervisor');
    const same = valueOf(await second.port.supervisors.restarts({ supervisor, limit: 100 }, inTime()));
    expect(same.restarts.map(({ reason }) => reason)).toEqual(first.restarts.map(({ reason }) => reason));
    for (const [at, { at: wall }] of same.restarts.entries()) {
      expect(Math.abs(wall - (first.restarts[at]?.at ?? 0))).toBeLessThan(1_000);
    }
    await second.close();
    const last = await restartsOf('Elixir.Shop.Supervisor');
    expect(last.restarts.length).toBe(first.restarts.length);
    const withOurs = Number(await filters());
    await runtime.close();
    await eventually(filters, (many) => Number(many) === withOurs - 1, 10_000);
    runtime = await connectShop(shop, { agent: 'none' });
    const supervisorNow = await named(runtime, shop.node, 'Elixir.Shop.Supervisor');
    const none = await runtime.port.supervisors.restarts({ supervisor: supervisorNow, limit: 1 }, inTime());
    expect(errorOf(none)).toMatchObject({ class: 'unsupported', effect: 'none' });
  });
});
