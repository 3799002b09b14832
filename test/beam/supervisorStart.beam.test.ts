/** Supervisors whose start never comes to its end, on live nodes: given up, or lost with our connection, they leave nothing behind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { specTerm } from '../../runtime/beam/adapter/childSpecs.ts';
import { connectBeam } from '../../runtime/beam/beamRuntime.ts';
import { callOptions } from '../../runtime/callOptions.ts';
import type { AgentChoice, ChildSpec, ProcessRef } from '../../runtime/model.ts';
import type { CallOptions, Runtime } from '../../runtime/port.ts';
import { map } from '../../runtime/term/order.ts';
import { atom, list, tuple } from '../../runtime/term/term.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { LiveNode } from '../harness/erlang.ts';
import { startElixir, startErlang, stopAll } from '../harness/erlang.ts';
import { valueOf } from '../port/results.ts';
import { closeWindows, guard, openWindow, owner } from './agentKit.ts';
import { loading } from './erlangModule.ts';
import { errorOf, freshLeaseDir } from './shop.ts';

/**
 * What begins is written down in a table. All of them trap exits; `never` does not return from its init, nor does the start of `bare`,
 * which runs in its supervisor and leaves a process there that proc_lib does not know.
 */
const stuck = `-module(stuck).
  -export([begin_book/0, start_link/1, start_tree/1, start_bare/0, init/1, handle_call/3, handle_cast/2]).
  begin_book() ->
    Me = self(),
    spawn(fun() -> ets:new(stuck, [named_table, public]), Me ! written, receive after infinity -> ok end end),
    receive written -> ok end.
  start_link(How) -> gen_server:start_link(?MODULE, How, []).
  start_tree(Hows) -> supervisor:start_link(?MODULE, {tree, Hows}).
  start_bare() ->
    spawn_link(fun() -> process_flag(trap_exit, true), ets:insert(stuck, {self(), bare}), receive after infinity -> ok end end),
    receive {never, comes} -> ok end.
  init({tree, Hows}) ->
    ets:insert(stuck, {self(), tree}),
    {ok, {#{}, [#{id => How, start => {?MODULE, start_link, [How]}} || How <- Hows]}};
  init(How) ->
    process_flag(trap_exit, true),
    ets:insert(stuck, {self(), How}),
    How =:= never andalso receive after infinity -> ok end,
    {ok, How}.
  handle_call(_, _, State) -> {reply, ok, State}.
  handle_cast(_, State) -> {noreply, State}.`;

type Tree = { readonly children: readonly ChildSpec[]; readonly begun: string };

