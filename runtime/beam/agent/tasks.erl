%% Every kind of task there is, and every way to undo what one did. One clause each; a kind's own work stands in its part.
-export([]).

task_run(suspend, Task, [Pid]) -> suspend_task(Task, Pid);
task_run(sys_suspend, Task, [Pid, TimeoutMs]) -> suspend_sys_task(Task, Pid, TimeoutMs);
task_run(names, Task, [What, EveryMs]) -> names_feed(Task, What, EveryMs);
task_run(proc_top, Task, [What]) -> proc_top(Task, What);
task_run(proc_pids, Task, [What]) -> proc_pids(Task, What);
task_run(trace, Task, [Spec]) -> trace_run(Task, Spec);
task_run(beat, Task, []) -> beat_task(Task);
task_run(pace, Task, [EveryMs]) -> pace_task(Task, EveryMs);
task_run(migrate_out, Task, [Pid, Other, KindThere, Limits]) -> mig_out(Task, Pid, Other, KindThere, Limits);
task_run(migrate_in, Task, [Supervisor, Kind, TimeoutMs]) -> mig_in(Task, Supervisor, Kind, TimeoutMs);
task_run(state, Task, [Pid, MostBytes, TimeoutMs]) -> mig_keep_state(Task, Pid, MostBytes, TimeoutMs);
task_run(children, Task, [Supervisor, Reverse, TimeoutMs]) -> sup_paged(Task, Supervisor, Reverse, TimeoutMs);
task_run(crashes, Task, []) -> crash_record(Task);
task_run(supervisor, Task, [Name, Told]) -> sup_own(Task, Name, Told);
task_run(count, Task, [UpTo]) -> count_task(Task, 1, UpTo).

%% Runs in a process of its own, for at most 5 s, also when the task and the agent are dead.
undo_run({trace_release, Owner, Held}) -> trace_release(Owner, Held);
undo_run({mig_end, Supervisor, Kind, Which}) -> mig_end(Supervisor, Kind, Which);
undo_run({logger_filter, Id}) -> logger:remove_primary_filter(Id);
undo_run({sys_resume, Pid}) -> suspend_resume(Pid).

%% Counts, a frame for each number: the smallest task there is, by which clients check the way of frames.
count_task(_, N, UpTo) when N > UpTo -> UpTo;
count_task(Task, N, UpTo) ->
    case task_frame(Task, N) of
        ok -> count_task(Task, N + 1, UpTo);
        stop -> N - 1
    end.
