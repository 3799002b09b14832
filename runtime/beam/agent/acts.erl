%% Acting on one process: its state by `sys`, its mailbox while it is short, a start on behalf of another. Nothing is sent to a
%% process that may not know the protocol.
-export([act_speaks/1, act_state/3, act_replace_state/4, act_mailbox/2, act_start/7]).

%% Which behaviour answers for a process, found without asking it: gen_server, gen_statem, gen_event, {no, where it is}, or gone.
%% One that waits stands in the loop of its behaviour, one that works has that loop below its callback, as far down as the stack is
%% told. One that hibernates, or is suspended by `sys`, shows nothing: there its module has to name the behaviour.
act_speaks(Pid) ->
    case erlang:process_info(Pid, [current_function, current_stacktrace]) of
        undefined -> gone;
        [{_, {M, F, _} = Here}, _] when {M, F} =:= {erlang, hibernate}; M =:= sys -> act_asleep(Pid, Here);
        [{_, Here}, {_, Stack}] ->
            case [S || {S, At, _, _} <- Stack, act_serves(S, atom_to_list(At))] of
                [Behaviour | _] -> Behaviour;
                [] -> {no, Here}
            end
    end.

%% Functions of the servers' side only: whoever calls a server has gen_server:call on its stack too.
act_serves(gen_server, F) ->
    lists:prefix("loop", F) orelse lists:prefix("try_handle_", F)
        orelse lists:member(F, ["try_dispatch", "decode_msg", "handle_msg", "handle_common_reply", "wake_hib"]);
act_serves(gen_statem, F) -> lists:prefix("loop", F) orelse F =:= "wakeup_from_hibernate";
act_serves(gen_event, F) -> lists:member(F, ["fetch_msg", "loop", "handle_msg", "server_notify", "server_update", "wake_hib"]);
act_serves(_, _) -> false.

act_asleep(Pid, Here) ->
    {Module, _, _} = proc_lib:translate_initial_call(Pid),
    Attributes = try Module:module_info(attributes) catch _:_ -> [] end,
    Named = lists:append([V || {K, V} <- [{behaviour, [Module]} | Attributes], K =:= behaviour orelse K =:= behavior]),
    case [B || {N, B} <- [{gen_server, gen_server}, {'Elixir.GenServer', gen_server}, {supervisor, gen_server},
            {gen_statem, gen_statem}, {gen_event, gen_event}], lists:member(N, Named)] of
        [Behaviour | _] -> Behaviour;
        [] -> {no, Here}
    end.

%% As act_speaks/1, of one that answers `sys` and has been suspended by it: where its module names no behaviour, as what an Agent of
%% Elixir begins with need not, the process says itself what it is.
act_answers(Pid, Timeout) ->
    case act_speaks(Pid) of
        {no, _} -> {status, _, {module, Behaviour}, _} = sys:get_status(Pid, Timeout), Behaviour;
        Told -> Told
    end.

%% {state, Behaviour, Digest, Bytes, State}, Bytes being its size in external term format; {too_large, Bytes} when it has more, or
%% when the process holds so much that it is not even copied within the node.
act_state(Pid, MostBytes, Timeout) ->
    case act_speaks(Pid) of
        Behaviour when is_atom(Behaviour), Behaviour =/= gone -> case erlang:process_info(Pid, memory) of
            {memory, Held} when Held > 16 * MostBytes + 1000000 -> {too_large, Held};
            undefined -> gone;
            _ ->
                State = sys:get_state(Pid, Timeout),
                case erlang:external_size(State) of
                    Bytes when Bytes > MostBytes -> {too_large, Bytes};
                    Bytes -> {state, Behaviour, act_digest(State), Bytes, State}
                end
        end;
        No -> No
    end.

%% The same text for equal terms of one life of a node; terms that differ have different ones.
act_digest(Term) ->
    Bytes = try term_to_binary(Term, [deterministic]) catch error:badarg -> term_to_binary(Term) end,
    binary:encode_hex(erlang:md5(Bytes)).

