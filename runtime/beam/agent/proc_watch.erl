%% Processes watched: the best of all by a number, and some that are named. What was sent is remembered, so that only what changed is
%% sent. When nothing did, one empty frame is sent every tenth time, which waits for credit as all do: so nothing is looked at for a
%% reader that has stopped reading.
-export([]).

%% Frames of both: {rows, OldestMs, Total, Put, Gone}. Put are rows as rows.erl makes them, Gone pids. OldestMs says how long ago the
%% process was looked at that has not been for longest: one that came to belong to the best since may be missing.

%% The best of all. Looking at all of them at once, again and again, would cost a large node most of what watching costs: each time only
%% as many are looked at as take 1/200 of one scheduler's time, and those that are the best so far. The first time it is all of them.
%% Args: {EveryMs, {N, By, ascending | descending}, {Deciding, Where}, {Items, Less}, Most}; see rows_scan/5. By is one of Deciding.
proc_top(Task, {EveryMs, Top, Find, Read, Most}) ->
    Watch = #{every => EveryMs, top => Top, find => Find, read => Read, most => Most},
    proc_top(Task, Watch, #{chunks => [], found => [], matched => 0, best => [], sent => #{}, total => -1,
        silent => 0, since => 0, whole => none, cost => none, less => []}).

proc_top(Task, #{every := EveryMs} = Watch, Before) ->
    Swept = proc_sweep(Watch, Before),
    case proc_tell(Task, Swept, proc_best(Watch, Swept)) of
        stop -> ok;
        After ->
            case task_next(Task, task_pace(Task, EveryMs)) of
                stop -> ok;
                _ -> proc_top(Task, Watch, After)
            end
    end.

%% Looks at the next of the processes; at all of them the first time.
proc_sweep(Watch, #{chunks := []} = State) ->
    Pids = erlang:processes(),
    Count = length(Pids),
    #{read := {_, Less}, most := Most} = Watch,
    Kept = case Count > Most of true -> Less -- [real_calls]; false -> Less end,
    Begun = State#{chunks := rows_chunks(Pids, 500, Count), found := [], matched := 0, since := proc_now(), less := Kept},
    proc_chunks(Watch, Begun, proc_slice(Watch, State));
proc_sweep(Watch, State) -> proc_chunks(Watch, State, proc_slice(Watch, State)).

%% How many chunks: by the least time that one took, because a node that is busy with others makes ours wait.
proc_slice(_, #{cost := none}) -> infinity;
proc_slice(#{every := EveryMs}, #{cost := Us}) -> max(1, EveryMs * 5 div max(1, Us)).

proc_chunks(_, #{chunks := [], since := Since} = State, _) -> State#{whole := Since};
proc_chunks(_, State, 0) -> State;
proc_chunks(#{top := {N, _, _}} = Watch, #{chunks := [Chunk | Others], found := Found, matched := Matched, cost := Cost, less := Less} = State, Left) ->
    Begin = erlang:monotonic_time(microsecond),
    {New, Passed} = proc_keys(Watch, Chunk, Found, Less),
    Best = case New of [] -> Found; _ -> lists:sublist(lists:sort(New ++ Found), N) end,
    Took = erlang:monotonic_time(microsecond) - Begin,
    % The last one has fewer processes, and says nothing of the cost.
    Least = case Others of [] -> Cost; _ -> min(Cost, Took) end,
    Next = State#{chunks := Others, found := Best, matched := Matched + Passed, cost := Least},
    proc_chunks(Watch, Next, case Left of infinity -> infinity; _ -> Left - 1 end).

%% {Key, Pid} of those that beat the last of the best so far, the best with the least key. The value of one item is read much faster
%% than a list of one.
proc_keys(#{top := {N, By, Direction}, find := {[By], true}}, Chunk, Found, _) when By =/= binary ->
    Least = case length(Found) >= N of true -> element(1, lists:last(Found)); false -> none end,
    New = case Direction of
        descending -> [{-V, P} || P <- Chunk, {_, V} <- [erlang:process_info(P, By)], -V < Least];
        ascending -> [{V, P} || P <- Chunk, {_, V} <- [erlang:process_info(P, By)], V < Least]
    end,
    {New, length(Chunk)};
proc_keys(#{top := Top, find := {Deciding, Where}}, Chunk, Found, Less) ->
    {New, Passed} = rows_better(rows_read(Chunk, Deciding, Less), Deciding, Where, Top, Found),
    {[{Key, P} || {Key, {P, _}} <- New], Passed}.

%% The rows of the best of those found in this round and those that were the best before, all as they are now.
proc_best(#{top := {N, _, _} = Top, find := {Deciding, Where}, read := {Items, Less}}, #{found := Found, best := Best, less := Kept}) ->
    Pids = lists:usort([P || {_, P} <- Found] ++ Best),
    {Keyed, _} = rows_better(rows_read(Pids, Deciding, Kept), Deciding, Where, Top, []),
    Rows = [Row || {_, Row} <- lists:sublist(lists:keysort(1, Keyed), N)],
    rows_more(rows_less(Rows, Less), Items, Less).

proc_tell(Task, #{sent := Sent, whole := Whole, total := Before, silent := Silent} = State, Rows) ->
    Total = proc_total(State),
    Next = State#{best := [P || {P, _} <- Rows], sent := maps:from_list(Rows), total := Total, silent := 0},
    case proc_changes(Sent, Rows) of
        {[], []} when Total =:= Before, Silent < 9 -> Next#{silent := Silent + 1};
        {Put, Gone} ->
            OldestMs = proc_now() - Whole,
            case task_frame(Task, {rows, OldestMs, Total, Put, Gone}) of ok -> Next; stop -> stop end
    end.

%% Of a round that is not over, the number is that of the round before.
proc_total(#{chunks := [], matched := Matched}) -> Matched;
proc_total(#{total := Total}) -> Total.

proc_changes(Sent, Rows) ->
    Kept = maps:from_list(Rows),
    {[Row || {P, Infos} = Row <- Rows, maps:get(P, Sent, none) =/= Infos], [P || P <- maps:keys(Sent), not is_map_key(P, Kept)]}.

%% Some processes, by their pids, all of this node. Their values are looked at again and again; their end is told at once.
proc_pids(Task, {EveryMs, Pids, Items, Less}) ->
    Living = maps:from_list([{erlang:monitor(process, P), P} || P <- Pids]),
    proc_pids_look(Task, #{every => EveryMs, items => Items, less => Less, living => Living, sent => #{}, silent => 9}).

proc_pids_look(Task, #{items := Items, less := Less, living := Living, sent := Sent, silent := Silent} = State) ->
    Chunks = rows_chunks(maps:values(Living), 500),
    Rows = [Row || {_, [_ | _]} = Row <- lists:append([rows_read(Chunk, Items, Less) || Chunk <- Chunks])],
    {Told, Since} = case proc_changes(Sent, Rows) of
        {[], []} when Silent < 9 -> {ok, Silent + 1};
        {Put, Gone} -> {task_frame(Task, {rows, 0, length(Rows), Put, Gone}), 0}
    end,
    Next = State#{sent := maps:from_list(Rows), silent := Since},
    case Told of
        stop -> ok;
        ok -> proc_pids_wait(Task, Next, proc_now() + task_pace(Task, maps:get(every, State)))
    end.

proc_pids_wait(Task, #{living := Living} = State, Until) ->
    Wait = case map_size(Living) of 0 -> infinity; _ -> max(0, Until - proc_now()) end,
    case task_next(Task, Wait) of
        stop -> ok;
        timeout -> proc_pids_look(Task, State);
        {other, {'DOWN', Ref, process, _, _}} -> proc_pids_ended(Task, State, Until, [Ref]);
        _ -> proc_pids_wait(Task, State, Until)
    end.

%% All that have ended by now come as one.
proc_pids_ended(Task, #{living := Living, sent := Sent} = State, Until, Refs) ->
    receive
        {'DOWN', Ref, process, _, _} -> proc_pids_ended(Task, State, Until, [Ref | Refs])
    after 0 ->
        Gone = [P || P <- maps:values(maps:with(Refs, Living)), is_map_key(P, Sent)],
        Next = State#{living := maps:without(Refs, Living), sent := maps:without(Gone, Sent)},
        Told = case Gone of
            [] -> ok;
            _ -> task_frame(Task, {rows, 0, map_size(Sent) - length(Gone), [], Gone})
        end,
        case Told of
            stop -> ok;
            ok -> proc_pids_wait(Task, Next, Until)
        end
    end.

proc_now() -> erlang:monotonic_time(millisecond).
