/** Beginning processes anew with their state, and moving them to another node, on live nodes and in both tiers of the agent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentChoice, ChildSpec, ProcessRef } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { Term } from '../../runtime/term/term.ts';
import { atom, integer, tuple } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { loadPorters, owner, porter } from './porters.ts';
import { childrenOf, connectShop, errorOf, inTime, named } from './shop.ts';

/** For what comes by itself, on a machine that does other things too. */
const patienceMs = 60_000;

let shop: Shop;
let here = '';
let there = '';

beforeAll(async () => {
  shop = await startShop({ nodes: 2 });
  [here = '', there = ''] = shop.nodes;
  await loadPorters(shop, here);
  await loadPorters(shop, there);
}, 60_000);
afterAll(async () => {
  await shop.stop();
});

const state = (pid: ProcessRef): Promise<string> =>
  shop.rpc(pid.node, `sys:get_state(list_to_pid("${pidText(pid)}")).`);
const alive = (pid: ProcessRef): Promise<string> =>
  shop.rpc(pid.node, `is_process_alive(list_to_pid("${pidText(pid)}")).`);
/** A pid of one node, as another node's expression. */
const pidOn = (pid: ProcessRef): string =>
  `(case node() of '${pid.node}' -> list_to_pid("${pidText(pid)}"); _ -> rpc:call('${pid.node}', erlang, list_to_pid, ["${pidText(pid)}"]) end)`;

