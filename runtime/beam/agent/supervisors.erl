%% Supervisors: finding them without asking anybody, reading and changing what their state says, listing their children. A layout
%% that is not known is told as such; nothing is guessed.
-export([sup_among/1, sup_describe/1, sup_flags/3, sup_children/5, sup_set_flags/4, sup_child_of/3, sup_spec_of/4, sup_callback/1, sup_stop/3, sup_begin/4, init/1]).

%% Those of the processes that are supervisors, by the initial call that proc_lib keeps for them; a supervisor of Elixir puts
%% {supervisor, Module, 1} there itself. Nothing is sent to any of them.
sup_among(Pids) ->
    [{P, M} || P <- Pids,
        {initial_call, {proc_lib, init_p, _}} <- [erlang:process_info(P, initial_call)],
        {supervisor, M, _} <- [proc_lib:translate_initial_call(P)]].

%% For each supervisor: its name, its ancestors as pids, the application it belongs to.
sup_describe(Pids) ->
    [case erlang:process_info(P, [registered_name, dictionary]) of
        [{_, Name}, {_, Dictionary}] ->
            Ancestors = [case is_atom(A) of true -> whereis(A); false -> A end ||
                A <- proplists:get_value('$ancestors', Dictionary, [])],
            {P, Name, Ancestors, application:get_application(P)};
        undefined -> {P, gone}
    end || P <- Pids].

%% The kind and the flags of what are surely supervisors, from their state. Not asked where the state is large, because the whole
%% of it is copied within the node.
sup_flags(Pids, MostBytes, Timeout) ->
    [{P, case erlang:process_info(P, memory) of
        {memory, Bytes} when Bytes =< MostBytes ->
            try sup_layout(sys:get_state(P, Timeout))
            catch
                exit:{timeout, _} -> timeout;
                _:_ -> unknown_layout
            end;
        {memory, _} -> too_large;
        undefined -> gone
    end} || P <- Pids].

