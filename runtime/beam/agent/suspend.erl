%% Processes kept from running, for as long as a client wants it: by the emulator, or by the sys protocol.
-export([suspend_standing/1]).

%% What is to be known before sys suspends a process: which behaviour answers for it (act_speaks/1), and whether it is suspended so
%% already. A process that hibernates while it is suspended does not show that.
suspend_standing(Pid) ->
    case erlang:process_info(Pid, current_function) of
        undefined -> gone;
        {_, {M, F, _}} -> {act_speaks(Pid), M =:= sys andalso lists:prefix("suspend_loop", atom_to_list(F))}
    end.

%% Only its suspender can resume a process, and what it suspended runs on when it ends: so it is this process. Says `held` by its
%% first frame; without one it answers why not.
suspend_task(Task, Pid) ->
    Ref = erlang:monitor(process, Pid),
    case try erlang:suspend_process(Pid) catch error:badarg -> gone end of
        true ->
            suspend_held(Task, Pid, Ref),
            try erlang:resume_process(Pid) catch error:badarg -> gone end;
        gone -> gone
    end.

%% What sys suspends stays so when its suspender ends: the guard knows. A process that takes the message too late is resumed at once.
suspend_sys_task(Task, Pid, TimeoutMs) ->
    Ref = erlang:monitor(process, Pid),
    task_undo(Task, Pid, {sys_resume, Pid}),
    case try sys:suspend(Pid, TimeoutMs) catch exit:{timeout, _} -> late; exit:_ -> gone end of
        ok ->
            suspend_held(Task, Pid, Ref),
            task_undo_now(Task, Pid);
        gone -> task_undone(Task, Pid), gone;
        late -> late
    end.

suspend_held(Task, Pid, Ref) ->
    task_frame(Task, held),
    suspend_wait(Task, Pid, Ref).

suspend_wait(Task, Pid, Ref) ->
    case task_next(Task, infinity) of
        stop -> stop;
        {other, {'DOWN', Ref, process, Pid, _}} -> gone;
        _ -> suspend_wait(Task, Pid, Ref)
    end.

%% A process that does not answer at once has the message, and obeys when it comes to it.
suspend_resume(Pid) -> try sys:resume(Pid, 500) catch exit:_ -> gone end.