%% Replaces the state where it has the digest, within the process itself: {set, Digest} or {changed, Digest} of what it has;
%% should the process come to it too late, nothing is changed.
act_replace_state(Pid, Expected, State, Timeout) ->
    case act_speaks(Pid) of
        Behaviour when Behaviour =:= gen_server; Behaviour =:= gen_statem ->
            Ref = make_ref(),
            Caller = self(),
            Until = erlang:monotonic_time(millisecond) + Timeout,
            Now = sys:replace_state(Pid, fun(Old) ->
                case erlang:monotonic_time(millisecond) > Until orelse act_digest(Old) of
                    true -> Old;
                    Expected -> Caller ! {Ref, set}, State;
                    _ -> Caller ! {Ref, changed}, Old
                end
            end, Timeout),
            receive {Ref, Verdict} -> {Verdict, act_digest(Now)} after 0 -> late end;
        gen_event -> {no, gen_event};
        No -> No
    end.

%% How many messages wait, and which, if there are no more than Most: OTP reads a mailbox as a whole or not at all.
act_mailbox(Pid, Most) ->
    case erlang:process_info(Pid, message_queue_len) of
        undefined -> gone;
        {_, Length} when Length > Most -> {Length, none};
        _ -> case erlang:process_info(Pid, messages) of
            undefined -> gone;
            {_, Messages} -> {length(Messages), {messages, Messages}}
        end
    end.

%% Starts a process that is registered, linked to another and monitored by another, as far as these are given (none otherwise),
%% before it runs anything. {ok, Pid}, or why not; then it has run nothing.
act_start(M, F, Args, Name, Link, Watcher, Timeout) ->
    case is_pid(Link) andalso not lists:member(node(Link), [node() | nodes(connected)]) of
        true -> not_connected;
        false ->
            Caller = self(),
            Ref = make_ref(),
            {Pid, Monitor} = spawn_monitor(fun() -> act_begin(Caller, Ref, {M, F, Args}, Name, Link) end),
            receive
                {Ref, ready} ->
                    Watched = try act_watch(Watcher, Pid, Timeout) catch exit:_ -> late end,
                    Pid ! {Ref, Watched},
                    demonitor(Monitor, [flush]),
                    case Watched of ok -> {ok, Pid}; _ -> Watched end;
                {Ref, Refused} -> demonitor(Monitor, [flush]), Refused;
                {'DOWN', Monitor, _, _, Reason} -> {ended, Reason}
            end
    end.

act_begin(Caller, Ref, {M, F, Args}, Name, Link) ->
    Watch = erlang:monitor(process, Caller),
    Ready = try
        Name =:= none orelse register(Name, self()),
        Link =:= none orelse link(Link),
        ready
    catch
        error:noproc -> owner_gone;
        error:badarg -> name_taken
    end,
    Caller ! {Ref, Ready},
    case Ready of
        ready -> receive
            {Ref, ok} -> demonitor(Watch, [flush]), apply(M, F, Args);
            {Ref, _} -> is_pid(Link) andalso unlink(Link);
            {'DOWN', Watch, _, _, _} -> is_pid(Link) andalso unlink(Link)
        end;
        _ -> ok
    end.

%% Monitors Pid as another process, which has to answer `sys` for it.
act_watch(none, _, _) -> ok;
act_watch(Watcher, Pid, Timeout) ->
    case act_speaks(Watcher) of
        Behaviour when Behaviour =:= gen_server; Behaviour =:= gen_statem ->
            Ref = make_ref(),
            Caller = self(),
            Until = erlang:monotonic_time(millisecond) + Timeout,
            _ = sys:replace_state(Watcher, fun(State) ->
                case erlang:monotonic_time(millisecond) > Until of
                    true -> ok;
                    false -> erlang:monitor(process, Pid), Caller ! {Ref, watched}
                end,
                State
            end, Timeout),
            receive {Ref, watched} -> ok after 0 -> late end;
        gone -> watcher_gone;
        _ -> watcher_speaks_no_sys
    end.
