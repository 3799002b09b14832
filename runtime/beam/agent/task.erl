%% What a task can do, in its own process. Frames to a reader are numbered; those it has not yet acknowledged are kept, at most as many
%% as it gave credit for, and sent again when it comes back after a broken connection: nothing is lost, and nothing comes twice.
-export([]).

task_init(#{name := Name, id := Id, agent := Agent} = Task, Kind, Args) ->
    main_ours(Name, Kind),
    task_woken(),
    End = try {ok, task_run(Kind, Task, Args)}
    catch Class:Reason -> {error, Class, task_brief(Reason)}
    end,
    task_undo_all(Task),
    Agent ! {finished, Id, self()},
    task_end(Task, End).

%% Sends a frame. A reader's own task waits for its credit; of a shared task every reader gets the frame that has credit now, and the
%% others are told later, by `missed`, that they have a gap.
task_frame(#{shared := true} = Task, Frame) ->
    case task_try_frame(Task, Frame) of stop -> stop; _ -> ok end;
task_frame(Task, Frame) ->
    case task_try_frame(Task, Frame) of
        full -> task_wait(Task), task_frame(Task, Frame);
        Sent -> Sent
    end.

task_try_frame(#{shared := IsShared} = Task, Frame) ->
    case task_stopped(Task) of
        true -> stop;
        false ->
            Sent = [task_offer(Reader, Frame, IsShared) || Reader <- task_readers(Task)],
            case lists:member(ok, Sent) of true -> ok; false -> full end
    end.

%% Sends a frame to one reader of a shared task, which task_next named; never waits.
task_frame_to(Task, Key, Frame) ->
    case [Reader || #{key := K} = Reader <- task_readers(Task), K =:= Key] of
        [Reader] -> task_offer(Reader, Frame, false);
        [] -> full
    end.

%% What comes next: words of clients ({tell, Word}), readers of a shared task ({joined, Reader}, {left, Reader}, {missed, Reader, N}:
%% it has credit again after N frames it did not get), or any other message of this process.
task_next(Task, infinity) ->
    case task_next(Task, 3600000) of timeout -> task_next(Task, infinity); Next -> Next end;
task_next(#{tag := Tag} = Task, TimeoutMs) ->
    case task_stopped(Task) orelse task_missed(Task) of
        true -> stop;
        {missed, _, _} = Missed -> Missed;
        none ->
            Since = erlang:monotonic_time(millisecond),
            task_listen(Task),
            task_rests(Task),
            Next = receive Came -> Came after TimeoutMs -> {Tag, timeout} end,
            task_woken(),
            case Next of
                {Tag, timeout} -> timeout;
                {Tag, stop} -> stop;
                {Tag, wake} ->
                    [task_resend(Reader) || Reader <- task_readers(Task)],
                    task_next(Task, max(0, TimeoutMs - (erlang:monotonic_time(millisecond) - Since)));
                {Tag, tell, Word} -> {tell, Word};
                {Tag, joined, Key} -> {joined, Key};
                {Tag, left, Key} -> erase({task_out, Key}), {left, Key};
                Message -> {other, Message}
            end
    end.

%% Word 3 counts the microseconds this process worked, as far as can be told without asking the emulator for totals, for that would
%% change what the user's own tools are told next: its reductions at OTP's measure of 4,000 a millisecond, and never more than the
%% time that went by.
task_rests(#{words := Words}) ->
    {Time, Reductions} = task_clock(),
    {TimeThen, ReductionsThen} = get(task_woken),
    atomics:add(Words, 3, min(Time - TimeThen, (Reductions - ReductionsThen) div 4)).

task_woken() -> put(task_woken, task_clock()).

task_clock() ->
    {reductions, Reductions} = process_info(self(), reductions),
    {erlang:monotonic_time(microsecond), Reductions}.

%% Says, before it is done, how to undo what this task is about to do (undo_run/1 in tasks.erl). The newest is undone first. The same
%% Undo of several tasks is run by the last of them.
task_undo(#{undo := Table}, Key, Undo) ->
    ets:insert(Table, {{self(), Key}, {erlang:unique_integer([monotonic]), Undo}}),
    ok.

%% It is undone already, or there is nothing to undo.
task_undone(#{undo := Table}, Key) ->
    ets:delete(Table, {self(), Key}),
    ok.

%% Undoes it now.
task_undo_now(#{undo := Table}, Key) -> guard_undo(Table, {self(), Key}).

task_undo_all(#{undo := Table}) -> guard_undo_all(Table, self()).

%% How long a periodic work is to wait now: Ms, or more while the node is busy or we are.
task_pace(#{pace := Pace, agent := Agent, id := Id} = Task, Ms) ->
    task_rests(Task),
    task_woken(),
    get(task_paced) =:= true orelse begin put(task_paced, true), Agent ! {paced, Id, self()} end,
    Ms * atomics:get(Pace, 1).

%% What the holding of this task is about, when that is known only now.
task_about(#{agent := Agent, id := Id}, Target) ->
    Agent ! {about, Id, self(), Target},
    ok.

task_stopped(#{words := Words}) -> atomics:get(Words, 2) =:= 1.

task_readers(#{table := Table, id := Id}) ->
    case ets:lookup(Table, Id) of [{_, Readers}] -> Readers; [] -> [] end.

%% Word 1 says that this process is to be woken when a reader gives credit.
task_listen(#{words := Words}) -> atomics:put(Words, 1, 1).

task_wait(#{tag := Tag} = Task) ->
    task_listen(Task),
    task_rests(Task),
    case task_stopped(Task) orelse lists:any(fun(Reader) -> task_can(Reader) end, task_readers(Task)) of
        % Credit, and yet it was not sent: the way to the reader is congested.
        true -> receive {Tag, wake} -> ok after 10 -> ok end;
        false -> receive {Tag, wake} -> ok; {Tag, stop} -> ok after 1000 -> ok end
    end,
    task_woken(),
    [task_resend(Reader) || Reader <- task_readers(Task)],
    ok.

%% Of the frames to a reader: the number of the last, those it may not have, the pid they went to, and how many it missed.
task_out(#{key := Key, pid := Pid}) ->
    case get({task_out, Key}) of undefined -> {0, queue:new(), Pid, 0}; Out -> Out end.

task_can(#{flow := Flow, pid := Pid} = Reader) ->
    {Last, _, _, _} = task_out(Reader),
    is_pid(Pid) andalso Last < atomics:get(Flow, 2).

task_offer(#{key := {_, No} = Key} = Reader, Frame, MayMiss) ->
    {Last, Kept, To, Missed} = task_resend(Reader),
    Next = Last + 1,
    Sent = is_pid(To) andalso task_can(Reader) andalso not (MayMiss andalso Missed > 0)
        andalso erlang:send(To, {frame, No, Next, Frame}, [nosuspend, noconnect]),
    case Sent of
        ok -> put({task_out, Key}, {Next, queue:in({frame, No, Next, Frame}, Kept), To, 0}), ok;
        _ when MayMiss -> put({task_out, Key}, {Last, Kept, To, Missed + 1}), full;
        _ -> full
    end.

%% Lets go of what the reader has acknowledged, and sends again what it has not when it is another pid than before.
task_resend(#{key := Key, pid := Pid, flow := Flow} = Reader) ->
    {Last, Kept, To, Missed} = task_out(Reader),
    Acked = atomics:get(Flow, 1),
    Left = task_drop(Acked, Kept),
    Out = case is_pid(Pid) andalso Pid =/= To of
        true ->
            IsSent = lists:all(fun(F) -> erlang:send(Pid, F, [nosuspend, noconnect]) =:= ok end, queue:to_list(Left)),
            {Last, Left, case IsSent of true -> Pid; false -> none end, Missed};
        false when Pid =:= none -> {Last, Left, none, Missed};
        false -> {Last, Left, To, Missed}
    end,
    put({task_out, Key}, Out),
    Out.

task_drop(Acked, Kept) ->
    case queue:peek(Kept) of
        {value, {_, _, N, _}} when N =< Acked -> task_drop(Acked, queue:drop(Kept));
        _ -> Kept
    end.

task_missed(#{shared := true} = Task) ->
    Caught = [{missed, Key, Missed} || #{key := Key} = Reader <- task_readers(Task),
        {_, _, _, Missed} <- [task_out(Reader)], Missed > 0, task_can(Reader)],
    case Caught of
        [{missed, Key, _} = First | _] ->
            {Last, Kept, To, _} = get({task_out, Key}),
            put({task_out, Key}, {Last, Kept, To, 0}),
            First;
        [] -> none
    end;
task_missed(_) -> none.

%% The last frame needs no credit. The process stays until each reader has it, or is given up by the agent.
task_end(Task, End) ->
    [begin
        {Last, Kept, To, Missed} = task_resend(Reader),
        Frame = {'end', No, Last + 1, End},
        is_pid(To) andalso erlang:send(To, Frame, [nosuspend, noconnect]),
        put({task_out, Key}, {Last + 1, queue:in(Frame, Kept), To, Missed})
     end || #{key := {_, No} = Key} = Reader <- task_readers(Task)],
    task_linger(Task).

task_linger(#{tag := Tag} = Task) ->
    Waiting = [Reader || #{key := Key, flow := Flow} = Reader <- task_readers(Task),
        {Last, _, _, _} <- [get({task_out, Key})], atomics:get(Flow, 1) < Last],
    case Waiting of
        [] -> ok;
        _ ->
            task_listen(Task),
            receive {Tag, wake} -> ok; _ -> ok after 1000 -> ok end,
            [task_resend(Reader) || Reader <- Waiting],
            task_linger(Task)
    end.

%% A reason as it is, or as text when it is large.
task_brief(Reason) ->
    case erlang:external_size(Reason) < 2000 of
        true -> Reason;
        false -> unicode:characters_to_binary(io_lib:format("~0tP", [Reason, 20]))
    end.
