%% The works of ./works.ts on a real node with one scheduler: each runs COUNT times and says how often a second of CPU does it.
-module(subject).
-export([main/1]).
-export([init/1, handle_call/3, handle_cast/2]).

main([Name, CountText]) ->
    Count = list_to_integer(CountText),
    lists:foreach(fun(_) -> run(Name, Count) end, [1, 2]),
    Rates = [rate(Name, Count) || _ <- lists:seq(1, 5)],
    io:format("{\"perSecond\":~w}~n", [lists:nth(3, lists:sort(Rates))]),
    halt().

rate(Name, Count) ->
    Before = erlang:statistics(runtime),
    run(Name, Count),
    Ms = element(1, erlang:statistics(runtime)) - element(1, Before),
    Count * 1000 / max(1, Ms).

%% In a process of its own, so that no heap of an earlier run is left.
run(Name, Count) ->
    {Pid, Ref} = spawn_monitor(fun() -> work(Name, Count) end),
    receive {'DOWN', Ref, process, Pid, normal} -> ok end.

work("ping_pong", Count) ->
    Self = self(),
    A = spawn_link(fun() -> player(Self) end),
    B = spawn_link(fun() -> player(Self) end),
    A ! {other, B},
    B ! {other, A},
    A ! 2 * Count,
    receive done -> ok end,
    end_all([A, B]);
work("ping_pong_traced", Count) ->
    Self = self(),
    Tracer = spawn_link(fun drop/0),
    A = spawn_link(fun() -> player(Self) end),
    B = spawn_link(fun() -> player(Self) end),
    [erlang:trace(P, true, [send, 'receive', {tracer, Tracer}]) || P <- [A, B]],
    A ! {other, B},
    B ! {other, A},
    A ! 2 * Count,
    receive done -> ok end,
    end_all([A, B, Tracer]);
work("call_traced", Count) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    Tracer = spawn_link(fun drop/0),
    [erlang:trace(P, true, [send, 'receive', {tracer, Tracer}]) || P <- [self(), Server]],
    calls(Server, Count),
    [erlang:trace(P, false, [all]) || P <- [self(), Server]],
    gen_server:stop(Server),
    end_all([Tracer]);
work("call", Count) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    calls(Server, Count),
    gen_server:stop(Server);
work("call_over_backlog", Count) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    [self() ! N || N <- lists:seq(1, 100000)],
    calls(Server, Count),
    gen_server:stop(Server);
work("cast", Count) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    casts(Server, Count),
    gen_server:stop(Server);
work("flood", Count) ->
    Self = self(),
    Sink = spawn_link(fun() -> sink(Count), Self ! done end),
    flood(Sink, Count),
    receive done -> ok end;
work("copied", Count) ->
    Self = self(),
    Sink = spawn_link(fun() -> sink(Count), Self ! done end),
    items(Sink, Count),
    receive done -> ok end;
work("spawn_exit_handler", Count) -> spawning(Count, fun() -> exit(normal) end);
work("spawn_exit_generator", Count) -> spawning(Count, fun() -> ok end).

player(Owner) ->
    receive {other, Other} -> player(Owner, Other) end.
player(Owner, Other) ->
    receive
        0 -> Owner ! done, player(Owner, Other);
        N when is_integer(N) -> Other ! N - 1, player(Owner, Other);
        stop -> ok
    end.

%% A tracer that does nothing with what it is told.
drop() ->
    receive
        stop -> ok;
        _ -> drop()
    end.

end_all(Pids) -> [Pid ! stop || Pid <- Pids].

calls(_Server, 0) -> ok;
calls(Server, N) -> _ = gen_server:call(Server, increment), calls(Server, N - 1).

casts(_Server, 0) -> ok;
casts(Server, N) when N rem 1000 =:= 0 -> _ = gen_server:call(Server, increment), cast(Server, N);
casts(Server, N) -> cast(Server, N).
cast(Server, N) -> gen_server:cast(Server, increment), casts(Server, N - 1).

sink(0) -> ok;
sink(N) -> receive _ -> sink(N - 1) end.
flood(_Sink, 0) -> ok;
flood(Sink, N) -> Sink ! increment, flood(Sink, N - 1).
items(_Sink, 0) -> ok;
items(Sink, N) -> Sink ! {increment, N, [1, 2, 3], #{price => 3, name => <<"shoe">>}}, items(Sink, N - 1).

%% A hundred at a time, each watched to its end, so that they do not pile up.
spawning(0, _Fun) -> ok;
spawning(Count, Fun) ->
    Some = min(100, Count),
    Refs = [element(2, spawn_monitor(Fun)) || _ <- lists:seq(1, Some)],
    [receive {'DOWN', Ref, process, _, _} -> ok end || Ref <- Refs],
    spawning(Count - Some, Fun).

init([]) -> {ok, 0}.
handle_call(increment, _From, N) -> {reply, N, N + 1}.
handle_cast(increment, N) -> {noreply, N + 1}.
