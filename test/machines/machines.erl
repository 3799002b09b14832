%% Runs the machines of scenarios.ts on gen_statem, and prints what each event met: a line of terms for each scenario.
%%
%% A scenario is {CallbackModeItems, {State, Actions}, Rules, Inputs}; Rules maps {State, EventType} to what the state function answers
%% for the contents 0, 1, … in turn.
-module(machines).
-export([main/1, init/1, callback_mode/0, handle_event/4]).

main(File) ->
    logger:set_primary_config(level, none),
    {ok, Scenarios} = file:consult(File),
    lists:foreach(fun(Scenario) -> io:format("~w~n", [run(Scenario)]) end, Scenarios).

run({_, _, _, Inputs} = Scenario) ->
    put(log, []),
    {ok, {Pid, Monitor}} = gen_statem:start_monitor(?MODULE, {self(), Scenario}, []),
    feed(Pid, Monitor, [none | Inputs]),
    lists:reverse(erase(log)).

feed(Pid, Monitor, []) ->
    {status, _, _, [_, _, _, _, Misc]} = sys:get_status(Pid),
    [Data | _] = [Data || {data, Data} <- Misc],
    {_, {_, Timeouts}} = lists:keyfind("Time-outs", 1, Data),
    {_, Postponed} = lists:keyfind("Postponed", 1, Data),
    note({left, lists:sort(Timeouts), Postponed}),
    exit(Pid, kill),
    receive {'DOWN', Monitor, _, _, _} -> ok end;
feed(Pid, Monitor, [Input | Inputs]) ->
    case Input of
        none -> ok;
        {cast, Content} -> gen_statem:cast(Pid, Content);
        {info, Content} -> Pid ! Content
    end,
    %% Answered when no event is left.
    try sys:get_state(Pid) of
        {State, data} ->
            drain(),
            note({now, State}),
            feed(Pid, Monitor, Inputs)
    catch
        exit:_ ->
            drain(),
            receive {'DOWN', Monitor, _, _, Reason} -> note({ended, without_stack(Reason)}) end
    end.

without_stack({Reason, Stack}) when is_list(Stack) -> Reason;
without_stack(Reason) -> Reason.

drain() ->
    receive {log, Entry} -> note(Entry), drain() after 0 -> ok end.

note(Entry) -> put(log, [Entry | get(log)]).

init({Tester, {Mode, {State, Actions}, Rules, _}}) ->
    put(mode, Mode),
    put(rules, Rules),
    put(tester, Tester),
    put(fuel, 60),
    {ok, State, data, Actions}.

callback_mode() -> [handle_event_function | get(mode)].

handle_event(Type, Content, State, data) ->
    get(tester) ! {log, {Type, Content, State}},
    Fuel = get(fuel),
    put(fuel, Fuel - 1),
    Answers = maps:get({State, Type}, get(rules), []),
    if
        Fuel =< 0; Answers =:= [] -> keep_state_and_data;
        is_integer(Content) -> lists:nth(Content rem length(Answers) + 1, Answers);
        true -> hd(Answers)
    end.
