%% Carries out scenarios of etsScenarios.ts on a real ets. Two actors take turns; what each call answers is written as one term.
-module(ets_differential).
-export([main/0]).

%% Reads a list of scenarios as a binary term, writes the list of their logs as another.
main() ->
    [In, Out] = init:get_plain_arguments(),
    {ok, Bytes} = file:read_file(In),
    Logs = [run(Steps) || Steps <- binary_to_term(Bytes)],
    ok = file:write_file(Out, term_to_binary(Logs)),
    halt().

run(Steps) ->
    {Log, {Actors, _}} = lists:mapfoldl(fun step/2, {#{0 => actor(), 1 => actor()}, #{}}, Steps),
    [stop(P, kill) || P <- maps:values(Actors)],
    Log.

actor() -> spawn(fun act/0).

act() ->
    receive {do, From, Ref, Fun} -> From ! {Ref, Fun()}, act() end.

stop(P, Reason) ->
    M = monitor(process, P),
    exit(P, Reason),
    receive {'DOWN', M, _, _, _} -> ok end.

do(P, Fun) ->
    M = monitor(process, P),
    P ! {do, self(), M, Fun},
    receive
        {M, Result} -> demonitor(M, [flush]), Result;
        {'DOWN', M, _, _, Reason} -> {down, Reason}
    end.

step({Who, Operation}, {Actors, Tables} = State) ->
    P = maps:get(Who, Actors),
    case resolve(Operation, State) of
        {new, I, Name, Options} ->
            case do(P, fun() -> attempt(fun() -> ets:new(Name, Options) end) end) of
                {ok, T} ->
                    New = {Actors, Tables#{I => T}},
                    {clean({ok, T}, New), New};
                Failed -> {Failed, State}
            end;
        {die} ->
            stop(P, kill),
            {dead, {Actors#{Who => actor()}, Tables}};
        Other -> {clean(do(P, fun() -> perform(Other) end), State), State}
    end.

perform({call, F, Args}) -> attempt(fun() -> apply(ets, F, Args) end);
perform({keys, T, From, On}) -> attempt(fun() -> keys(T, On, ets:From(T)) end);
perform({portions, F, [T | _] = Args}) -> attempt(fun() -> portions(T, F, apply(ets, F, Args), []) end);
perform({fold, F, T}) -> attempt(fun() -> ets:F(fun(X, A) -> [X | A] end, [], T) end);
perform({erase, T}) ->
    attempt(fun() ->
                    ets:safe_fixtable(T, true),
                    K = erase_all(T, ets:first(T)),
                    ets:safe_fixtable(T, false),
                    {K, ets:info(T, size)}
            end);
perform({mail}) -> mail().

keys(_, _, '$end_of_table') -> [];
keys(T, On, K) -> [K | keys(T, On, ets:On(T, K))].

erase_all(_, '$end_of_table') -> [];
erase_all(T, K) ->
    ets:delete(T, K),
    [K | erase_all(T, ets:next(T, K))].

portions(_, _, '$end_of_table', Found) ->
    {[length(L) || L <- lists:reverse(Found)], lists:append(lists:reverse(Found))};
portions(T, F, {Results, Continuation}, Found) ->
    portions(T, F, ets:F(Continuation), [Results | Found]).

mail() ->
    receive {'ETS-TRANSFER', _, _, _} = M -> [M | mail()] after 0 -> [] end.

attempt(Fun) ->
    try {ok, Fun()} catch Class:Reason -> {Class, Reason} end.

resolve({'$tab', I}, {_, Tables}) -> maps:get(I, Tables, nowhere);
resolve({'$pid', K}, {Actors, _}) -> maps:get(K, Actors);
resolve(T, State) when is_tuple(T) -> list_to_tuple([resolve(E, State) || E <- tuple_to_list(T)]);
resolve([H | T], State) -> [resolve(H, State) | resolve(T, State)];
resolve(T, _) -> T.

clean(P, {Actors, _}) when is_pid(P) ->
    case [K || {K, Q} <- maps:to_list(Actors), Q =:= P] of [K] -> {pid, K}; [] -> pid end;
clean(R, {_, Tables}) when is_reference(R) ->
    case [I || {I, T} <- maps:to_list(Tables), T =:= R] of [I | _] -> {tab, I}; [] -> ref end;
clean(T, State) when is_tuple(T) -> list_to_tuple([clean(E, State) || E <- tuple_to_list(T)]);
clean([H | T], State) -> [clean(H, State) | clean(T, State)];
clean(T, _) -> T.