const child = (childId: string, name: string, args: readonly Term[]): ChildSpec => ({
  childId: atom(childId),
  start: { module: 'stuck', function: name, args },
  restart: 'permanent',
  shutdown: 5_000,
  type: name === 'start_tree' ? 'supervisor' : 'worker',
  significant: false,
});
const quick = child('quick', 'start_link', [atom('quick')]);
/** By what hangs in them; `begun` is what is written down when they do. */
const trees: Readonly<Record<string, Tree>> = {
  'an init that never returns': {
    children: [quick, child('never', 'start_link', [atom('never')])],
    begun: '[never,quick]',
  },
  'the supervisor below it': {
    children: [quick, child('tree', 'start_tree', [list([atom('quick'), atom('never')])])],
    begun: '[never,quick,quick,tree]',
  },
  'a start that runs in the supervisor itself': {
    children: [quick, child('bare', 'start_bare', [])],
    begun: '[bare,quick]',
  },
};
const flags = { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never' } as const;
const patience = { timeout: 60_000, interval: 20 };
const longestMs = 180_000;

/** Has an Elixir node evaluate Erlang, as its console does Elixir. */
function inErlang(node: LiveNode): LiveNode {
  const evaluated = (code: string): string => `
    {:ok, tokens, _} = :erl_scan.string(String.to_charlist(Base.decode64!("${Buffer.from(code).toString('base64')}")))
    {:ok, expressions} = :erl_parse.parse_exprs(tokens)
    {:value, value, _} = :erl_eval.exprs(expressions, [])
    IO.iodata_to_binary(:io_lib.format("~0tp", [value]))`;
  return { ...node, eval: async (code) => String(JSON.parse(await node.eval(evaluated(code)))) };
}

const nodes = {
  Erlang: () => startErlang({ name: 'hangs', cookie: 'crumbs' }),
  Elixir: async () => inErlang(await startElixir({ name: 'hangs_too', cookie: 'crumbs' })),
};

describe.each([
  ['Erlang', 'load'],
  ['Elixir', 'load'],
  // Interpreted, no code of ours can be the supervisor's callback module; Elixir has one.
  ['Elixir', 'interpret'],
] satisfies readonly (readonly [keyof typeof nodes, AgentChoice])[])('on a live %s node, by %s', (language, agent) => {
  let node: LiveNode;
  let runtime: Runtime;
  beforeAll(async () => {
    node = await nodes[language]();
    await node.eval(`${loading(stuck)}.`);
    await node.eval('stuck:begin_book().');
    await node.eval('[hung_sup, quick, never, tree, bare].');
  }, 60_000);
  beforeEach(async () => {
    const { node: name, cookie, epmdPort } = node;
    const joined = { id: 'h', node: name, cookie, epmd: { port: epmdPort }, leaseDir: freshLeaseDir() };
    runtime = valueOf(await connectBeam({ ...joined, agent, agentLingerMs: 300 }));
  });
  afterEach(async () => {
    await runtime.close();
    await closeWindows();
    await node.eval('ets:delete_all_objects(stuck).');
  });
  afterAll(stopAll);

  const begun = () => node.eval('lists:sort([How || {_, How} <- ets:tab2list(stuck)]).');
  const living = () => node.eval('[How || {P, How} <- ets:tab2list(stuck), is_process_alive(P)].');
  const named = () => node.eval('whereis(hung_sup).');
  const start = (children: readonly ChildSpec[], options: CallOptions) =>
    runtime.port.supervisors.start(
      { node: node.node, flags, children, name: 'hung_sup', owner, lingerMs: 600_000 },
      options,
    );

  async function nothingIsLeft(): Promise<void> {
    await expect.poll(living, patience).toBe('[]');
    // Its name is given back when the supervisor ends: after its children.
    await expect.poll(named, patience).toBe('undefined');
  }

  it.each(Object.entries(trees))(
    '%s ends with what was started before it when the caller gives up',
    async (_, tree) => {
      const caller = new AbortController();
      const starting = start(tree.children, callOptions(longestMs, caller.signal));
      await expect.poll(begun, patience).toBe(tree.begun);
      expect(await named()).not.toBe('undefined');
      caller.abort();
      expect(errorOf(await starting).class).toBe('cancelled');
      await nothingIsLeft();
      // Its name is free, and the node as it was: the same is started when nothing hangs.
      await node.eval('ets:delete_all_objects(stuck).');
      const again = valueOf(await start([quick], callOptions(60_000)));
      expect(await living()).toBe('[quick]');
      const { holdings } = valueOf(await runtime.port.holdings.list({}, callOptions(60_000)));
      expect(holdings).toMatchObject([{ target: again }]);
      valueOf(await runtime.port.holdings.release({ id: holdings[0]?.id ?? '' }, callOptions(60_000)));
      await nothingIsLeft();
    },
    longestMs,
  );

  // @row OP-12
  it(
    'a start that never returns ends when the time of the call is over, with all it started',
    async () => {
      const [tree] = Object.values(trees);
      const said = await start(tree?.children ?? [], callOptions(5_000));
      expect(errorOf(said)).toMatchObject({ class: 'timeout', effect: 'unknown' });
      expect(await begun()).toBe(tree?.begun);
      await nothingIsLeft();
    },
    longestMs,
  );

  describe('a child of a supervisor of the user', () => {
    const lives = () => node.eval('is_process_alive(whereis(hung_sup)).');
    let supervisor: ProcessRef;
    beforeEach(async () => {
      await node.eval(`begin
        Me = self(),
        spawn(fun() -> supervisor:start_link({local, hung_sup}, stuck, {tree, []}), Me ! started, receive stop -> ok end end),
        receive started -> ok end end.`);
      const target = { name: { in: 'local', node: node.node, name: 'hung_sup' } } as const;
      const found = await runtime.port.names.resolve({ target, seenFrom: node.node }, callOptions(60_000));
      supervisor = valueOf(found).pid;
      const sibling = { supervisor, spec: quick };
      valueOf(await runtime.port.supervisors.startChild(sibling, callOptions(60_000)));
      await node.eval('ets:delete_all_objects(stuck).');
    });
    afterEach(async () => {
      await node.eval('exit(whereis(hung_sup), kill).');
      await expect.poll(named, patience).toBe('undefined');
    });
    const starting = (spec: ChildSpec, options: CallOptions) =>
      runtime.port.supervisors.startChild({ supervisor, spec }, options);

    it.each([
      ['itself', child('never', 'start_link', [atom('never')]), '[never]'],
      ['below it', child('tree', 'start_tree', [list([atom('quick'), atom('never')])]), '[never,quick,tree]'],
    ])(
      'that hangs (%s) ends when the caller gives up, and its supervisor goes on',
      async (_, spec, hanging) => {
        const caller = new AbortController();
        const given = starting(spec, callOptions(longestMs, caller.signal));
        await expect.poll(begun, patience).toBe(hanging);
        caller.abort();
        expect(errorOf(await given)).toMatchObject({ class: 'cancelled', effect: 'unknown' });
        await expect.poll(living, patience).toBe('[]');
        const other = { ...quick, childId: atom('bare') };
        valueOf(await starting(other, callOptions(60_000)));
        const { active, specs } = valueOf(await runtime.port.supervisors.count({ supervisor }, callOptions(60_000)));
        expect([active, specs]).toEqual([2, 2]);
      },
      longestMs,
    );

    it(
      'that hangs ends when the connection is lost',
      async () => {
        const given = starting(child('never', 'start_link', [atom('never')]), callOptions(longestMs));
        await expect.poll(begun, patience).toBe('[never]');
        await runtime.close();
        expect(errorOf(await given).effect).toBe('unknown');
        await expect.poll(living, patience).toBe('[]');
        expect(await lives()).toBe('true');
      },
      longestMs,
    );
  });

  it.each(['the connection', 'the agent', 'the agent and its guard'])(
    'it ends when %s is lost',
    async (lost) => {
      const window = await openWindow(node, { choice: agent, lingerMs: 300 });
      const tree = trees['the supervisor below it'];
      const told = tuple(atom('ok'), tuple(map([]), list((tree?.children ?? []).map(specTerm))));
      const holding = { kind: 'process', target: null, owner, lingerMs: 300 } as const;
      await window.task({ kind: 'supervisor', args: [atom('hung_sup'), told], holding });
      await expect.poll(begun, patience).toBe(tree?.begun);
      if (lost === 'the connection') window.lose();
      else {
        const agents =
          '[P || N <- registered(), lists:prefix("arsenal_agent_", atom_to_list(N)), P <- [whereis(N)], is_pid(P)]';
        await node.eval(`[exit(P, kill) || P <- [${lost === 'the agent' ? '' : guard}] ++ ${agents}].`);
      }
      await nothingIsLeft();
    },
    longestMs,
  );
});
