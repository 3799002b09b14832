/** Acting on supervisors of a live Elixir node and of a live Erlang node: children started, ended, begun anew; flags changed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentChoice, ChildSpec, ProcessRef } from '../../runtime/model.ts';
import { pidText } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/port.ts';
import type { Term } from '../../runtime/term/term.ts';
import { atom, integer, nil, tuple } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { startShop } from '../fixtures/elixir-shop/start.mjs';
import { eventually, readAll } from '../port/portSuite.ts';
import { valueOf } from '../port/results.ts';
import { childrenOf, connectShop, errorOf, inTime, named, supervisorsOf } from './shop.ts';

let shop: Shop;
let runtime: Runtime;

const supervisor = (name: string): Promise<ProcessRef> => named(runtime, shop.node, name);

function book(childId: Term, change: Partial<ChildSpec> = {}): ChildSpec {
  return {
    childId,
    start: { module: 'shop_ledger', function: 'start_link', args: [atom('income')] },
    restart: 'permanent',
    shutdown: 1_000,
    type: 'worker',
    significant: false,
    ...change,
  };
}

/** Whose parent a process is, as the node itself says. */
const ancestorOf = (pid: ProcessRef): Promise<string> =>
  shop.rpc(
    shop.node,
    `{_, D} = process_info(list_to_pid("${pidText(pid)}"), dictionary), hd(proplists:get_value('$ancestors', D)).`,
  );

async function started(under: ProcessRef, spec: ChildSpec): Promise<ProcessRef> {
  const { pid } = valueOf(await runtime.port.supervisors.startChild({ supervisor: under, spec }, inTime()));
  if (pid === null) throw new Error('It has no process.');
  return pid;
}

