%% Runs scenarios of test/differential on a real OTP and writes what every process saw: the other half is embedded.ts.
%%
%% One scheduler, the actors at high priority and the driver at normal: when the driver runs again, the actors have come to rest.
%% Exits are seen by tracing, so that nothing is linked to or watched by the driver.
-module(differential).
-export([main/0, init/1, start_child/2, child/3]).
-behaviour(gen_server).
-export([handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2, code_change/3]).

%% Reads a list of scenarios as a binary term, writes one JSON array of strings a scenario.
main() ->
    [In, Out] = init:get_plain_arguments(),
    ok = logger:set_primary_config(level, none),
    {ok, Bytes} = file:read_file(In),
    {ok, File} = file:open(Out, [write, raw, delayed_write]),
    ets:new(?MODULE, [named_table, public]),
    Scenarios = binary_to_term(Bytes),
    %% What is loaded at first use would take its own time in the middle of a step.
    code:ensure_modules_loaded(lists:append([Modules || App <- [kernel, stdlib],
                                                        {ok, Modules} <- [application:get_key(App, modules)]])),
    lists:foreach(fun(Scenario) -> ok = file:write(File, [run(Scenario), $\n]) end, Scenarios),
    ok = file:close(File),
    halt().

run({Actors, Steps}) ->
    ets:delete_all_objects(?MODULE),
    ets:insert(?MODULE, {driver, self()}),
    {Dead, Ended} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Ended, _, _, _} -> ets:insert(?MODULE, [{{pid, dead}, Dead}, {{name, Dead}, dead}]) end,
    Born = [{K, actor_process(K, [])} || K <- lists:seq(0, Actors - 1)],
    [ets:insert(?MODULE, [{{pid, K}, P}, {{name, P}, name("p", K)}]) || {K, P} <- Born],
    [erlang:trace(P, true, [procs, set_on_spawn]) || {_, P} <- Born],
    Live = maps:from_list([{P, true} || {_, P} <- Born]),
    {Log, Left} = lists:foldl(fun step/2, {[], {Live, 0}}, Steps),
    finish(element(1, Left)),
    [$[, lists:join($,, lists:reverse(Log)), $]].

