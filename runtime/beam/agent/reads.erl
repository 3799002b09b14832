%% What a node works out by itself, so that one call brings one small answer. Each runs in the process of the call and leaves
%% nothing behind.
-export([facts/0, pid_bits/0, relay/5, stats/0, system_info/1]).
-export([standing/1]).
-export([applications/1]).

%% Asks another node through this one, without making it connect: a message with `noconnect` to the other's rpc server (kernel,
%% rpc.erl: {call, M, F, A, GroupLeader}), whose answer comes back here.
relay(Node, M, F, A, Timeout) ->
    Tag = make_ref(),
    Call = {'$gen_call', {self(), Tag}, {call, M, F, A, group_leader()}},
    case erlang:send({rex, Node}, Call, [noconnect, nosuspend]) of
        ok -> receive {Tag, Answer} -> {answer, Answer} after Timeout -> timeout end;
        _ -> noconnection
    end.

facts() ->
    {erlang:system_info(otp_release), init:get_argument(hidden) =/= error, nodes(visible), nodes(hidden)}.

%% How many bits the two numbers of a pid of this node can have. A pid beyond them, sent as such, makes the node drop the link
%% (OTP 25: "corrupted external term"), and they differ between releases, so the node tries them out on itself.
pid_bits() ->
    <<131, 88, Pid/binary>> = term_to_binary(self()),
    Size = byte_size(Pid) - 12,
    <<Node:Size/binary, _:64, Creation:32>> = Pid,
    {most_bits(fun(V) -> <<131, 88, Node/binary, V:32, 0:32, Creation:32>> end),
     most_bits(fun(V) -> <<131, 88, Node/binary, 5:32, V:32, Creation:32>> end)}.

most_bits(Make) ->
    hd([Bits || Bits <- lists:seq(32, 0, -1),
        try is_pid(binary_to_term(Make((1 bsl Bits) - 1))) catch _:_ -> false end]).

%% Figures of the node, each null where this emulator cannot say.
stats() ->
    [try F() catch _:_ -> null end || F <- [
        fun() ->
            Up = erlang:monotonic_time() - erlang:system_info(start_time),
            erlang:convert_time_unit(Up, native, millisecond)
        end,
        fun() -> erlang:system_info(process_count) end,
        fun() -> erlang:system_info(process_limit) end,
        fun() -> erlang:statistics(total_run_queue_lengths) end,
        fun() -> erlang:memory(total) end,
        fun() -> erlang:system_info(atom_count) end,
        fun() -> element(1, erlang:statistics(reductions)) end,
        fun() -> erlang:system_info(schedulers_online) end
    ]].

system_info(Keys) ->
    [{K, try erlang:system_info(K) catch _:_ -> null end} || K <- Keys].

%% The applications loaded, whether each runs, and its topmost supervisor, which its application master names.
applications(Timeout) ->
    Running = [A || {A, _, _} <- application:which_applications(Timeout)],
    [{A, D, V, lists:member(A, Running),
        case application_controller:get_master(A) of
            undefined -> none;
            Master -> case application_master:get_child(Master) of {Root, _} when is_pid(Root) -> Root; _ -> none end
        end} || {A, D, V} <- application:loaded_applications()].

%% What protects a process from being ended: its registered name, its application, its ancestors' names.
standing(Pid) ->
    case erlang:process_info(Pid, [registered_name, dictionary]) of
        [{_, Name}, {_, Dictionary}] ->
            Ancestors = [A || A <- proplists:get_value('$ancestors', Dictionary, []), is_atom(A)],
            {Name, application:get_application(Pid), Ancestors};
        undefined -> gone
    end.
