%% From functions and conditions on their arguments, as data, to match specifications. Only these comparisons and tests are made
%% into one, and no action but showing the caller and the return, so that nothing a user writes can act on a node.

%% [{Module, Function | '_', Arity | '_', Conditions, Shown}] as [{{Module, Function, Arity}, MatchSpec}]; throws {refused, Why}.
trace_rules(Functions) ->
    [case erlang:module_loaded(M) of
        true -> {{M, F, A}, trace_spec(A, Conditions, Shown)};
        false -> throw({refused, {not_loaded, M}})
    end || {M, F, A, Conditions, Shown} <- Functions].

trace_spec(_, [], []) -> true;
trace_spec(Arity, Conditions, Shown) ->
    Spec = [{'_', [trace_guard(C) || C <- Conditions],
        [{exception_trace} || lists:member(return, Shown)] ++ [{message, {caller}} || lists:member(caller, Shown)]}],
    Tried = case Arity of '_' -> []; _ -> lists:duplicate(Arity, []) end,
    case erlang:match_spec_test(Tried, Spec, trace) of
        {ok, _, _, _} -> Spec;
        {error, Errors} -> throw({refused, {bad_condition, iolist_to_binary(io_lib:format("~0tp", [[T || {_, T} <- Errors]]))}})
    end.

trace_guard({compare, Op, Path, Value}) ->
    trace_one_of(Op, ['=:=', '=/=', '<', '=<', '>', '>=']),
    {Op, trace_path(Path), {const, Value}};
trace_guard({type, Test, Path}) ->
    trace_one_of(Test, [is_atom, is_binary, is_bitstring, is_boolean, is_float, is_function, is_integer, is_list, is_map,
        is_number, is_pid, is_port, is_reference, is_tuple]),
    {Test, trace_path(Path)};
trace_guard({all, Conditions}) -> trace_joined('andalso', true, Conditions);
trace_guard({any, Conditions}) -> trace_joined('orelse', false, Conditions);
trace_guard({'not', Condition}) -> {'not', trace_guard(Condition)}.

trace_joined(_, Empty, []) -> Empty;
trace_joined(_, _, [Condition]) -> trace_guard(Condition);
trace_joined(Op, _, Conditions) -> list_to_tuple([Op | [trace_guard(C) || C <- Conditions]]).

trace_one_of(Name, Names) ->
    case lists:member(Name, Names) of true -> ok; false -> throw({refused, {bad_condition, <<"no such test">>}}) end.

%% The N-th argument, and what is inside it. Without variables, so that a head of any arity does.
trace_path([{arg, N} | Inside]) when is_integer(N), N >= 1, N =< 255 ->
    trace_inside(Inside, {hd, lists:foldl(fun(_, Rest) -> {tl, Rest} end, '$_', lists:seq(2, N))}).

trace_inside([], Value) -> Value;
trace_inside([{element, N} | Rest], Value) when is_integer(N) -> trace_inside(Rest, {element, N, Value});
trace_inside([{key, Key} | Rest], Value) -> trace_inside(Rest, {map_get, {const, Key}, Value}).

%% The functions meant, one by one; throws where there is none, or more than anybody means.
trace_meant({M, F, A}) ->
    Meant = [{M, N, Ar} || {N, Ar} <- M:module_info(functions), F =:= '_' orelse F =:= N, A =:= '_' orelse A =:= Ar],
    case length(Meant) of
        0 -> throw({refused, {no_function, {M, F, A}}});
        Count when Count > 3000 -> throw({refused, {too_many_functions, {M, F, A}, Count}});
        _ -> Meant
    end.