%% Nothing of this scenario is left for the next.
finish(Live) ->
    Watched = [{P, monitor(process, P)} || P <- maps:keys(Live)],
    [exit(P, kill) || {P, _} <- Watched],
    [receive {'DOWN', R, _, _, _} -> ok end || {_, R} <- Watched],
    case maps:keys(element(1, drain(#{}, []))) of
        [] -> ok;
        More -> finish(maps:from_list([{P, true} || P <- More]))
    end.

step(Operations, {Log, {Live, N}}) ->
    Send = [{P, Op} || Op <- Operations, P <- [target(Op)], is_pid(P), maps:is_key(P, Live)],
    [P ! {'$do', Op} || {P, Op} <- Send],
    case lists:max([0 | [pause(Op) || {_, Op} <- Send]]) of
        0 -> ok;
        Ms -> timer:sleep(Ms)
    end,
    {Live2, Events} = settle(Live, []),
    Lines = [[$", integer_to_list(N), $\s, Key, $\s, Sender, $\s, print(What), $"]
             || {Key, Sender, What} <- in_order(Events)],
    {lists:reverse(Lines, Log), {Live2, N + 1}}.

%% The process an operation is carried out by.
target(Op) ->
    case element(2, Op) of
        K when is_integer(K) -> pid_of(K);
        Child -> pid_of(Child)
    end.

%% What was never started counts as one that has ended.
pid_of(K) ->
    case ets:lookup(?MODULE, {pid, K}) of
        [{_, P}] -> P;
        [] -> pid_of(dead)
    end.

%% How long an operation needs, where time is part of it.
pause({timer, _, _, _, 1, _}) -> 6;
pause({recv, _, _, 1}) -> 6;
pause({wait, _, _, Ms}) -> Ms;
pause(_) -> 0.

%% Until everything that was set going has come to rest.
settle(Live, Events) ->
    [erlang:yield() || _ <- [1, 2, 3, 4]],
    {Live2, More} = drain(Live, []),
    %% One that ends is `undefined' before its end has been traced.
    Resting = lists:all(fun(P) -> process_info(P, status) =:= {status, waiting} end, maps:keys(Live2)),
    case Resting andalso More =:= [] of
        true -> {Live2, lists:append(lists:reverse(Events))};
        false -> settle(Live2, [More | Events])
    end.

drain(Live, Events) ->
    receive
        {ev, Key, Sender, What} -> drain(Live, [{Key, Sender, What} | Events]);
        {trace, _, spawn, P, _} -> drain(Live#{P => true}, Events);
        {trace, P, exit, Reason} ->
            drain(maps:remove(P, Live), case ets:lookup(?MODULE, {name, P}) of
                                            [{_, Name}] -> [died(Name, Reason) | Events];
                                            [] -> Events
                                        end);
        {trace, _, _, _} -> drain(Live, Events);
        {trace, _, _, _, _} -> drain(Live, Events)
    after 0 -> {Live, lists:reverse(Events)}
    end.

%% Of a child in its supervisor's log.
died(Name, Reason) ->
    case ets:lookup(?MODULE, {log, Name}) of
        [{_, Log}] ->
            [$s | S] = atom_to_list(Log),
            {Log, sender(list_to_integer(S), Name), {died, Name, Reason}};
        [] -> {Name, died, {died, Name, Reason}}
    end.

%% By process; for each in the order of arrival, its end last.
in_order(Events) ->
    Named = [{text(Key), text(Sender), What} || {Key, Sender, What} <- Events],
    lists:append([[E || {K, _, _} = E <- Named, K =:= Key] || Key <- lists:usort([K || {K, _, _} <- Named])]).

text(Key) when is_atom(Key) -> atom_to_list(Key);
text(P) when is_pid(P) ->
    case ets:lookup(?MODULE, {name, P}) of
        [{_, Name}] -> atom_to_list(Name);
        [] -> "other"
    end.

print(What) ->
    [case C of $" -> [$\\, $"]; $\\ -> [$\\, $\\]; _ -> C end || C <- lists:flatten(io_lib:format("~w", [named(What)]))].

%% Pids and references by their names in the scenario; stacktraces left out.
named(P) when is_pid(P) -> list_to_atom(text(P));
named(R) when is_reference(R) ->
    case ets:lookup(?MODULE, {name, R}) of
        [{_, Name}] -> Name;
        [] -> ref
    end;
named({Reason, [{M, F, A, L} | _]}) when is_atom(M), is_atom(F), is_list(L), not is_atom(A) -> {named(Reason), []};
named(T) when is_tuple(T) -> list_to_tuple(named(tuple_to_list(T)));
named([H | T]) -> [named(H) | named(T)];
named(M) when is_map(M) -> maps:from_list([{named(K), named(V)} || {K, V} <- maps:to_list(M)]);
named(F) when is_function(F) -> 'fun';
named(X) -> X.

name(Prefix, N) -> list_to_atom(Prefix ++ integer_to_list(N)).

%% ---------------------------------------------------------------------------------------------------------- actors

actor_process(K, Options) -> spawn_opt(fun() -> actor(K) end, [{priority, high} | Options]).

actor(K) ->
    put(key, K),
    put(log, name("p", K)),
    actor_loop().

actor_loop() ->
    case get(hold) of
        true -> receive {'$do', Op} -> perform(Op) end;
        _ -> receive
                 {'$do', Op} -> perform(Op);
                 Message -> log(from(Message), Message)
             end
    end,
    case get(ended) of
        undefined -> actor_loop();
        _ -> ok
    end.

log(Sender, What) ->
    [{_, Driver}] = ets:lookup(?MODULE, driver),
    Driver ! {ev, get(log), Sender, What}.

%% Whose signal made this message: what one process sends stays in order.
from({'EXIT', P, _}) -> P;
from({m, P, _}) -> P;
from({_, _, process, P, _}) when is_pid(P) -> P;
from(_) -> some.

perform(Op) ->
    case act(Op) of
        none -> ok;
        {value, V} -> log(own, {element(1, Op), V})
    end.

attempt(F) ->
    try {value, F()}
    catch C:R -> {value, {C, R}}
    end.

new_ref(Kind, Slot, Ref) ->
    K = get(key),
    N = ets:update_counter(?MODULE, {count, K}, 1, {{count, K}, 0}),
    ets:insert(?MODULE, [{{name, Ref}, list_to_atom(lists:concat(["r", K, "_", N]))}, {{Kind, K, Slot}, Ref}]),
    Ref.

ref_of(Kind, K, Slot) ->
    case ets:lookup(?MODULE, {Kind, K, Slot}) of
        [{_, Ref}] -> Ref;
        [] -> make_ref()
    end.

destination(K) when is_integer(K) -> pid_of(K);
destination({alias, K, Slot}) -> ref_of(ref, K, Slot);
destination(Name) -> Name.

act({spawn, _, K, How}) ->
    Options = case How of none -> []; link -> [link]; {monitor, _} -> [monitor] end,
    Made = actor_process(K, Options),
    P = case Made of {P0, R} -> new_ref(ref, element(2, How), R), P0; _ -> Made end,
    ets:insert(?MODULE, [{{pid, K}, P}, {{name, P}, name("p", K)}]),
    none;
act({link, _, B}) -> P = pid_of(B), attempt(fun() -> link(P) end);
act({unlink, _, B}) -> P = pid_of(B), attempt(fun() -> unlink(P) end);
act({monitor, _, B, Slot, Options}) ->
    Target = destination(B),
    attempt(fun() -> new_ref(ref, Slot, monitor(process, Target, Options)) end);
act({demonitor, K, Slot, Options}) ->
    Ref = ref_of(ref, K, Slot),
    attempt(fun() -> demonitor(Ref, Options) end);
act({exit1, _, exit, Reason}) -> exit(Reason);
act({exit1, _, error, Reason}) -> error(Reason);
act({exit1, _, throw, Reason}) -> throw(Reason);
act({exit1, _, return, _}) -> put(ended, true), none;
act({exit2, _, B, Reason}) -> exit(pid_of(B), Reason), none;
act({trap, _, On}) -> {value, process_flag(trap_exit, On)};
act({send, _, B, What}) ->
    Message = {m, self(), What},
    To = destination(B),
    attempt(fun() -> To ! Message, sent end);
act({register, _, Name, B}) -> P = pid_of(B), attempt(fun() -> register(Name, P) end);
act({unregister, _, Name}) -> attempt(fun() -> unregister(Name) end);
act({whereis, _, Name}) -> {value, whereis(Name)};
act({alive, _, B}) -> {value, is_process_alive(pid_of(B))};
act({alias, _, Slot, Mode}) -> {value, new_ref(ref, Slot, alias([Mode]))};
act({unalias, K, Slot}) -> {value, unalias(ref_of(ref, K, Slot))};
act({hold, _, On}) -> put(hold, On), none;
act({recv, _, Pattern, After}) -> {value, take(Pattern, After)};
act({timer, K, Slot, Kind, Ms, To}) ->
    Message = {m, self(), {timer, K, Slot}},
    attempt(fun() -> new_ref(timer, Slot, erlang:Kind(Ms, destination(To), Message)) end);
act({cancel, K, Slot}) -> {value, is_integer(erlang:cancel_timer(ref_of(timer, K, Slot)))};
act({read, K, Slot}) -> {value, is_integer(erlang:read_timer(ref_of(timer, K, Slot)))};
act({info, _, B}) ->
    {value, case process_info(pid_of(B), [links, monitors, monitored_by, registered_name, trap_exit, message_queue_len]) of
                undefined -> undefined;
                [{_, L}, {_, M}, {_, By}, {_, Name}, {_, Trap}, {_, Length}] ->
                    {sorted(L), sorted([target_of(T) || T <- M]), sorted(By), Name, Trap, Length}
            end};
act({wait, _, _, _}) -> none;
act(Op) -> act_otp(Op).

target_of({process, {Name, _}}) -> Name;
target_of({process, P}) -> P.

sorted(L) -> lists:sort([named(X) || X <- L]).

%% A selective receive.
take(any, After) -> receive M -> M after After -> timeout end;
take({from, B}, After) ->
    P = pid_of(B),
    receive {m, P, X} -> {m, P, X} after After -> timeout end;
take({what, What}, After) -> receive {m, P, What} -> {m, P, What} after After -> timeout end;
take(exit, After) -> receive {'EXIT', P, R} -> {'EXIT', P, R} after After -> timeout end;
take({down, Slot}, After) ->
    Ref = ref_of(ref, get(key), Slot),
    receive {Tag, Ref, T, P, R} -> {Tag, Ref, T, P, R} after After -> timeout end.

%% ----------------------------------------------------------------------------------------------------- supervisors

%% The children of a supervisor, and it itself, write one log: the order of their starts and ends among each other counts,
%% except where they are stopped all at once.
init({supervisor, S, Flags, Specs}) ->
    Name = name("s", S),
    ets:insert(?MODULE, [{{pid, Name}, self()}, {{name, self()}, Name}, {{log, Name}, Name},
                         {{strategy, S}, maps:get(strategy, Flags)}]),
    note(S, Name, {born, Name}),
    {ok, {Flags, [spec(S, Spec) || Spec <- Specs]}};
init({server, G, Outcome}) ->
    Name = name("g", G),
    ets:insert(?MODULE, [{{pid, Name}, self()}, {{name, self()}, Name}]),
    put(log, Name),
    log(own, {init, Outcome}),
    case Outcome of
        ok -> {ok, []};
        trap -> process_flag(trap_exit, true), {ok, []};
        {continue, X} -> {ok, [], {continue, X}};
        {timeout, Ms} -> {ok, [], Ms};
        ignore -> ignore;
        {stop, R} -> {stop, R};
        {error, R} -> error(R);
        {exit, R} -> exit(R);
        {throw, R} -> throw(R);
        bad -> bad
    end.

spec(S, {child, Id, Restart, Shutdown, Type, Significant}) ->
    #{id => Id, start => {?MODULE, start_child, case Id of simple -> [S]; _ -> [S, Id] end}, restart => Restart,
      shutdown => Shutdown, type => Type, significant => Significant};
spec(_, Other) -> Other.

note(S, Name, What) ->
    [{_, Driver}] = ets:lookup(?MODULE, driver),
    Driver ! {ev, name("s", S), sender(S, Name), What}.

sender(S, Name) ->
    case ets:lookup(?MODULE, {strategy, S}) of
        [{_, simple_one_for_one}] -> Name;
        _ -> together
    end.

%% Runs in the supervisor: what this start comes to is the next of the child's outcomes.
start_child(S, Id) ->
    N = ets:update_counter(?MODULE, {starts, S, Id}, 1, {{starts, S, Id}, 0}),
    Outcome = case ets:lookup(?MODULE, {outcomes, S, Id}) of
                  [{_, Outcomes}] when N =< length(Outcomes) -> lists:nth(N, Outcomes);
                  _ -> ok
              end,
    Name = list_to_atom(lists:concat(["c", S, "_", Id, "_", N])),
    case Outcome of
        ok -> {ok, child_process(S, Id, Name, plain)};
        trap -> {ok, child_process(S, Id, Name, trap)};
        stubborn -> {ok, child_process(S, Id, Name, stubborn)};
        extra -> {ok, child_process(S, Id, Name, plain), extra};
        ignore -> note(S, Name, {ignored, Name}), ignore;
        {supervisor, S2, Flags, Specs} ->
            supervisor_process(S2, Flags, Specs);
        {error, R} -> {error, R};
        {exit, R} -> exit(R);
        {throw, R} -> throw(R);
        {crash, R} -> error(R);
        bad -> bad
    end.

child_process(S, Id, Name, Style) ->
    P = spawn_opt(?MODULE, child, [S, Name, Style], [link, {priority, high}]),
    ets:insert(?MODULE, [{{pid, list_to_atom(lists:concat(["c", S, "_", Id]))}, P}, {{name, P}, Name},
                         {{log, Name}, name("s", S)}]),
    note(S, Name, {born, Name}),
    P.

child(S, Name, Style) ->
    put(log, Name),
    process_flag(trap_exit, Style =/= plain),
    child_loop(S, Name, Style).

child_loop(S, Name, Style) ->
    receive
        {'$do', Op} -> perform(Op), case get(ended) of undefined -> child_loop(S, Name, Style); _ -> ok end;
        {'EXIT', _, Reason} when Style =:= trap -> note(S, Name, {told, Name, Reason}), exit(Reason);
        {'EXIT', _, Reason} -> note(S, Name, {told, Name, Reason}), child_loop(S, Name, Style);
        _ -> child_loop(S, Name, Style)
    end.

supervisor_process(S, Flags, Specs) ->
    gen_server:start_link(supervisor, {self, ?MODULE, {supervisor, S, Flags, Specs}}, [{spawn_opt, [{priority, high}]}]).

act_otp({outcomes, _, S, Id, Outcomes}) -> ets:insert(?MODULE, {{outcomes, S, Id}, Outcomes}), none;
act_otp({sup_start, _, S, Flags, Specs}) -> attempt(fun() -> supervisor_process(S, Flags, Specs) end);
act_otp({sup, _, S, start_child, Spec}) ->
    Sup = pid_of(name("s", S)),
    attempt(fun() -> supervisor:start_child(Sup, spec(S, Spec)) end);
act_otp({sup, _, S, start_simple, Args}) -> Sup = pid_of(name("s", S)), attempt(fun() -> supervisor:start_child(Sup, Args) end);
act_otp({sup, _, S, terminate_child, {pid, Who}}) ->
    Sup = pid_of(name("s", S)), P = pid_of(Who),
    attempt(fun() -> supervisor:terminate_child(Sup, P) end);
act_otp({sup, _, S, get_childspec, {pid, Who}}) ->
    Sup = pid_of(name("s", S)), P = pid_of(Who),
    attempt(fun() -> supervisor:get_childspec(Sup, P) end);
act_otp({sup, _, S, F, Id}) -> Sup = pid_of(name("s", S)), attempt(fun() -> supervisor:F(Sup, Id) end);
act_otp({sup, _, S, F}) -> Sup = pid_of(name("s", S)), attempt(fun() -> supervisor:F(Sup) end);

%% ----------------------------------------------------------------------------------------------------- gen_servers

act_otp({server, _, G, How, Name, Outcome}) ->
    Options = [{spawn_opt, [{priority, high}]}],
    Arg = {server, G, Outcome},
    attempt(fun() ->
        case {Name, How} of
            {none, start_monitor} ->
                case gen_server:start_monitor(?MODULE, Arg, Options) of
                    {ok, {P, R}} -> {ok, {P, new_ref(ref, 0, R)}};
                    Other -> Other
                end;
            {none, _} -> gen_server:How(?MODULE, Arg, Options);
            {_, start_monitor} ->
                case gen_server:start_monitor({local, Name}, ?MODULE, Arg, Options) of
                    {ok, {P, R}} -> {ok, {P, new_ref(ref, 0, R)}};
                    Other -> Other
                end;
            _ -> gen_server:How({local, Name}, ?MODULE, Arg, Options)
        end
    end);
act_otp({call, _, G, Request}) -> To = server(G), attempt(fun() -> gen_server:call(To, Request, infinity) end);
act_otp({cast, _, G, Request}) -> To = server(G), attempt(fun() -> gen_server:cast(To, Request) end);
act_otp({tell, _, G, Request}) -> To = server(G), attempt(fun() -> To ! Request, sent end);
act_otp({stop, _, G, Reason}) -> To = server(G), attempt(fun() -> gen_server:stop(To, Reason, infinity) end);
act_otp({sys, _, G, get_state}) -> To = server(G), attempt(fun() -> sys:get_state(To, infinity) end);
act_otp({sys, _, G, replace_state, V}) -> To = server(G), attempt(fun() -> sys:replace_state(To, fun(_) -> V end, infinity) end);
act_otp({sys, _, G, suspend}) -> To = server(G), attempt(fun() -> sys:suspend(To, infinity) end);
act_otp({sys, _, G, resume}) -> To = server(G), attempt(fun() -> sys:resume(To, infinity) end);
act_otp({sys, _, G, terminate, R}) -> To = server(G), attempt(fun() -> sys:terminate(To, R, infinity) end);
act_otp({sys, _, G, change_code, Extra}) -> To = server(G), attempt(fun() -> sys:change_code(To, ?MODULE, vsn, Extra, infinity) end);
act_otp({sys, _, G, status}) ->
    To = server(G),
    attempt(fun() -> {status, P, M, [_, State, Parent, Debug, _]} = sys:get_status(To, infinity), {P, M, State, Parent, Debug} end).

server({name, Name}) -> Name;
server(G) -> pid_of(name("g", G)).

handle_call(Request, From, State) -> log(own, {call, Request}), asked(Request, From, State).
handle_cast(Request, State) -> log(own, {cast, Request}), asked(Request, none, State).
handle_info({'EXIT', P, Reason}, State) -> log(own, {info, {'EXIT', P, Reason}}), {noreply, State};
handle_info({'DOWN', _, _, P, Reason}, State) -> log(own, {info, {'DOWN', P, Reason}}), {noreply, State};
handle_info(Request, State) -> log(own, {info, Request}), asked(Request, none, State).
handle_continue(Request, State) -> log(own, {continue, Request}), asked(Request, none, State).
terminate(Reason, State) -> log(own, {terminate, Reason, State}).
code_change(Vsn, State, Extra) ->
    log(own, {code_change, Vsn, Extra}),
    case Extra of
        {ok, V} -> {ok, [V | State]};
        {error, R} -> {error, R};
        {crash, R} -> error(R)
    end.

%% What a request asks for, is done. With `From` the caller waits for an answer.
asked({reply, V}, From, S) -> answer(From, V, S);
asked({push, V}, From, S) -> answer(From, pushed, [V | S]);
asked(keep, none, S) -> {noreply, S};
asked(keep, From, S) -> put(kept, From), {noreply, S};
asked({answer, V}, From, S) ->
    case erase(kept) of
        undefined -> ok;
        Kept -> gen_server:reply(Kept, V)
    end,
    answer(From, answered, S);
asked({early, V}, none, S) -> {noreply, [V | S]};
asked({early, V}, From, S) -> gen_server:reply(From, V), {noreply, [V | S]};
asked({stop, R}, _, S) -> {stop, R, S};
asked({stop, R, _}, none, S) -> {stop, R, S};
asked({stop, R, V}, _, S) -> {stop, R, V, S};
asked({error, R}, _, _) -> error(R);
asked({exit, R}, _, _) -> exit(R);
asked({throw, R}, _, _) -> throw(R);
asked({thrown, V}, none, S) -> throw({noreply, [V | S]});
asked({thrown, V}, _, S) -> throw({reply, V, [V | S]});
asked(bad, _, _) -> bad;
asked({timeout, Ms, V}, From, S) -> erlang:append_element(answer(From, V, S), Ms);
asked({continue, X}, From, S) -> erlang:append_element(answer(From, continuing, S), {continue, X});
asked({hibernate, V}, From, S) -> erlang:append_element(answer(From, V, S), hibernate);
asked({trap, On}, From, S) -> process_flag(trap_exit, On), answer(From, trapping, S);
asked({link, K}, From, S) -> link(pid_of(K)), answer(From, linked, S);
asked({monitor, K}, From, S) -> monitor(process, pid_of(K)), answer(From, monitored, S);
asked(_, From, S) -> answer(From, unknown, S).

answer(none, _, S) -> {noreply, S};
answer(_, V, S) -> {reply, V, S}.