describe.each(['load', 'interpret'] satisfies AgentChoice[])('with the agent by %s', (agent) => {
  let runtime: Runtime;
  let lastId = 0;
  beforeAll(async () => {
    runtime = await connectShop(shop, { agent });
  });
  afterAll(async () => {
    await runtime.close();
  });

  async function start(under: string, how: Term, change: Partial<ChildSpec> = {}, node = here): Promise<ProcessRef> {
    lastId += 1;
    const supervisor = await named(runtime, node, under);
    const spec = porter(tuple(atom(`shop_here`), text(agent), integer(lastId)), how, change);
    const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor, spec }, inTime()));
    if (pid === null) throw new Error('It has no process.');
    return pid;
  }
  const text = (value: string): Term => ({ t: 'text', v: value });
  const migrate = (pid: ProcessRef, change: object = {}) =>
    runtime.port.processes.migrate(
      { pid, node: there, maxBytes: 1_000_000, forwardMs: 300, owner, lingerMs: 1_000, ...change },
      inTime(20_000),
    );
  const heldOn = async (pid: ProcessRef) =>
    valueOf(await runtime.port.holdings.list({}, inTime())).holdings.filter(({ target }) => target?.id === pid.id);
  const cast = (pid: ProcessRef, word: string) =>
    shop.rpc(pid.node, `gen_server:cast(list_to_pid("${pidText(pid)}"), ${word}).`);

  describe('a restart', () => {
    // @row OP-03
    it('through its supervisor begins fresh, or with the state it had', async () => {
      for (const under of ['shop_ledger_sup', 'Elixir.Shop.Carts']) {
        const pid = await start(under, atom('plain'));
        await cast(pid, 'shop_here');
        const kept = valueOf(await runtime.port.processes.restart({ pid, keepMaxBytes: 10_000 }, inTime()));
        expect(kept).toMatchObject({ state: 'kept', supervisor: await named(runtime, here, under) });
        expect(kept.pid).not.toEqual(pid);
        expect(await alive(pid)).toBe('false');
        expect(await state(kept.pid)).toBe('{plain,[shop_here]}');
        const fresh = valueOf(await runtime.port.processes.restart({ pid: kept.pid }, inTime()));
        expect(fresh.state).toBe('fresh');
        expect(await state(fresh.pid)).toBe('{plain,[]}');
        const children = await childrenOf(runtime, fresh.supervisor);
        expect(children.flatMap((row) => (row.state.is === 'running' ? [row.state.pid] : []))).toContainEqual(
          fresh.pid,
        );
        const child = { supervisor: fresh.supervisor, child: { pid: fresh.pid } };
        valueOf(await runtime.port.supervisors.terminateChild(child, inTime()));
      }
    });

    it('is refused before anything is done, where the state cannot be kept or nobody could start it', async () => {
      for (const how of ['reference', 'table', 'fun', 'dictionary']) {
        const pid = await start('shop_ledger_sup', atom(how));
        const refused = await runtime.port.processes.restart({ pid, keepMaxBytes: 10_000 }, inTime());
        expect(errorOf(refused), how).toMatchObject({ class: 'unsupported', effect: 'none' });
        expect(await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received).`)).toBe('[]');
        valueOf(await runtime.port.processes.restart({ pid }, inTime()));
        const supervisor = await named(runtime, here, 'shop_ledger_sup');
        const rows = await childrenOf(runtime, supervisor);
        const childId = rows.at(-1)?.childId ?? atom('none');
        valueOf(await runtime.port.supervisors.terminateChild({ supervisor, child: { childId } }, inTime()));
        valueOf(await runtime.port.supervisors.deleteChild({ supervisor, childId }, inTime()));
      }
      const large = await start('Elixir.Shop.Carts', tuple(atom('large'), integer(5_000)));
      const tooLarge = await runtime.port.processes.restart({ pid: large, keepMaxBytes: 1_000 }, inTime());
      expect(errorOf(tooLarge)).toMatchObject({ code: 'process.state_too_large', effect: 'none' });
      const root = await named(runtime, here, 'Elixir.Shop.Supervisor');
      expect(errorOf(await runtime.port.processes.restart({ pid: root }, inTime()))).toMatchObject({
        class: 'unsupported',
        effect: 'none',
      });
      expect(await alive(root)).toBe('true');
    });

    // @row OP-21
    it('of a supervisor begins it anew with its children', async () => {
      const pid = await named(runtime, here, 'Elixir.Shop.Warehouse');
      const { pid: anew } = valueOf(await runtime.port.processes.restart({ pid }, inTime()));
      expect(anew).toEqual(await named(runtime, here, 'Elixir.Shop.Warehouse'));
      expect(anew).not.toEqual(pid);
      expect((await childrenOf(runtime, anew)).map((row) => row.state.is)).toEqual(['running', 'running', 'running']);
    });
  });

  describe('a state that is kept', () => {
    // @row T015.d2
    it('is handed to a new child, on another node too, and is a holding until it is let go', async () => {
      const pid = await start('Elixir.Shop.Carts', atom('plain'));
      await cast(pid, 'porter_a');
      const kept = valueOf(
        await runtime.port.processes.stateHandle({ pid, maxBytes: 10_000, owner, lingerMs: 1_000 }, inTime()),
      );
      expect(kept).toMatchObject({ portable: 'yes' });
      await cast(pid, 'porter_b');
      const supervisor = await named(runtime, there, 'Elixir.Shop.Carts');
      const spec = porter(atom('any'), atom('plain'), { restart: 'temporary' });
      const initialState = { handle: kept.handle };
      const { startChild } = runtime.port.supervisors;
      const started = valueOf(await startChild({ supervisor, spec, initialState }, inTime()));
      expect(started.pid === null ? '' : await state(started.pid)).toBe('{plain,[porter_a]}');
      const { holdings } = valueOf(await runtime.port.holdings.list({}, inTime()));
      expect(holdings).toContainEqual(expect.objectContaining({ id: kept.handle, kind: 'state', target: pid }));
      expect(valueOf(await runtime.port.holdings.release({ id: kept.handle }, inTime()))).toEqual({ wasHeld: true });
      const late = await startChild({ supervisor, spec, initialState }, inTime());
      expect(errorOf(late)).toMatchObject({ code: 'state.not_held', effect: 'none' });
      // Let go of by another window, which this one is not told of before it asks.
      const lost = valueOf(
        await runtime.port.processes.stateHandle({ pid, maxBytes: 10_000, owner, lingerMs: 1_000 }, inTime()),
      );
      const other = await connectShop(shop, { agent });
      expect(valueOf(await other.port.holdings.release({ id: lost.handle }, inTime()))).toEqual({ wasHeld: true });
      await other.close();
      const children = await childrenOf(runtime, supervisor);
      const later = await startChild({ supervisor, spec, initialState: { handle: lost.handle } }, inTime());
      expect(errorOf(later)).toMatchObject({ code: 'state.not_held', effect: 'none' });
      expect(await childrenOf(runtime, supervisor)).toEqual(children);
      const held = await start('Elixir.Shop.Carts', atom('reference'));
      const what = { pid: held, maxBytes: 10_000, owner, lingerMs: 1_000 };
      const bound = valueOf(await runtime.port.processes.stateHandle(what, inTime()));
      expect(bound.portable).toEqual({ not: ['1 references'] });
      valueOf(await runtime.port.holdings.release({ id: bound.handle }, inTime()));
    });
  });

  describe('a migration', () => {
    // @row OP-08
    it.each(['shop_ledger_sup', 'Elixir.Shop.Carts'])(
      'under %s carries an equal state, and forwards',
      async (under) => {
        const pid = await start(under, atom('plain'));
        await cast(pid, 'porter_a');
        const moved = valueOf(await migrate(pid, { forwardMs: 600_000 }));
        expect(moved.pid.node).toBe(there);
        expect(moved.supervisor).toEqual(await named(runtime, there, under));
        expect(moved.steps.map(({ step }) => step)).toEqual(['suspended', 'started', 'placed', 'switched', 'resumed']);
        expect(moved.pauseMs).toBeGreaterThan(0);
        expect(await state(moved.pid)).toBe('{plain,[porter_a]}');
        // Whoever still has the old pid reaches the new process, also with calls.
        await cast(pid, 'porter_b');
        expect(await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), where).`)).toBe(`'${there}'`);
        expect(await state(moved.pid)).toBe('{plain,[porter_b,porter_a]}');
        const { holdings } = valueOf(await runtime.port.holdings.list({}, inTime()));
        expect(holdings).toContainEqual(expect.objectContaining({ id: moved.forwarder, kind: 'process', target: pid }));
        // Let go, it is taken out of its supervisor, which starts no other.
        valueOf(await runtime.port.holdings.release({ id: moved.forwarder }, inTime()));
        await eventually(
          () => alive(pid),
          (is) => is === 'false',
          patienceMs,
        );
        const left = await childrenOf(runtime, await named(runtime, here, under));
        expect(left.map((row) => row.childId)).not.toContainEqual(
          tuple(atom('shop_here'), text(agent), integer(lastId)),
        );
        expect(left.flatMap((row) => (row.state.is === 'running' ? [row.state.pid] : []))).not.toContainEqual(pid);
        expect(await heldOn(pid)).toEqual([]);
        // Its new supervisor holds it: it is begun anew there when it ends.
        const before = await childrenOf(runtime, moved.supervisor);
        const kill = { pid: moved.pid, reason: { term: atom('kill') }, confirmMs: 1_000 };
        valueOf(await runtime.port.processes.exit(kill, inTime()));
        const count = async () =>
          (await childrenOf(runtime, moved.supervisor)).filter((row) => row.state.is === 'running').length;
        await eventually(count, (many) => many === before.length, patienceMs);
        expect(await state(moved.pid)).toContain('noproc');
      },
    );

    // @row T015.a1, T015.a2
    it('loses no message of those who go on sending, and keeps each sender’s order', async () => {
      const pid = await start('shop_ledger_sup', atom('plain'));
      await shop.rpc(
        here,
        `P = list_to_pid("${pidText(pid)}"),
         [spawn(fun() -> [begin gen_server:cast(P, {S, N}), N rem 20 =:= 0 andalso timer:sleep(1) end || N <- lists:seq(1, 2000)] end) || S <- [1, 2, 3]], ok.`,
      );
      const moved = valueOf(await migrate(pid, { forwardMs: 600_000 }));
      const all = `lists:sort(lists:flatten([[{S, N} || N <- lists:seq(1, 2000)] || S <- [1, 2, 3]]))`;
      const got = () =>
        shop.rpc(
          there,
          `{_, L} = sys:get_state(${pidOn(moved.pid)}), {length(L), lists:sort(L) =:= ${all},
           lists:all(fun(S) -> [N || {S1, N} <- lists:reverse(L), S1 =:= S] =:= lists:seq(1, 2000) end, [1, 2, 3])}.`,
        );
      await eventually(got, (said) => said.startsWith('{6000,'), patienceMs);
      expect(await got()).toBe('{6000,true,true}');
      valueOf(await runtime.port.holdings.release({ id: moved.forwarder }, inTime()));
      await eventually(
        () => alive(pid),
        (is) => is === 'false',
        patienceMs,
      );
    });

    it('leaves nothing behind when the forwarder is killed, and its supervisor begins it anew', async () => {
      const pid = await start('shop_ledger_sup', atom('plain'));
      const moved = valueOf(await migrate(pid, { forwardMs: 60_000 }));
      await shop.rpc(here, `exit(list_to_pid("${pidText(pid)}"), kill).`);
      const supervisor = await named(runtime, here, 'shop_ledger_sup');
      const childId = tuple(atom('shop_here'), text(agent), integer(lastId));
      await eventually(
        async () => (await childrenOf(runtime, supervisor)).map((row) => row.childId),
        (ids) => !ids.some((id) => JSON.stringify(id) === JSON.stringify(childId)),
        patienceMs,
      );
      await eventually(
        () => heldOn(pid),
        (held) => held.length === 0,
        patienceMs,
      );
      expect(await state(moved.pid)).toBe('{plain,[]}');
      const gone = await runtime.port.processes.restart({ pid }, inTime());
      expect(errorOf(gone)).toMatchObject({ code: 'process.not_found', effect: 'none' });
    });

    it.each([
      ['module, function and arguments', '[lists, seq, [1, 3]]'],
      ['a function', '[fun() -> [1, 2, 3] end]'],
    ])('carries an Agent of Elixir that was started by %s', async (_, args) => {
      const spec = `#{id => agent, start => {'Elixir.Agent', start_link, ${args}}}`;
      const started = await shop.rpc(
        here,
        `{ok, A} = 'Elixir.DynamicSupervisor':start_child('Elixir.Shop.Carts', ${spec}), ok = 'Elixir.Agent':update(A, lists, append, [[4]]), A.`,
      );
      const carts = await childrenOf(runtime, await named(runtime, here, 'Elixir.Shop.Carts'));
      const pid = carts
        .flatMap((row) => (row.state.is === 'running' ? [row.state.pid] : []))
        .find((running) => pidText(running) === started);
      if (pid === undefined) throw new Error('It is no cart.');
      // Its initial call is what made its first state: no module that is a behaviour's.
      expect(await shop.rpc(here, `element(1, proc_lib:translate_initial_call(list_to_pid("${started}"))).`)).toMatch(
        /^(lists|erl_eval)$/,
      );
      const kept = valueOf(await runtime.port.processes.restart({ pid, keepMaxBytes: 10_000 }, inTime()));
      expect([kept.state, await state(kept.pid)]).toEqual(['kept', '[1,2,3,4]']);
      const moved = valueOf(await migrate(kept.pid, { forwardMs: 600_000 }));
      expect(moved.supervisor).toEqual(await named(runtime, there, 'Elixir.Shop.Carts'));
      expect(await shop.rpc(here, `'Elixir.Agent':get(list_to_pid("${pidText(kept.pid)}"), lists, sum, []).`)).toBe(
        '10',
      );
      expect(await state(moved.pid)).toBe('[1,2,3,4]');
      valueOf(await runtime.port.holdings.release({ id: moved.forwarder }, inTime()));
      const child = { supervisor: moved.supervisor, child: { pid: moved.pid } };
      valueOf(await runtime.port.supervisors.terminateChild(child, inTime()));
    });

    it('carries a state machine, unless it waits for a time', async () => {
      const start_ = { module: 'shop_gate', function: 'start_link', args: [] };
      const pid = await start('Elixir.Shop.Carts', atom('plain'), { start: start_ });
      await shop.rpc(here, `gen_statem:call(list_to_pid("${pidText(pid)}"), {let_in, 7}).`);
      const moved = valueOf(await migrate(pid));
      expect(await state(moved.pid)).toBe('{open,#{7 => true}}');
      const waiting = await start('Elixir.Shop.Carts', atom('plain'), { start: start_ });
      await shop.rpc(here, `gen_statem:call(list_to_pid("${pidText(waiting)}"), later).`);
      const refused = errorOf(await migrate(waiting));
      expect(refused).toMatchObject({ class: 'unsupported', effect: 'none' });
      expect(refused.message).toContain('1 timers');
      expect(await shop.rpc(here, `gen_statem:call(list_to_pid("${pidText(waiting)}"), {let_in, 1}).`)).toBe('ok');
    });

    it('is refused with what keeps it where it is, and then it runs on as before', async () => {
      const mine = await childrenOf(runtime, await named(runtime, there, 'Elixir.Shop.Carts'));
      for (const [how, what] of [
        ['reference', 'references'],
        ['table', 'ETS tables'],
        ['fun', 'funs'],
        ['dictionary', 'dictionary'],
      ]) {
        const pid = await start('Elixir.Shop.Carts', atom(how ?? ''));
        const refused = errorOf(await migrate(pid));
        expect(refused, how).toMatchObject({ class: 'unsupported', effect: 'none' });
        expect(refused.message).toContain(what);
        await cast(pid, 'porter_a');
        expect(await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received).`)).toBe('[porter_a]');
        const supervisor = await named(runtime, here, 'Elixir.Shop.Carts');
        valueOf(await runtime.port.supervisors.terminateChild({ supervisor, child: { pid } }, inTime()));
      }
      const large = await start('Elixir.Shop.Carts', tuple(atom('large'), integer(5_000)));
      expect(errorOf(await migrate(large, { maxBytes: 1_000 }))).toMatchObject({ code: 'process.state_too_large' });
      const plain = await named(runtime, here, 'Elixir.Shop.Supervisor');
      expect(errorOf(await migrate(plain))).toMatchObject({ class: 'unsupported', effect: 'none' });
      const busy = await start('Elixir.Shop.Carts', atom('plain'));
      expect(errorOf(await migrate(busy, { node: here }))).toMatchObject({ code: 'process.same_node' });
      expect(await childrenOf(runtime, await named(runtime, there, 'Elixir.Shop.Carts'))).toEqual(mine);
    });

    it('of one that is at work for too long is given up, and it works on', async () => {
      const pid = await start('Elixir.Shop.Carts', atom('plain'));
      await shop.rpc(
        here,
        `spawn(fun() -> gen_server:call(list_to_pid("${pidText(pid)}"), {work, 8000}, infinity) end), timer:sleep(50).`,
      );
      const move = { pid, node: there, maxBytes: 1_000_000, forwardMs: 0, owner, lingerMs: 500 };
      const busy = errorOf(await runtime.port.processes.migrate(move, inTime(2_000)));
      expect(['none', 'unknown']).toContain(busy.effect);
      // The suspension that it had no time for is taken back as well.
      expect(
        await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received, ${String(patienceMs)}).`),
      ).toBe('[]');
      await eventually(
        () => heldOn(pid),
        (held) => held.length === 0,
        patienceMs,
      );
      expect(await shop.rpc(here, `process_info(list_to_pid("${pidText(pid)}"), current_function).`)).toContain('loop');
    });

    it('of more than our tasks may hold is cut off, and the guard lets it run on', async () => {
      const pid = await start('Elixir.Shop.Carts', tuple(atom('list'), integer(3_000_000)));
      const cut = errorOf(await migrate(pid, { maxBytes: 100_000_000 }));
      expect(cut).toMatchObject({ code: 'process.migration_lost', effect: 'none' });
      expect(cut.details).toMatchObject({ cause: 'agent.task_killed' });
      expect(await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received).`)).toBe('[]');
      const supervisor = await named(runtime, here, 'Elixir.Shop.Carts');
      valueOf(await runtime.port.supervisors.terminateChild({ supervisor, child: { pid } }, inTime()));
    });

    // @row T015.d4
    it('is undone when the other side cannot start it, and nothing of it is left', async () => {
      // The id is taken there.
      const childId = tuple(atom('shop_there'), text(agent));
      const supervisorHere = await named(runtime, here, 'shop_ledger_sup');
      const supervisorThere = await named(runtime, there, 'shop_ledger_sup');
      const spec = porter(childId, atom('plain'));
      const { pid } = valueOf(
        await runtime.port.supervisors.startChild({ supervisor: supervisorHere, spec }, inTime()),
      );
      valueOf(await runtime.port.supervisors.startChild({ supervisor: supervisorThere, spec }, inTime()));
      if (pid === null) throw new Error('It has no process.');
      await cast(pid, 'porter_a');
      const before = await childrenOf(runtime, supervisorThere);
      expect(errorOf(await migrate(pid))).toMatchObject({ code: 'process.not_done', effect: 'none' });
      expect(await childrenOf(runtime, supervisorThere)).toEqual(before);
      await cast(pid, 'porter_b');
      expect(await shop.rpc(here, `gen_server:call(list_to_pid("${pidText(pid)}"), received).`)).toBe(
        '[porter_a,porter_b]',
      );
      expect(await heldOn(pid)).toEqual([]);
    });

    it('moves global names, lent to the new process when it takes them as it starts', async () => {
      const start_ = { module: 'shop_porter', function: 'start_global', args: [atom('plain')] };
      const pid = await start('Elixir.Shop.Carts', atom('plain'), { start: start_ });
      await shop.rpc(here, 'gen_server:cast({global, shop_porter}, porter_a).');
      const moved = valueOf(await migrate(pid));
      expect(moved.names).toEqual([{ name: { in: 'global', name: atom('shop_porter') }, moved: true }]);
      expect(moved.namesGapMs).toBeGreaterThan(0);
      for (const node of shop.nodes) {
        expect(await shop.rpc(node, `gen_server:call({global, shop_porter}, where).`)).toBe(`'${there}'`);
      }
      expect(await state(moved.pid)).toBe('{plain,[porter_a]}');
      const child = { supervisor: moved.supervisor, child: { pid: moved.pid } };
      valueOf(await runtime.port.supervisors.terminateChild(child, inTime()));
    });

    it('names local processes that the state knows, and lets them go on', async () => {
      const pid = await start('Elixir.Shop.Carts', atom('local_pid'));
      const moved = valueOf(await migrate(pid));
      expect(moved.left.localPids).toBe(1);
    });
  });
});