%% {Layout, Strategy, Intensity, Period, AutoShutdown} of a state: the record of stdlib's supervisor (12 elements since OTP 24, which
%% brought auto_shutdown; 11 before), or a struct of Elixir's.
sup_layout({state, _, Strategy, _, _, Intensity, Period, _, _, Auto, _, _}) -> {supervisor, Strategy, Intensity, Period, Auto};
sup_layout({state, _, Strategy, _, _, Intensity, Period, _, _, _, _}) -> {supervisor, Strategy, Intensity, Period, never};
sup_layout(#{'__struct__' := Struct, strategy := Strategy, max_restarts := Intensity, max_seconds := Period}) ->
    {Struct, Strategy, Intensity, Period, never};
sup_layout(_) -> unknown_layout.

%% Sets {Strategy, Intensity, Period, AutoShutdown} where they are what is expected, within the supervisor itself, so that nothing
%% comes between looking and setting; only these elements are replaced. Should the supervisor come to it too late, when we have
%% said that it did not answer, nothing is changed. Answers {set | changed | fixed | unknown_layout | late, what it read back}.
sup_set_flags(Supervisor, Expect, New, Timeout) ->
    Ref = make_ref(),
    Caller = self(),
    Until = erlang:monotonic_time(millisecond) + Timeout,
    _ = sys:replace_state(Supervisor, fun(State) ->
        Late = erlang:monotonic_time(millisecond) > Until,
        {Verdict, Next} = case Late of true -> {late, State}; false -> sup_changed(State, Expect, New) end,
        Caller ! {Ref, Verdict},
        Next
    end, Timeout),
    Said = receive {Ref, Verdict} -> Verdict after 0 -> late end,
    {Said, sup_layout(sys:get_state(Supervisor, Timeout))}.

sup_changed(State, Expect, New) ->
    {Strategy, Intensity, Period, _} = New,
    case sup_layout(State) of
        unknown_layout -> {unknown_layout, State};
        {Layout, S, I, P, A} when {S, I, P, A} =:= Expect -> case Layout of
            %% The children of simple_one_for_one are kept in another form than those of the others, so it stays what it is.
            supervisor when (S =:= simple_one_for_one) =/= (Strategy =:= simple_one_for_one) -> {fixed, State};
            supervisor -> {set, setelement(7, setelement(6, setelement(3, State, Strategy), Intensity), Period)};
            'Elixir.DynamicSupervisor' when Strategy =/= S -> {fixed, State};
            'Elixir.DynamicSupervisor' -> {set, State#{max_restarts := Intensity, max_seconds := Period}};
            _ -> {unknown_layout, State}
        end;
        _ -> {changed, State}
    end.

%% One page of a supervisor's children, in start order where it has one, with what is known of each child's process.
sup_children(Supervisor, Reverse, Offset, Limit, Timeout) ->
    {Total, Held} = sup_listing(Supervisor, Reverse, Timeout),
    {Total, sup_page(Held, Total, Offset, Limit)}.

%% All children as one tuple, of which pages are cut without walking over what lies before them.
sup_listing(Supervisor, Reverse, Timeout) ->
    Held = gen_server:call(Supervisor, which_children, Timeout),
    All = list_to_tuple(case Reverse of true -> lists:reverse(Held); false -> Held end),
    {tuple_size(All), All}.

sup_page(Held, Total, Offset, Limit) ->
    [sup_child(element(At, Held)) || At <- lists:seq(Offset + 1, min(Total, Offset + Limit))].

%% A list taken once, of which pages are asked for ({page, Offset, Limit}) for as long as somebody pages through it: which_children
%% keeps the supervisor from its work for as long as it copies all of it.
sup_paged(Task, Supervisor, Reverse, Timeout) ->
    case try sup_listing(Supervisor, Reverse, Timeout) catch exit:{timeout, _} -> timeout; exit:_ -> gone end of
        {Total, Held} ->
            erlang:garbage_collect(),
            task_frame(Task, {total, Total}),
            sup_pages(Task, Total, Held);
        Why -> Why
    end.

sup_pages(Task, Total, Held) ->
    case task_next(Task, 30000) of
        {tell, {page, Offset, Limit}} when is_integer(Offset), is_integer(Limit), Offset >= 0, Limit =< 1000 ->
            task_frame(Task, {page, Offset, sup_page(Held, Total, Offset, Limit)}),
            sup_pages(Task, Total, Held);
        {tell, _} -> sup_pages(Task, Total, Held);
        {other, _} -> sup_pages(Task, Total, Held);
        _ -> done
    end.

sup_child({Id, Pid, Type, Modules}) when is_pid(Pid), node(Pid) =:= node() ->
    {Id, Pid, Type, Modules, node_name_of(Pid), proc_lib:translate_initial_call(Pid)};
sup_child({Id, Pid, Type, Modules}) -> {Id, Pid, Type, Modules, [], unknown}.

%% An item of a child with its place, to be chosen by (lists.erl).
sup_item(index, {At, _}) -> At;
sup_item(type, {_, {_, _, supervisor, _}}) -> supervisor;
sup_item(type, _) -> worker;
sup_item(pid, {_, {_, Pid, _, _}}) -> Pid;
sup_item(state, {_, {_, Pid, _, _}}) when is_pid(Pid) -> running;
sup_item(state, {_, {_, restarting, _, _}}) -> restarting;
sup_item(state, _) -> undefined;
sup_item(registered_name, {_, {_, Pid, _, _}}) -> node_name_of(Pid).

%% How a supervisor names the child whose process this is: {id, Id}, or by_pid where it gives no ids.
sup_child_of(Supervisor, Pid, Timeout) ->
    case lists:keyfind(Pid, 2, gen_server:call(Supervisor, which_children, Timeout)) of
        {undefined, _, _, _} -> by_pid;
        {Id, _, _, _} -> {id, Id};
        false -> not_found
    end.

%% The specification of a child, by its process or its id, as a map, with the way it is started: {ok, Spec}; {simple, Spec, Args}
%% for simple_one_for_one, Args being what was given to start_child; {dynamic, Spec} under a dynamic supervisor of Elixir, whose
%% state has it (its children have no id). Where the state has to be read for it, only if the process holds no more than MostBytes.
sup_spec_of(Supervisor, Child, MostBytes, Timeout) ->
    {memory, Bytes} = erlang:process_info(Supervisor, memory),
    case proc_lib:translate_initial_call(Supervisor) of
        {supervisor, Module, _} ->
            State = case Bytes =< MostBytes of true -> sys:get_state(Supervisor, Timeout); false -> too_large end,
            sup_spec_in(State, Supervisor, Module, Child, Timeout);
        _ -> not_supervisor
    end.

sup_spec_in(#{'__struct__' := 'Elixir.DynamicSupervisor', children := Children}, _, _, Child, _) ->
    case Children of
        #{Child := {{_, _, Args} = Start, Restart, Shutdown, Type, Modules}} when is_list(Args) ->
            {dynamic, #{id => undefined, start => Start, restart => Restart, shutdown => Shutdown, type => Type, modules => Modules}};
        %% The arguments of temporary children are not kept.
        #{Child := {{_, _, undefined}, _, _, _, _}} -> start_unknown;
        #{Child := _} -> unknown_layout;
        _ -> not_found
    end;
sup_spec_in(#{'__struct__' := _}, _, _, _, _) -> unknown_layout;
sup_spec_in(too_large, _, _, _, _) -> too_large;
sup_spec_in({state, _, simple_one_for_one, _, Dynamics, _, _, _, _, _, _, _}, Supervisor, _, Child, Timeout) ->
    case {gen_server:call(Supervisor, {get_childspec, Child}, Timeout), Dynamics} of
        {{ok, Spec}, {maps, #{Child := Args}}} when is_list(Args) -> {simple, Spec, Args};
        %% The arguments of temporary children are not kept.
        {{ok, Spec}, _} -> {simple, Spec, unknown};
        {{error, Why}, _} -> Why
    end;
sup_spec_in(_, Supervisor, _, Child, Timeout) ->
    case gen_server:call(Supervisor, {get_childspec, Child}, Timeout) of
        {ok, Spec} -> {ok, Spec};
        {error, Why} -> Why
    end.

%% Has a supervisor end with all below it, in order, whoever started it: from anybody else an exit signal is a message to it.
%% {ended, Why}, or `ending` after ConfirmMs.
sup_stop(Supervisor, TimeoutMs, ConfirmMs) ->
    Ref = erlang:monitor(process, Supervisor),
    sys:terminate(Supervisor, shutdown, TimeoutMs),
    receive {'DOWN', Ref, _, _, Why} -> {ended, Why}
    after ConfirmMs -> erlang:demonitor(Ref, [flush]), ending
    end.

%% Module:Start(Supervisor, Given), Start being start_child or restart_child, for whoever has the process To, elsewhere. When that or we are gone the child that is being
%% started is ended, because the supervisor hears nothing while it waits for it, which may be for ever.
sup_begin(To, Start, Supervisor, Given) ->
    Me = self(),
    {_, Watch} = spawn_monitor(fun() -> exit({answer, sup_begin_kept([Me, To], Start, Supervisor, Given)}) end),
    receive
        {'DOWN', Watch, _, _, {answer, {ok, Answer}}} -> Answer;
        {'DOWN', Watch, _, _, {answer, {exit, Why}}} -> exit(Why);
        {'DOWN', Watch, _, _, Why} -> exit(Why)
    end.

sup_begin_kept(For, {Module, Start}, Supervisor, Given) ->
    [erlang:monitor(process, P) || P <- For],
    Before = sup_links(Supervisor),
    Ask = fun() -> try {ok, Module:Start(Supervisor, Given)} catch exit:Why -> {exit, Why} end end,
    {Caller, Ends} = spawn_monitor(fun() -> exit({answer, Ask()}) end),
    receive
        {'DOWN', Ends, _, _, {answer, Answer}} -> Answer;
        {'DOWN', Ends, _, _, Why} -> {exit, Why};
        {'DOWN', _, _, _, _} ->
            case sup_starts(Supervisor, Caller, Before) of
                [Child] ->
                    Marks = [Child | [Name || {_, Name} <- [erlang:process_info(Child, registered_name)]]],
                    sup_fell([Child], sup_below(sup_links(Child), Marks, #{Child => below}), Marks);
                _ -> ok
            end,
            exit(Caller, kill),
            {exit, given_up}
    end.

%% The child that a supervisor starts for Caller: while it waits for one, the only new one. Nothing where that is not sure: what Caller
%% asked for may still wait in its mailbox.
sup_starts(Supervisor, Caller, Before) ->
    case erlang:process_info(Supervisor, [current_function, links, registered_name, message_queue_len]) of
        [{_, {proc_lib, Function, _}}, {_, Links}, {_, Name}, {_, Waiting}] when Waiting < 1000 ->
            Messages = case erlang:process_info(Supervisor, messages) of {_, M} -> M; undefined -> [] end,
            IsOurs = lists:prefix("sync_start", atom_to_list(Function))
                andalso [C || {'$gen_call', {C, _}, _} <- Messages, C =:= Caller] =:= [],
            [P || IsOurs, P <- Links -- Before, sup_parent_is(P, [Supervisor, Name])];
        _ -> []
    end.

sup_parent_is(P, Names) when is_pid(P), node(P) =:= node() ->
    case erlang:process_info(P, dictionary) of
        {_, Dictionary} -> case proplists:get_value('$ancestors', Dictionary, []) of
            [Parent | _] -> lists:member(Parent, Names);
            _ -> false
        end;
        undefined -> false
    end;
sup_parent_is(_, _) -> false.

%% A module whose init/1 answers what it is given, so that a supervisor can be started from flags and specifications alone: Elixir has
%% one; else, for a supervisor that is not to outlive us, ourselves, if we are loaded. `none` where there is none.
sup_callback(Own) ->
    Told = {ok, {make_ref(), []}},
    case [M || M <- ['Elixir.Supervisor.Default', Own], M =/= none, code:ensure_loaded(M) =:= {module, M},
            erlang:function_exported(M, init, 1), (try M:init(Told) catch _:_ -> none end) =:= Told] of
        [Module | _] -> Module;
        [] -> none
    end.

init(Told) -> Told.

%% Owns a supervisor for as long as a client wants it. Its parent is a process beside the task, because the start of a child may never
%% return; while it starts, a keeper beside both fells what there is of it when the task is to stop, or whoever dies. Then it ends with
%% its parent, which ends with the task, and ends its children in order. Frame: {started, Supervisor}; ends with {not_started, Why},
%% {ended, Why}, or stopped.
sup_own(#{name := Own} = Task, Name, Told) ->
    case sup_callback(Own) of
        none -> {not_started, no_callback};
        Module ->
            Args = case Name of none -> [Module, Told]; _ -> [{local, Name}, Module, Told] end,
            Me = self(),
            {Keeper, Watch} = spawn_monitor(fun() -> sup_keep(Me, Own, Args) end),
            sup_starting(Task, Keeper, Watch)
    end.

sup_keep(Task, Own, Args) ->
    main_ours(Own, supervisor),
    Me = self(),
    Watch = erlang:monitor(process, Task),
    {Parent, Ends} = spawn_monitor(fun() -> sup_parent(Me, Task, Own, Args) end),
    receive
        {Parent, Started} -> Task ! {Me, Parent, Started};
        {'DOWN', Ends, _, _, Why} -> exit(Why);
        {'DOWN', Watch, _, _, _} -> sup_fell(Parent);
        stop -> sup_fell(Parent)
    end.

sup_parent(Keeper, Task, Own, Args) ->
    main_ours(Own, supervisor),
    process_flag(trap_exit, true),
    Watch = erlang:monitor(process, Task),
    Started = apply(supervisor, start_link, Args),
    Keeper ! {self(), Started},
    case Started of {ok, Supervisor} -> sup_parent_of(Supervisor, Watch); _ -> ok end.

sup_parent_of(Supervisor, Watch) ->
    receive
        {'DOWN', Watch, _, _, _} -> exit(shutdown);
        stop -> exit(shutdown);
        {'EXIT', Supervisor, _} -> ok;
        _ -> sup_parent_of(Supervisor, Watch)
    after 500 -> erlang:hibernate(erlang, apply, [fun() -> sup_parent_of(Supervisor, Watch) end, []])
    end.

sup_starting(Task, Keeper, Watch) ->
    case task_next(Task, infinity) of
        {other, {Keeper, Parent, {ok, Supervisor}}} ->
            Ends = erlang:monitor(process, Supervisor),
            task_about(Task, Supervisor),
            task_frame(Task, {started, Supervisor}),
            sup_owning(Task, Parent, Ends);
        {other, {Keeper, _, {error, Why}}} -> {not_started, task_brief(Why)};
        {other, {'DOWN', Watch, _, _, Why}} -> {not_started, task_brief(Why)};
        stop ->
            Keeper ! stop,
            receive {'DOWN', Watch, _, _, _} -> stopped end;
        _ -> sup_starting(Task, Keeper, Watch)
    end.

sup_owning(Task, Parent, Ends) ->
    case task_next(Task, infinity) of
        stop ->
            Parent ! stop,
            receive {'DOWN', Ends, _, _, _} -> stopped end;
        {other, {'DOWN', Ends, _, _, Why}} -> {ended, task_brief(Why)};
        _ -> sup_owning(Task, Parent, Ends)
    end.

%% Ends the supervisor that Parent is starting, and Parent: both wait for a child.
sup_fell(Parent) ->
    Links = sup_links(Parent),
    Below = sup_below(Links, [Parent], #{}),
    sup_fell([Parent | [P || P <- Links, is_map_key(P, Below)]], Below, [Parent]).

%% Kills some processes. Those below them learn of it by their links, as of any supervisor's end, and what has not ended by itself after
%% some seconds is killed, too: one that traps exits in an init that never returns.
sup_fell(Pids, Below, Marks) ->
    [exit(P, kill) || P <- Pids],
    sup_felled(maps:keys(Below), Below, Marks, [3000, 100, 100, 100, 100, 100]).

%% Those that are left may have started others meanwhile.
sup_felled(Pids, _, _, Waits) when Pids =:= []; Waits =:= [] -> ok;
sup_felled(Pids, Below, Marks, [WaitMs | Waits]) ->
    Watched = maps:from_list([{erlang:monitor(process, P), P} || P <- Pids]),
    Left = maps:values(sup_ending(Watched, erlang:monotonic_time(millisecond) + WaitMs)),
    Now = sup_below(lists:append([sup_links(P) || P <- Left]), Marks, Below),
    Rest = Left ++ maps:keys(maps:without(maps:keys(Below), Now)),
    [exit(P, kill) || P <- Rest],
    sup_felled(Rest, Now, Marks, Waits).

sup_links(P) -> case erlang:process_info(P, links) of {_, Links} -> Links; undefined -> [] end.

sup_ending(Watched, _) when map_size(Watched) =:= 0 -> Watched;
sup_ending(Watched, Until) ->
    receive {'DOWN', Ref, _, _, _} -> sup_ending(maps:remove(Ref, Watched), Until)
    after max(0, Until - erlang:monotonic_time(millisecond)) -> Watched
    end.

%% Of the processes, and all they are linked to, those that have one of Marks among their ancestors, or were spawned by such: nobody
%% else's are touched.
sup_below([], _, Found) -> Found;
sup_below([P | More], Marks, Found) when is_pid(P), node(P) =:= node(), not is_map_key(P, Found) ->
    case erlang:process_info(P, [links, dictionary]) of
        [{_, Links}, {_, Dictionary}] ->
            Above = proplists:get_value('$ancestors', Dictionary, []),
            case lists:any(fun(Mark) -> lists:member(Mark, Above) end, Marks) orelse sup_spawned_by(P, Found) of
                true -> sup_below(Links ++ More, Marks, Found#{P => below});
                false -> sup_below(More, Marks, Found)
            end;
        undefined -> sup_below(More, Marks, Found)
    end;
sup_below([_ | More], Marks, Found) -> sup_below(More, Marks, Found).

%% Who spawned a process is known since OTP 25; what proc_lib did not start is found by that only.
sup_spawned_by(P, Found) ->
    try erlang:process_info(P, parent) of {parent, By} -> is_map_key(By, Found); _ -> false catch error:badarg -> false end.
