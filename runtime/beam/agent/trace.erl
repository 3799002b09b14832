%% Tracing: which processes and functions, by whom, for how long. The process that begins a trace owns it: with its end all is undone.
-export([trace_estimate/2, trace_arrivals/4]).

%% Begins a trace for the calling process: {ok, Trace} | {refused, Why}. Spec: #{targets => [Pid] | new | existing | all,
%% events => [send | 'receive' | call | process], functions => see trace_rules/1, fuses => {TimeMs, Events, PerSecond, Queue,
%% TermBytes}, keep => terms | count}.
trace_begin(#{targets := Targets, events := Events, functions := Functions, fuses := Fuses, keep := Keep}) ->
    Ours = trace_ours(),
    try
        Rules = trace_rules(Functions),
        Sessions = trace_sessions(),
        ok = trace_targets(Targets, Ours, Sessions),
        Kept = {case lists:member(process, Events) of true -> all; false -> messages_and_calls end, Keep},
        Hidden = case is_list(Targets) of true -> none; false -> maps:from_list([{P, true} || P <- Ours]) end,
        Tracer = tracer_spawn(self(), Fuses, Kept, Hidden),
        Start = receive {trace_ready, Tracer, At} -> At end,
        Slot = case Sessions of true -> {session, trace_new(session_create, [arsenal, Tracer, []])}; false -> shared end,
        Tracer ! {trace_set, Slot, Targets},
        try
            Held = [{MFA, local, S} || {MFA, S} <- Rules],
            ok = trace_functions(Slot, Held),
            Traced = trace_processes(Slot, Tracer, Targets, Events, Ours),
            {ok, #{tracer => Tracer, slot => Slot, targets => Targets, start => Start, traced => Traced, held => Held}}
        catch throw:{refused, Refused} ->
            trace_end(#{tracer => Tracer, slot => Slot, targets => Targets, held => []}),
            {refused, Refused}
        end
    catch throw:{refused, Why} -> {refused, Why}
    end.

%% Whether there are trace sessions, apart from each other: since OTP 27, whose module is loaded when it is first used.
trace_sessions() ->
    erlang:function_exported(trace, session_create, 3) orelse
        (try list_to_integer(erlang:system_info(otp_release)) >= 27 catch error:badarg -> false end
            andalso code:ensure_loaded(trace) =:= {module, trace}).

%% What is newer than OTP 26 is called by a name in a variable, so that older releases load this.
trace_new(Function, Args) -> apply(trace, Function, Args).

%% Clears the flags, ends the tracer, and gives back the patterns.
trace_end(#{tracer := Tracer, slot := Slot, targets := Targets, held := Held}) ->
    trace_clear(Tracer, Slot, Targets),
    unlink(Tracer),
    exit(Tracer, kill),
    case Slot of
        {session, Session} -> trace_new(session_destroy, [Session]);
        shared -> trace_release(self(), Held)
    end,
    ok.

%% Clears what a tracer that lives has set, and nothing of another. That the emulator clears the flags of a tracer that has ended is
%% not relied on: while somebody else asks about such a process (erlang:trace_info/2), an emulator (seen with OTP 25) takes the tracer
%% from under a receive that it is just tracing, and the node is gone.
trace_clear(Tracer, Slot, Targets) ->
    Which = case Slot of
        _ when is_list(Targets) -> Targets;
        {session, _} -> [all];
        shared -> [new_processes || erlang:trace_info(new_processes, tracer) =:= {tracer, Tracer}] ++ [existing_processes]
    end,
    [try trace_flags(Slot, Tracer, One, false, [all]) catch error:badarg -> 0 end || One <- Which].

trace_functions(_, []) -> ok;
trace_functions(shared, Wanted) ->
    case trace_hold(self(), Wanted) of ok -> ok; {refused, Why} -> throw({refused, Why}) end;
trace_functions({session, Session}, Wanted) ->
    [begin trace_meant(MFA), trace_new(function, [Session, MFA, Spec, [Kind]]) end || {MFA, Kind, Spec} <- Wanted],
    ok.

%% Refused are processes of ours, those that carry our answers, and, where there is one tracer for all, those that have one.
trace_targets(Pids, Ours, Sessions) when is_list(Pids) ->
    Kept = Ours ++ trace_carriers(),
    [throw({refused, {protected, P}}) || P <- Pids, lists:member(P, Kept)],
    Alive = [P || P <- Pids, is_process_alive(P)],
    Alive =:= [] andalso throw({refused, gone}),
    Sessions orelse [trace_free(P) || P <- Alive],
    ok;
trace_targets(Which, _, Sessions) ->
    Sessions orelse Which =:= existing orelse trace_free(new_processes),
    ok.

trace_free(Which) ->
    case erlang:trace_info(Which, tracer) of
        {tracer, []} -> ok;
        {tracer, undefined} -> ok;
        {tracer, Tracer} -> throw({refused, {tracer_taken, Which, trace_whose(Tracer)}});
        _ -> throw({refused, {tracer_taken, Which, theirs}})
    end.

trace_whose(Tracer) when is_pid(Tracer) -> case tracer_is(Tracer) of true -> ours; false -> theirs end;
trace_whose(_) -> theirs.

%% Sets the flags; how many processes are traced now. Of those that will be started, the start is always traced, so that the tracer
%% sees which of them are ours.
trace_processes(Slot, Tracer, Targets, Events, Ours) ->
    Flags = [monotonic_timestamp | [trace_flag(E) || E <- Events]],
    case Targets of
        Pids when is_list(Pids) ->
            Traced = lists:sum([try trace_flags(Slot, Tracer, P, true, Flags) catch error:badarg -> 0 end || P <- Pids]),
            % Somebody may have been faster than our look at who traces them.
            Traced =:= 0 andalso Slot =:= shared andalso [trace_free(P) || P <- Pids],
            Traced =:= 0 andalso throw({refused, gone}),
            Traced;
        _ ->
            Number = trace_flags(Slot, Tracer, trace_which(Slot, Targets), true, lists:usort([procs | Flags])),
            [try trace_flags(Slot, Tracer, P, false, [all]) catch error:badarg -> 0 end
                || Targets =/= new, P <- [Tracer | trace_near(Tracer, [links]) ++ Ours ++ trace_carriers()]],
            Number
    end.

trace_flag(process) -> procs;
trace_flag(Event) -> Event.

trace_which({session, _}, Which) -> Which;
trace_which(shared, new) -> new_processes;
trace_which(shared, existing) -> existing_processes;
trace_which(shared, all) -> processes.

trace_flags({session, Session}, _, Which, How, Flags) -> trace_new(process, [Session, Which, How, Flags]);
trace_flags(shared, Tracer, Which, How, Flags) -> erlang:trace(Which, How, [{tracer, Tracer} | Flags]).

%% Our own processes on this node: what is registered under a name of ours, what these are linked to and watch over, and the tracers
%% of the tasks among them, with their pacers.
trace_ours() ->
    Named = [P || N <- registered(), lists:prefix("arsenal_", atom_to_list(N)), P <- [whereis(N)], is_pid(P)],
    Near = lists:usort(lists:append([trace_near(P, [links, monitors]) || P <- Named])),
    Tracers = [T || P <- Near, T <- trace_near(P, [links]), tracer_is(T)],
    Pacers = lists:append([trace_near(T, [links]) || T <- Tracers]),
    lists:usort([self() | Named ++ Near ++ Tracers ++ Pacers]).

trace_near(Pid, Items) ->
    case erlang:process_info(Pid, Items) of
        undefined -> [];
        Known -> [P || {_, Ends} <- Known, End <- Ends,
            P <- [case End of {process, Monitored} -> Monitored; _ -> End end], is_pid(P), node(P) =:= node()]
    end.

%% What carries our answers, or writes what the node says of itself: to trace these would make what is traced.
trace_carriers() ->
    Named = [P || N <- [net_kernel, net_sup, init, logger, logger_sup, logger_proxy, user, user_drv, standard_error, kernel_sup,
        erts_code_purger, code_server, logger_std_h_default, logger_std_h_ssl_handler, ssl_dist_sup, tls_dist_sup],
        P <- [whereis(N)], is_pid(P)],
    Links = case whereis(net_kernel) of
        undefined -> [];
        Kernel -> case erlang:process_info(Kernel, links) of {links, L} -> [P || P <- L, is_pid(P)]; undefined -> [] end
    end,
    lists:usort(Named ++ Links ++ [group_leader()]).

%% A trace as a task: frames {started, StartNs, Traced, session | shared}, then {events, UntilNs, Dropped, Events}; the result is
%% {ended, Why, Dropped}, or {refused, Why}. The task and its tracer are linked: whichever ends takes the other with it.
trace_run(Task, Spec) ->
    case trace_begin(Spec#{keep => terms}) of
        {ok, #{slot := Slot, start := Start, traced := Traced, held := Held} = Trace} ->
            Slot =:= shared andalso task_undo(Task, trace, {trace_release, self(), Held}),
            Way = case Slot of shared -> shared; _ -> session end,
            Ended = case task_frame(Task, {started, Start, Traced, Way}) of
                ok -> trace_pump(Task, Trace, trace_watch(Spec), 0);
                stop -> {ended, stopped, 0}
            end,
            trace_end(Trace),
            task_undone(Task, trace),
            Ended;
        Refused -> Refused
    end.

trace_watch(#{targets := Pids}) when is_list(Pids) -> maps:from_list([{erlang:monitor(process, P), P} || P <- Pids]);
trace_watch(_) -> #{}.

trace_pump(Task, #{tracer := Tracer} = Trace, Watched, Dropped) ->
    case task_next(Task, 60000) of
        {other, {trace_batch, Tracer, Until, Lost, Events}} ->
            case task_frame(Task, {events, Until, Lost, Events}) of
                ok -> Tracer ! trace_ack, trace_pump(Task, Trace, Watched, Dropped + Lost);
                stop -> {ended, stopped, Dropped + Lost}
            end;
        {other, {trace_done, Tracer, Why, _, Queue}} ->
            {ended, case maps:is_key(ended, Trace) of true -> target_gone; false -> Why end, Dropped + Queue};
        {other, {'DOWN', Ref, process, _, _}} when is_map_key(Ref, Watched), map_size(Watched) =:= 1 ->
            Tracer ! trace_stop,
            trace_pump(Task, Trace#{ended => true}, #{}, Dropped);
        {other, {'DOWN', Ref, process, _, _}} -> trace_pump(Task, Trace, maps:remove(Ref, Watched), Dropped);
        {tell, stop} -> Tracer ! trace_stop, trace_pump(Task, Trace, Watched, Dropped);
        stop -> {ended, stopped, Dropped};
        _ -> trace_pump(Task, Trace, Watched, Dropped)
    end.

%% How much a trace would see, before it is begun: {ok, ForUs, Calls, Seen, SeenUs} | {refused, Why}. Calls are counted by the
%% emulator (call_count, which costs little) whoever makes them; messages and process events by a trace that keeps nothing and ends
%% after 2,000 events.
trace_estimate(#{events := Events, functions := Functions, targets := Targets} = Spec, ForMs) ->
    Started = erlang:monotonic_time(microsecond),
    try
        Rules = case lists:member(call, Events) of true -> trace_rules(Functions); false -> [] end,
        ok = trace_targets(Targets, trace_ours(), trace_sessions()),
        Counting = trace_counting([{MFA, call_count, true} || {MFA, _} <- Rules]),
        {Seen, SeenUs} = case Events -- [call] of
            [] -> receive after ForMs -> {0, 0} end;
            Rest -> trace_sample(Spec#{events := Rest, functions := []}, ForMs, Started)
        end,
        Left = ForMs - (erlang:monotonic_time(microsecond) - Started) div 1000,
        receive after max(0, Left) -> ok end,
        ForUs = erlang:monotonic_time(microsecond) - Started,
        Calls = trace_counted(Counting),
        {ok, ForUs, Calls, Seen, SeenUs}
    catch throw:{refused, Why} -> trace_release(self(), []), {refused, Why}
    end.

trace_sample(Spec, ForMs, Started) ->
    case trace_begin(Spec#{fuses := {ForMs, 2000, 1000000000, 4000, 0}, keep => count}) of
        {refused, Why} -> throw({refused, Why});
        {ok, #{tracer := Tracer} = Trace} ->
            Seen = trace_seen(Tracer),
            trace_end(Trace),
            {Seen, max(1, erlang:monotonic_time(microsecond) - Started)}
    end.

trace_seen(Tracer) ->
    receive
        {trace_done, Tracer, _, Seen, Queue} -> Seen + Queue;
        {trace_batch, Tracer, _, _, _} -> trace_seen(Tracer)
    end.

trace_counting([]) -> none;
trace_counting(Wanted) ->
    Slot = case trace_sessions() of
        true -> {session, trace_new(session_create, [arsenal, self(), []])};
        false -> shared
    end,
    trace_functions(Slot, Wanted),
    % Another window may be counting them already.
    {Slot, Wanted, [{F, trace_count_of(Slot, F)} || {MFA, _, _} <- Wanted, F <- trace_meant(MFA)]}.

%% [{MFA, Calls}] of those that were called, the most called first, and gives the counters back.
trace_counted(none) -> [];
trace_counted({Slot, Wanted, Functions}) ->
    Calls = [{F, N} || {F, Before} <- Functions, N <- [trace_count_of(Slot, F) - Before], N > 0],
    case Slot of
        {session, Session} -> trace_new(session_destroy, [Session]);
        shared -> trace_release(self(), Wanted)
    end,
    lists:reverse(lists:keysort(2, Calls)).

trace_count_of(Slot, Function) ->
    case trace_info_of(Slot, Function, call_count) of {call_count, N} when is_integer(N) -> N; _ -> 0 end.

trace_info_of({session, Session}, Function, Item) -> trace_new(info, [Session, Function, Item]);
trace_info_of(shared, Function, Item) -> erlang:trace_info(Function, Item).

%% The next messages that reach a process, for a mailbox that is too long to be read: {ok, Why, Dropped, [{Ns, How, Message}]}.
trace_arrivals(Pid, Limit, WithinMs, Bytes) ->
    Spec = #{targets => [Pid], events => ['receive'], functions => [], keep => terms,
        fuses => {WithinMs, Limit, 20000, 2000, Bytes}},
    case trace_begin(Spec) of
        {ok, #{tracer := Tracer} = Trace} ->
            Ref = erlang:monitor(process, Pid),
            Answer = trace_arrived(Tracer, Ref, [], 0),
            trace_end(Trace),
            Answer;
        Refused -> Refused
    end.

trace_arrived(Tracer, Ref, Arrived, Dropped) ->
    receive
        {trace_batch, Tracer, _, Lost, Events} ->
            Tracer ! trace_ack,
            trace_arrived(Tracer, Ref, [[{Ns, How, Message} || {Ns, _, 'receive', Message, _, How} <- Events] | Arrived], Dropped + Lost);
        {trace_done, Tracer, Why, _, Queue} -> {ok, Why, Dropped + Queue, lists:append(lists:reverse(Arrived))};
        {'DOWN', Ref, process, _, _} -> Tracer ! trace_stop, trace_arrived(Tracer, Ref, Arrived, Dropped)
    end.
