%% What waits for what. Runs in the process of the call and leaves nothing behind.
-export([diag_waits/1]).

%% The processes that wait in a call (gen:do_call/4, where gen_server, gen_statem and Elixir's GenServer wait for their reply), and
%% for whom. A caller monitors whom it calls; where it monitors several, its stack is looked through for which of them it is.
diag_waits(Most) ->
    Waiting = [P || P <- erlang:processes(), P =/= self(), diag_is_calling(erlang:process_info(P, [status, current_function]))],
    {length(Waiting), lists:append([diag_wait(P) || P <- lists:sublist(Waiting, Most)])}.

diag_is_calling([{status, waiting}, {current_function, {gen, do_call, 4}}]) -> true;
diag_is_calling(_) -> false.

diag_wait(Pid) ->
    case erlang:process_info(Pid, [monitors, registered_name, current_stacktrace, backtrace]) of
        [{_, Monitors}, {_, Name}, {_, Stack}, {_, Backtrace}] ->
            %% The two innermost frames are those of the call.
            Frames = lists:sublist(binary:split(Backtrace, <<"\n\n">>, [global]), 2),
            {On, Evidence} = case lists:usort([P || M <- Monitors, P <- diag_monitored(M)]) of
                [Only] -> {[Only], certain};
                Several -> {diag_called(Several, Frames), likely}
            end,
            [{Pid, On, Evidence, diag_reference(Frames), Name, diag_frames(Stack)} || On =/= []];
        _ -> []
    end.

%% The reference of the call, which no other call has.
diag_reference([Frame | _]) ->
    case re:run(Frame, "#Ref<[0-9.]+>", [{capture, first, binary}]) of
        {match, [Reference]} -> Reference;
        nomatch -> none
    end.

diag_monitored({process, P}) when is_pid(P) -> [P];
diag_monitored({process, {Name, Node}}) when Node =:= node() ->
    case whereis(Name) of P when is_pid(P) -> [P]; _ -> [] end;
diag_monitored({process, {Name, Node}}) -> [{Name, Node}];
diag_monitored(_) -> [].

%% Those of the monitored that stand, by pid or by name, in the frames of the call; all where none does.
diag_called(Several, Frames) ->
    case [P || P <- Several, diag_stands_in(P, Frames)] of
        [] -> Several;
        Named -> Named
    end.

diag_stands_in(Process, Frames) ->
    Names = [io_lib:format("~p", [Process]) |
        [io_lib:format("~p", [Name]) || is_pid(Process), {registered_name, Name} <- [erlang:process_info(Process, registered_name)]]],
    lists:any(fun(Name) ->
        Shown = iolist_to_binary([" ", Name, "\n"]),
        lists:any(fun(Frame) -> binary:match(<<Frame/binary, "\n">>, Shown) =/= nomatch end, Frames)
    end, Names).

diag_frames(Stack) -> [{M, F, A, proplists:get_value(line, Where, 0)} || {M, F, A, Where} <- lists:sublist(Stack, 8)].
