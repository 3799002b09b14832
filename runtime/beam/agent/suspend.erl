%% Processes kept from running, for as long as a client wants it: by the emulator, or by the sys protocol.
-export([suspend_standing/1]).

%% What is to be known before a process is suspended: whether it waits where sys messages are answered, or is suspended there already.
suspend_standing(Pid) ->
    case process_info(Pid, [current_function, status, current_stacktrace]) of
        undefined -> gone;
        [{_, Function}, {_, Status}, {_, Stack}] ->
            {Function, Status, [F || {sys, F, _, _} <- Stack, F =:= suspend_loop orelse F =:= suspend_loop_hib] =/= []}
    end.

%% Only its suspender can resume a process, and what it suspended runs on when it ends: so it is this process.
suspend_task(Task, Pid) ->
    Ref = erlang:monitor(process, Pid),
    true = erlang:suspend_process(Pid),
    suspend_held(Task, Pid, Ref),
    try erlang:resume_process(Pid) catch error:badarg -> gone end.

%% What sys suspends stays so when its suspender ends: the guard knows.
suspend_sys_task(Task, Pid, TimeoutMs) ->
    Ref = erlang:monitor(process, Pid),
    task_undo(Task, Pid, {sys_resume, Pid}),
    ok = sys:suspend(Pid, TimeoutMs),
    suspend_held(Task, Pid, Ref),
    task_undo_now(Task, Pid).

suspend_held(Task, Pid, Ref) ->
    task_frame(Task, held),
    suspend_wait(Task, Pid, Ref).

suspend_wait(Task, Pid, Ref) ->
    case task_next(Task, infinity) of
        stop -> stop;
        {other, {'DOWN', Ref, process, Pid, _}} -> gone;
        _ -> suspend_wait(Task, Pid, Ref)
    end.
