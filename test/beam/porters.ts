/** Servers to begin anew and to move, loaded into the nodes of a shop. */
import { expect } from 'vitest';
import type { ChildSpec, HoldingOwner } from '../../runtime/model.ts';
import type { Term } from '../../runtime/term/term.ts';
import type { Shop } from '../fixtures/elixir-shop/start.mjs';
import { loading } from './erlangModule.ts';

export const owner: HoldingOwner = {
  principal: 'tester',
  client: 'suite',
  operation: 'migrate_process',
  requestId: 'r1',
};

/** A server that keeps what it is sent in order, told in the start what else it holds; and a state machine likewise. */
const modules = [
  `-module(shop_porter).
   -behaviour(gen_server).
   -export([start_link/1, start_global/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).
   start_link(How) -> gen_server:start_link(?MODULE, How, []).
   start_global(How) -> gen_server:start_link({global, shop_porter}, ?MODULE, How, []).
   init(plain) -> {ok, {plain, []}};
   init(local_pid) -> {ok, {whereis(init), []}};
   init(reference) -> {ok, {make_ref(), []}};
   init(table) -> ets:new(shop_porter, []), {ok, {plain, []}};
   init('fun') -> {ok, {fun() -> ok end, []}};
   init(dictionary) -> put(shop, porter), {ok, {plain, []}};
   init({large, Bytes}) -> {ok, {binary:copy(<<"x">>, Bytes), []}};
   init({list, N}) -> {ok, {lists:seq(1, N), []}};
   init({gated, Ms}) ->
     case whereis(shop_gate_keeper) of
       undefined -> ok;
       Keeper -> Keeper ! {begun, self()}, Ref = monitor(process, Keeper), receive {'DOWN', Ref, _, _, _} -> ok after Ms -> ok end
     end,
     {ok, {plain, []}}.
   handle_call(received, _From, {_, Received} = State) -> {reply, lists:reverse(Received), State};
   handle_call(hibernate, _From, State) -> {reply, ok, State, hibernate};
   handle_call(where, _From, State) -> {reply, node(), State};
   handle_call({work, Ms}, _From, State) -> timer:sleep(Ms), {reply, ok, State}.
   handle_cast(Word, {How, Received}) -> {noreply, {How, [Word | Received]}}.
   handle_info(Word, {How, Received}) -> {noreply, {How, [Word | Received]}}.`,
  `-module(shop_gate).
   -behaviour(gen_statem).
   -export([start_link/0, init/1, callback_mode/0, handle_event/4]).
   start_link() -> gen_statem:start_link(?MODULE, [], []).
   init([]) -> {ok, shut, #{}}.
   callback_mode() -> handle_event_function.
   handle_event({call, From}, {let_in, Who}, _, Data) -> {next_state, open, Data#{Who => true}, [{reply, From, ok}]};
   handle_event({call, From}, later, _, _) -> {keep_state_and_data, [{reply, From, ok}, {state_timeout, 60000, shut}]};
   handle_event(_, _, _, _) -> keep_state_and_data.`,
];

/** Loads the modules into a node, and has it know the atoms that the tests write. */
export async function loadPorters(shop: Shop, node: string): Promise<void> {
  for (const source of modules) expect(await shop.rpc(node, `${loading(source)}.`)).toMatch(/^shop_/);
  // The names the tests write are to be known there.
  await shop.rpc(node, '[shop_here, shop_there, local_pid, dictionary, porter_a, porter_b, porter_c, gated].');
}

/** The same for every node of the shop. */
export async function loadAllPorters(shop: Shop): Promise<void> {
  for (const node of shop.nodes) await loadPorters(shop, node);
}

/** A porter as a child; `how` is what it is started with. */
export function porter(childId: Term, how: Term, change: Partial<ChildSpec> = {}): ChildSpec {
  return {
    childId,
    start: { module: 'shop_porter', function: 'start_link', args: [how] },
    restart: 'permanent',
    shutdown: 1_000,
    type: 'worker',
    significant: false,
    ...change,
  };
}
