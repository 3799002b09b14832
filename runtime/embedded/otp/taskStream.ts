/**
 * Elixir's Task.async_stream (1.14): the same work for every element, a few at a time. Where Elixir makes a lazy stream, the answer
 * here is the whole list.
 */
import type { Ref, Value, Pid } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import { ErrorException } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import { fun, LocalFun } from '../kernel/localFun.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, isTuple, partsOf } from '../kernel/values.ts';
import type { Server } from './names.ts';
import { spawn } from './procLib.ts';
import { isDown, unlinkFlush } from './shutdown.ts';
import type { TaskOptions } from './taskSupervisor.ts';
import { waitingTask } from './taskSupervisor.ts';
import { callersOf, ownerOf } from './taskSupervised.ts';
import type { Work } from './work.ts';
import { doWork, mfa } from './work.ts';

export type StreamOptions = TaskOptions & {
  /** How many run at a time; without it as many as there are schedulers, which is one here. */
  readonly maxConcurrency?: number;
  /** Answers in the order of the elements (the default), or as they come. */
  readonly ordered?: boolean;
  /** For each task; null: as long as it takes. */
  readonly timeoutMs?: number | null;
  /** What happens to a task that takes longer: all ends with `timeout` (the default), or it alone is `{exit, timeout}`. */
  readonly onTimeout?: 'exit' | 'kill_task';
  /** `{exit, {Element, Reason}}` instead of `{exit, Reason}`. */
  readonly zipInputOnExit?: boolean;
  /** Under this Task.Supervisor; without it linked to the caller. */
  readonly supervisor?: Server;
  /** Of a supervisor's tasks: whether they are linked to the caller (`async_stream_nolink` when not). */
  readonly link?: boolean;
};

type Running = { readonly at: number; readonly pid: Pid; readonly ref: Ref; readonly untilMs: number; late: boolean };

/**
 * `Task.async_stream/3,5 |> Enum.to_list`: `{ok, Value}` or `{exit, Reason}` for each element. `work` takes the element before its own
 * arguments. Without a supervisor (or linked to it) a crash of a task ends the caller, unless it traps exits.
 */
export function* asyncStream(
  self: Self,
  elements: readonly Value[],
  work: Work,
  options: StreamOptions = {},
): Flow<readonly Value[]> {
  const { maxConcurrency = 1, ordered = true, timeoutMs = 5000, onTimeout = 'exit' } = options;
  if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) throw new ErrorException(atoms.badarg);
  const results: { readonly at: number; readonly is: Value }[] = [];
  const running = new Map<unknown, Running>();
  const replies = new Map<unknown, Value>();
  let next = 0;
  while (next < elements.length || running.size > 0) {
    while (next < elements.length && running.size < maxConcurrency) {
      const started = yield* begin(self, asValue(elements[next]), work, options);
      const untilMs = timeoutMs === null ? Infinity : self.nowMs + timeoutMs;
      running.set(started.ref, { ...started, at: next, untilMs, late: false });
      next += 1;
    }
    const soonestMs = [...running.values()].reduce(
      (soonest, { late, untilMs }) => (late ? soonest : Math.min(soonest, untilMs)),
      Infinity,
    );
    const message = yield* receive({
      match: (one) => (isTuple(one) && running.has(one.elements[0])) || (isDown(one) && running.has(one.elements[1])),
      afterMs: soonestMs === Infinity ? null : Math.max(0, soonestMs - self.nowMs),
      at: "'Elixir.Task.Supervised':stream_reduce/7",
    });
    if (message === timedOut) {
      for (const task of running.values()) if (!task.late && task.untilMs <= self.nowMs) kill(self, task);
      continue;
    }
    const parts = partsOf(message);
    const down = isDown(message);
    const task = running.get(parts[down ? 1 : 0]);
    if (task === undefined) continue;
    if (!down) {
      replies.set(task.ref, parts[1]);
      continue;
    }
    running.delete(task.ref);
    // Elixir's tasks are linked to a process between them and the caller, whose mailbox stays clean.
    yield* unlinkFlush(self, task.pid, undefined);
    if (replies.has(task.ref)) results.push({ at: task.at, is: tup(atoms.ok, replies.get(task.ref)) });
    else if (task.late && onTimeout === 'exit') {
      for (const other of running.values()) kill(self, other);
      return self.exit(
        tup(atoms.timeout, tup(a('Elixir.Task.Supervised'), a('stream'), [timeoutMs ?? atoms.infinity])),
      );
    } else {
      const reason = task.late ? atoms.timeout : parts[4];
      const shown = options.zipInputOnExit === true ? tup(asValue(elements[task.at]), reason) : reason;
      results.push({ at: task.at, is: tup(a('exit'), shown) });
    }
  }
  if (ordered) results.sort((one, other) => one.at - other.at);
  return results.map(({ is }) => is);
}

function* begin(
  self: Self,
  element: Value,
  work: Work,
  options: StreamOptions,
): Flow<{ readonly pid: Pid; readonly ref: Ref }> {
  const { supervisor, link = true } = options;
  let pid: Pid;
  if (supervisor === undefined) {
    const args = [ownerOf(self), a('nomonitor')];
    pid = spawn(self, { module: 'Elixir.Task.Supervised', function: 'reply', args }, { link: true });
  } else {
    pid = yield* waitingTask(self, supervisor, options);
    if (link) self.link(pid);
  }
  const ref = self.monitor(pid);
  self.send(pid, tup(self.pid, ref, self.pid, callersOf(self), applied(work, element)));
  return { pid, ref };
}

/** The work with its element. */
function applied(work: Work, element: Value): Work {
  if (work instanceof LocalFun) {
    const { module, label } = work.term;
    const name = label.slice(module.length + 1, label.lastIndexOf('/'));
    return fun(module, name, 0, (own) => doWork(own, work, [element]));
  }
  const [module, name, args] = work.elements;
  return mfa(module.name, name.name, [element, ...args]);
}

function kill(self: Self, task: Running): void {
  task.late = true;
  self.unlink(task.pid);
  self.sendExit(task.pid, atoms.kill);
}
