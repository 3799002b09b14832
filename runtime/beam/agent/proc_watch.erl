%% Processes watched: the best of all by a number, and some that are named. What was sent is remembered, so that only what changed is
%% sent. When nothing did for ten intervals, an empty frame is sent, which waits for credit as all do: so nothing is looked at for a reader
%% that has stopped reading.
-export([]).

%% Frames of both: {rows, OldestMs, Total, Put, Gone}. Put are rows as rows.erl makes them, Gone pids. OldestMs says how long ago the
%% process was looked at that has not been for longest: one that came to belong to the best since may be missing; it is -1 while not all
%% have been looked at yet.
%%
%% What costs a process something to be asked (it is woken to answer) is asked only when the process has worked or its mailbox has changed
%% since: {Cheap, Costly, Less} are the items of either kind, and what is left out of them.

%% The best of all. Looking at all of them at once, again and again, would cost a large node most of what watching costs: each time only
%% as many are looked at as take 1/250 of one scheduler's time, and those that are the best so far; listing them is paid out of the same
%% share. The first time it is all of them, or as many as half a second is enough for.
%% Args: {EveryMs, {N, By, ascending | descending}, {Deciding, Where}, {Cheap, Costly, Less}, Most}; see rows_scan/5. By is one of Deciding.
proc_top(Task, {EveryMs, Top, Find, Read, Most}) ->
    Watch = #{every => EveryMs, top => Top, find => Find, read => Read, most => Most,
        is_loaded => erlang:fun_info(fun() -> ok end, module) =/= {module, erl_eval}},
    proc_top(Task, Watch, #{rest => [], left => 0, found => [], matched => 0, best => [], sent => #{}, marks => #{}, total => -1,
        told => proc_now(), since => 0, whole => none, cost => none, owed => 0, less => []}).

