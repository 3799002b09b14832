%% What can be listed (names_rows/2), watched: a task that sends all rows once and from then on what changed.
%%
%% Whether anything can have changed is told by the work that the owner of the rows has done: only it writes its tables, and it does
%% nothing without spending reductions. Where many write (Elixir's Registry, local names), the rows themselves are compared.
-export([]).

%% Frames: {feed, Put, Gone, More}: rows set, keys of rows gone, and whether more of the same change follows; {absent, Why} in place of
%% rows while there are none to read.
names_feed(Task, What, EveryMs) -> names_feed(Task, What, EveryMs, {never, 0}, none).

names_feed(Task, What, EveryMs, {Stamp, ReadAt}, Seen) ->
    Start = erlang:monotonic_time(millisecond),
    Now = names_stamp(What),
    % Nothing tells of a process of another owner that ended, so that all is read once in a while.
    IsSame = Now =:= Stamp andalso Now =/= unknown andalso Start - ReadAt < 10000,
    case IsSame of
        true -> names_feed_wait(Task, What, EveryMs, EveryMs, {Stamp, ReadAt}, Seen);
        false ->
            Rows = try names_rows(What, 1000) catch Class:Reason -> {failed, Class, task_brief(Reason)} end,
            Took = erlang:monotonic_time(millisecond) - Start,
            case names_feed_rows(Task, Rows, Seen) of
                stop -> ok;
                Next -> names_feed_wait(Task, What, EveryMs, max(EveryMs, Took * 20), {Now, Start}, Next)
            end
    end.

names_feed_wait(Task, What, EveryMs, WaitMs, Last, Seen) ->
    case task_next(Task, task_pace(Task, WaitMs)) of
        stop -> ok;
        _ -> names_feed(Task, What, EveryMs, Last, Seen)
    end.

names_feed_rows(Task, Rows, Seen) when is_list(Rows) ->
    Before = case is_map(Seen) of true -> Seen; false -> #{} end,
    Next = maps:from_list([{Key, erlang:phash2(Row, 1 bsl 32)} || {Key, Row} <- Rows]),
    Put = [{Key, Row} || {Key, Row} <- Rows, maps:get(Key, Before, none) =/= maps:get(Key, Next)],
    Gone = [Key || Key <- maps:keys(Before), not is_map_key(Key, Next)],
    case Put =:= [] andalso Gone =:= [] andalso is_map(Seen) of
        true -> Next;
        false -> case names_feed_send(Task, Put, Gone) of ok -> Next; stop -> stop end
    end;
names_feed_rows(_, Why, Why) -> Why;
names_feed_rows(Task, Why, _) -> case task_frame(Task, {absent, Why}) of ok -> Why; stop -> stop end.

names_feed_send(Task, Put, Gone) when length(Put) > 500 ->
    {Now, Later} = lists:split(500, Put),
    case task_frame(Task, {feed, Now, [], true}) of
        ok -> names_feed_send(Task, Later, Gone);
        stop -> stop
    end;
names_feed_send(Task, Put, Gone) when length(Gone) > 2000 ->
    {Now, Later} = lists:split(2000, Gone),
    case task_frame(Task, {feed, [], Now, true}) of
        ok -> names_feed_send(Task, Put, Later);
        stop -> stop
    end;
names_feed_send(Task, Put, Gone) -> task_frame(Task, {feed, Put, Gone, false}).

names_stamp(local) -> unknown;
names_stamp(global) -> names_work(global_name_server);
names_stamp({registry, Name}) ->
    case names_kind(Name) of elixir_registry -> unknown; _ -> names_work(Name) end;
names_stamp({_, Name}) -> names_work(Name);
names_stamp(hordes) -> [{Name, names_work(Name)} || {_, Name, _} <- horde_members()].

names_work(Name) ->
    case whereis(Name) of
        Pid when is_pid(Pid) -> {Pid, erlang:process_info(Pid, reductions)};
        _ -> gone
    end.
