%% The tracer: the process on a node to which the emulator sends trace messages. All fuses are here, because only what stands beside
%% the traced can stop in time: a tracer that ends takes every trace flag that names it with it, at once.
%%
%% It runs at high priority: in a node whose run queue is long it would otherwise be the last to see that there is too much. What it
%% may do is bounded by its fuses.
%%
%% To its owner, which it is linked to, it sends
%%   {trace_batch, Tracer, UntilNs, Dropped, Events}   answered by trace_ack; without answers events are dropped, and counted
%%   {trace_done, Tracer, Why, Seen, Queue}            its last word: the events it has seen, and those it leaves in its queue
%% An event is {Ns, Pid, Tag, A, B, whole | cut}, Ns since the start.

tracer_spawn(Owner, Fuses, Keep, Ours) ->
    Name = case get('$ancestors') of [First | _] -> First; _ -> arsenal_tracer end,
    spawn_opt(fun() ->
        main_ours(Name, tracer),
        tracer_start(Owner, Fuses, Keep, Ours)
    end, [link, {priority, high}, {message_queue_data, off_heap}, {fullsweep_after, 27},
          {max_heap_size, #{size => 4 * 1024 * 1024, kill => true, error_logger => false}}]).

%% Whether a process is a tracer of ours: it is made as nobody else makes one. Its dictionary is not looked at, because interpreted it
%% holds much, and all of it would be copied.
tracer_is(Pid) ->
    case erlang:process_info(Pid, [priority, message_queue_data, garbage_collection]) of
        [{_, high}, {_, off_heap}, {_, Collection}] -> lists:member({fullsweep_after, 27}, Collection);
        _ -> false
    end.

%% Keep: {Tags, Bytes}: the process events that were asked for (`all` or none), and the bytes that one term may take; `count` keeps no event at all.
tracer_start(Owner, {TimeMs, Events, PerSecond, Queue, Bytes}, Keep, Ours) ->
    Start = erlang:monotonic_time(nanosecond),
    Limits = {Start + TimeMs * 1000000, Events, PerSecond, Queue, Bytes},
    Owner ! {trace_ready, self(), Start},
    tracer_loop({Owner, Start, Limits, Keep}, Ours, 0, {[], 0, Start, 8, 0}, {Start, 0}).

%% Seen: events so far. Batch: {Events, Number, Since, Credit, Dropped}. Second: {Since, Number}.
tracer_loop(C, Ours, Seen, Batch, Second) ->
    receive
        {trace_ts, Pid, Tag, A, Ns} -> tracer_event(C, Ours, Seen, Batch, Second, Pid, Tag, A, none, Ns);
        {trace_ts, Pid, Tag, A, B, Ns} -> tracer_event(C, Ours, Seen, Batch, Second, Pid, Tag, A, B, Ns);
        trace_ack ->
            {Events, Number, Since, Credit, Dropped} = Batch,
            tracer_loop(C, Ours, Seen, {Events, Number, Since, Credit + 1, Dropped}, Second);
        trace_stop -> tracer_end(C, stopped, Seen, Batch);
        _ -> tracer_loop(C, Ours, Seen, Batch, Second)
    after tracer_wait(C, Batch) ->
        Now = erlang:monotonic_time(nanosecond),
        {_, _, {Deadline, _, _, _, _}, _} = C,
        case Now >= Deadline of
            true -> tracer_end(C, timeMs, Seen, Batch);
            false -> tracer_loop(C, Ours, Seen, tracer_flush(C, Batch, Now), Second)
        end
    end.

%% Milliseconds until there is something to do when nothing comes: a batch is kept for 20 at most, and the owner hears each 200 that
%% there was nothing.
tracer_wait({_, _, {Deadline, _, _, _, _}, _}, {_, Number, _, _, _}) ->
    Left = max(0, (Deadline - erlang:monotonic_time(nanosecond)) div 1000000 + 1),
    case Number of 0 -> min(200, Left); _ -> min(20, Left) end.

tracer_event(C, Ours, Seen, Batch, Second, Pid, Tag, A, B, Ns) ->
    case tracer_ours(Ours, Pid, Tag, A) of
        theirs -> tracer_count(C, Ours, Seen, Batch, Second, Pid, Tag, A, B, Ns);
        Changed -> tracer_loop(C, Changed, Seen, Batch, Second)
    end.

tracer_count({_, _, {Deadline, Most, PerSecond, _, _}, Keep} = C, Ours, Seen, Batch, {Since, Number}, Pid, Tag, A, B, Ns) ->
    Second = case Ns - Since >= 1000000000 of true -> {Ns, 1}; false -> {Since, Number + 1} end,
    case Second of
        _ when Ns >= Deadline -> tracer_end(C, timeMs, Seen, Batch);
        {_, Now} when Now > PerSecond -> tracer_end(C, eventsPerSecond, Seen, Batch);
        _ ->
            case tracer_wanted(Keep, Tag) of
                false -> tracer_loop(C, Ours, Seen, Batch, Second);
                true ->
                    case tracer_add(C, Batch, Pid, Tag, A, B, Ns) of
                        too_large -> tracer_end(C, termBytes, Seen, Batch);
                        Added when Seen + 1 >= Most -> tracer_end(C, events, Seen + 1, Added);
                        Added -> tracer_next(C, Ours, Seen + 1, Added, Second)
                    end
            end
    end.

%% How long the queue is, is looked at now and then.
tracer_next({_, _, {_, _, _, Queue, _}, _} = C, Ours, Seen, Batch, Second) when Seen band 127 =:= 0 ->
    case erlang:process_info(self(), message_queue_len) of
        {message_queue_len, Length} when Length > Queue -> tracer_end(C, tracerQueue, Seen, Batch);
        _ -> tracer_loop(C, Ours, Seen, Batch, Second)
    end;
tracer_next(C, Ours, Seen, Batch, Second) -> tracer_loop(C, Ours, Seen, Batch, Second).

%% Processes of ours, and those that a process of ours starts, are not shown. `none` where only named processes are traced.
tracer_ours(none, _, _, _) -> theirs;
tracer_ours(Ours, Pid, spawned, Parent) ->
    case maps:is_key(Pid, Ours) orelse maps:is_key(Parent, Ours) orelse tracer_remote(Parent) of
        true -> Ours#{Pid => true};
        false -> theirs
    end;
tracer_ours(Ours, Pid, exit, _) when is_map_key(Pid, Ours) -> maps:remove(Pid, Ours);
tracer_ours(Ours, Pid, _, _) when is_map_key(Pid, Ours) -> Ours;
tracer_ours(_, _, _, _) -> theirs.

%% A call of ours runs in a process that our own node, which is hidden, has started.
tracer_remote(Parent) when is_pid(Parent), node(Parent) =/= node() ->
    lists:prefix("arsenal_", atom_to_list(node(Parent)));
tracer_remote(_) -> false.

tracer_wanted({all, _}, _) -> true;
tracer_wanted({messages_and_calls, _}, Tag) ->
    lists:member(Tag, [send, send_to_non_existing_process, 'receive', call, return_from, exception_from]).

tracer_add(_, {Events, Number, Since, Credit, Dropped}, _, _, _, _, _) when Number >= 256, Credit =< 0 ->
    {Events, Number, Since, Credit, Dropped + 1};
tracer_add({_, _, _, {_, count}}, {_, Number, Since, Credit, Dropped}, _, _, _, _, _) ->
    {[], Number, Since, Credit, Dropped};
tracer_add({_, Start, {_, _, _, _, Bytes}, _} = C, {Events, Number, Since, Credit, Dropped}, Pid, Tag, A, B, Ns) ->
    case tracer_cut(Tag, A, B, Bytes) of
        too_large -> too_large;
        {Whole, CutA, CutB} ->
            First = case Number of 0 -> Ns; _ -> Since end,
            Added = {[{Ns - Start, Pid, Tag, CutA, CutB, Whole} | Events], Number + 1, First, Credit, Dropped},
            case Number >= 255 orelse Ns - First > 20000000 of
                true -> tracer_flush(C, Added, Ns);
                false -> Added
            end
    end.

%% Sends what there is, or that there was nothing, unless the owner has not yet taken what was sent before.
tracer_flush(_, {_, _, _, Credit, _} = Batch, _) when Credit =< 0 -> Batch;
tracer_flush(_, {[], 0, _, Credit, _} = Batch, _) when Credit < 8 -> Batch;
tracer_flush({Owner, Start, _, _}, {Events, _, _, Credit, Dropped}, Now) ->
    Owner ! {trace_batch, self(), Now - Start, Dropped, lists:reverse(Events)},
    {[], 0, Now, Credit - 1, 0}.

tracer_end({Owner, Start, _, _}, Why, Seen, {Events, _, _, _, Dropped}) ->
    {message_queue_len, Queue} = erlang:process_info(self(), message_queue_len),
    Owner ! {trace_batch, self(), erlang:monotonic_time(nanosecond) - Start, Dropped, lists:reverse(Events)},
    Owner ! {trace_done, self(), Why, Seen, Queue},
    ok.

%% Only terms are cut; names, pids and functions are as they are.
tracer_cut(send, Message, To, Bytes) -> tracer_cut_b(To, Message, Bytes);
tracer_cut(send_to_non_existing_process, Message, To, Bytes) -> tracer_cut_b(To, Message, Bytes);
tracer_cut(return_from, Function, Value, Bytes) -> tracer_cut_b(Function, Value, Bytes);
tracer_cut(exception_from, Function, Value, Bytes) -> tracer_cut_b(Function, Value, Bytes);
tracer_cut(call, {Module, Function, Args}, Caller, Bytes) ->
    case term_within(Args, Bytes) of
        {How, Kept} -> {How, {Module, Function, Kept}, Caller};
        too_large -> too_large
    end;
tracer_cut(_, A, B, Bytes) ->
    case term_within({A, B}, Bytes) of
        {How, {KeptA, KeptB}} -> {How, KeptA, KeptB};
        {How, Other} -> {How, Other, none};
        too_large -> too_large
    end.

tracer_cut_b(A, B, Bytes) ->
    case term_within(B, Bytes) of
        {How, Kept} -> {How, A, Kept};
        too_large -> too_large
    end.
