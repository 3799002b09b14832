%% Whose trace patterns stand where. Below OTP 27 a function has one pattern for the whole node, whoever set it; so one process of
%% ours keeps account for all windows: it sets a pattern for the first who wants it, clears it with the last, and touches nothing
%% that somebody else has set. It ends when it holds nothing. Versions of the agent share it: what it is asked carries a number.

%% Holds patterns for Owner until it says so, or ends: ok | {refused, Why}. Wanted: [{{M, F, A}, local | call_count | call_time, Spec}].
trace_hold(Owner, Wanted) -> trace_book_ask({hold, Owner, Wanted}, 5).

%% Gives back all that Owner holds. Held is what it was given: should somebody have killed the book, it is cleared without it.
trace_release(Owner, Held) ->
    case whereis(arsenal_trace_book) of
        undefined -> [erlang:trace_pattern(MFA, false, [Kind]) || {MFA, Kind, _} <- Held], ok;
        _ -> trace_book_ask({release, Owner}, 5)
    end.

trace_book_ask(_, 0) -> {refused, busy};
trace_book_ask(Request, Times) ->
    Book = trace_book(),
    Ref = erlang:monitor(process, Book),
    Book ! {arsenal_trace_book, 1, self(), Ref, Request},
    receive
        {Ref, Answer} -> erlang:demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, process, _, _} -> trace_book_ask(Request, Times - 1)
    after 10000 -> erlang:demonitor(Ref, [flush]), {refused, busy}
    end.

trace_book() ->
    case whereis(arsenal_trace_book) of
        undefined ->
            Self = self(),
            Ref = make_ref(),
            spawn(fun() ->
                main_ours(arsenal_trace_book, trace_book),
                Mine = try register(arsenal_trace_book, self()) catch error:badarg -> false end,
                Self ! Ref,
                case Mine of true -> trace_book_loop(#{}, #{}); false -> ok end
            end),
            receive Ref -> ok end,
            trace_book();
        Book -> Book
    end.

%% Held: {MFA, Kind} => {Spec, Owners}. Owners: Owner => {Monitor, [{Wanted, [MFA]}]}.
trace_book_loop(Held, Owners) ->
    receive
        {arsenal_trace_book, 1, From, Ref, {hold, Owner, Wanted}} ->
            case trace_book_hold(Held, Owners, Owner, Wanted) of
                {ok, Held2, Owners2} -> From ! {Ref, ok}, trace_book_next(Held2, Owners2);
                Refused -> From ! {Ref, Refused}, trace_book_next(Held, Owners)
            end;
        {arsenal_trace_book, 1, From, Ref, {release, Owner}} ->
            {Held2, Owners2} = trace_book_release(Held, Owners, Owner),
            From ! {Ref, ok},
            trace_book_next(Held2, Owners2);
        {'DOWN', _, process, Owner, _} ->
            {Held2, Owners2} = trace_book_release(Held, Owners, Owner),
            trace_book_next(Held2, Owners2);
        _ -> trace_book_next(Held, Owners)
    end.

trace_book_next(Held, Owners) when map_size(Owners) =:= 0 -> _ = Held, ok;
trace_book_next(Held, Owners) -> trace_book_loop(Held, Owners).

trace_book_hold(Held, Owners, Owner, Wanted) ->
    try
        Meant = [{One, trace_meant(MFA)} || {MFA, _, _} = One <- Wanted],
        [trace_book_check(Held, Function, Kind, Spec) || {{_, Kind, Spec}, Functions} <- Meant, Function <- Functions],
        Held2 = lists:foldl(fun({One, Functions}, H) -> trace_book_set(H, Owner, One, Functions) end, Held, Meant),
        {Monitor, Before} = case Owners of
            #{Owner := Known} -> Known;
            _ -> {erlang:monitor(process, Owner), []}
        end,
        {ok, Held2, Owners#{Owner => {Monitor, Meant ++ Before}}}
    catch throw:{refused, Why} -> {refused, Why}
    end.

trace_book_check(Held, Function, Kind, Spec) ->
    case Held of
        #{{Function, Kind} := {Spec, _}} -> ok;
        #{{Function, Kind} := _} -> throw({refused, {function_taken, Function, ours}});
        _ ->
            Item = case Kind of local -> traced; _ -> Kind end,
            case erlang:trace_info(Function, Item) of
                {_, false} -> ok;
                {_, undefined} -> throw({refused, {no_function, Function}});
                _ -> throw({refused, {function_taken, Function, theirs}})
            end
    end.

trace_book_set(Held, Owner, {MFA, Kind, Spec}, Functions) ->
    New = [F || F <- Functions, not maps:is_key({F, Kind}, Held)],
    trace_pattern_of(MFA, Functions, New, Spec, Kind),
    lists:foldl(fun(F, H) ->
        {_, Who} = maps:get({F, Kind}, H, {Spec, []}),
        H#{{F, Kind} => {Spec, [Owner | Who]}}
    end, Held, Functions).

trace_book_release(Held, Owners, Owner) ->
    case maps:take(Owner, Owners) of
        error -> {Held, Owners};
        {{Monitor, Mine}, Rest} ->
            erlang:demonitor(Monitor, [flush]),
            {lists:foldl(fun({{MFA, Kind, _}, Functions}, H) ->
                Left = [{F, lists:delete(Owner, element(2, maps:get({F, Kind}, H)))} || F <- Functions],
                trace_pattern_of(MFA, Functions, [F || {F, []} <- Left], false, Kind),
                lists:foldl(fun({F, []}, H2) -> maps:remove({F, Kind}, H2);
                               ({F, Who}, H2) -> H2#{{F, Kind} => {element(1, maps:get({F, Kind}, H2)), Who}}
                            end, H, Left)
            end, Held, Mine), Rest}
    end.

%% In one go where all that the pattern means is meant: each change waits for the node's schedulers.
trace_pattern_of(_, _, [], _, _) -> ok;
trace_pattern_of(MFA, Functions, Functions, Spec, Kind) -> erlang:trace_pattern(MFA, Spec, [Kind]), ok;
trace_pattern_of(_, _, Some, Spec, Kind) -> [erlang:trace_pattern(F, Spec, [Kind]) || F <- Some], ok.
