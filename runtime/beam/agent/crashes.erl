%% What supervisors report of their children, and proc_lib of processes that crash, recorded as it happens by a filter of the logger.
%%
%% It is a primary filter, and the first of them: handlers see what filters left of an event, and Elixir's rewrites these reports or
%% stops them. It runs in the process that logs, lets every event pass as it is, and sends us a bounded copy of what we record.
-export([]).

%% One task for all who ask. Frames: {all, Since, Now, Reports} to who joins or has a gap, then {more, Now, Reports}; times in
%% microseconds of the node's monotonic clock.
crash_record(#{name := Name} = Task) ->
    Me = self(),
    task_undo(Task, filter, {logger_filter, Name}),
    Filter = {fun(Event, To) -> crash_seen(Event, To) end, Me},
    crash_install(Name, Filter),
    Result = crash_loop(Task, Filter, erlang:monotonic_time(microsecond), queue:new()),
    task_undo_now(Task, filter),
    Result.

%% Whoever sets all filters at once takes ours away: it is looked for now and then.
crash_install(Name, Filter) ->
    #{filters := Filters} = logger:get_primary_config(),
    case lists:keymember(Name, 1, Filters) of
        true -> ok;
        false -> logger:set_primary_config(filters, [{Name, Filter} | Filters])
    end.

crash_loop(#{name := Name} = Task, Filter, Since, Kept) ->
    case task_next(Task, task_pace(Task, 10000)) of
        stop -> stopped;
        timeout -> crash_install(Name, Filter), crash_loop(Task, Filter, Since, Kept);
        {joined, Reader} -> crash_all(Task, Reader, Since, Kept), crash_loop(Task, Filter, Since, Kept);
        {missed, Reader, _} -> crash_all(Task, Reader, Since, Kept), crash_loop(Task, Filter, Since, Kept);
        {other, {crash_seen, Report}} ->
            Reports = crash_more([Report], 50),
            task_frame(Task, {more, erlang:monotonic_time(microsecond), Reports}),
            crash_loop(Task, Filter, Since, crash_bounded(lists:foldl(fun(R, Q) -> queue:in(R, Q) end, Kept, Reports)));
        _ -> crash_loop(Task, Filter, Since, Kept)
    end.

crash_all(Task, Reader, Since, Kept) ->
    task_frame_to(Task, Reader, {all, Since, erlang:monotonic_time(microsecond), queue:to_list(Kept)}).

%% What has come already goes into the same frame.
crash_more(Reports, 0) -> lists:reverse(Reports);
crash_more(Reports, Most) -> receive {crash_seen, Report} -> crash_more([Report | Reports], Most - 1) after 0 -> lists:reverse(Reports) end.

crash_bounded(Kept) -> case queue:len(Kept) > 1000 of true -> crash_bounded(queue:drop(Kept)); false -> Kept end.

crash_seen(#{msg := {report, #{label := {supervisor, Context}, report := Report}}, meta := #{pid := Supervisor}}, To) when Context =/= progress ->
    crash_send(To, fun() ->
        Child = proplists:get_value(offender, Report, []),
        {supervisor, Supervisor, Context, crash_id(Child), proplists:get_value(pid, Child), proplists:get_value(restart_type, Child),
            crash_small(proplists:get_value(reason, Report))}
    end);
crash_seen(#{msg := {report, #{label := {proc_lib, crash}, report := [Info | _]}}, meta := #{pid := Pid}}, To) ->
    crash_send(To, fun() ->
        {Class, Reason, Stack} = proplists:get_value(error_info, Info),
        Call = case proplists:get_value(initial_call, Info) of {M, F, Args} -> {M, F, length(Args)}; _ -> undefined end,
        {process, Pid, Call, proplists:get_value(registered_name, Info), Class, crash_small(Reason),
            [{M1, F1, crash_arity(A1), crash_line(Where)} || {M1, F1, A1, Where} <- lists:sublist(Stack, 8)]}
    end);
crash_seen(_, _) -> ignore.

%% Children of dynamic supervisors have no id, and their processes differ: there the start function says more.
crash_id(Child) ->
    case proplists:get_value(id, Child, undefined) of
        undefined -> case proplists:get_value(mfargs, Child) of {M, F, _} -> {M, F}; _ -> undefined end;
        Id -> crash_small(Id)
    end.

crash_arity(Args) when is_list(Args) -> length(Args);
crash_arity(Arity) -> Arity.

crash_line(Where) -> {proplists:get_value(file, Where, none), proplists:get_value(line, Where, 0)}.

%% Nothing that goes wrong here may reach the process that logs, and a flood of reports is not for us to make worse.
crash_send(To, Make) ->
    try
        case erlang:process_info(To, message_queue_len) of
            {_, Length} when Length < 1000 -> To ! {crash_seen, {erlang:monotonic_time(microsecond), Make()}};
            _ -> ok
        end
    catch _:_ -> ok
    end,
    ignore.

%% A term as it is, when it is small; else its beginning as text.
crash_small(Term) ->
    case crash_room(Term, 400) of
        Left when Left >= 0 -> Term;
        _ -> unicode:characters_to_binary(io_lib:format("~0tP", [Term, 25]))
    end.

%% How much of the room for a term is left when it is put in; what has none left is not looked at further.
crash_room(_, Room) when Room < 0 -> Room;
crash_room([Head | Tail], Room) -> crash_room(Tail, crash_room(Head, Room - 1));
crash_room(Term, Room) when is_tuple(Term), tuple_size(Term) > Room -> -1;
crash_room(Term, Room) when is_tuple(Term) -> crash_room(tuple_to_list(Term), Room);
crash_room(Term, Room) when is_map(Term), map_size(Term) > Room -> -1;
crash_room(Term, Room) when is_map(Term) -> crash_room(maps:to_list(Term), Room);
crash_room(Term, Room) when is_bitstring(Term) -> Room - 1 - byte_size(Term) div 8;
crash_room(Term, Room) when is_function(Term) -> case erlang:fun_info(Term, env) of {env, Env} -> crash_room(Env, Room - 4); _ -> Room - 1 end;
crash_room(Term, Room) when is_integer(Term), abs(Term) > 16#ffffffffffffffff -> Room - 8;
crash_room(_, Room) -> Room - 1.