proc_top(Task, #{every := EveryMs} = Watch, Before) ->
    Swept = proc_sweep(Watch, Before),
    {Rows, Marks} = proc_best(Watch, Swept),
    case proc_tell(Task, Watch, Swept#{marks := Marks}, Rows) of
        stop -> ok;
        After ->
            case task_next(Task, task_pace(Task, EveryMs)) of
                stop -> ok;
                _ -> proc_top(Task, Watch, After)
            end
    end.

%% Looks at the next of the processes; at all of them the first time.
proc_sweep(Watch, #{left := 0, cost := Cost} = State) ->
    Begin = erlang:monotonic_time(microsecond),
    Pids = erlang:processes(),
    Count = length(Pids),
    Took = erlang:monotonic_time(microsecond) - Begin,
    % Listing them takes a fourth of what looking at them does, or less: what is more is time that others had.
    Owed = case Cost of none -> 0; _ -> min(Took, Count * Cost div 2000) end,
    #{read := {_, _, Less}, most := Most} = Watch,
    Kept = case Count > Most of true -> Less -- [real_calls]; false -> Less end,
    case proc_slice(Watch, State#{rest := Pids, left := Count, found := [], matched := 0, since := proc_now(), owed := Owed, less := Kept}) of
        #{left := 0} = Swept -> Swept#{whole := all};
        Swept -> Swept#{whole := proc_whole(State)}
    end;
proc_sweep(Watch, State) -> proc_slice(Watch, State).

%% When the last round that is over began; where all were looked at in one go until now, that was the last time.
proc_whole(#{whole := all, since := Since}) -> Since;
proc_whole(#{whole := Whole}) -> Whole.

%% As many chunks as there is time for: half of the time goes to what is owed.
proc_slice(Watch, #{cost := none} = State) -> proc_chunks(Watch, State, {until, proc_now() + 500});
proc_slice(#{every := EveryMs} = Watch, #{cost := Cost, owed := Owed} = State) ->
    Us = EveryMs * 4,
    Paid = min(Owed, Us div 2),
    proc_chunks(Watch, State#{owed := Owed - Paid}, max(1, (Us - Paid) div max(1, Cost))).

proc_chunks(_, #{left := 0, since := Since} = State, _) -> State#{whole := Since};
proc_chunks(_, State, 0) -> State;
proc_chunks(Watch, State, {until, Until}) ->
    case proc_now() > Until of
        true -> State;
        false -> proc_chunks(Watch, proc_chunk(Watch, State), {until, Until})
    end;
proc_chunks(Watch, State, Chunks) -> proc_chunks(Watch, proc_chunk(Watch, State), Chunks - 1).

proc_chunk(#{top := {N, _, _}} = Watch, #{rest := Rest, left := Left} = State) ->
    #{found := Found, matched := Matched, cost := Cost, less := Less} = State,
    Begin = erlang:monotonic_time(microsecond),
    {Chunk, Others} = lists:split(min(Left, 500), Rest),
    {New, Passed} = proc_keys(Watch, Chunk, Found, Less),
    Best = case New of [] -> Found; _ -> lists:sublist(lists:sort(New ++ Found), N) end,
    Took = erlang:monotonic_time(microsecond) - Begin,
    % The last one has fewer processes, and says nothing of the cost.
    Costs = case Left > 500 of true -> proc_cost(Cost, Took); false -> Cost end,
    State#{rest := Others, left := max(0, Left - 500), found := Best, matched := Matched + Passed, cost := Costs}.

%% What a chunk takes, as a fourth of them take less than that: on a node that is busy with others, they have their time of most chunks.
%% It follows each chunk by a little, downwards by three times as much as upwards.
proc_cost(none, Took) -> Took;
proc_cost(Cost, Took) when Took > Cost -> Cost + max(1, Cost div 48);
proc_cost(Cost, _) -> Cost - Cost div 16.

%% {Key, Pid} of those that beat the last of the best so far, the best with the least key. The value of one item is read much faster
%% than a list of one, but not where this text is interpreted.
proc_keys(#{top := {N, By, Direction}, find := {[By], true}, is_loaded := true}, Chunk, Found, _) when By =/= binary ->
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
proc_best(#{top := {N, _, _} = Top, find := {Deciding, Where}, read := Read}, State) ->
    #{found := Found, best := Best, less := Kept, marks := Marks} = State,
    Pids = lists:usort([P || {_, P} <- Found] ++ Best),
    {Keyed, _} = rows_better(rows_read(Pids, Deciding, Kept), Deciding, Where, Top, []),
    proc_rows([Row || {_, Row} <- lists:sublist(lists:keysort(1, Keyed), N)], Read, Marks).

%% The rest of the rows; and for the next time, of each process its work and mailbox, and what was costly to ask.
proc_rows(Rows, {Cheap, Costly, Less}, Marks) ->
    Asked = [{P, Infos, proc_costly(P, Costly, Less, Marks)} || {P, Infos} <- rows_more(Rows, Cheap, Less)],
    {[{P, Infos ++ Others} || {P, Infos, {_, Others}} <- Asked], maps:from_list([{P, Mark} || {P, _, {_, _} = Mark} <- Asked])}.

proc_costly(_, [], _, _) -> {none, []};
proc_costly(P, Costly, Less, Marks) ->
    Work = erlang:process_info(P, [reductions, message_queue_len]),
    case Marks of
        #{P := {Work, _} = Mark} -> Mark;
        _ ->
            case rows_read([P], Costly, Less) of
                [{_, undefined}] -> gone;
                % To answer is work, too.
                [{_, Infos}] -> {erlang:process_info(P, [reductions, message_queue_len]), Infos}
            end
    end.

proc_tell(Task, #{every := EveryMs}, #{sent := Sent, whole := Whole, total := Before, told := Told} = State, Rows) ->
    Total = proc_total(State),
    Now = proc_now(),
    Next = State#{best := [P || {P, _} <- Rows], sent := maps:from_list(Rows), total := Total},
    case proc_changes(Sent, Rows) of
        {[], []} when Total =:= Before, Now - Told < 10 * EveryMs -> Next;
        {Put, Gone} ->
            OldestMs = case Whole of none -> -1; all -> 0; _ -> Now - Whole end,
            case task_frame(Task, {rows, OldestMs, Total, Put, Gone}) of ok -> Next#{told := Now}; stop -> stop end
    end.

%% Of a round that is not over, the number is that of the round before.
proc_total(#{whole := none, matched := Matched}) -> Matched;
proc_total(#{left := 0, matched := Matched}) -> Matched;
proc_total(#{total := Total}) -> Total.

proc_changes(Sent, Rows) ->
    Kept = maps:from_list(Rows),
    {[Row || {P, Infos} = Row <- Rows, maps:get(P, Sent, none) =/= Infos], [P || P <- maps:keys(Sent), not is_map_key(P, Kept)]}.

%% Some processes, by their pids, all of this node. Their values are looked at again and again; their end is told at once.
proc_pids(Task, {EveryMs, Pids, Read}) ->
    Living = maps:from_list([{erlang:monitor(process, P), P} || P <- Pids]),
    proc_pids_look(Task, #{every => EveryMs, read => Read, living => Living, marks => #{}, sent => #{}, told => none}).

proc_pids_look(Task, #{read := Read, living := Living, marks := Marks, sent := Sent, told := Told, every := EveryMs} = State) ->
    Now = proc_now(),
    {Rows, Next} = proc_rows([{P, []} || P <- maps:values(Living)], Read, Marks),
    {Sending, Last} = case proc_changes(Sent, Rows) of
        {[], []} when Told =/= none, Now - Told < 10 * EveryMs -> {ok, Told};
        {Put, Gone} -> {task_frame(Task, {rows, 0, length(Rows), Put, Gone}), Now}
    end,
    After = State#{sent := maps:from_list(Rows), told := Last, marks := Next},
    case Sending of
        stop -> ok;
        ok -> proc_pids_wait(Task, After, proc_now() + task_pace(Task, maps:get(every, State)))
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
