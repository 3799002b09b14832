%% Where a process spends its time: stacks looked at now and then, and calls counted and timed by the emulator.
-export([prof_sample/3, prof_calls/4]).

%% {ok | gone, Samples, Dropped, [{running | waiting, [{M, F, A}], Number}]}, the innermost function first. At most 2,000 different stacks
%% are kept apart; the samples of others are dropped.
prof_sample(Pid, EveryMs, ForMs) ->
    Start = erlang:monotonic_time(millisecond),
    prof_sample(Pid, EveryMs, {Start, Start + ForMs}, 1, #{}, 0).

prof_sample(Pid, EveryMs, {Start, End} = Time, N, Found, Dropped) ->
    case erlang:process_info(Pid, [status, current_stacktrace]) of
        undefined -> {gone, N - 1, Dropped, prof_stacks(Found)};
        [{_, Status}, {_, Stack}] ->
            Key = {prof_state(Status), [{M, F, A} || {M, F, A, _} <- Stack]},
            {Next, Lost} = case Found of
                #{Key := Number} -> {Found#{Key := Number + 1}, Dropped};
                _ when map_size(Found) < 2000 -> {Found#{Key => 1}, Dropped};
                _ -> {Found, Dropped + 1}
            end,
            Now = erlang:monotonic_time(millisecond),
            % A sample that took long makes the next one later, and not two at once.
            At = Start + max(N, (Now - Start) div EveryMs + 1) * EveryMs,
            case At >= End of
                true -> receive after max(0, End - Now) -> {ok, N, Lost, prof_stacks(Next)} end;
                false -> receive after At - Now -> prof_sample(Pid, EveryMs, Time, N + 1, Next, Lost) end
            end
    end.

prof_state(waiting) -> waiting;
prof_state(suspended) -> waiting;
prof_state(_) -> running.

prof_stacks(Found) -> [{State, Stack, Number} || {{State, Stack}, Number} <- maps:to_list(Found)].

%% {ok, time | costs | target_gone, ForUs, Modules, [{MFA, Calls, Us}]} of what was called, at most 500, the most time first; or
%% {refused, Why}. The calling process is the tracer, and hears nothing: its traced process is silent.
prof_calls(Pid, Given, ForMs, PerSecond) ->
    Sessions = trace_sessions(),
    try
        ok = trace_targets([Pid], trace_ours(), Sessions),
        Modules = prof_modules(Given, Pid),
        Slot = case Sessions of true -> {session, trace_new(session_create, [arsenal, self(), []])}; false -> shared end,
        Wanted = [{{M, '_', '_'}, call_time, true} || M <- Modules],
        try
            ok = trace_functions(Slot, Wanted),
            Functions = lists:append([trace_meant(MFA) || {MFA, _, _} <- Wanted]),
            try trace_flags(Slot, self(), Pid, true, [call, silent]) catch error:badarg -> throw({refused, gone}) end,
            Ref = erlang:monitor(process, Pid),
            Start = erlang:monotonic_time(microsecond),
            Ended = prof_wait(Slot, Pid, Ref, Functions, {Start, Start + ForMs * 1000, PerSecond}, 100),
            try trace_flags(Slot, self(), Pid, false, [call, silent]) catch error:badarg -> 0 end,
            ForUs = erlang:monotonic_time(microsecond) - Start,
            Called = lists:reverse(lists:keysort(3, prof_called(Slot, Pid, Functions))),
            {ok, Ended, ForUs, Modules, lists:sublist(Called, 500)}
        catch throw:{refused, Refused} -> {refused, Refused}
        after
            case Slot of
                {session, Session} -> trace_new(session_destroy, [Session]);
                shared -> trace_release(self(), [])
            end
        end
    catch throw:{refused, Why} -> {refused, Why}
    end.

%% Looks after 0.1 s, and then each 0.5 s, whether the calls are more than was allowed.
prof_wait(Slot, Pid, Ref, Functions, {Start, End, PerSecond} = Time, WaitMs) ->
    Left = (End - erlang:monotonic_time(microsecond)) div 1000,
    receive {'DOWN', Ref, process, _, _} -> target_gone
    after max(0, min(WaitMs, Left)) ->
        Now = erlang:monotonic_time(microsecond),
        Calls = lists:sum([N || {_, N, _} <- prof_called(Slot, Pid, Functions)]),
        Second = max(1, Now - Start),
        if
            Calls * 1000000 > PerSecond * Second -> costs;
            Now >= End -> time;
            true -> prof_wait(Slot, Pid, Ref, Functions, Time, 500)
        end
    end.

prof_called(Slot, Pid, Functions) ->
    [{F, Count, S * 1000000 + Us} || F <- Functions, {call_time, Times} <- [trace_info_of(Slot, F, call_time)], is_list(Times),
        {P, Count, S, Us} <- Times, P =:= Pid, Count > 0].

prof_modules([], Pid) ->
    case lists:usort([M || M <- prof_near(Pid), erlang:module_loaded(M)]) of
        [] -> throw({refused, no_modules});
        Modules -> prof_few(Modules)
    end;
prof_modules(Given, _) ->
    [throw({refused, {not_loaded, M}}) || M <- Given, not erlang:module_loaded(M)],
    prof_few(lists:usort(Given)).

prof_few(Modules) ->
    case lists:sum([length(M:module_info(functions)) || M <- Modules]) of
        Count when Count > 5000 -> throw({refused, {too_many_functions, {hd(Modules), '_', '_'}, Count}});
        _ -> Modules
    end.

%% The modules of the application that the process runs, and those on its stack, without those of OTP and Elixir.
prof_near(Pid) ->
    {_, _, _, Stacks} = prof_sample(Pid, 5, 50),
    {First, _, _} = case is_process_alive(Pid) of true -> proc_lib:translate_initial_call(Pid); false -> throw({refused, gone}) end,
    Seen = lists:usort([First | [M || {_, Stack, _} <- Stacks, {M, _, _} <- Stack]]),
    Own = [M || M <- Seen, prof_own(M)],
    Near = [case application:get_application(M) of
        {ok, App} -> case application:get_key(App, modules) of {ok, All} -> All; undefined -> [] end;
        undefined -> []
    end || M <- Own],
    lists:append([Own | Near]).

prof_own(Module) ->
    case application:get_application(Module) of
        {ok, App} when App =:= elixir; App =:= logger; App =:= eex; App =:= iex; App =:= mix; App =:= ex_unit -> false;
        _ ->
            case code:which(Module) of
                Path when is_list(Path), Path =/= [] -> not lists:prefix(code:lib_dir(), Path);
                preloaded -> false;
                _ -> true
            end
    end.
