%% Calls of OTP's functions one by one, each beside servers of its own: prints what each came to. Runs on any node.
-module(calls).
-export([main/1, init/1, handle_call/3, handle_call/2, handle_cast/2, handle_info/2, handle_event/2, handle_event/4,
         callback_mode/0, code_change/3, code_change/4, terminate/2, start_worker/0, give/1, fail/1, away/1, toss/1,
         double/1, start/2, stop/1]).

main(File) ->
    logger:set_primary_config(level, none),
    {ok, Calls} = file:consult(File),
    [unicode:characters_to_binary(io_lib:format("~0tp", [one(Call)])) || Call <- Calls].

one({Module, Function, Given}) ->
    Caller = self(),
    {Pid, Ref} = spawn_monitor(fun () ->
        process_flag(trap_exit, true),
        {ok, _} = gen_server:start_link({local, srv}, calls, [], []),
        {ok, _} = gen_statem:start_link({local, machine}, calls, machine, []),
        {ok, _} = gen_event:start_link({local, mgr}),
        ok = gen_event:add_handler(mgr, calls, handler),
        {ok, _} = supervisor:start_link({local, sup}, calls, {sup, #{}}),
        {ok, _} = supervisor:start_link({local, dyn}, calls, {sup, #{strategy => simple_one_for_one}}),
        Args = filled(Given),
        Outcome = try apply(Module, Function, Args) of V -> {ok, V} catch C:R -> {C, R} end,
        Caller ! {self(), normalised(Outcome)}
    end),
    Outcome = receive {Pid, O} -> O; {'DOWN', Ref, _, _, Why} -> {ended, normalised(Why)} after 30000 -> exit(Pid, kill), hangs end,
    [gone(Name) || Name <- [srv, machine, mgr, sup, dyn, started]],
    demonitor(Ref, [flush]),
    Outcome.

gone(Name) ->
    case whereis(Name) of
        undefined -> ok;
        Pid -> Ref = monitor(process, Pid), exit(Pid, kill), receive {'DOWN', Ref, _, _, _} -> ok end
    end.

%% What stands for the node, the caller and a reference.
filled('$node') -> node();
filled('$self') -> self();
filled('$ref') -> make_ref();
filled(T) when is_tuple(T) -> list_to_tuple(filled(tuple_to_list(T)));
filled([H | T]) -> [filled(H) | filled(T)];
filled(M) when is_map(M) -> maps:from_list(filled(maps:to_list(M)));
filled(Other) -> Other.

%% Without what differs from run to run, and without stacks.
normalised(P) when is_pid(P) -> pid;
normalised(R) when is_reference(R) -> ref;
normalised(F) when is_function(F) -> 'fun';
normalised(N) when N =:= node() -> '$node';
normalised([{M, F, _, L} | _]) when is_atom(M), is_atom(F), is_list(L) -> [];
normalised([H | T]) -> [normalised(H) | normalised(T)];
normalised(T) when is_tuple(T) -> list_to_tuple(normalised(tuple_to_list(T)));
normalised(M) when is_map(M) -> maps:from_list(normalised(maps:to_list(M)));
normalised(Other) -> Other.

%% What the servers do is in what they are asked.
init({return, R}) -> R;
init({fail, C, R}) -> erlang:raise(C, R, []);
init(machine) -> {ok, idle, data};
init({sup, Flags}) ->
    {ok, {Flags, [#{id => c1, start => case Flags of #{strategy := _} -> {calls, give, []}; _ -> {calls, start_worker, []} end}]}};
init(_) -> {ok, state}.
handle_call({return, R}, _, _) -> R;
handle_call({fail, C, R}, _, _) -> erlang:raise(C, R, []);
handle_call(sleep, _, S) -> timer:sleep(300), {reply, late, S};
handle_call(R, _, S) -> {reply, {got, R}, S}.
handle_call({return, R}, _) -> R;
handle_call({fail, C, R}, _) -> erlang:raise(C, R, []);
handle_call(Q, S) -> {ok, {got, Q}, S}.
handle_cast(_, S) -> {noreply, S}.
handle_info(_, S) -> {ok, S}.
handle_event({return, R}, _) -> R;
handle_event(_, S) -> {ok, S}.
callback_mode() -> handle_event_function.
handle_event({call, From}, {return, R}, _, _) -> with(From, R);
handle_event({call, _}, {fail, C, R}, _, _) -> erlang:raise(C, R, []);
handle_event({call, _}, sleep, _, _) -> timer:sleep(300), keep_state_and_data;
handle_event({call, From}, R, _, _) -> {keep_state_and_data, [{reply, From, {got, R}}]};
handle_event(_, _, _, _) -> keep_state_and_data.
with(From, from) -> From;
with(From, T) when is_tuple(T) -> list_to_tuple(with(From, tuple_to_list(T)));
with(From, [H | T]) -> [with(From, H) | with(From, T)];
with(_, Other) -> Other.
code_change(_, _, {return, R}) -> R;
code_change(_, S, _) -> {ok, S}.
code_change(_, _, _, {return, R}) -> R;
code_change(_, S, D, _) -> {ok, S, D}.
terminate(_, _) -> ok.
start_worker() -> gen_server:start_link(calls, [], []).
give(start) -> start_worker();
give({fail, C, R}) -> erlang:raise(C, R, []);
give(R) -> R.
fail(R) -> error(R).
away(R) -> exit(R).
toss(R) -> throw(R).
double(N) -> N * 2.
start(_, {return, R}) -> R;
start(_, _) -> supervisor:start_link({local, started}, calls, {sup, #{}}).
stop(_) -> ok.
