%% Names on this node, and what spans nodes as this node has it. Tables are read; no process of a registry is called. Keys and
%% groups are the user's terms of any size, so they are bounded here, before anything is sent.
-export([names_rows/2, names_digest/2, names_all/2, names_registries/0, names_alive/1]).

%% Rows {Key, Row} of what can be listed and watched, each key once. `none`: there is no such thing here.
names_rows(What, Timeout) ->
    case names_raw(What, Timeout) of
        Raw when is_list(Raw) -> lists:append([names_shown(What, Row) || Row <- Raw]);
        Why -> Why
    end.

%% {Digest, Dead}: what is the same on every node that has the same rows, and the processes of this node among them that have ended.
%% Nodes that agree need not all send their rows to be found to.
names_digest(What, Timeout) ->
    case names_raw(What, Timeout) of
        Raw when is_list(Raw) -> {names_hash(Raw), [Pid || Pid <- horde_own(What), not is_process_alive(Pid)]};
        Why -> Why
    end.

%% {Digest, Rows}: the rows with the digest that they have.
names_all(What, Timeout) ->
    case names_raw(What, Timeout) of
        Raw when is_list(Raw) -> {names_hash(Raw), lists:append([names_shown(What, Row) || Row <- Raw])};
        Why -> Why
    end.

%% phash2 is the same for the same term on every node and release.
names_hash(Raw) ->
    Sorted = lists:sort(Raw),
    {length(Sorted), erlang:phash2(Sorted, 1 bsl 32), erlang:phash2([again | Sorted], 1 bsl 32)}.

%% The rows as they stand in tables, to be compared with what they were: by built-in functions alone where there can be many of
%% them, because this runs interpreted too.
names_raw(What, Timeout) ->
    case names_source(What, Timeout) of
        {table, Table, Spec} -> ets:select(Table, Spec);
        Rows -> Rows
    end.

%% The rows of what is this node's own alone; `spanning`: other nodes have them too.
names_own(local) -> [{Name, Pid} || Name <- registered(), Pid <- [whereis(Name)], is_pid(Pid)];
names_own({registry, Name}) ->
    case names_kind(Name) of
        elixir_registry ->
            'Elixir.Registry':select(Name, [{{'$1', '$2', '_'}, [], [{{{{'$1', '$2'}}, elixir_registry}}]}]);
        horde_registry -> spanning;
        _ -> none
    end.

%% A row of these as it is sent, and an item of one, to be chosen by (lists.erl).
names_own_shown({registry, _}, {{Key, Pid}, Kind}) -> {{names_bounded(Key), Pid}, Kind};
names_own_shown(local, Row) -> Row.

names_item(name, {Name, _}) when is_atom(Name) -> Name;
names_item(name, _) -> [];
names_item(pid, Row) -> names_pid(Row);
names_item(node, Row) -> node(names_pid(Row)).

names_pid({{_, Pid}, _}) -> Pid;
names_pid({_, Pid}) -> Pid.

%% The rows themselves or, where one table has them all, how to select them.
names_source(local, _) -> names_own(local);
names_source(global, _) ->
    [{Name, Pid} || Name <- global:registered_names(), Pid <- [global:whereis_name(Name)], is_pid(Pid)];
names_source({registry, Name}, _) ->
    case names_own({registry, Name}) of
        spanning ->
            {table, horde_table("keys_", Name),
                [{{'$1', '_', {'$2', '_'}}, [{is_pid, '$2'}], [{{{{'$1', '$2'}}, horde_registry}}]}]};
        Rows -> Rows
    end;
names_source({groups, Scope}, _) ->
    case names_kind(Scope) of
        pg -> [{Group, lists:sort(pg:get_members(Scope, Group))} || Group <- pg:which_groups(Scope)];
        _ -> none
    end;
names_source(hordes, Timeout) -> horde_views(Timeout);
names_source({horde_entries, Name}, _) -> horde_entries(Name);
names_source({horde_children, Name}, _) -> horde_children(Name).

