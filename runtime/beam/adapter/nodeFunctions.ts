/**
 * What we have a node work out by itself, so that one call brings one small answer.
 *
 * Without an agent there are only the functions that OTP exports, and what is made of them in between: Erlang funs, interpreted by
 * stdlib's erl_eval. They are made once per connection, live in our hands as opaque terms, and run in the process of the call; on
 * the node nothing stays. They use no macro and nothing but kernel and stdlib, and take bounded work.
 */
import type { FunTerm, Term } from '../../term/term.ts';
import { charlist, nil } from '../../term/term.ts';
import type { DistResult } from '../dist/errors.ts';
import { success } from '../dist/errors.ts';
import { listOf, tupleOf } from './read.ts';

const sources = {
  /**
   * Asks another node through this one, without making it connect: a message with `noconnect` to the other's rpc server
   * (kernel, rpc.erl: `{call, M, F, A, GroupLeader}`), whose answer comes back here.
   */
  relay: `fun(Node, M, F, A, T) ->
    Tag = make_ref(),
    Call = {'$gen_call', {self(), Tag}, {call, M, F, A, group_leader()}},
    case erlang:send({rex, Node}, Call, [noconnect, nosuspend]) of
      ok -> receive {Tag, Answer} -> {answer, Answer} after T -> timeout end;
      _ -> noconnection
    end
  end`,

  facts: `fun() ->
    {erlang:system_info(otp_release), init:get_argument(hidden) =/= error, nodes(visible), nodes(hidden)}
  end`,

  /**
   * How many bits the two numbers of a pid of this node can have. A pid beyond them, sent as such, makes the node drop the link
   * (OTP 25: "corrupted external term"), and they differ between releases, so the node tries them out on itself.
   */
  pidBits: `fun() ->
    <<131, 88, Pid/binary>> = term_to_binary(self()),
    Size = byte_size(Pid) - 12,
    <<Node:Size/binary, _:64, Creation:32>> = Pid,
    Most = fun(Make) ->
      hd([Bits || Bits <- lists:seq(32, 0, -1),
          try is_pid(binary_to_term(Make((1 bsl Bits) - 1))) catch _:_ -> false end])
    end,
    {Most(fun(V) -> <<131, 88, Node/binary, V:32, 0:32, Creation:32>> end),
     Most(fun(V) -> <<131, 88, Node/binary, 5:32, V:32, Creation:32>> end)}
  end`,

  /** Figures of the node, each null where this emulator cannot say. */
  stats: `fun() ->
    [try F() catch _:_ -> null end || F <- [
      fun() -> erlang:convert_time_unit(erlang:monotonic_time() - erlang:system_info(start_time), native, millisecond) end,
      fun() -> erlang:system_info(process_count) end,
      fun() -> erlang:system_info(process_limit) end,
      fun() -> erlang:statistics(total_run_queue_lengths) end,
      fun() -> erlang:memory(total) end,
      fun() -> erlang:system_info(atom_count) end,
      fun() -> element(1, erlang:statistics(reductions)) end,
      fun() -> erlang:system_info(schedulers_online) end
    ]]
  end`,

  systemInfo: `fun(Keys) ->
    [{K, try erlang:system_info(K) catch _:_ -> null end} || K <- Keys]
  end`,

  /** The named items of some processes, and when; \`undefined\` for one that has ended. */
  processes: `fun(Pids, Items) ->
    {erlang:monotonic_time(microsecond),
     lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Items))}
  end`,

  /**
   * Those of the processes that are supervisors, by the initial call that proc_lib keeps for them; a supervisor of Elixir puts
   * \`{supervisor, Module, 1}\` there itself. Also those too young to have it yet. Nothing is sent to any of them.
   */
  supervisorsAmong: `fun(Pids) ->
    Calls = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), initial_call)),
    Kept = [P || {P, {initial_call, {proc_lib, init_p, _}}} <- lists:zip(Pids, Calls)],
    [{P, M} || {P, {supervisor, M, _}} <- lists:zip(Kept, lists:map(fun proc_lib:translate_initial_call/1, Kept))]
  end`,

  /** For each supervisor: its name, its ancestors as pids, the application it belongs to. */
  describeSupervisors: `fun(Pids) ->
    [case erlang:process_info(P, [registered_name, dictionary]) of
       [{_, Name}, {_, Dictionary}] ->
         Ancestors = [case is_atom(A) of true -> whereis(A); false -> A end ||
                      A <- proplists:get_value('$ancestors', Dictionary, [])],
         {P, Name, Ancestors, application:get_application(P)};
       undefined -> {P, gone}
     end || P <- Pids]
  end`,

  /**
   * The kind and the flags of what are surely supervisors, from their state, whose layout is known for OTP up to 24, OTP 25 and
   * later, and Elixir's. Not asked where the state is large, because the whole of it is copied within the node.
   */
  supervisorFlags: `fun(Pids, MostBytes, Timeout) ->
    [{P, case erlang:process_info(P, memory) of
       {memory, Bytes} when Bytes =< MostBytes ->
         try sys:get_state(P, Timeout) of
           {state, _, Strategy, _, _, Intensity, Period, _, _, Auto, _, _} -> {supervisor, Strategy, Intensity, Period, Auto};
           {state, _, Strategy, _, _, Intensity, Period, _, _, _, _} -> {supervisor, Strategy, Intensity, Period, never};
           #{'__struct__' := Struct, strategy := Strategy, max_restarts := Intensity, max_seconds := Period} ->
             {Struct, Strategy, Intensity, Period, never};
           _ -> unknown_layout
         catch
           exit:{timeout, _} -> timeout;
           _:_ -> unknown_layout
         end;
       {memory, _} -> too_large;
       undefined -> gone
     end} || P <- Pids]
  end`,

  /** One page of a supervisor's children, in start order where it has one, with what is known of each child's process. */
  children: `fun(Supervisor, Reverse, Offset, Limit, Timeout) ->
    Held = gen_server:call(Supervisor, which_children, Timeout),
    All = case Reverse of true -> lists:reverse(Held); false -> Held end,
    Page = case Offset < length(All) of true -> lists:sublist(All, Offset + 1, Limit); false -> [] end,
    {length(All), [case Pid of
       _ when is_pid(Pid), node(Pid) =:= node() ->
         Name = case erlang:process_info(Pid, registered_name) of {_, N} -> N; _ -> [] end,
         {Id, Pid, Type, Modules, Name, proc_lib:translate_initial_call(Pid)};
       _ -> {Id, Pid, Type, Modules, [], unknown}
     end || {Id, Pid, Type, Modules} <- Page]}
  end`,

  /** The applications loaded, whether each runs, and its topmost supervisor, which its application master names. */
  applications: `fun(Timeout) ->
    Running = [A || {A, _, _} <- application:which_applications(Timeout)],
    [{A, D, V, lists:member(A, Running),
      case application_controller:get_master(A) of
        undefined -> none;
        Master -> case application_master:get_child(Master) of {Root, _} when is_pid(Root) -> Root; _ -> none end
      end} || {A, D, V} <- application:loaded_applications()]
  end`,

  /** The registered names with their processes. */
  localNames: `fun() -> [{N, whereis(N)} || N <- registered()] end`,
  globalNames: `fun() -> [{N, global:whereis_name(N)} || N <- global:registered_names()] end`,

  /** What protects a process from being ended: its registered name, its application, its ancestors' names. */
  standing: `fun(Pid) ->
    case erlang:process_info(Pid, [registered_name, dictionary]) of
      [{_, Name}, {_, Dictionary}] ->
        {Name, application:get_application(Pid), [A || A <- proplists:get_value('$ancestors', Dictionary, []), is_atom(A)]};
      undefined -> gone
    end
  end`,
} as const;

