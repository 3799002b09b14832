%% Moving a server to a supervisor on another node by handing over its state, in two tasks: mig_out on the node it leaves, which leads,
%% and mig_in on the node it goes to. Until the switch everything can be undone: the new one is ended, the old one runs on with the
%% state it had. At the switch the old process becomes a forwarder, which sends on what waited for it and what still comes, in order;
%% it is taken out of its supervisor when its time is over.
-export([mig_home/1, mig_take_state/3]).

%% The side it goes to. Its leader's loss ends the new process, but not once all is prepared: then the old one may have become the
%% forwarder already, and whoever asked for the move says which of the two it is.
mig_in(Task, Supervisor, Kind, Timeout) ->
    task_frame(Task, {ready, self()}),
    mig_serve(#{task => Task, supervisor => Supervisor, kind => Kind, timeout => Timeout, leader => none, new => none, prepared => false}).

mig_serve(#{task := Task, timeout := Timeout, leader := Leader, prepared := Prepared} = State) ->
    case task_next(Task, case Prepared of true -> 4 * Timeout; false -> 2 * Timeout end) of
        {other, {mig, From, Ref, Request}} when Leader =:= none; Leader =:= From ->
            Watched = case Leader of
                none -> erlang:monitor(process, From), State#{leader := From};
                From -> State
            end,
            {Answer, Next} = try mig_do(Request, Watched)
            catch Class:Reason -> {{failed, Class, task_brief(Reason)}, Watched}
            end,
            erlang:send(From, {Ref, Answer}, [noconnect]),
            case Answer of resumed -> done; aborted -> mig_drop(Next); _ -> mig_serve(Next) end;
        {other, {'DOWN', _, process, Leader, _}} when not Prepared -> mig_drop(State);
        {tell, drop} -> mig_drop(State);
        {tell, keep} when Prepared -> mig_keep(State);
        {other, _} -> mig_serve(State);
        _ when Prepared -> mig_keep(State);
        _ -> mig_drop(State)
    end.

mig_do({start, Child}, #{task := Task, supervisor := Supervisor, kind := Kind, timeout := Timeout} = State) ->
    case mig_start_apart(Supervisor, Kind, Child) of
        {{ok, New}, Taken} when is_pid(New) ->
            Which = mig_which(Kind, Child, New),
            task_undo(Task, new, {mig_end, Supervisor, Kind, Which}),
            Taken(),
            ok = sys:suspend(New, Timeout),
            {{started, New, act_answers(New, Timeout), proc_lib:translate_initial_call(New)}, State#{new := New, which => Which}};
        {Other, Taken} -> Taken(), {{not_started, Other}, State}
    end;
mig_do({state, Held}, #{new := New, timeout := Timeout} = State) ->
    sys:replace_state(New, fun(_) -> Held end, Timeout),
    Back = sys:get_state(New, Timeout),
    {{placed, Back =:= Held, act_digest(Back)}, State};
mig_do(echo, #{new := New, timeout := Timeout} = State) -> {{echo, sys:get_state(New, Timeout)}, State};
mig_do({name, Name}, #{new := New} = State) ->
    case erlang:process_info(New, registered_name) of
        [] -> {try register(Name, New) catch error:badarg -> taken end, State};
        {_, Name} -> {true, State};
        _ -> {taken, State}
    end;
mig_do(prepare, #{task := Task, new := New} = State) ->
    true = is_process_alive(New),
    task_undone(Task, new),
    {prepared, State#{prepared := true}};
mig_do(resume, #{new := New, timeout := Timeout} = State) -> ok = sys:resume(New, Timeout), {resumed, State};
mig_do(abort, State) -> {aborted, State}.

mig_keep(#{new := New, timeout := Timeout}) -> try sys:resume(New, Timeout), kept catch _:_ -> gone end.

mig_drop(#{new := none}) -> dropped;
mig_drop(#{task := Task, prepared := false}) -> task_undo_now(Task, new), dropped;
mig_drop(#{supervisor := Supervisor, kind := Kind, which := Which}) -> mig_end(Supervisor, Kind, Which), dropped.

%% A start may take long, and whoever asked for it may be killed meanwhile: then the one that was started is ended.
mig_start_apart(Supervisor, Kind, Child) ->
    Me = self(),
    Ref = make_ref(),
    Starter = spawn(fun() ->
        Watch = erlang:monitor(process, Me),
        Started = try mig_start_child(Supervisor, Kind, Child) catch Class:Reason -> {Class, task_brief(Reason)} end,
        Me ! {Ref, Started},
        receive
            {Ref, taken} -> ok;
            {'DOWN', Watch, process, Me, _} -> case Started of
                {ok, New} when is_pid(New) -> mig_end(Supervisor, Kind, mig_which(Kind, Child, New));
                _ -> ok
            end
        end
    end),
    receive {Ref, Started} -> {Started, fun() -> Starter ! {Ref, taken} end} end.

mig_start_child(Supervisor, dynamic, Child) -> 'Elixir.DynamicSupervisor':start_child(Supervisor, Child);
mig_start_child(Supervisor, _, Child) -> supervisor:start_child(Supervisor, Child).

mig_which(static, #{id := Id}, _) -> Id;
mig_which(_, _, Pid) -> Pid.

%% Takes a child out of its supervisor for good.
mig_end(Supervisor, dynamic, Pid) -> 'Elixir.DynamicSupervisor':terminate_child(Supervisor, Pid);
mig_end(Supervisor, simple, Pid) -> supervisor:terminate_child(Supervisor, Pid);
mig_end(Supervisor, static, Id) ->
    supervisor:terminate_child(Supervisor, Id),
    supervisor:delete_child(Supervisor, Id).

%% The side it leaves. Frames: {step, Step, Microseconds since the start}; then {done, New, Facts}, or the task ends with
%% {refused, Why} or {undone, Step, Why}: in both cases it is as before.
mig_out(Task, Pid, Other, KindThere, #{timeout := Timeout, bytes := MostBytes} = Limits) ->
    State = #{task => Task, pid => Pid, other => Other, there => KindThere, timeout => Timeout, limits => Limits,
        since => erlang:monotonic_time(microsecond), watch => erlang:monitor(process, Other)},
    case lists:member(node(Other), nodes(connected)) andalso mig_child(Pid, MostBytes, Timeout) of
        false -> mig_refuse(State, not_connected);
        {child, Behaviour, Supervisor, Kind, Which, Spec} ->
            case mig_form(KindThere, Kind, Spec) of
                {refused, Why} -> mig_refuse(State, Why);
                Child -> mig_suspended(State#{behaviour => Behaviour, supervisor => Supervisor, kind => Kind, which => Which}, Child)
            end;
        {refused, Why} -> mig_refuse(State, Why)
    end.

mig_refuse(State, Why) -> mig_abort(State), {refused, Why}.

%% What is to be known of a process to start it elsewhere: {child, Behaviour, Supervisor, Kind, its id or pid there, how it is started}.
mig_child(Pid, MostBytes, Timeout) ->
    case act_speaks(Pid) of
        Behaviour when Behaviour =:= gen_server; Behaviour =:= gen_statem ->
            case erlang:process_info(Pid, current_function) of
                {_, {sys, _, _}} -> {refused, suspended};
                _ -> mig_child(Pid, Behaviour, MostBytes, Timeout)
            end;
        gone -> {refused, gone};
        {no, Where} -> {refused, {behaviour, Where}};
        Other -> {refused, {behaviour, Other}}
    end.

mig_child(Pid, Behaviour, MostBytes, Timeout) ->
    case {mig_parent(Pid), proc_lib:translate_initial_call(Pid)} of
        {_, {supervisor, _, _}} -> {refused, is_supervisor};
        {none, _} -> {refused, not_supervised};
        {Supervisor, _} -> case sup_spec_of(Supervisor, mig_id(Supervisor, Pid, Timeout), max(MostBytes, 16000000), Timeout) of
            {ok, #{id := Id} = Spec} -> {child, Behaviour, Supervisor, static, Id, Spec};
            {simple, Spec, Args} when is_list(Args) -> {child, Behaviour, Supervisor, simple, Pid, {Spec, Args}};
            {dynamic, Spec} -> {child, Behaviour, Supervisor, dynamic, Pid, Spec};
            {simple, _, unknown} -> {refused, start_unknown};
            not_found -> {refused, not_supervised};
            Why -> {refused, Why}
        end
    end.

%% The supervisor that started it: the first of its ancestors, if that surely is one.
mig_parent(Pid) ->
    Parent = case erlang:process_info(Pid, dictionary) of
        {_, Dictionary} -> case proplists:get_value('$ancestors', Dictionary, []) of [First | _] -> First; _ -> none end;
        undefined -> none
    end,
    Process = case Parent of _ when is_pid(Parent), node(Parent) =:= node() -> Parent; _ when is_atom(Parent) -> whereis(Parent); _ -> none end,
    case is_pid(Process) andalso sup_among([Process]) of [_] -> Process; _ -> none end.

mig_id(Supervisor, Pid, Timeout) ->
    case proc_lib:translate_initial_call(Supervisor) of
        {supervisor, _, _} -> case sup_child_of(Supervisor, Pid, Timeout) of {id, Id} -> Id; _ -> Pid end;
        _ -> Pid
    end.

%% The supervisor of a process and the name it is registered by: {Supervisor, Name | []}, or not_supervised.
mig_home(Pid) ->
    case mig_parent(Pid) of
        none -> not_supervised;
        Supervisor -> case erlang:process_info(Supervisor, registered_name) of
            {_, Name} -> {Supervisor, Name};
            _ -> {Supervisor, []}
        end
    end.

%% What start_child takes on the other side, for a child as it was started on this one.
mig_form(simple, simple, {_, Args}) -> Args;
mig_form(simple, _, _) -> {refused, other_kind};
mig_form(There, simple, {#{start := {M, F, A}} = Spec, Args}) -> mig_form(There, none, Spec#{start := {M, F, A ++ Args}});
mig_form(static, static, Spec) -> Spec;
mig_form(static, _, _) -> {refused, no_id};
mig_form(dynamic, _, Spec) -> maps:without([significant], Spec).

mig_suspended(#{task := Task, pid := Pid, timeout := Timeout, behaviour := Behaviour, limits := #{bytes := Most}} = State0, Child) ->
    State = State0#{paused => erlang:monotonic_time(microsecond), suspended => true},
    task_undo(Task, old, {sys_resume, Pid}),
    try sys:suspend(Pid, Timeout) of
        ok ->
            mig_step(State, suspended),
            Held = sys:get_state(Pid, Timeout),
            Bytes = erlang:external_size(Held),
            case mig_obstacles(Pid, Behaviour, Held, Timeout) of
                {[], _} when Bytes > Most -> mig_undo(State, read, {too_large, Bytes});
                {[], Told} -> mig_started(State#{told => Told#{bytes => Bytes}}, Child, Held);
                {Reasons, _} -> mig_undo(State, read, {stays, Reasons})
            end
    catch
        Class:Reason -> mig_undo(State, suspended, {Class, task_brief(Reason)})
    end.

mig_started(#{pid := Pid, behaviour := Behaviour} = State, Child, Held) ->
    case mig_start(State, Child) of
        {started, New, Behaviour, Call, Gap} ->
            mig_step(State, started),
            case proc_lib:translate_initial_call(Pid) of
                Call -> mig_placed(State#{new => New, gap => Gap}, Held);
                _ -> mig_undo(State, started, {other_code, Call})
            end;
        {started, _, Other, _, _} -> mig_undo(State, started, {behaviour, Other});
        Failed -> mig_undo(State, started, Failed)
    end.

%% A child that registers itself globally cannot start while the old one has the name: then it lends its names for the start.
mig_start(#{pid := Pid} = State, Child) ->
    case mig_ask(State, {start, Child}) of
        {started, New, Behaviour, Call} -> {started, New, Behaviour, Call, 0};
        {not_started, {error, Why}} when Why =:= {already_started, Pid}; element(1, Why) =:= {already_started, Pid} ->
            case mig_global(Pid) of
                [] -> name_stays;
                Names ->
                    From = erlang:monotonic_time(microsecond),
                    [global:unregister_name(Name) || Name <- Names],
                    Answer = mig_ask(State, {start, Child}),
                    [global:re_register_name(Name, Pid) || Name <- Names],
                    Gap = erlang:monotonic_time(microsecond) - From,
                    case Answer of
                        {started, New, Behaviour, Call} -> {started, New, Behaviour, Call, Gap};
                        _ -> Answer
                    end
            end;
        Other -> Other
    end.

mig_global(Pid) -> [Name || Name <- global:registered_names(), global:whereis_name(Name) =:= Pid].

%% The state is equal when it has the same digest there; where releases encode differently it comes back and is compared itself.
mig_placed(State, Held) ->
    Digest = act_digest(Held),
    case mig_ask(State, {state, Held}) of
        {placed, true, Digest} -> mig_switch(State#{digest => Digest});
        {placed, true, _} -> case mig_ask(State, echo) of
            {echo, Held} -> mig_switch(State#{digest => Digest});
            _ -> mig_undo(State, placed, differs)
        end;
        {placed, false, _} -> mig_undo(State, placed, differs);
        Failed -> mig_undo(State, placed, Failed)
    end.

mig_switch(#{task := Task, pid := Pid, new := New, supervisor := Supervisor, kind := Kind, which := Which} = State) ->
    mig_step(State, placed),
    case mig_ask(State, prepare) of
        prepared ->
            Me = self(),
            Ref = make_ref(),
            Count = atomics:new(1, []),
            Ends = erlang:monitor(process, Pid),
            Timeout = maps:get(timeout, State),
            Until = erlang:monotonic_time(millisecond) + Timeout,
            Asking = spawn(fun() ->
                sys:replace_state(Pid, fun(Old) ->
                    case erlang:monotonic_time(millisecond) < Until of
                        true -> Me ! {Ref, forwarding}, mig_forward(New, Supervisor, Me, Count);
                        false -> Old
                    end
                end, infinity)
            end),
            receive
                {Ref, forwarding} ->
                    exit(Asking, kill),
                    task_undo(Task, forward, {mig_end, Supervisor, Kind, Which}),
                    task_undone(Task, old),
                    mig_forwarding(State#{count => Count, ends => Ends});
                {'DOWN', Ends, _, _, Reason} -> exit(Asking, kill), mig_undo(State, switched, {ended, task_brief(Reason)})
            after Timeout + 100 ->
                exit(Asking, kill),
                mig_undo(State, switched, no_answer)
            end;
        Failed -> mig_undo(State, prepared, Failed)
    end.

mig_forwarding(#{task := Task, pid := Pid, new := New, told := Told, count := Count, ends := Ends} = State) ->
    mig_step(State, switched),
    Ref = make_ref(),
    Pid ! {mig_mark, self(), Ref},
    receive {Ref, marked} -> ok; {'DOWN', Ends, _, _, _} -> ok after maps:get(timeout, State) -> ok end,
    Waited = atomics:get(Count, 1),
    Local = case erlang:process_info(Pid, registered_name) of
        {_, Name} -> [{local, Name, mig_ask(State, {name, Name})}];
        _ -> []
    end,
    Global = [{global, Name, names_move_global(Name, Pid, New)} || Name <- mig_global(Pid)],
    Resumed = mig_ask(State, resume),
    Now = erlang:monotonic_time(microsecond),
    Facts = Told#{pause_us => Now - maps:get(paused, State), waited => Waited, names => Local ++ Global, resumed => Resumed =:= resumed,
        gap_us => maps:get(gap, State), digest => maps:get(digest, State)},
    mig_step(State, resumed),
    task_frame(Task, {done, New, Facts}),
    mig_linger(State, erlang:monotonic_time(millisecond) + maps:get(forward, maps:get(limits, State))).

%% The old process is the forwarder until its time is over, or we are to stop.
mig_linger(#{task := Task, count := Count, ends := Ends, pid := Pid} = State, Until) ->
    case task_next(Task, max(0, Until - erlang:monotonic_time(millisecond))) of
        {other, {'DOWN', Ends, process, Pid, _}} -> mig_over(State);
        {other, _} -> mig_linger(State, Until);
        {tell, _} -> mig_linger(State, Until);
        _ -> mig_over(State)
    end,
    {forwarded, atomics:get(Count, 1)}.

mig_over(#{task := Task, ends := Ends, pid := Pid}) ->
    task_undo_now(Task, forward),
    receive {'DOWN', Ends, process, Pid, _} -> ok after 0 -> ok end.

%% Runs in the old process, within its `sys` call, until it is to end. The monitors and links it had stay with it; exit signals but its
%% supervisor's do not end it while it forwards.
mig_forward(New, Parent, Keeper, Count) ->
    process_flag(trap_exit, true),
    mig_forward_on(New, Parent, Keeper, Count).

mig_forward_on(New, Parent, Keeper, Count) ->
    receive
        {mig_mark, Keeper, Ref} -> Keeper ! {Ref, marked};
        {'EXIT', Parent, Reason} ->
            process_flag(trap_exit, false),
            exit(self(), Reason),
            receive after infinity -> ok end;
        {'EXIT', _, _} -> ok;
        Message ->
            erlang:send(New, Message, [noconnect]),
            atomics:add(Count, 1, 1)
    end,
    mig_forward_on(New, Parent, Keeper, Count).

%% Asks the other side, which may be lost at any moment.
mig_ask(#{other := Other, watch := Watch, timeout := Timeout}, Request) ->
    Ref = make_ref(),
    case erlang:send(Other, {mig, self(), Ref, Request}, [noconnect]) of
        ok -> receive
            {Ref, Answer} -> Answer;
            {'DOWN', Watch, _, _, Reason} -> self() ! {'DOWN', Watch, process, Other, Reason}, {lost, Reason}
        after Timeout -> {lost, timeout}
        end;
        Why -> {lost, Why}
    end.

mig_abort(#{other := Other, timeout := Timeout} = State) ->
    mig_ask(State#{timeout := min(Timeout, 1000)}, abort),
    is_pid(Other).

%% Back to what it was: the new one ended, then the old one running on. {undone, At, Why, the other side's word}.
mig_undo(#{task := Task, pid := Pid} = State, At, Why) ->
    There = mig_ask(State, abort),
    task_undo_now(Task, old),
    {undone, At, Why, There, is_process_alive(Pid)}.

mig_step(#{task := Task, since := Since}, Step) ->
    task_frame(Task, {step, Step, erlang:monotonic_time(microsecond) - Since}).

%% What of a server cannot leave it: {[{What, HowMany}], what is to be told}. Times a gen_server waits for are not to be seen.
mig_obstacles(Pid, Behaviour, State, Timeout) ->
    Found = mig_walk(State, #{}),
    [{_, Links}, {_, Monitors}, {_, Dictionary}] = erlang:process_info(Pid, [links, monitors, dictionary]),
    Tables = length([T || T <- ets:all(), ets:info(T, owner) =:= Pid]),
    Kept = length([K || {K, _} <- Dictionary, not mig_harmless(K)]),
    Counts = [{ports, maps:get(ports, Found, 0) + length([P || P <- Links, is_port(P)])},
        {tables, maps:get(tables, Found, 0) + Tables},
        {timers, maps:get(timers, Found, 0) + mig_timers(Behaviour, Pid, Timeout)},
        {references, maps:get(references, Found, 0)}, {funs, maps:get(funs, Found, 0)}, {dictionary, Kept}],
    {[C || {_, N} = C <- Counts, N > 0],
        #{local_pids => maps:get(local_pids, Found, 0), links => max(0, length([P || P <- Links, is_pid(P)]) - 1), monitors => length(Monitors)}}.

%% Written by OTP and Elixir for every process, and made anew there.
mig_harmless(Key) -> lists:member(Key, ['$ancestors', '$initial_call', '$callers', '$process_label', '$logger_metadata$', rand_seed]).

mig_timers(gen_statem, Pid, Timeout) ->
    {status, _, _, [_, _, _, _, Misc]} = sys:get_status(Pid, Timeout),
    Data = lists:append([D || {data, D} <- Misc, is_list(D)]),
    lists:sum([case V of {N, _} when is_integer(N) -> N; _ when is_list(V) -> length(V); _ -> 0 end ||
        {K, V} <- Data, K =:= "Time-outs" orelse K =:= "Postponed"]);
mig_timers(_, _, _) -> 0.

mig_walk([Head | Tail], Found) -> mig_walk(Tail, mig_walk(Head, Found));
mig_walk(Term, Found) when is_tuple(Term) -> mig_walk(tuple_to_list(Term), Found);
mig_walk(Term, Found) when is_map(Term) -> maps:fold(fun(K, V, F) -> mig_walk(V, mig_walk(K, F)) end, Found, Term);
mig_walk(Term, Found) when is_pid(Term), node(Term) =:= node() -> mig_one(local_pids, Found);
mig_walk(Term, Found) when is_port(Term) -> mig_one(ports, Found);
mig_walk(Term, Found) when is_reference(Term) ->
    %% ets:info/2 raises for a reference that never was a table's.
    Owner = try ets:info(Term, owner) catch error:badarg -> undefined end,
    case {Owner, node(Term) =:= node() andalso erlang:read_timer(Term)} of
        {_, _} when is_pid(Owner) -> mig_one(tables, Found);
        {_, Left} when is_integer(Left) -> mig_one(timers, Found);
        _ -> mig_one(references, Found)
    end;
mig_walk(Term, Found) when is_function(Term) ->
    case erlang:fun_info(Term, type) of {type, external} -> Found; _ -> mig_one(funs, Found) end;
mig_walk(_, Found) -> Found.

mig_one(Key, Found) -> Found#{Key => maps:get(Key, Found, 0) + 1}.

%% Keeps the state of a process as it was, to be handed to another: {state, Keeper, Digest, Bytes, Obstacles}, or why not.
mig_keep_state(Task, Pid, MostBytes, Timeout) ->
    case act_state(Pid, MostBytes, Timeout) of
        {state, Behaviour, Digest, Bytes, State} ->
            {Obstacles, _} = mig_obstacles(Pid, Behaviour, State, Timeout),
            task_frame(Task, {state, self(), Digest, Bytes, Obstacles}),
            mig_hand_out(Task, State);
        No -> No
    end.

mig_hand_out(Task, State) ->
    case task_next(Task, infinity) of
        {other, {give, From, Ref}} -> erlang:send(From, {Ref, State}, [noconnect]), mig_hand_out(Task, State);
        {other, _} -> mig_hand_out(Task, State);
        {tell, _} -> mig_hand_out(Task, State);
        _ -> done
    end.

%% Gives a process the state that a keeper has: {placed, IsEqual, Digest}, no_keeper, not_connected to its node, or late.
mig_take_state(Keeper, Pid, Timeout) ->
    Ref = erlang:monitor(process, Keeper),
    erlang:send(Keeper, {give, self(), Ref}, [noconnect]),
    receive
        {Ref, State} ->
            erlang:demonitor(Ref, [flush]),
            sys:replace_state(Pid, fun(_) -> State end, Timeout),
            Back = sys:get_state(Pid, Timeout),
            {placed, Back =:= State, act_digest(Back)};
        {'DOWN', Ref, _, _, noconnection} -> not_connected;
        {'DOWN', Ref, _, _, _} -> no_keeper
    after Timeout -> erlang:demonitor(Ref, [flush]), late
    end.
