%% Horde as this node has it, without any code of ours or a question to what may not answer. A registry keeps members and keys in
%% named tables that everyone may read. A supervisor keeps its children in tables of its own, likewise readable, and its members in
%% its state, for which it is asked as any gen_server is (sys:get_state/2), within a time limit.
-export([horde_orphans/2, horde_place/4, horde_start/3]).

%% The members here as rows {{Kind, Name}, Row}.
%% registry: {Pid, Members, Size, Own}; supervisor: {Pid, Members, Size, Own, State}.
horde_views(Timeout) ->
    Until = erlang:monotonic_time(millisecond) + Timeout,
    [{{Kind, Name}, horde_view(Kind, Name, Pid, max(1, min(1000, Until - erlang:monotonic_time(millisecond))))}
        || {Kind, Name, Pid} <- horde_members()].

horde_members() ->
    case [M || M <- ['Elixir.Horde.RegistryImpl', 'Elixir.Horde.DynamicSupervisorImpl'], erlang:module_loaded(M)] of
        [] -> [];
        _ -> [{Kind, Name, Pid} || Name <- registered(), Pid <- [whereis(Name)], is_pid(Pid), Kind <- horde_kinds(Pid)]
    end.

horde_kinds(Pid) ->
    case names_initial_call(Pid) of
        {'Elixir.Horde.RegistryImpl', init, 1} -> [registry];
        {'Elixir.Horde.DynamicSupervisorImpl', init, 1} -> [supervisor];
        _ -> []
    end.

%% The process of that kind and name; `none` when there is none here.
horde_process(Kind, Name) ->
    case whereis(Name) of
        Pid when is_pid(Pid) -> case horde_kinds(Pid) of [Kind] -> Pid; _ -> none end;
        _ -> none
    end.

horde_view(registry, Name, Pid, _) ->
    Members = try ets:tab2list(horde_table("members_", Name)) catch error:badarg -> [] end,
    Keys = horde_table("keys_", Name),
    {Pid, [{Member, none} || {Member, _} <- Members], horde_size(Keys),
        horde_count(Keys, {'_', {Name, node()}, '_'})};
horde_view(supervisor, Name, Pid, Timeout) ->
    Table = horde_children_table(Pid),
    Size = horde_size(Table),
    Own = horde_count(Table, {'_', {{Name, node()}, '_', '_'}}),
    case horde_state(Pid, Timeout) of
        {ok, Members, Strategy, State} ->
            Options = maps:get(supervisor_options, State, []),
            Quorum = try Strategy:'has_quorum?'([M || {_, M} <- Members]) =:= true catch _:_ -> unknown end,
            {Pid, [{Member, maps:get(status, M, none)} || {Member, M} <- Members], Size, Own,
                {Strategy, proplists:get_value(process_redistribution, Options, none), Quorum,
                    maps:get(shutting_down, State, unknown), maps:get(proxy_message_ttl, State, infinity)}};
        Why -> {Pid, [], Size, Own, Why}
    end.

%% The members a supervisor counts with, as its strategy is given them. One with a long queue would answer late, and the question
%% would only make the queue longer.
horde_state(Pid, Timeout) ->
    case erlang:process_info(Pid, message_queue_len) of
        {message_queue_len, Waiting} when Waiting =< 1000 ->
            try sys:get_state(Pid, Timeout) of
                #{'__struct__' := 'Elixir.Horde.DynamicSupervisorImpl', members := Members, members_info := Infos,
                    distribution_strategy := Strategy} = State ->
                    {ok, maps:to_list(maps:with(maps:keys(Members), Infos)), Strategy, State};
                _ -> unknown_layout
            catch
                exit:{timeout, _} -> timeout;
                exit:_ -> gone
            end;
        {message_queue_len, _} -> timeout;
        undefined -> gone
    end.

%% Where the keys of a registry stand, as {Key, {Member, Pid}}. Their values stay where they are.
horde_entries(Name) ->
    case horde_process(registry, Name) of
        none -> none;
        _ -> {table, horde_table("keys_", Name), [{{'$1', '$2', {'$3', '_'}}, [{is_pid, '$3'}], [{{'$1', {{'$2', '$3'}}}}]}]}
    end.

%% Where the children of a supervisor stand, as {Id, {Member, Pid}}.
horde_children(Name) ->
    case horde_process(supervisor, Name) of
        none -> none;
        Supervisor ->
            case horde_children_table(Supervisor) of
                none -> unknown_layout;
                Table -> {table, Table, [{{'$1', {'$2', '_', '$3'}}, [{is_pid, '$3'}], [{{'$1', {{'$2', '$3'}}}}]}]}
            end
    end.

%% The processes of this node that hold keys or are children.
horde_own({horde_entries, Name}) ->
    ets:select(horde_table("keys_", Name), [{{'_', '_', {'$1', '_'}}, horde_is_own(), ['$1']}]);
horde_own({horde_children, Name}) ->
    ets:select(horde_children_table(whereis(Name)), [{{'_', {'_', '_', '$1'}}, horde_is_own(), ['$1']}]);
horde_own(_) -> [].