export type NodeFunctionName = keyof typeof sources;
export type NodeFunctions = ReadonlyMap<string, FunTerm>;
/** A call of an exported function on the node, by whichever way it is reached. */
export type NodeCall = (module: string, name: string, args: readonly Term[]) => Promise<DistResult<Term>>;

/**
 * Makes the functions on a node, in three calls (erl_scan, erl_parse, erl_eval of stdlib). The terms answered are valid for the
 * connection they came over.
 */
export async function makeNodeFunctions(call: NodeCall): Promise<DistResult<NodeFunctions>> {
  const pairs = Object.entries(sources).map(([name, source]) => `{${name}, ${source}}`);
  const scanned = await call('erl_scan', 'string', [charlist(`[${pairs.join(',\n')}].`)]);
  if (!scanned.ok) return scanned;
  const tokens = tupleOf(scanned.value, 3)?.[1];
  const parsed = await call('erl_parse', 'parse_exprs', [tokens ?? nil]);
  if (!parsed.ok) return parsed;
  const expressions = tupleOf(parsed.value, 2)?.[1];
  const evaluated = await call('erl_eval', 'exprs', [expressions ?? nil, nil]);
  if (!evaluated.ok) return evaluated;
  const made = new Map<string, FunTerm>();
  for (const pair of listOf(tupleOf(evaluated.value, 3)?.[1])) {
    const [name, fun] = tupleOf(pair, 2) ?? [];
    if (name?.t === 'atom' && fun?.t === 'fun') made.set(name.v, fun);
  }
  return success(made);
}

/** The exported function `module:name/arity` as a term. */
export function exported(module: string, name: string, arity: number): Term {
  return { t: 'export', module, function: name, arity };
}
