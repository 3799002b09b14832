%% Runs the event managers of events.ts on gen_event, and prints what each handler met: a line of terms for each scenario.
%%
%% A scenario is {Rules, Operations}; Rules maps {Callback, Id, Content} to what the handler answers, with its state for `s`.
-module(events).
-export([main/1, init/1, handle_event/2, handle_info/2, handle_call/2, terminate/2]).

main(File) ->
    logger:set_primary_config(level, none),
    {ok, Scenarios} = file:consult(File),
    lists:foreach(fun(Scenario) -> io:format("~w~n", [run(Scenario)]) end, Scenarios).

run({Rules, Operations}) ->
    process_flag(trap_exit, true),
    put(log, []),
    persistent_term:put(?MODULE, {self(), Rules}),
    {ok, Manager} = gen_event:start(),
    [operate(Manager, Operation) || Operation <- Operations],
    note({state, sys:get_state(Manager)}),
    gen_event:stop(Manager),
    drain(),
    lists:reverse(erase(log)).

operate(Manager, Operation) ->
    Reply = case Operation of
        {add, Id, K} -> gen_event:add_handler(Manager, handler(Id), {arg, Id, K});
        {add_sup, Id, K} -> gen_event:add_sup_handler(Manager, handler(Id), {arg, Id, K});
        {delete, Id, K} -> gen_event:delete_handler(Manager, handler(Id), K);
        {swap, Id, K, To, L} -> gen_event:swap_handler(Manager, {handler(Id), K}, {handler(To), {arg, To, L}});
        {swap_sup, Id, K, To, L} -> gen_event:swap_sup_handler(Manager, {handler(Id), K}, {handler(To), {arg, To, L}});
        {notify, K} -> gen_event:notify(Manager, K);
        {sync_notify, K} -> gen_event:sync_notify(Manager, K);
        {info, K} -> Manager ! K, ok;
        {call, Id, K} -> gen_event:call(Manager, handler(Id), K)
    end,
    Handlers = gen_event:which_handlers(Manager),
    drain(),
    note({Reply, Handlers}).

handler(0) -> ?MODULE;
handler(Id) -> {?MODULE, Id}.

drain() ->
    receive {log, Entry} -> note(Entry), drain(); Message -> note({message, Message}), drain() after 0 -> ok end.

note(Entry) -> put(log, [plain(Entry) | get(log)]).

%% Without pids and stacktraces, which are another's.
plain(Pid) when is_pid(Pid) -> pid;
plain({'EXIT', {Reason, Stack}}) when is_list(Stack) -> {'EXIT', {plain(Reason), []}};
plain(Tuple) when is_tuple(Tuple) -> list_to_tuple(plain(tuple_to_list(Tuple)));
plain([Head | Tail]) -> [plain(Head) | plain(Tail)];
plain(Other) -> Other.

answer(Callback, Id, Content, State) ->
    {Tester, Rules} = persistent_term:get(?MODULE),
    Tester ! {log, {Callback, Id, Content}},
    case maps:get({Callback, Id, Content}, Rules, none) of
        none -> none;
        error -> error(oops);
        exit -> exit(oops);
        throw -> throw(oops);
        Answer -> filled(Answer, State)
    end.

filled(s, State) -> State;
filled(Tuple, State) when is_tuple(Tuple) -> list_to_tuple([filled(Element, State) || Element <- tuple_to_list(Tuple)]);
filled(Other, _) -> Other.

init({{arg, Id, K}, Left}) ->
    {Tester, _} = persistent_term:get(?MODULE),
    Tester ! {log, {left, Left}},
    init({arg, Id, K});
init({arg, Id, K}) ->
    case answer(init, Id, K, {Id, K}) of none -> {ok, {Id, K}}; Answer -> Answer end.

handle_event(K, {Id, _} = State) ->
    case answer(event, Id, K, State) of none -> {ok, State}; Answer -> Answer end.
handle_info(K, {Id, _} = State) ->
    case answer(info, Id, K, State) of none -> {ok, State}; Answer -> Answer end.
handle_call(K, {Id, _} = State) ->
    case answer(call, Id, K, State) of none -> {ok, K, State}; Answer -> Answer end.
terminate(Arg, {Id, _} = State) ->
    case answer(terminate, Id, plain(Arg), State) of none -> Arg; Answer -> Answer end.
