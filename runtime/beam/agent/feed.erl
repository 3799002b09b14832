%% What can be listed (names_raw/2), watched: a task that sends all rows once and from then on what changed.
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
    % For what no work tells of, all is read once in a while.
    IsSame = Now =:= Stamp andalso Now =/= unknown andalso Start - ReadAt < 60000,
    case IsSame of
        true -> names_feed_wait(Task, What, EveryMs, EveryMs, {Stamp, ReadAt}, Seen);
        false ->
            Rows = try names_raw(What, 1000) catch Class:Reason -> {failed, Class, task_brief(Reason)} end,
            Sent = names_feed_rows(Task, What, Rows, Seen),
            Took = erlang:monotonic_time(millisecond) - Start,
            case Sent of
                stop -> ok;
                Next -> names_feed_wait(Task, What, EveryMs, max(EveryMs, min(Took * 20, 5000)), {Now, Start}, Next)
            end
    end.

names_feed_wait(Task, What, EveryMs, WaitMs, Last, Seen) ->
    case task_next(Task, task_pace(Task, WaitMs)) of
        stop -> ok;
        _ -> names_feed(Task, What, EveryMs, Last, Seen)
    end.

names_feed_rows(Task, What, Rows, Seen) when is_list(Rows) ->
    Before = case is_list(Seen) of true -> Seen; false -> [] end,
    Put = Rows -- Before,
    case Before -- Rows of
        [] when Put =:= [], is_list(Seen) -> Rows;
        Old ->
            Keys = maps:from_list(Put),
            Gone = [names_key(What, Row) || {Key, _} = Row <- Old, not is_map_key(Key, Keys)],
            case names_feed_send(Task, What, Put, Gone) of ok -> Rows; stop -> stop end
    end;
names_feed_rows(_, _, Why, Why) -> Why;
names_feed_rows(Task, _, Why, _) -> case task_frame(Task, {absent, Why}) of ok -> Why; stop -> stop end.

names_feed_send(Task, What, Put, Gone) when length(Put) > 500 ->
    {Now, Later} = lists:split(500, Put),
    case task_frame(Task, {feed, names_feed_shown(What, Now), [], true}) of
        ok -> names_feed_send(Task, What, Later, Gone);
        stop -> stop
    end;
names_feed_send(Task, What, Put, Gone) when length(Gone) > 2000 ->
    {Now, Later} = lists:split(2000, Gone),
    case task_frame(Task, {feed, [], Now, true}) of
        ok -> names_feed_send(Task, What, Put, Later);
        stop -> stop
    end;
names_feed_send(Task, What, Put, Gone) -> task_frame(Task, {feed, names_feed_shown(What, Put), Gone, false}).

names_feed_shown(What, Rows) -> lists:append([names_shown(What, Row) || Row <- Rows]).

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
