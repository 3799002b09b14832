%% Beginning a child anew through its supervisor, with the state it had if that is asked for.
-export([restart_process/3]).

%% MostBytes of state are handed back; `fresh` hands back none. Answers {restarted, New, Supervisor, fresh | kept | {lost, Why}};
%% {refused, Why} when nothing was done; {ended, Why} when the child is ended and could not be started.
%% What is begun is finished: it runs apart from whoever asked, who may be lost half way.
restart_process(Pid, MostBytes, Timeout) ->
    Ref = make_ref(),
    {_, Watch} = spawn_monitor(fun() -> exit({Ref, restart_apart(Pid, MostBytes, Timeout)}) end),
    receive
        {'DOWN', Watch, process, _, {Ref, Answer}} -> Answer;
        {'DOWN', Watch, process, _, Reason} -> {failed, task_brief(Reason)}
    end.

restart_apart(Pid, MostBytes, Timeout) ->
    case mig_parent(Pid) of
        none -> {refused, case is_process_alive(Pid) of true -> not_supervised; false -> gone end};
        Supervisor ->
            case sup_spec_of(Supervisor, mig_id(Supervisor, Pid, Timeout), 16000000, Timeout) of
                {ok, #{id := Id} = Spec} -> restart_kept(Pid, Supervisor, {static, Id, Spec}, MostBytes, Timeout);
                {simple, _, Args} when is_list(Args) -> restart_kept(Pid, Supervisor, {simple, Pid, Args}, MostBytes, Timeout);
                {dynamic, Spec} -> restart_kept(Pid, Supervisor, {dynamic, Pid, maps:remove(significant, Spec)}, MostBytes, Timeout);
                {simple, _, unknown} -> {refused, start_unknown};
                not_found -> {refused, not_supervised};
                Why -> {refused, Why}
            end
    end.

restart_kept(_, Supervisor, Child, fresh, _) -> restart_anew(Supervisor, Child, fun(_) -> fresh end);
restart_kept(Pid, Supervisor, Child, MostBytes, Timeout) ->
    case act_state(Pid, MostBytes, Timeout) of
        {state, Behaviour, _, _, _} when Behaviour =/= gen_event -> restart_with_state(Pid, Behaviour, Supervisor, Child, Timeout);
        {state, _, _, _, _} -> {refused, {behaviour, gen_event}};
        {no, Where} -> {refused, {behaviour, Where}};
        Why -> {refused, Why}
    end.

%% Suspended, it changes nothing any more between the reading of its state and its end.
restart_with_state(Pid, Behaviour, Supervisor, Child, Timeout) ->
    Read = try
        ok = sys:suspend(Pid, Timeout),
        State = sys:get_state(Pid, Timeout),
        {mig_obstacles(Pid, Behaviour, State, Timeout), State}
    catch _:Reason -> {failed, task_brief(Reason)}
    end,
    case Read of
        {{[], _}, Held} -> restart_anew(Supervisor, Child, fun(New) -> restart_hand_back(New, Held, Timeout) end);
        {{Reasons, _}, _} -> restart_refused(Pid, {stays, Reasons}, Timeout);
        {failed, _} -> restart_refused(Pid, Read, Timeout)
    end.

%% A suspension that came too late to be answered is undone as well: what is asked of a process comes to it in order.
restart_refused(Pid, Why, Timeout) ->
    try sys:resume(Pid, Timeout) catch _:_ -> gone end,
    {refused, Why}.

restart_hand_back(New, State, Timeout) ->
    try
        sys:replace_state(New, fun(_) -> State end, Timeout),
        case sys:get_state(New, Timeout) =:= State of true -> kept; false -> {lost, differs} end
    catch exit:Why -> {lost, task_brief(Why)}
    end.

restart_anew(Supervisor, Child, Hand) ->
    case restart_end(Supervisor, Child) of
        ok -> case restart_start(Supervisor, Child) of
            {ok, New} when is_pid(New) -> {restarted, New, Supervisor, Hand(New)};
            {ok, New, _} when is_pid(New) -> {restarted, New, Supervisor, Hand(New)};
            Why -> {ended, Why}
        end;
        {error, Why} -> {refused, Why}
    end.

restart_end(Supervisor, {dynamic, Pid, _}) -> 'Elixir.DynamicSupervisor':terminate_child(Supervisor, Pid);
restart_end(Supervisor, {_, Which, _}) -> supervisor:terminate_child(Supervisor, Which).

%% A supervisor forgets a temporary child as soon as it ends.
restart_start(Supervisor, {static, _, #{restart := temporary} = Spec}) -> supervisor:start_child(Supervisor, Spec);
restart_start(Supervisor, {static, Id, _}) -> supervisor:restart_child(Supervisor, Id);
restart_start(Supervisor, {simple, _, Args}) -> supervisor:start_child(Supervisor, Args);
restart_start(Supervisor, {dynamic, _, Spec}) -> 'Elixir.DynamicSupervisor':start_child(Supervisor, Spec).