%% A row as it is sent, in a list; none when it is gone by now.
names_shown({registry, _} = What, Row) -> [names_own_shown(What, Row)];
names_shown({horde_entries, _}, {Key, {Member, Pid}}) -> [{names_bounded(Key), {Member, Pid, horde_life(Pid)}}];
names_shown({horde_children, Name}, {Id, {Member, Pid}}) -> horde_child(Name, Id, Member, Pid);
names_shown(What, {Key, Row}) when What =:= global; element(1, What) =:= groups -> [{names_bounded(Key), Row}];
names_shown(_, Row) -> [Row].

%% The key of a row, as names_shown/2 sends it.
names_key({registry, _}, {{Key, Pid}, _}) -> {names_bounded(Key), Pid};
names_key(What, {Key, _}) when What =:= global; element(1, What) =:= groups; element(1, What) =:= horde_entries ->
    names_bounded(Key);
names_key(_, {Key, _}) -> Key.

%% The registries and scopes there are: {Kind, Name, Pid, Keys, Size}.
names_registries() ->
    [{Kind, Name, Pid, names_keys(Kind, Name), names_size(Kind, Name)}
        || Name <- registered(), Pid <- [whereis(Name)], is_pid(Pid), Kind <- [names_kind(Name)], Kind =/= none].

%% What a registered name is, by the initial call that proc_lib keeps for its process; it is not called.
names_kind(Name) ->
    case whereis(Name) of
        Pid when is_pid(Pid) ->
            case names_initial_call(Pid) of
                {supervisor, 'Elixir.Registry.Supervisor', 1} -> elixir_registry;
                {'Elixir.Horde.RegistryImpl', init, 1} -> horde_registry;
                {pg, init, 1} -> pg;
                _ -> none
            end;
        _ -> none
    end.

%% A process that proc_lib did not start has no dictionary worth copying. What stays as it is for a process's life is kept in mind for
%% what a task looks at again and again, for each look is work of that process, by which feed.erl tells whether it did anything.
names_initial_call(Pid) ->
    case get({names_initial_call, Pid}) of
        undefined ->
            case erlang:process_info(Pid, initial_call) of
                {initial_call, {proc_lib, init_p, _}} -> names_kept(Pid, proc_lib:translate_initial_call(Pid));
                _ -> none
            end;
        Call -> Call
    end.

names_kept(Pid, {Module, init, 1} = Call)
        when Module =:= pg; Module =:= 'Elixir.Horde.RegistryImpl'; Module =:= 'Elixir.Horde.DynamicSupervisorImpl' ->
    put({names_initial_call, Pid}, Call),
    Call;
names_kept(_, Call) -> Call.

%% Elixir keeps {-2, {Keys, Partitions, Table}} in the registry's own table.
names_keys(elixir_registry, Name) ->
    try ets:lookup(Name, -2) of
        [{-2, Info}] when element(1, Info) =:= unique; element(1, Info) =:= duplicate -> element(1, Info);
        _ -> unknown
    catch error:badarg -> unknown
    end;
names_keys(horde_registry, _) -> unique;
names_keys(pg, _) -> none.

names_size(elixir_registry, Name) -> try 'Elixir.Registry':count(Name) catch _:_ -> unknown end;
names_size(horde_registry, Name) -> horde_size(horde_table("keys_", Name));
names_size(pg, Scope) -> try length(pg:which_groups(Scope)) catch _:_ -> unknown end.

%% Which of these processes of this node live.
names_alive(Pids) -> [Pid || Pid <- Pids, node(Pid) =:= node(), is_process_alive(Pid)].

%% A term as it is, or what is known of one that is too large to be listed: the hashes are the same on every node and release.
names_bounded(Term) ->
    case erlang:external_size(Term) of
        Bytes when Bytes =< 1024 -> {term, Term};
        Bytes -> {large, names_shape(Term), Bytes, erlang:phash2(Term, 1 bsl 32), erlang:phash2([Term], 1 bsl 32)}
    end.

names_shape(Term) when is_tuple(Term) -> tuple;
names_shape(Term) when is_map(Term) -> map;
names_shape(Term) when is_list(Term) -> list;
names_shape(_) -> binary.
