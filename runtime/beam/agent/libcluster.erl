%% libcluster's topologies. Its supervisors are found from outside; each keeps a strategy with its state as the only argument of the
%% child's start. Configurations hold secrets, which do not leave the node.
-export([cluster_topologies/2]).

%% {Topology, Strategy, Config, Child, Supervisor}, Child being a pid, `undefined` (it ended after its start) or `restarting`; and
%% those of the application's environment that none of the supervisors runs, with Supervisor `none`.
cluster_topologies(Supervisors, Timeout) ->
    Running = lists:append([cluster_children(S, Timeout) || S <- Supervisors]),
    Names = [element(1, R) || R <- Running],
    Configured = case application:get_env(libcluster, topologies) of {ok, L} when is_list(L) -> L; _ -> [] end,
    Running ++ [{Topology, proplists:get_value(strategy, Spec, undefined),
            cluster_masked(proplists:get_value(config, Spec, []), 8), undefined, none}
        || {Topology, Spec} <- Configured, is_list(Spec), not lists:member(Topology, Names)].

cluster_children(Supervisor, Timeout) ->
    [case gen_server:call(Supervisor, {get_childspec, Id}, Timeout) of
        {ok, #{start := {Strategy, _, [[#{topology := Topology, config := Config}] | _]}}} ->
            {Topology, Strategy, cluster_masked(Config, 8), Child, Supervisor};
        {ok, #{start := {Strategy, _, _}}} -> {Id, Strategy, unknown_layout, Child, Supervisor};
        {error, _} -> {Id, undefined, unknown_layout, Child, Supervisor}
    end || {Id, Child, _, _} <- gen_server:call(Supervisor, which_children, Timeout)].

%% The term with the values of keys that name a secret replaced by a text, and without what is large or deep.
cluster_masked(_, 0) -> <<"...">>;
cluster_masked({Key, Value}, Depth) when is_atom(Key); is_binary(Key) ->
    case cluster_is_secret(Key) of
        true -> {Key, <<"(hidden)">>};
        false -> {Key, cluster_masked(Value, Depth - 1)}
    end;
cluster_masked(Map, Depth) when is_map(Map) ->
    maps:from_list([cluster_masked_pair(Pair, Depth) || Pair <- lists:sublist(maps:to_list(Map), 200)]);
cluster_masked([Head | Tail], Depth) when is_list(Tail), length(Tail) < 1000 ->
    [cluster_masked(E, Depth - 1) || E <- [Head | Tail]];
cluster_masked(Tuple, Depth) when is_tuple(Tuple), tuple_size(Tuple) < 100 ->
    list_to_tuple([cluster_masked(E, Depth - 1) || E <- tuple_to_list(Tuple)]);
cluster_masked(Binary, _) when is_binary(Binary), byte_size(Binary) > 1000 -> <<"...">>;
cluster_masked(Term, _) when is_atom(Term); is_number(Term); is_binary(Term); is_pid(Term); Term =:= [] -> Term;
cluster_masked(_, _) -> <<"...">>.

cluster_masked_pair({Key, Value}, Depth) when is_atom(Key); is_binary(Key) -> cluster_masked({Key, Value}, Depth);
cluster_masked_pair({Key, Value}, Depth) -> {Key, cluster_masked(Value, Depth - 1)}.

cluster_is_secret(Key) when is_atom(Key) -> cluster_is_secret(atom_to_binary(Key, utf8));
cluster_is_secret(Key) ->
    Lower = try string:lowercase(Key) catch _:_ -> <<"secret">> end,
    lists:any(fun(Part) -> binary:match(Lower, Part) =/= nomatch end,
        [<<"secret">>, <<"token">>, <<"passw">>, <<"credential">>, <<"cookie">>, <<"private">>, <<"api_key">>, <<"apikey">>,
            <<"auth">>, <<"access_key">>]).