horde_is_own() -> [{is_pid, '$1'}, {'=:=', {node, '$1'}, {const, node()}}].

%% What its specification says of a child: [{Id, {Member, Start, Type, Restart, Hash, Pid, Life}}]. It never changes, and can be
%% large, so it is looked at when it is to be told.
horde_child(Name, Id, Member, Pid) ->
    case horde_spec(Name, Id) of
        #{start := {M, F, A}} = Spec ->
            [{Id, {Member, {M, F, length(A)}, maps:get(type, Spec, worker), maps:get(restart, Spec, permanent),
                erlang:phash2(maps:remove(id, Spec), 1 bsl 32), Pid, horde_life(Pid)}}];
        _ -> []
    end.

%% The table is kept in mind for the next child, as long as it is that of the supervisor.
horde_spec(Name, Id) ->
    Table = case get({horde_children, Name}) of
        Known when Known =/= undefined -> Known;
        undefined -> horde_children_table(whereis(Name))
    end,
    put({horde_children, Name}, Table),
    case Table =/= none andalso ets:info(Table, owner) =:= whereis(Name) of
        true -> case ets:lookup(Table, Id) of [{_, {_, Spec, _}}] -> Spec; _ -> none end;
        false when Table =:= none -> none;
        false -> erase({horde_children, Name}), horde_spec(Name, Id)
    end.

%% Whether a process lives is for its own node to say.
horde_life(Pid) when node(Pid) =:= node() -> is_process_alive(Pid);
horde_life(_) -> elsewhere.

horde_table(Prefix, Name) -> list_to_existing_atom(Prefix ++ atom_to_list(Name)).

%% Two tables without a registered name, told by their owner.
horde_children_table(Supervisor) -> horde_owned(Supervisor, processes_by_id).

horde_owned(Owner, Name) ->
    case [T || T <- ets:all(), ets:info(T, owner) =:= Owner, ets:info(T, name) =:= Name] of
        [Table] -> Table;
        _ -> none
    end.

horde_size(none) -> unknown;
horde_size(Table) -> case ets:info(Table, size) of Size when is_integer(Size) -> Size; _ -> unknown end.

horde_count(none, _) -> unknown;
horde_count(Table, Pattern) -> try ets:select_count(Table, [{Pattern, [], [true]}]) catch error:badarg -> unknown end.

%% Processes that Horde started or registered here and that its tables do not name (any more), with their initial calls, at most
%% 1,000. Both hold a link to each of theirs, so nobody is asked.
horde_orphans(registry, Name) ->
    case horde_process(registry, Name) of
        none -> none;
        Registry -> horde_unnamed(Registry, horde_table("pids_", Name))
    end;
horde_orphans(supervisor, Name) ->
    case horde_process(supervisor, Name) of
        none -> none;
        Supervisor ->
            Runner = try whereis(list_to_existing_atom(atom_to_list(Name) ++ ".ProcessesSupervisor"))
                catch error:badarg -> undefined end,
            case horde_owned(Supervisor, process_pid_to_id) of
                Table when Table =/= none, is_pid(Runner) -> horde_unnamed(Runner, Table);
                _ -> none
            end
    end.

horde_unnamed(Holder, Table) ->
    case erlang:process_info(Holder, [links, dictionary]) of
        [{links, Links}, {dictionary, Dictionary}] ->
            Ancestors = [case is_atom(A) of true -> whereis(A); false -> A end
                || A <- proplists:get_value('$ancestors', Dictionary, [])],
            Unnamed = [P || P <- Links, is_pid(P), node(P) =:= node(), not lists:member(P, Ancestors),
                not ets:member(Table, P), is_process_alive(P)],
            [{P, proc_lib:translate_initial_call(P)} || P <- lists:sublist(Unnamed, 1000)];
        undefined -> []
    end.

%% Whom the supervisor's strategy chooses for a child, asked several times, with ids made up as Horde makes them up.
horde_place(Name, Spec, Times, Timeout) ->
    case horde_process(supervisor, Name) of
        none -> none;
        Supervisor ->
            case horde_state(Supervisor, Timeout) of
                {ok, Members, Strategy, State} ->
                    Known = [M || {_, M} <- Members],
                    Choices = [case Strategy:choose_node(Spec#{id => rand:uniform(1 bsl 128)}, Known) of
                        {ok, #{name := {Member, Node}}} -> {ok, Member, Node};
                        {error, Reason} -> {error, Reason}
                    end || _ <- lists:seq(1, Times)],
                    {Strategy, maps:get(proxy_message_ttl, State, infinity), lists:usort(Choices)};
                Why -> Why
            end
    end.

%% Starts a child by Horde's own function, which waits without limit: in a process of its own, given up after a while.
horde_start(Name, Spec, Timeout) ->
    case horde_process(supervisor, Name) of
        none -> none;
        _ ->
            {Pid, Ref} = spawn_monitor(fun() -> exit({started, 'Elixir.Horde.DynamicSupervisor':start_child(Name, Spec)}) end),
            receive {'DOWN', Ref, process, Pid, Result} -> Result
            after Timeout ->
                erlang:demonitor(Ref, [flush]),
                exit(Pid, kill),
                timeout
            end
    end.
