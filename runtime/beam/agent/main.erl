%% The agent: one process for each version of ours on a node, registered under its module's name and shared by all windows. It starts
%% tasks for its clients, keeps what they hold for a while after a client was lost, and ends, with its code, after the last of them.
%%
%% A client is a window, known by its token; its pid changes when its connection breaks and comes back. Everything that comes in may be
%% garbage: what is not understood is dropped, and what fails changes nothing.
-export([main_started/2, main_holdings/1, main_release/2, main_figures/2]).

%% A question to an agent of any version, as gen_server:call/3 asks: {answer, Answer}, `timeout`, or `down` when there is none.
main_ask(Agent, Request, TimeoutMs) ->
    Ref = erlang:monitor(process, Agent),
    erlang:send(Agent, {'$gen_call', {self(), Ref}, Request}, [nosuspend, noconnect]),
    receive
        {Ref, Answer} -> erlang:demonitor(Ref, [flush]), {answer, Answer};
        {'DOWN', Ref, _, _, _} -> down
    after TimeoutMs -> erlang:demonitor(Ref, [flush]), timeout
    end.

%% What clients hold here, of agents of whatever version, and how many agents did not answer.
main_holdings(TimeoutMs) ->
    Said = [main_ask(Agent, holdings, TimeoutMs) || Agent <- main_agents()],
    {lists:append([Held || {answer, {holdings, Held}} <- Said]), length([silent || timeout <- Said])}.

%% Whether something of that id was held; it is not any more.
main_release(Id, TimeoutMs) ->
    lists:member({answer, {released, true}}, [main_ask(Agent, {release, Id}, TimeoutMs) || Agent <- main_agents()]).

%% What the agent called Name is and takes, or `none`.
main_figures(Name, TimeoutMs) ->
    case whereis(Name) of
        undefined -> none;
        Agent -> case main_ask(Agent, about, TimeoutMs) of {answer, {about, About}} -> About; Other -> Other end
    end.

%% The agents on this node, of whatever version.
main_agents() ->
    [Pid || Name <- registered(), lists:prefix("arsenal_agent_", atom_to_list(Name)),
        Name =/= arsenal_agent_lock, Pid <- [whereis(Name)], is_pid(Pid)].

%% The agent called Name, which is started if there is none; `unloaded` when the code that runs this is on its way out.
main_started(Name, Tier) ->
    case whereis(Name) of
        undefined -> loader_locked(fun() -> main_start(Name, Tier) end);
        Agent -> Agent
    end.

main_start(Name, Tier) ->
    IsGone = Tier =:= agent andalso not erlang:function_exported(Name, main_started, 2),
    case whereis(Name) of
        _ when IsGone -> unloaded;
        undefined ->
            Self = self(),
            Tag = make_ref(),
            {Agent, Ref} = spawn_monitor(fun() -> main_init(Name, Tier, {Self, Tag}) end),
            receive
                {Tag, ready} -> erlang:demonitor(Ref, [flush]), Agent;
                {'DOWN', Ref, _, _, Why} -> exit(Why)
            end;
        Agent -> Agent
    end.

