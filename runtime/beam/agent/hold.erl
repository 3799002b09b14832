%% Tasks as the agent sees them: who started them, who reads their frames, how long each is kept after its client was lost.
%%
%% A task is known by Id, unique in the life of the node; one reader's part in it by Key, {Token, No}, whose No the client chose. The
%% table has {Id, [Reader]} for the task's own process: it reads there where to send, and in the readers' counters how far it may.
-export([]).

hold_start(Key, Pid, {Kind, Args}, Shared, {Holding, LingerMs, UpTo}, #{tasks := Tasks, shared := AllShared} = State) ->
    Reader = #{key => Key, pid => Pid, flow => hold_flow(0, UpTo), linger => LingerMs, timer => none},
    case Shared =/= none andalso maps:get({Kind, Shared}, AllShared, none) of
        Id when is_integer(Id) ->
            #{Id := #{pid := Task, tag := Tag, readers := Readers, timer := Timer} = Held} = Tasks,
            main_cancel(Timer),
            Task ! {Tag, joined, Key},
            {Id, hold_put(Id, Held#{readers := Readers ++ [Reader], timer := none}, State)};
        _ -> hold_spawn(Kind, Args, Shared, Holding, Reader, State)
    end.

hold_spawn(Kind, Args, Shared, Holding, #{key := Key} = Reader, State) ->
    #{name := Name, undo := Undo, table := Table, pace := Pace, pids := Pids, shared := AllShared} = State,
    Id = erlang:unique_integer([positive]),
    Tag = make_ref(),
    Words = atomics:new(3, []),
    IsShared = Shared =/= none,
    Task = #{id => Id, tag => Tag, agent => self(), name => Name, undo => Undo, table => Table, pace => Pace, words => Words,
        shared => IsShared},
    Held = #{pid => none, tag => Tag, words => Words, kind => Kind, key => case IsShared of true -> {Kind, Shared}; false -> none end,
        holding => Holding, readers => [Reader], timer => none, waiting => [], done => false},
    ets:insert(Table, {Id, [Reader]}),
    Fuse = #{size => 8388608, kill => true, error_logger => false},
    Pid = spawn_opt(fun() -> task_init(Task, Kind, Args) end, [link, {max_heap_size, Fuse}]),
    guard_watch(Pid, State),
    IsShared andalso (Pid ! {Tag, joined, Key}),
    {Id, hold_put(Id, Held#{pid := Pid}, State#{pids := Pids#{Pid => Id},
        shared := case IsShared of true -> AllShared#{{Kind, Shared} => Id}; false -> AllShared end})}.

%% Two counters: how far the reader has taken frames, and up to which it takes them.
hold_flow(Acked, UpTo) ->
    Flow = atomics:new(2, []),
    atomics:put(Flow, 1, Acked),
    atomics:put(Flow, 2, UpTo),
    Flow.

hold_put(Id, #{readers := Readers} = Held, #{tasks := Tasks, table := Table} = State) ->
    ets:insert(Table, {Id, Readers}),
    State#{tasks := Tasks#{Id => Held}}.

%% The task that Key reads, with the reader.
hold_find(Key, #{tasks := Tasks}) ->
    Found = [{Id, Held, Reader} || {Id, #{readers := Readers} = Held} <- maps:to_list(Tasks), #{key := K} = Reader <- Readers, K =:= Key],
    case Found of [One | _] -> One; [] -> none end.

hold_of(Token, #{tasks := Tasks}) ->
    [{Id, Key} || {Id, #{readers := Readers}} <- maps:to_list(Tasks), #{key := {T, _} = Key} <- Readers, T =:= Token].

hold_any(Token, State) -> hold_of(Token, State) =/= [].

%% Whether something of a client's is still to be undone.
hold_busy(Token, #{tasks := Tasks} = State) ->
    [Id || {Id, _} <- hold_of(Token, State), not maps:get(done, maps:get(Id, Tasks))] =/= [].

hold_wake(#{pid := Pid, tag := Tag, words := Words}) ->
    atomics:exchange(Words, 1, 0) =:= 1 andalso (Pid ! {Tag, wake}),
    ok.

hold_credit(Key, Acked, UpTo, State) ->
    case hold_find(Key, State) of
        {_, Held, #{flow := Flow}} ->
            atomics:put(Flow, 1, Acked),
            atomics:put(Flow, 2, UpTo),
            hold_wake(Held);
        none -> ok
    end,
    State.

hold_tell(Key, Word, State) ->
    case hold_find(Key, State) of
        {_, #{pid := Pid, tag := Tag}, _} -> Pid ! {Tag, tell, Word};
        none -> ok
    end,
    State.

%% A reader that has had enough. The task ends with its only one; a shared one lingers after its last.
hold_leave(Key, State) ->
    case hold_find(Key, State) of
        {Id, #{key := none} = Held, _} -> hold_stop(Id, Held, State);
        {Id, Held, Reader} -> hold_unread(Id, Held, Reader, State);
        none -> State
    end.

%% A client leaves: nobody waits for the last frames of its tasks.
hold_leave_all(Token, #{tasks := Tasks} = State) ->
    lists:foldl(fun({Id, Key}, S) ->
        case Tasks of
            #{Id := #{done := true, pid := Pid}} -> exit(Pid, kill), S;
            _ -> hold_leave(Key, S)
        end
    end, State, hold_of(Token, State)).

hold_unread(Id, #{pid := Task, tag := Tag, readers := Readers} = Held, #{key := {_, No} = Key, pid := Pid, linger := LingerMs}, State) ->
    Task ! {Tag, left, Key},
    is_pid(Pid) andalso main_send(Pid, {'end', No, 0, {ok, left}}),
    Left = [R || #{key := K} = R <- Readers, K =/= Key],
    Timer = case Left of [] -> erlang:start_timer(LingerMs, self(), {unwatched, Id}); _ -> none end,
    hold_put(Id, Held#{readers := Left, timer := Timer}, State).

%% A task that was told so and does not end within two seconds is ended.
hold_stop(_, #{done := true}, State) -> State;
hold_stop(_, #{pid := Pid, tag := Tag, words := Words}, State) ->
    case atomics:exchange(Words, 2, 1) of
        0 -> Pid ! {Tag, stop}, erlang:start_timer(2000, self(), {kill, Pid});
        1 -> ok
    end,
    State.

hold_unwatched(Id, Timer, #{tasks := Tasks} = State) ->
    case Tasks of
        #{Id := #{timer := Timer, readers := []} = Held} -> hold_stop(Id, Held, State);
        _ -> State
    end.

%% A client was lost: its part in each task is kept for the task's own time.
hold_away(Token, State) ->
    lists:foldl(fun({Id, Key}, #{tasks := Tasks} = S) ->
        #{Id := #{readers := Readers} = Held} = Tasks,
        hold_put(Id, Held#{readers := [case R of
            #{key := Key, linger := LingerMs} -> R#{pid := none, timer := erlang:start_timer(LingerMs, self(), {forsaken, Key})};
            _ -> R
        end || R <- Readers]}, S)
    end, State, hold_of(Token, State)).

hold_forsaken(Key, Timer, State) ->
    case hold_find(Key, State) of
        {_, #{key := none, done := true, pid := Pid}, #{timer := Timer}} ->
            exit(Pid, kill),
            State;
        {Id, #{key := none} = Held, #{timer := Timer} = Reader} ->
            Forsaken = Held#{readers := [Reader#{timer := none}]},
            hold_stop(Id, Forsaken, hold_put(Id, Forsaken, State));
        {Id, Held, #{timer := Timer} = Reader} -> main_settled(hold_unread(Id, Held, Reader#{linger := 0}, State));
        _ -> State
    end.

%% A client is back, with what it has of each of its tasks; what it has not is sent again. Answers those there are no more, and the
%% state. Those of its tasks that it does not name it has given up.
hold_resume(Token, Pid, Resume, State) ->
    Known = [{Key, Acked, UpTo} || {No, Acked, UpTo} <- Resume, is_integer(Acked), is_integer(UpTo), Key <- [{Token, No}],
        hold_find(Key, State) =/= none],
    Unknown = [No || {No, _, _} <- Resume, not lists:keymember({Token, No}, 1, Known)],
    GivenUp = [Key || {_, Key} <- hold_of(Token, State), not lists:keymember(Key, 1, Known)],
    Left = lists:foldl(fun(Key, S) -> hold_leave(Key, S) end, State, GivenUp),
    {Unknown, lists:foldl(fun({Key, Acked, UpTo}, S) -> hold_back(hold_find(Key, S), Pid, Acked, UpTo, S) end, Left, Known)}.

hold_back({Id, #{readers := Readers} = Held, #{key := Key, timer := Timer}}, Pid, Acked, UpTo, State) ->
    main_cancel(Timer),
    Back = [case R of #{key := Key, flow := Flow} ->
            atomics:put(Flow, 1, Acked),
            atomics:put(Flow, 2, UpTo),
            R#{pid := Pid, timer := none};
        _ -> R end || R <- Readers],
    Next = hold_put(Id, Held#{readers := Back}, State),
    #{pid := Task, tag := Tag} = Held,
    Task ! {Tag, wake},
    Next.

%% The task's function has returned and all is undone; its process stays until its readers have all its frames.
hold_finished(Id, Pid, #{tasks := Tasks, clients := Clients} = State) ->
    case Tasks of
        #{Id := #{pid := Pid, waiting := Waiting, readers := Readers} = Held} ->
            [main_reply(From, {released, true}) || From <- Waiting],
            % Nobody is there to have the last frames, or will be.
            case [Key || #{key := {Token, _} = Key, pid := To, timer := Timer} <- Readers, is_map_key(Token, Clients),
                    is_pid(To) orelse Timer =/= none] of
                [] -> exit(Pid, kill);
                _ -> ok
            end,
            Done = hold_unshare(Held, State),
            Done#{tasks := Tasks#{Id := Held#{done := true, waiting := []}}};
        _ -> State
    end.

hold_unshare(#{key := Key}, #{shared := Shared} = State) -> State#{shared := maps:remove(Key, Shared)}.

%% The process of a task has ended: rightly, or killed by somebody or by its fuse. Then the guard undoes what it held.
hold_exited(Pid, Why, #{pids := Pids, tasks := Tasks, table := Table} = State) ->
    case Pids of
        #{Pid := Id} ->
            #{Id := #{readers := Readers, waiting := Waiting, done := IsDone} = Held} = Tasks,
            ets:delete(Table, Id),
            [main_reply(From, {released, true}) || From <- Waiting],
            [main_send(To, {'end', No, -1, {lost, hold_why(Why)}}) || not IsDone, #{pid := To, key := {_, No}} <- Readers, is_pid(To)],
            [main_cancel(Timer) || #{timer := Timer} <- [Held | Readers]],
            Left = hold_unshare(Held, State),
            pace_end(Id, Left#{pids := maps:remove(Pid, Pids), tasks := maps:remove(Id, Tasks)});
        _ -> State
    end.

hold_why(Why) when is_atom(Why) -> Why;
hold_why(_) -> crashed.

%% A task says what its holding is about.
hold_about(Id, Pid, Target, #{tasks := Tasks} = State) ->
    case Tasks of
        #{Id := #{pid := Pid, holding := {Kind, _, Owner}} = Held} ->
            State#{tasks := Tasks#{Id := Held#{holding := {Kind, Target, Owner}}}};
        _ -> State
    end.

%% What clients hold, whoever they are: {Id, Kind, Target, Owner, LingerMs, Client, here | away}.
hold_list(#{tasks := Tasks, clients := Clients}) ->
    [{Id, Kind, Target, Owner, LingerMs, maps:get(name, maps:get(Token, Clients, #{}), <<>>),
        case is_pid(Pid) of true -> here; false -> away end}
     || {Id, #{holding := {Kind, Target, Owner}, readers := Readers, done := false}} <- lists:sort(maps:to_list(Tasks)),
        #{key := {Token, _}, linger := LingerMs, pid := Pid} <- lists:sublist(Readers, 1)].

hold_release(Id, From, #{tasks := Tasks} = State) ->
    case Tasks of
        #{Id := #{done := false, waiting := Waiting, holding := {_, _, _}} = Held} ->
            hold_stop(Id, Held, State#{tasks := Tasks#{Id := Held#{waiting := [From | Waiting]}}});
        _ -> main_reply(From, {released, false}), State
    end.