describe.each(['load', 'interpret'] satisfies AgentChoice[])('with the agent by %s', (agent) => {
  beforeAll(async () => {
    shop = await startShop();
    runtime = await connectShop(shop, { agent });
  }, 60_000);
  afterAll(async () => {
    await runtime.close();
    await shop.stop();
  });

  describe('a child', () => {
    // @row OP-15
    it('is started under an Erlang supervisor, ended, begun anew and forgotten', async () => {
      const ledger = await supervisor('shop_ledger_sup');
      const childId = tuple(atom('income'), integer(2));
      const first = await started(ledger, book(childId));
      expect(await ancestorOf(first)).toBe('shop_ledger_sup');
      const { supervisors } = runtime.port;
      const again = await supervisors.startChild({ supervisor: ledger, spec: book(childId) }, inTime());
      expect(errorOf(again)).toMatchObject({ code: 'child.exists', class: 'conflict', effect: 'none' });
      const running = await supervisors.deleteChild({ supervisor: ledger, childId }, inTime());
      expect(errorOf(running)).toMatchObject({ code: 'child.running', class: 'conflict' });
      valueOf(await supervisors.terminateChild({ supervisor: ledger, child: { pid: first } }, inTime()));
      const rows = await childrenOf(runtime, ledger);
      expect(rows.find((row) => row.childId.t === 'tuple')?.state).toEqual({ is: 'undefined' });
      const { pid } = valueOf(await supervisors.restartChild({ supervisor: ledger, childId }, inTime()));
      expect(pid).not.toBeNull();
      expect(pid).not.toEqual(first);
      valueOf(await supervisors.terminateChild({ supervisor: ledger, child: { childId } }, inTime()));
      valueOf(await supervisors.deleteChild({ supervisor: ledger, childId }, inTime()));
      for (const act of [supervisors.deleteChild, supervisors.restartChild]) {
        expect(errorOf(await act({ supervisor: ledger, childId }, inTime()))).toMatchObject({
          code: 'child.not_found',
        });
      }
      expect((await childrenOf(runtime, ledger)).map((row) => row.childId)).toEqual([atom('income'), atom('expenses')]);
    });

    it('is restarted by the strategy of the supervisor it was started under', async () => {
      const ledger = await supervisor('shop_ledger_sup');
      const childId = tuple(atom('income'), integer(3));
      const first = await started(ledger, book(childId));
      const before = await childrenOf(runtime, ledger);
      const kill = { pid: first, reason: { term: atom('kill') }, confirmMs: 1_000 };
      valueOf(await runtime.port.processes.exit(kill, inTime()));
      // one_for_all: every one of them is another process now.
      const after = await childrenOf(runtime, ledger);
      expect(after.map((row) => row.childId)).toEqual(before.map((row) => row.childId));
      for (const [at, row] of after.entries()) {
        expect(row.state.is).toBe('running');
        expect(row.state).not.toEqual(before[at]?.state);
      }
      valueOf(await runtime.port.supervisors.terminateChild({ supervisor: ledger, child: { childId } }, inTime()));
      valueOf(await runtime.port.supervisors.deleteChild({ supervisor: ledger, childId }, inTime()));
    });

    it('is started and ended under a dynamic supervisor, which knows it by its process only', async () => {
      const carts = await supervisor('Elixir.Shop.Carts');
      const pid = await started(carts, book(atom('income'), { restart: 'temporary' }));
      expect(await ancestorOf(pid)).toBe("'Elixir.Shop.Carts'");
      const { supervisors } = runtime.port;
      for (const refused of [
        await supervisors.restartChild({ supervisor: carts, childId: atom('income') }, inTime()),
        await supervisors.deleteChild({ supervisor: carts, childId: atom('income') }, inTime()),
        await supervisors.terminateChild({ supervisor: carts, child: { childId: atom('income') } }, inTime()),
      ]) {
        expect(errorOf(refused)).toMatchObject({ code: 'supervisor.simple_one_for_one', effect: 'none' });
      }
      valueOf(await supervisors.terminateChild({ supervisor: carts, child: { pid } }, inTime()));
      expect(await shop.rpc(shop.node, `is_process_alive(list_to_pid("${pidText(pid)}")).`)).toBe('false');
      const gone = await supervisors.terminateChild({ supervisor: carts, child: { pid } }, inTime());
      expect(errorOf(gone)).toMatchObject({ code: 'child.not_found' });
    });

    it('of simple_one_for_one takes what is added to the arguments of the specification', async () => {
      // disk_log_sup of kernel is of that kind, with disk_log:istart_link/1 and no argument: but it is of kernel and let be.
      const kernels = await supervisor('kernel_safe_sup');
      const refused = await runtime.port.supervisors.startChild(
        { supervisor: kernels, spec: book(atom('x')) },
        inTime(),
      );
      expect(errorOf(refused)).toMatchObject({ code: 'process.protected', effect: 'none' });
      const pool = await simplePool();
      const spec = book(atom('any'), { start: { module: 'any', function: 'any', args: [atom('expenses')] } });
      const pid = await started(pool, spec);
      expect(await shop.rpc(shop.node, `sys:get_state(list_to_pid("${pidText(pid)}")).`)).toBe('{expenses,[]}');
      valueOf(await runtime.port.supervisors.terminateChild({ supervisor: pool, child: { pid } }, inTime()));
      expect(await childrenOf(runtime, pool)).toEqual([]);
    });

    it('is checked before anything is started, and makes no atom', async () => {
      const ledger = await supervisor('shop_ledger_sup');
      const count = () => shop.rpc(shop.node, 'erlang:system_info(atom_count).');
      const before = await count();
      const { startChild } = runtime.port.supervisors;
      const unknown = book(atom('income'), {
        start: { module: `never_${Date.now()}`, function: 'start_link', args: [] },
      });
      expect(errorOf(await startChild({ supervisor: ledger, spec: unknown }, inTime()))).toMatchObject({
        code: 'term.unknown_atom',
        effect: 'none',
      });
      const bad = book(atom('shop_ledger'), { shutdown: -1 });
      expect(errorOf(await startChild({ supervisor: ledger, spec: bad }, inTime()))).toMatchObject({
        code: 'child.bad_spec',
        class: 'validation',
      });
      const failing = book(atom('shop_ledger'), { start: { module: 'lists', function: 'sort', args: [nil] } });
      expect(errorOf(await startChild({ supervisor: ledger, spec: failing }, inTime()))).toMatchObject({
        code: 'child.start_failed',
        class: 'execution',
        effect: 'none',
      });
      const noSupervisor = await supervisor('Elixir.Shop.Plain');
      expect(
        errorOf(await startChild({ supervisor: noSupervisor, spec: book(atom('shop_ledger')) }, inTime())),
      ).toMatchObject({
        code: 'supervisor.not_one',
      });
      expect(await count()).toBe(before);
    });

    it('whose start does not return leaves it unknown what became of it', async () => {
      const tasks = await supervisor('Elixir.Shop.Tasks');
      const start = { module: 'timer', function: 'sleep', args: [integer(2_000)] };
      const spec = book(atom('sleep'), { start, restart: 'temporary' });
      const said = await runtime.port.supervisors.startChild({ supervisor: tasks, spec }, inTime(500));
      expect(errorOf(said)).toMatchObject({ class: 'timeout', effect: 'unknown' });
    });
  });

  /** A supervisor with simple_one_for_one, which lives until the suite ends. */
  async function simplePool(): Promise<ProcessRef> {
    const spec = `{ok, {#{strategy => simple_one_for_one}, [#{id => book, start => {shop_ledger, start_link, []}}]}}`;
    const told = await shop.rpc(
      shop.node,
      `Me = self(), spawn(fun() ->
       {ok, P} = supervisor:start_link({local, shop_pool}, 'Elixir.Supervisor.Default', ${spec}),
       Me ! started, receive after infinity -> P end end),
     receive started -> ok end.`,
    );
    expect(told).toBe('ok');
    return supervisor('shop_pool');
  }

  describe('the flags', () => {
    // @row OP-18
    // @row T008.a2, T008.d4, T008.a3
    it('of an Erlang supervisor are changed where they are what is expected, and no child is touched', async () => {
      const ledger = await supervisor('shop_ledger_sup');
      const { flags: read, setFlags } = runtime.port.supervisors;
      const expected = valueOf(await read({ supervisor: ledger }, inTime()));
      expect(expected.strategy).toBe('one_for_all');
      const before = await childrenOf(runtime, ledger);
      const flags = { ...expected, strategy: 'one_for_one', intensity: 7, periodSeconds: 11 } as const;
      expect(valueOf(await setFlags({ supervisor: ledger, expect: expected, flags }, inTime()))).toEqual(flags);
      expect(valueOf(await read({ supervisor: ledger }, inTime()))).toEqual(flags);
      expect(await childrenOf(runtime, ledger)).toEqual(before);
      const late = await setFlags({ supervisor: ledger, expect: expected, flags: expected }, inTime());
      expect(errorOf(late)).toMatchObject({
        code: 'supervisor.flags_changed',
        class: 'conflict',
        details: { now: flags },
      });
      // It does as it is told: only the one that ends is begun anew.
      const victim = before[0]?.state;
      if (victim?.is !== 'running') throw new Error('It does not run.');
      const kill = { pid: victim.pid, reason: { term: atom('kill') }, confirmMs: 1_000 };
      valueOf(await runtime.port.processes.exit(kill, inTime()));
      const after = await childrenOf(runtime, ledger);
      expect(after[0]?.state).not.toEqual(victim);
      expect(after[1]?.state).toEqual(before[1]?.state);
      valueOf(await setFlags({ supervisor: ledger, expect: flags, flags: expected }, inTime()));
    });

    it('of a dynamic supervisor are changed but for its strategy', async () => {
      const returns = await supervisor('Elixir.Shop.Returns');
      const { setFlags, flags: read } = runtime.port.supervisors;
      const expected = valueOf(await read({ supervisor: returns }, inTime()));
      const flags = { ...expected, intensity: 8 };
      expect(valueOf(await setFlags({ supervisor: returns, expect: expected, flags }, inTime()))).toEqual(flags);
      expect(await shop.rpc(shop.node, "maps:get(max_restarts, sys:get_state('Elixir.Shop.Returns')).")).toBe('8');
      const other = { ...flags, strategy: 'rest_for_one' } as const;
      const refused = await setFlags({ supervisor: returns, expect: flags, flags: other }, inTime());
      expect(errorOf(refused)).toMatchObject({ class: 'unsupported', effect: 'none' });
    });

    it('are refused where they cannot be, or would need the children kept in another form', async () => {
      const pool = await supervisor('shop_pool');
      const { setFlags, flags: read } = runtime.port.supervisors;
      const expected = valueOf(await read({ supervisor: pool }, inTime()));
      const refused = await setFlags(
        { supervisor: pool, expect: expected, flags: { ...expected, strategy: 'one_for_one' } },
        inTime(),
      );
      expect(errorOf(refused)).toMatchObject({ class: 'unsupported', effect: 'none' });
      const never = { ...expected, periodSeconds: 0 };
      expect(errorOf(await setFlags({ supervisor: pool, expect: expected, flags: never }, inTime()))).toMatchObject({
        code: 'supervisor.bad_flags',
        pointer: '/flags/periodSeconds',
      });
    });

    it('of a supervisor that is suspended stay as they are, also when it comes to itself later', async () => {
      const ledger = await supervisor('shop_ledger_sup');
      const { setFlags, flags: read } = runtime.port.supervisors;
      const expected = valueOf(await read({ supervisor: ledger }, inTime()));
      const asleep = 'erlang:suspend_process(whereis(shop_ledger_sup)), receive after 1500 -> ok end';
      await shop.rpc(shop.node, `spawn(fun() -> ${asleep} end).`);
      const flags = { ...expected, intensity: 1 };
      const said = await setFlags({ supervisor: ledger, expect: expected, flags }, inTime(600));
      expect(errorOf(said)).toMatchObject({ class: 'timeout' });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(valueOf(await read({ supervisor: ledger }, inTime()))).toEqual(expected);
    });
  });

  const owner = { principal: 'tester', client: 'suite', operation: 'start_supervisor', requestId: 'r1' };

  describe('a new supervisor', () => {
    const flags = { strategy: 'rest_for_one', intensity: 4, periodSeconds: 6, autoShutdown: 'never' } as const;
    const children = [book(atom('income')), book(atom('expenses'))];

    // @row OP-12
    it('is a child of the one it was started under, with its children, by its name', async () => {
      const parent = await supervisor('Elixir.Shop.Supervisor');
      const start = { node: shop.node, flags, children, parent, name: 'books', owner, lingerMs: 500 };
      expect(errorOf(await runtime.port.supervisors.start(start, inTime()))).toMatchObject({
        code: 'term.unknown_atom',
      });
      await shop.rpc(shop.node, 'books.');
      const pid = valueOf(await runtime.port.supervisors.start(start, inTime()));
      expect(await supervisor('books')).toEqual(pid);
      expect(valueOf(await runtime.port.supervisors.flags({ supervisor: pid }, inTime()))).toEqual(flags);
      expect((await childrenOf(runtime, pid)).map((row) => row.childId)).toEqual([atom('income'), atom('expenses')]);
      expect(await ancestorOf(pid)).toBe("'Elixir.Shop.Supervisor'");
      const taken = await runtime.port.supervisors.start(start, inTime());
      expect(errorOf(taken)).toMatchObject({ code: 'name.taken', effect: 'none' });
      // It holds without us, and is begun anew by its parent.
      const kill = { pid, reason: { term: atom('kill') }, confirmMs: 1_000 };
      valueOf(await runtime.port.processes.exit(kill, inTime()));
      const again = await eventually(
        () => supervisor('books').catch(() => pid),
        (now) => now.id !== pid.id,
      );
      expect((await childrenOf(runtime, again)).map((row) => row.state.is)).toEqual(['running', 'running']);
      const child = { supervisor: parent, childId: atom('books') };
      valueOf(
        await runtime.port.supervisors.terminateChild(
          { supervisor: parent, child: { childId: atom('books') } },
          inTime(),
        ),
      );
      valueOf(await runtime.port.supervisors.deleteChild(child, inTime()));
    });

    // @row OP-13
    it('without a parent is held for us, and ends in order when it is let go', async () => {
      const start = { node: shop.node, flags, children, owner, lingerMs: 500 };
      const pid = valueOf(await runtime.port.supervisors.start(start, inTime()));
      const [first] = await childrenOf(runtime, pid);
      const { holdings } = valueOf(await runtime.port.holdings.list({}, inTime()));
      expect(holdings).toMatchObject([{ kind: 'process', owner }]);
      valueOf(await runtime.port.holdings.release({ id: holdings[0]?.id ?? '' }, inTime()));
      expect(await shop.rpc(shop.node, `is_process_alive(list_to_pid("${pidText(pid)}")).`)).toBe('false');
      const state = first?.state;
      if (state?.is !== 'running') throw new Error('It had no child.');
      expect(await shop.rpc(shop.node, `is_process_alive(list_to_pid("${pidText(state.pid)}")).`)).toBe('false');
    });

    // @row OP-13
    it('is stopped, with its children in order, when it has no supervisor, whoever started it', async () => {
      const pid = valueOf(
        await runtime.port.supervisors.start({ node: shop.node, flags, children, owner, lingerMs: 500 }, inTime()),
      );
      // One that nobody started who could end it: its parent is itself.
      const lone = await shop.rpc(
        shop.node,
        `{ok, P} = gen_server:start(supervisor, {self, shop_ledger_sup, []}, []), P.`,
      );
      const found = await eventually(
        () => supervisorsOf(runtime, shop.node),
        (all) => all.some((row) => pidText(row.supervisor) === lone),
      );
      const alone = found.find((row) => pidText(row.supervisor) === lone)?.supervisor;
      if (alone === undefined) throw new Error('It is not found.');
      for (const one of [pid, alone]) {
        const reason = { term: atom('shutdown') };
        const signal = await runtime.port.processes.exit({ pid: one, reason, confirmMs: 100 }, inTime());
        expect(valueOf(signal)).toEqual({ outcome: 'survived' });
        const below = (await childrenOf(runtime, one)).map((row) => (row.state.is === 'running' ? row.state.pid : one));
        expect(below.length).toBe(2);
        const stopped = await runtime.port.supervisors.stop({ supervisor: one, confirmMs: 5_000 }, inTime());
        expect(valueOf(stopped)).toEqual({ outcome: 'exited', reason: atom('shutdown') });
        for (const gone of below) {
          expect(await shop.rpc(shop.node, `is_process_alive(list_to_pid("${pidText(gone)}")).`)).toBe('false');
        }
        const again = await runtime.port.supervisors.stop({ supervisor: one, confirmMs: 5_000 }, inTime());
        expect(errorOf(again)).toMatchObject({ class: 'not_found', effect: 'none' });
      }
    });

    it('whose specifications or children cannot be is told before anything is left', async () => {
      const before = await shop.rpc(shop.node, 'length(processes()).');
      const start = { node: shop.node, flags, owner, lingerMs: 500 };
      const twice = [book(atom('income')), book(atom('income'))];
      expect(errorOf(await runtime.port.supervisors.start({ ...start, children: twice }, inTime()))).toMatchObject({
        code: 'child.bad_spec',
        effect: 'none',
      });
      const failing = [
        book(atom('income')),
        book(atom('expenses'), { start: { module: 'lists', function: 'sort', args: [nil] } }),
      ];
      expect(errorOf(await runtime.port.supervisors.start({ ...start, children: failing }, inTime()))).toMatchObject({
        code: 'child.start_failed',
      });
      await eventually(
        () => shop.rpc(shop.node, 'length(processes()).'),
        (now) => now === before,
      );
    });
  });

  describe('very many children', () => {
    it('are paged through as they were when it began, and their supervisor is asked for them once', async () => {
      await shop.rpc(
        shop.node,
        `[{ok, _} = 'Elixir.DynamicSupervisor':start_child('Elixir.Shop.Returns', #{id => x, start => {shop_ledger, start_link, [income]}, restart => temporary}) || _ <- lists:seq(1, 5000)], ok.`,
      );
      const returns = await supervisor('Elixir.Shop.Returns');
      // What it was asked: the count, then the list, each once.
      await shop.rpc(shop.node, `sys:statistics('Elixir.Shop.Returns', true).`);
      const asked = async () =>
        Number(
          await shop.rpc(
            shop.node,
            `{ok, S} = sys:statistics('Elixir.Shop.Returns', get), proplists:get_value(messages_in, S).`,
          ),
        );
      const page = async (offset: number, limit: number) => {
        const { frames, end } = await readAll(
          runtime.port.supervisors.children({ supervisor: returns, offset, limit }, inTime()),
        );
        expect(valueOf(end).total).toBe(5_000);
        return frames.flat();
      };
      const all = await page(0, 5_000);
      expect(new Set(all.map((row) => (row.state.is === 'running' ? pidText(row.state.pid) : ''))).size).toBe(5_000);
      // Later pages are of the same list.
      expect(await page(4_990, 100)).toEqual(all.slice(4_990));
      const rest = [await page(1_000, 1_000), await page(2_000, 1_000), await page(3_000, 1_000)].flat();
      expect(rest).toEqual(all.slice(1_000, 4_000));
      expect(await asked()).toBe(1 + 1);
    });
  });
});