main_init(Name, Tier, {Starter, Tag}) ->
    register(Name, self()),
    main_ours(Name, agent),
    process_flag(trap_exit, true),
    process_flag(message_queue_data, off_heap),
    process_flag(max_heap_size, #{size => 4194304, kill => true, error_logger => false}),
    group_leader(whereis(init), self()),
    Now = erlang:monotonic_time(millisecond),
    {Guard, Undo} = guard_start(Name, Tier, self()),
    Pace = atomics:new(1, []),
    atomics:put(Pace, 1, 1),
    Starter ! {Tag, ready},
    main_loop(#{name => Name, tier => Tier, guard => Guard, undo => Undo, pace => Pace, since => Now,
        tag => make_ref(), table => ets:new(arsenal_agent_tasks, [protected, {read_concurrency, true}]),
        clients => #{}, tasks => #{}, pids => #{}, shared => #{}, paced => #{}, measure => none, ending => none, leaving => []}).

%% Marks a process as ours: for who asks what it is (proc_lib:translate_initial_call/1, from OTP 27 its label), and for the interpreter
%% (interpreted.ts).
main_ours(Name, What) ->
    put('$ancestors', [Name]),
    put('$initial_call', {Name, What, 0}),
    put(arsenal_funs, #{}),
    ProcLib = proc_lib,
    erlang:function_exported(ProcLib, set_label, 1) andalso ProcLib:set_label({arsenal, What}),
    ok.

%% Sleeps without a heap of its own while nothing is asked, so that a node nobody looks at pays nothing for it.
main_loop(State) ->
    receive Message -> main_loop(main_safely(Message, State))
    after 500 -> erlang:hibernate(erlang, apply, [fun() -> main_loop(State) end, []])
    end.

main_safely(Message, State) ->
    try main_handle(Message, main_relieved(State))
    catch
        exit:agent_ended -> exit(normal);
        _:_ -> main_failed(Message), State
    end.

main_failed({'$gen_call', {Pid, _} = From, _}) when is_pid(Pid) -> main_reply(From, failed);
main_failed(_) -> ok.

%% More messages than clients can ask for is somebody's flood: they are dropped unread.
main_relieved(State) ->
    case process_info(self(), message_queue_len) of
        {_, Length} when Length > 10000 -> main_drop(Length), State;
        _ -> State
    end.

main_drop(0) -> ok;
main_drop(N) -> receive _ -> main_drop(N - 1) after 0 -> ok end.

main_handle({'$gen_call', {Pid, _} = From, Request}, State) when is_pid(Pid) -> main_asked(Request, From, State);
main_handle({credit, Token, No, Acked, UpTo}, State) when is_integer(Acked), is_integer(UpTo) ->
    hold_credit({Token, No}, Acked, UpTo, State);
main_handle({tell, Token, No, Word}, State) -> hold_tell({Token, No}, Word, State);
main_handle({stop, Token, No}, State) -> hold_leave({Token, No}, State);
main_handle({finished, Id, Pid}, State) -> main_settled(hold_finished(Id, Pid, State));
main_handle({paced, Id, Pid}, State) -> pace_begin(Id, Pid, State);
main_handle({about, Id, Pid, Target}, State) when is_pid(Target) -> hold_about(Id, Pid, Target, State);
main_handle({'EXIT', Pid, Why}, #{pids := Pids} = State) when is_map_key(Pid, Pids) ->
    % Anybody can send this.
    case is_process_alive(Pid) of
        true -> State;
        false -> main_settled(hold_exited(Pid, Why, State))
    end;
main_handle({'DOWN', Ref, process, Pid, _}, #{guard := Guard} = State) ->
    case Pid =:= Guard andalso not is_process_alive(Pid) of
        true -> guard_again(State);
        _ -> main_lost(Ref, State)
    end;
main_handle({'ETS-TRANSFER', Table, _, undo}, #{undo := Table} = State) -> guard_give(State);
main_handle({timeout, Ref, {away, Token}}, State) -> main_settled(main_away(Token, Ref, State));
main_handle({timeout, Ref, {forsaken, Key}}, State) -> hold_forsaken(Key, Ref, State);
main_handle({timeout, Ref, {unwatched, Id}}, State) -> hold_unwatched(Id, Ref, State);
main_handle({timeout, _, {kill, Pid}}, #{pids := Pids} = State) ->
    is_map_key(Pid, Pids) andalso exit(Pid, kill),
    State;
main_handle({timeout, Ref, measure}, #{measure := {Ref, Before}} = State) -> pace_measure(Before, State);
main_handle({timeout, Ref, the_end}, #{ending := Ref, clients := Clients, tasks := Tasks} = State) ->
    case map_size(Clients) + map_size(Tasks) of
        0 -> exit(agent_ended);
        _ -> State#{ending := none}
    end;
main_handle(_, State) -> State.

main_asked({join, Token, Pid, Name, LingerMs, Resume}, From, State)
        when is_binary(Token), is_pid(Pid), is_integer(LingerMs), LingerMs >= 0, is_list(Resume) ->
    % To monitor a process of a node that is gone would have this node look for it.
    true = node(Pid) =:= node() orelse lists:member(node(Pid), nodes(connected)),
    Joined = main_joined(Token, Pid, Name, LingerMs, State),
    {Unknown, Resumed} = hold_resume(Token, Pid, Resume, Joined),
    main_reply(From, {joined, maps:get(tier, State), Unknown}),
    Resumed;
main_asked({leave, Token}, From, #{leaving := Leaving} = State) ->
    main_settled(main_left(Token, State#{leaving := [{Token, From} | Leaving]}));
main_asked({start, Token, No, Kind, Args, Shared, Holding, LingerMs, UpTo}, From, #{clients := Clients} = State)
        when is_integer(No), is_list(Args), is_integer(LingerMs), LingerMs >= 0, is_integer(UpTo) ->
    case Clients of
        #{Token := #{pid := Pid}} when is_pid(Pid) ->
            {Id, Started} = hold_start({Token, No}, Pid, {Kind, Args}, Shared, {Holding, LingerMs, UpTo}, State),
            main_reply(From, {started, Id}),
            Started;
        _ -> main_reply(From, not_joined), State
    end;
main_asked(holdings, From, State) -> main_reply(From, {holdings, hold_list(State)}), State;
main_asked({release, Id}, From, State) -> hold_release(Id, From, State);
main_asked(about, From, State) -> main_reply(From, {about, main_about(State)}), State;
main_asked(_, From, State) -> main_reply(From, unknown_request), State.

%% An answer waits for nobody: while the way to the client is congested, a process of its own tries again for a while.
main_reply({Pid, Tag}, Answer) -> main_send(Pid, {Tag, Answer}).

main_send(Pid, Message) ->
    case erlang:send(Pid, Message, [nosuspend, noconnect]) of
        nosuspend -> spawn(fun() -> main_send_later(Pid, Message, 100) end), ok;
        _ -> ok
    end.

main_send_later(_, _, 0) -> ok;
main_send_later(Pid, Message, Tries) ->
    receive after 50 -> ok end,
    case erlang:send(Pid, Message, [nosuspend, noconnect]) of
        nosuspend -> main_send_later(Pid, Message, Tries - 1);
        _ -> ok
    end.

main_joined(Token, Pid, Name, LingerMs, #{clients := Clients, ending := Ending} = State) ->
    case Clients of
        #{Token := #{ref := Before, timer := Timer}} ->
            is_reference(Before) andalso erlang:demonitor(Before, [flush]),
            main_cancel(Timer);
        _ -> ok
    end,
    main_cancel(Ending),
    Client = #{pid => Pid, ref => erlang:monitor(process, Pid), name => Name, linger => LingerMs, timer => none},
    State#{clients := Clients#{Token => Client}, ending := none}.

%% The connection of a client is gone; it may come back with its token.
main_lost(Ref, #{clients := Clients} = State) ->
    case [{Token, Client} || {Token, #{ref := R} = Client} <- maps:to_list(Clients), R =:= Ref] of
        [{Token, #{linger := LingerMs} = Client}] ->
            Timer = erlang:start_timer(LingerMs, self(), {away, Token}),
            Away = Client#{pid := none, ref := none, timer := Timer},
            hold_away(Token, State#{clients := Clients#{Token := Away}});
        [] -> State
    end.

main_away(Token, Timer, #{clients := Clients} = State) ->
    case Clients of
        #{Token := #{timer := Timer} = Client} ->
            case hold_any(Token, State) of
                true -> State#{clients := Clients#{Token := Client#{timer := none}}};
                false -> State#{clients := maps:remove(Token, Clients), ending := now}
            end;
        _ -> State
    end.

main_left(Token, #{clients := Clients} = State) ->
    case Clients of
        #{Token := #{ref := Ref, timer := Timer, linger := LingerMs}} ->
            is_reference(Ref) andalso erlang:demonitor(Ref, [flush]),
            main_cancel(Timer),
            Left = hold_leave_all(Token, State),
            Left#{clients := maps:remove(Token, Clients), ending := {in, LingerMs}};
        _ -> State
    end.

%% Ends what nobody needs any more: clients that stayed away and hold nothing now, and, after the last of them, the agent. Those who
%% leave are told when all is undone.
main_settled(#{clients := Clients, leaving := Leaving} = State) ->
    {Free, Holding} = lists:partition(fun({Token, _}) -> not hold_busy(Token, State) end, Leaving),
    [main_reply(From, left) || {_, From} <- Free],
    Kept = maps:filter(fun(Token, #{pid := Pid, timer := Timer}) ->
        is_pid(Pid) orelse Timer =/= none orelse hold_any(Token, State) end, Clients),
    main_end(State#{clients := Kept, leaving := Holding}).

main_end(#{clients := Clients, tasks := Tasks, ending := Ending} = State) when map_size(Clients) + map_size(Tasks) =:= 0 ->
    case Ending of
        _ when is_reference(Ending) -> State;
        {in, LingerMs} -> State#{ending := erlang:start_timer(LingerMs, self(), the_end)};
        _ -> State#{ending := erlang:start_timer(0, self(), the_end)}
    end;
main_end(State) -> State.

main_cancel(Timer) when is_reference(Timer) -> erlang:cancel_timer(Timer), ok;
main_cancel(_) -> ok.

main_about(#{tier := Tier, clients := Clients, tasks := Tasks, pace := Pace, guard := Guard, since := Since}) ->
    Own = [self(), Guard | [Pid || #{pid := Pid} <- maps:values(Tasks)]],
    #{tier => Tier, clients => map_size(Clients), tasks => map_size(Tasks), factor => atomics:get(Pace, 1),
        processes => Own, for_ms => erlang:monotonic_time(millisecond) - Since,
        memory => lists:sum([B || P <- Own, {memory, B} <- [process_info(P, memory)]])}.
