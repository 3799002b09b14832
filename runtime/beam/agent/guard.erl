%% The guard: a second process beside the agent. What a task must undo stands in a table of the guard's, written before the deed, so that
%% it is undone whoever dies: the task, the agent, or both. When the guard dies the agent inherits the table and starts another.
-export([]).

guard_start(Name, Tier, Agent) ->
    Tag = make_ref(),
    {Guard, Ref} = spawn_monitor(fun() -> guard_init(Name, Tier, Agent, Tag) end),
    receive
        {Tag, Table} -> {Guard, Table};
        {'DOWN', Ref, _, _, Why} -> exit(Why)
    end.

guard_init(Name, Tier, Agent, Tag) ->
    main_ours(Name, guard),
    erlang:monitor(process, Agent),
    Table = ets:new(arsenal_agent_undo, [public, {heir, Agent, undo}]),
    Agent ! {Tag, Table},
    guard_loop(#{name => Name, tier => Tier, agent => Agent, table => Table}).

%% The table's next guard, after the one before died. The agent owns the table meanwhile.
guard_again(#{name := Name, tier := Tier} = State) ->
    Agent = self(),
    {Guard, _} = spawn_monitor(fun() -> guard_heir(Name, Tier, Agent) end),
    guard_give(State#{guard := Guard}).

guard_give(#{guard := Guard, undo := Table, pids := Pids} = State) ->
    case ets:info(Table, owner) =:= self() andalso is_process_alive(Guard) of
        true ->
            ets:give_away(Table, Guard, undo),
            [Guard ! {watch, Pid} || Pid <- maps:keys(Pids)],
            State;
        false -> State
    end.

guard_heir(Name, Tier, Agent) ->
    main_ours(Name, guard),
    Ref = erlang:monitor(process, Agent),
    receive
        {'ETS-TRANSFER', Table, Agent, undo} ->
            ets:setopts(Table, {heir, Agent, undo}),
            [erlang:monitor(process, Pid) || Pid <- guard_holders(Table)],
            guard_loop(#{name => Name, tier => Tier, agent => Agent, table => Table});
        {'DOWN', Ref, _, _, _} -> guard_unload(Name, Tier, [Agent, self()])
    end.

guard_watch(Pid, #{guard := Guard}) -> Guard ! {watch, Pid}.

guard_loop(#{agent := Agent, table := Table} = State) ->
    receive
        {watch, Pid} when is_pid(Pid) -> erlang:monitor(process, Pid), guard_loop(State);
        {'DOWN', _, process, Pid, _} when is_pid(Pid), node(Pid) =:= node() ->
            % Anybody can send this.
            case is_process_alive(Pid) of
                true -> guard_loop(State);
                false when Pid =:= Agent -> guard_close(State);
                false -> guard_undo_all(Table, Pid), guard_loop(State)
            end;
        _ -> guard_loop(State)
    after 500 -> erlang:hibernate(erlang, apply, [fun() -> guard_loop(State) end, []])
    end.

%% The agent is gone. Its tasks were linked to it; what they held is undone, and the code goes.
guard_close(#{agent := Agent, table := Table, name := Name, tier := Tier}) ->
    Holders = guard_holders(Table),
    [guard_ended(Pid) || Pid <- Holders],
    [guard_undo_all(Table, Pid) || Pid <- Holders],
    guard_unload(Name, Tier, [Agent, self()]).

guard_ended(Pid) ->
    Ref = erlang:monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, _} -> ok after 2000 -> erlang:demonitor(Ref, [flush]), ok end.

guard_unload(Name, agent, Waiting) -> loader_unload(Name, Waiting);
guard_unload(_, _, _) -> ok.

guard_holders(Table) -> lists:usort([Pid || {{Pid, _}, _} <- ets:tab2list(Table)]).

guard_undo_all(Table, Pid) ->
    Mine = [{Order, Key} || {{P, Key}, {Order, _}} <- ets:tab2list(Table), P =:= Pid],
    [guard_undo(Table, {Pid, Key}) || {_, Key} <- lists:reverse(lists:sort(Mine))],
    ok.

%% Undoes one thing, unless another task holds the same: then it is the last of them that undoes it. Nothing waits longer than 5 s.
guard_undo(Table, Entry) ->
    case ets:take(Table, Entry) of
        [{_, {_, Undo}}] ->
            case [held || {_, {_, Other}} <- ets:tab2list(Table), Other =:= Undo] of
                [] -> guard_run(Undo);
                _ -> ok
            end;
        [] -> ok
    end.

guard_run(Undo) ->
    {Pid, Ref} = spawn_monitor(fun() -> undo_run(Undo) end),
    receive {'DOWN', Ref, _, _, _} -> ok
    after 5000 -> exit(Pid, kill), erlang:demonitor(Ref, [flush]), ok
    end.
