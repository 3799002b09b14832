%% How much of the node the agent and its tasks take, measured once a second while a task works by the clock, and never otherwise.
%%
%% Our share of the node is the time our tasks worked (task_rests/1) of all the time its schedulers had. Above 1 % of that, or
%% with more than 4 processes waiting for each scheduler, all periodic work goes half as often, down to an eighth; below 0.5 % and 2, it
%% goes twice as often again.
-export([]).

%% A task that says, each time its pace allows it, by how much all periodic work is slowed down now, and to a reader that was behind,
%% how often it was not told.
pace_task(Task, EveryMs) ->
    WaitMs = task_pace(Task, EveryMs),
    case task_next(Task, WaitMs) of
        stop -> stop;
        timeout -> case task_frame(Task, WaitMs div EveryMs) of ok -> pace_task(Task, EveryMs); stop -> stop end;
        {missed, Reader, N} -> task_frame_to(Task, Reader, {missed, N}), pace_task(Task, EveryMs);
        _ -> pace_task(Task, EveryMs)
    end.

pace_begin(Id, Pid, #{paced := Paced, measure := Measure} = State) ->
    Next = State#{paced := Paced#{Id => Pid}},
    case Measure of
        none -> pace_later(pace_figures(Next), Next);
        _ -> Next
    end.

pace_end(Id, #{paced := Paced} = State) -> State#{paced := maps:remove(Id, Paced)}.

pace_later(Figures, State) -> State#{measure := {erlang:start_timer(1000, self(), measure), Figures}}.

pace_figures(#{tasks := Tasks}) ->
    #{at => erlang:monotonic_time(microsecond), busy => maps:map(fun(_, #{words := Words}) -> atomics:get(Words, 3) end, Tasks),
        waiting => erlang:statistics(total_run_queue_lengths)}.

pace_measure(_, #{paced := Paced, pace := Pace} = State) when map_size(Paced) =:= 0 ->
    atomics:put(Pace, 1, 1),
    State#{measure := none};
pace_measure(Before, #{pace := Pace} = State) ->
    Now = pace_figures(State),
    Factor = atomics:get(Pace, 1),
    Share = pace_share(Before, Now),
    Queue = maps:get(waiting, Now) / erlang:system_info(schedulers_online),
    atomics:put(Pace, 1, if
        Share > 0.01; Queue > 4 -> min(8, Factor * 2);
        Share < 0.005, Queue < 2 -> max(1, Factor div 2);
        true -> Factor
    end),
    pace_later(Now, State).

pace_share(#{at := At, busy := Busy}, #{at := At2, busy := Busy2}) ->
    Ours = lists:sum([Us - maps:get(Id, Busy, 0) || {Id, Us} <- maps:to_list(Busy2)]),
    Ours / (max(1, At2 - At) * erlang:system_info(schedulers_online)).
