%% The tracer: the process on a node to which the emulator sends trace messages. All fuses are here, because only what stands beside
%% the traced can stop in time: it clears the flags itself, and then ends, also when its owner or its pacer does (trace_clear/3 says why).
%%
%% It runs at high priority: in a node whose run queue is long it would otherwise be the last to see that there is too much. What it
%% may do is bounded by its fuses.
%%
%% What tracing costs the traced is mostly not the copy of an event but waking the tracer for it, a call of the operating system, and
%% waiting for the lock of its queue while it empties that. So when it has emptied it, it rests: its pacer suspends it for some
%% milliseconds, in which events only pile up, and then it takes them all. A process that waits in `receive` would be woken by each.
%%
%% To its owner, which it is linked to, it sends
%%   {trace_batch, Tracer, UntilNs, Dropped, Events}   answered by trace_ack; without answers events are dropped, and counted
%%   {trace_done, Tracer, Why, Seen, Queue}            its last word: the events it has seen, and those it leaves in its queue
%% An event is {Ns, Pid, Tag, A, B, whole | cut}, Ns since the start.

tracer_spawn(Owner, Fuses, Keep, Ours) ->
    Name = case get('$ancestors') of [First | _] -> First; _ -> arsenal_tracer end,
    spawn_opt(fun() ->
        main_ours(Name, tracer),
        tracer_start(Owner, Fuses, Keep, Ours, tracer_pacer(Name, self(), Fuses))
    end, [link, {priority, high}, {message_queue_data, off_heap}, {fullsweep_after, 27},
          {max_heap_size, #{size => 4 * 1024 * 1024, kill => true, error_logger => false}}]).

%% Whether a process is a tracer of ours: it is made as nobody else makes one. Its dictionary is not looked at, because interpreted it
%% holds much, and all of it would be copied.
tracer_is(Pid) ->
    case erlang:process_info(Pid, [priority, message_queue_data, garbage_collection]) of
        [{_, high}, {_, off_heap}, {_, Collection}] -> lists:member({fullsweep_after, 27}, Collection);
        _ -> false
    end.

%% A rest is a millisecond for each 1,000 that may wait, 5 at most: only more than a million events a second, which is more than the
%% rate fuse can allow, would fill the queue meanwhile. Below that there is none.
tracer_pacer(_, _, {_, _, _, Queue, _}) when Queue < 1000 -> none;
tracer_pacer(Name, Tracer, {_, _, _, Queue, _}) ->
    spawn_opt(fun() ->
        main_ours(Name, tracer_pacer),
        erlang:monitor(process, Tracer),
        tracer_paces(Tracer, min(5, Queue div 1000))
    end, [link, {priority, high}]).

%% Whoever kills the pacer ends the tracer, by their link; the emulator lets go of what a process that ends had suspended.
tracer_paces(Tracer, RestMs) ->
    receive
        {trace_rest, Tracer} ->
            try
                erlang:suspend_process(Tracer, [asynchronous]),
                receive after RestMs -> ok end,
                erlang:resume_process(Tracer),
                Tracer ! trace_awake,
                tracer_paces(Tracer, RestMs)
            catch error:badarg -> ok
            end;
        {'DOWN', _, process, Tracer, _} -> ok;
        _ -> tracer_paces(Tracer, RestMs)
    end.

%% Keep: {Tags, Bytes}: the process events that were asked for (`all` or none), and the bytes that one term may take; `count` keeps no event at all.
tracer_start(Owner, {TimeMs, Events, PerSecond, Queue, Bytes}, Keep, Ours, Pacer) ->
    Start = erlang:monotonic_time(nanosecond),
    Limits = {Start + TimeMs * 1000000, Events, PerSecond, Queue, Bytes},
    Hidden = case is_map(Ours) andalso is_pid(Pacer) of true -> Ours#{Pacer => true}; false -> Ours end,
    process_flag(trap_exit, true),
    Owner ! {trace_ready, self(), Start},
    tracer_loop({Owner, Start, Limits, Keep, Pacer}, Hidden, 0, {[], 0, Start, 8, 0}, {Start, 0}, 0).

%% Seen: events so far. Batch: {Events, Number, Since, Credit, Dropped}. Second: {Since, Number}. Rest: how many were seen when it last
%% woke, or `asked`.
tracer_loop(C, Ours, Seen, Batch, Second, Rest) ->
    receive Message -> tracer_take(Message, C, Ours, Seen, Batch, Second, Rest)
    after 0 -> tracer_idle(C, Ours, Seen, Batch, Second, Rest)
    end.

tracer_take({trace_ts, Pid, Tag, A, Ns}, C, Ours, Seen, Batch, Second, Rest) ->
    tracer_event(C, Ours, Seen, Batch, Second, Rest, Pid, Tag, A, none, Ns);
tracer_take({trace_ts, Pid, Tag, A, B, Ns}, C, Ours, Seen, Batch, Second, Rest) ->
    tracer_event(C, Ours, Seen, Batch, Second, Rest, Pid, Tag, A, B, Ns);
tracer_take(trace_ack, C, Ours, Seen, {Events, Number, Since, Credit, Dropped}, Second, Rest) ->
    tracer_loop(C, Ours, Seen, {Events, Number, Since, Credit + 1, Dropped}, Second, Rest);
tracer_take(trace_awake, C, Ours, Seen, Batch, Second, _) -> tracer_loop(C, Ours, Seen, Batch, Second, Seen);
tracer_take({trace_set, Slot, Targets}, C, Ours, Seen, Batch, Second, Rest) ->
    put(trace_set, {Slot, Targets}),
    tracer_loop(C, Ours, Seen, Batch, Second, Rest);
tracer_take({'EXIT', _, _}, C, _, Seen, Batch, _, _) -> tracer_end(C, stopped, Seen, Batch);
tracer_take(trace_stop, C, _, Seen, Batch, _, _) -> tracer_end(C, stopped, Seen, Batch);
tracer_take(_, C, Ours, Seen, Batch, Second, Rest) -> tracer_loop(C, Ours, Seen, Batch, Second, Rest).

%% The queue is empty. A batch is kept for 20 ms, and the owner hears each 200 that there was nothing.
tracer_idle({_, _, {Deadline, _, _, _, _}, _, Pacer} = C, Ours, Seen, Batch, Second, Rest) ->
    case erlang:monotonic_time(nanosecond) of
        Now when Now >= Deadline -> tracer_end(C, timeMs, Seen, Batch);
        Now ->
            {_, Number, Since, _, _} = Batch,
            KeptMs = case Number of 0 -> 200; _ -> 20 end,
            Sent = case Now - Since >= KeptMs * 1000000 of true -> tracer_flush(C, Batch, Now); false -> Batch end,
            Next = tracer_rest(Pacer, Seen, Rest),
            receive Message -> tracer_take(Message, C, Ours, Seen, Sent, Second, Next)
            after min(KeptMs, (Deadline - Now) div 1000000 + 1) -> tracer_loop(C, Ours, Seen, Sent, Second, Next)
            end
    end.

%% Where events are rare, each is taken as it comes.
tracer_rest(none, _, Rest) -> Rest;
tracer_rest(_, _, asked) -> asked;
tracer_rest(Pacer, Seen, Woken) when Seen - Woken >= 16 -> Pacer ! {trace_rest, self()}, asked;
tracer_rest(_, _, Woken) -> Woken.

tracer_event(C, Ours, Seen, Batch, Second, Rest, Pid, Tag, A, B, Ns) ->
    case tracer_ours(Ours, Pid, Tag, A) of
        theirs -> tracer_count(C, Ours, Seen, Batch, Second, Rest, Pid, Tag, A, B, Ns);
        Changed -> tracer_loop(C, Changed, Seen, Batch, Second, Rest)
    end.

tracer_count({_, _, {Deadline, Most, PerSecond, _, _}, Keep, _} = C, Ours, Seen, Batch, {Since, Number}, Rest, Pid, Tag, A, B, Ns) ->
    Second = case Ns - Since >= 1000000000 of true -> {Ns, 1}; false -> {Since, Number + 1} end,
    case Second of
        _ when Ns >= Deadline -> tracer_end(C, timeMs, Seen, Batch);
        {_, Now} when Now > PerSecond -> tracer_end(C, eventsPerSecond, Seen, Batch);
        _ ->
            case tracer_wanted(Keep, Tag) of
                false -> tracer_loop(C, Ours, Seen, Batch, Second, Rest);
                true ->
                    case tracer_add(C, Batch, Pid, Tag, A, B, Ns) of
                        too_large -> tracer_end(C, termBytes, Seen, Batch);
                        Added when Seen + 1 >= Most -> tracer_end(C, events, Seen + 1, Added);
                        Added -> tracer_next(C, Ours, Seen + 1, Added, Second, Rest)
                    end
            end
    end.

%% How long the queue is, is looked at now and then.
tracer_next({_, _, {_, _, _, Queue, _}, _, _} = C, Ours, Seen, Batch, Second, Rest) when Seen band 127 =:= 0 ->
    case erlang:process_info(self(), message_queue_len) of
        {message_queue_len, Length} when Length > Queue -> tracer_end(C, tracerQueue, Seen, Batch);
        _ -> tracer_loop(C, Ours, Seen, Batch, Second, Rest)
    end;
tracer_next(C, Ours, Seen, Batch, Second, Rest) -> tracer_loop(C, Ours, Seen, Batch, Second, Rest).

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
tracer_add({_, _, _, {_, count}, _}, {_, Number, Since, Credit, Dropped}, _, _, _, _, _) ->
    {[], Number, Since, Credit, Dropped};
tracer_add({_, Start, {_, _, _, _, Bytes}, _, _} = C, {Events, Number, Since, Credit, Dropped}, Pid, Tag, A, B, Ns) ->
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
tracer_flush({Owner, Start, _, _, _}, {Events, _, _, Credit, Dropped}, Now) ->
    Owner ! {trace_batch, self(), Now - Start, Dropped, lists:reverse(Events)},
    {[], 0, Now, Credit - 1, 0}.

tracer_end({Owner, Start, _, _, _}, Why, Seen, {Events, _, _, _, Dropped}) ->
    case get(trace_set) of {Slot, Targets} -> trace_clear(self(), Slot, Targets); undefined -> ok end,
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
