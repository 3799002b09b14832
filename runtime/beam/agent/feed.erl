%% What can be listed (names_source/2), watched: a task that sends all rows once and from then on what changed.
%%
%% Whether anything can have changed is told by the work that the owner of the rows has done: only it writes its tables, and it does
%% nothing without spending reductions. So it is looked at often, which costs next to nothing, and the rows are read at once when it
%% moved, as far as reading takes no more of the node than pace.erl allows us. Where many write (Elixir's Registry, local names), the
%% rows themselves are compared.
-export([]).

%% Frames: {feed, Put, Gone, More}: rows set, keys of rows gone, and whether more of the same change follows; {absent, Why} in place of
%% rows while there are none to read.
names_feed(Task, What, EveryMs) ->
    Now = erlang:monotonic_time(millisecond),
    names_feed(Task, What, EveryMs, #{stamp => never, asked => false, least => #{}, read_at => Now, due => Now, seen => none}).

%% `due` is when all that reading took would have been 1 % of the node's time; it may be at most a second ahead, so that what was
%% saved while nothing changed is there when something does.
names_feed(Task, What, EveryMs, #{stamp := Stamp, read_at := ReadAt, due := Due} = State) ->
    Now = erlang:monotonic_time(millisecond),
    Look = names_stamp(What, Stamp),
    Factor = task_pace(Task, 1),
    {HasMoved, Known} = names_moved(Look, State),
    Next = if
        % For what no work tells of, all is read again and again; for the others once in a while.
        not HasMoved, Now - ReadAt < 60000; Due - Now > 1000 -> Known;
        % Others are asked for these rows, not only looked at.
        What =:= hordes, Stamp =/= never, Now - ReadAt < EveryMs -> Known;
        true -> names_feed_read(Task, What, Known#{stamp := Look, asked := true, read_at := Now}, Factor)
    end,
    WaitMs = case Look of unknown -> EveryMs * Factor; _ -> min(300, 100 * Factor) end,
    case Next =/= stop andalso task_next(Task, WaitMs) of
        false -> ok;
        stop -> ok;
        _ -> names_feed(Task, What, EveryMs, Next)
    end.

names_feed_read(Task, What, #{seen := Seen, due := Due, read_at := Start} = State, Factor) ->
    {Time, Reductions} = task_clock(),
    Read = try names_compare(What, Seen) catch Class:Reason -> {failed, Class, task_brief(Reason)} end,
    {Time2, Reductions2} = task_clock(),
    WorkUs = min(Time2 - Time, (Reductions2 - Reductions) div 4),
    % At most 1 % as it is; a change is to be seen within a second on a busy node too, so that half of it is the least.
    CostMs = min(6000, WorkUs * min(2, Factor) div (10 * erlang:system_info(schedulers_online))),
    case names_feed_rows(Task, What, Read, Seen) of
        stop -> stop;
        Next -> State#{due := max(Start, Due) + CostMs, seen := Next}
    end.

names_feed_rows(_, _, {[], [], Slices}, Seen) when is_list(Seen) -> Slices;
names_feed_rows(Task, What, {Put, Old, Slices}, _) when is_list(Slices) ->
    Keys = maps:from_list(Put),
    Gone = [names_key(What, Row) || {Key, _} = Row <- Old, not is_map_key(Key, Keys)],
    case names_feed_send(Task, What, Put, Gone) of ok -> Slices; stop -> stop end;
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

%% {Put, Gone, Slices}: the rows that are new and those that are not there any more, compared with the slices of before, and the slices
%% now; or why there are no rows. A table is read slice by slice and compared as it is read: a slice that is as it was is garbage at
%% once, and is told by one comparison. Fixed, a table shows every row that stays, once, whatever is written meanwhile.
names_compare(What, Seen) ->
    Before = case is_list(Seen) of true -> Seen; false -> [] end,
    case names_source(What, 1000) of
        {table, Table, Spec} ->
            ets:safe_fixtable(Table, true),
            try names_slices(ets:select(Table, Spec, 500), Before, [], [], [])
            after ets:safe_fixtable(Table, false)
            end;
        Rows when is_list(Rows) -> names_slices({Rows, none}, Before, [], [], []);
        Why -> Why
    end.

names_slices('$end_of_table', Left, Kept, Put, Gone) ->
    Lost = lists:append([Gone | Left]),
    {Put -- Lost, Lost -- Put, lists:reverse(Kept)};
names_slices({Slice, More}, [Old | Left], Kept, Put, Gone) when Slice =:= Old ->
    names_slices(names_slice(More), Left, [Old | Kept], Put, Gone);
names_slices({Slice, More}, Before, Kept, Put, Gone) ->
    % A table keeps its order but for what changed, so the rows of before go on where this slice ends. What is wrongly taken to be new
    % or gone here, because it moved, is found on both sides in the end.
    {Old, Left} = names_take(length(Slice), Before),
    case Slice =:= Old of
        true -> names_slices(names_slice(More), Left, [Old | Kept], Put, Gone);
        false ->
            New = Slice -- Old,
            Lost = Old -- Slice,
            {Ahead, Later} = names_take(length(New), Left),
            Behind = names_end(lists:reverse(Lost), lists:reverse(Old), []),
            names_slices(names_slice(More), [Behind, Ahead -- New | Later], [Slice | Kept], (New -- Ahead) ++ Put,
                (Lost -- Behind) ++ Gone)
    end.

names_slice(none) -> '$end_of_table';
names_slice(More) -> ets:select(More).

%% {First N rows of the slices, the slices left}
names_take(0, Slices) -> {[], Slices};
names_take(_, []) -> {[], []};
names_take(N, [Slice | Left]) when length(Slice) =< N ->
    {More, Later} = names_take(N - length(Slice), Left),
    {Slice ++ More, Later};
names_take(N, [Slice | Left]) ->
    {Taken, Rest} = lists:split(N, Slice),
    {Taken, [Rest | Left]}.

%% What both end with, given backwards.
names_end([Row | Lost], [Row | Old], End) -> names_end(Lost, Old, [Row | End]);
names_end(_, _, End) -> End.

%% The work of the owners of the rows. Who of the registered processes is a member of a Horde is asked again when others are registered.
names_stamp(local, _) -> unknown;
names_stamp(global, _) -> names_stamp(global_name_server);
names_stamp({registry, Name}, _) ->
    case names_kind(Name) of elixir_registry -> unknown; _ -> names_stamp(Name) end;
names_stamp({_, Name}, _) -> names_stamp(Name);
names_stamp(hordes, Before) ->
    Registered = registered(),
    Members = case Before of
        {Registered, Known} -> [Member || {Member, _} <- Known];
        _ -> [{Kind, Name} || {Kind, Name, _} <- horde_members()]
    end,
    {Registered, [{Member, names_work(Name)} || {_, Name} = Member <- Members]}.

names_stamp(Name) -> {[], [{Name, names_work(Name)}]}.

%% Whether the owners worked since the last look. A process that others look at spends a reduction or two on it, and none handles a
%% message for so few. To ask a supervisor for its state is work too, always about the same, and less by far than for two messages:
%% what it did after it was asked, when it is no more than that, was nothing else.
names_moved({Registered, Works} = Look, #{stamp := {Registered, Before}, asked := Asked, least := Least} = State) ->
    Moves = [names_move(Work, Then) || {Work, Then} <- lists:zip(Works, Before)],
    HasMoved = lists:any(fun({Member, Moved}) ->
        Moved > case Asked of true -> maps:get(Member, Least, -6) + 10; false -> 4 end
    end, Moves),
    Less = [{Member, min(Moved, maps:get(Member, Least, Moved))}
        || Asked, {{supervisor, _} = Member, Moved} <- Moves, is_integer(Moved), Moved > 4],
    Next = State#{asked := false, least := maps:merge(Least, maps:from_list(Less))},
    {HasMoved, case HasMoved of true -> Next; false -> Next#{stamp := Look} end};
names_moved(_, State) -> {true, State}.

%% What an owner did between two looks, in reductions; more than any number when it is another.
names_move({Member, {Pid, Now}}, {Member, {Pid, Then}}) -> {Member, Now - Then};
names_move({Member, gone}, {Member, gone}) -> {Member, 0};
names_move({Member, _}, _) -> {Member, other}.

names_work(Name) ->
    case whereis(Name) of
        Pid when is_pid(Pid) ->
            case erlang:process_info(Pid, reductions) of {reductions, N} -> {Pid, N}; undefined -> gone end;
        _ -> gone
    end.
