/** Elixir's Task (1.14): work done in a process of its own, whose answer is awaited by the process that asked for it. */
import type { Atom, Ref, Value, Pid } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import type { Flow, Received } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, isTuple, tagged } from '../kernel/values.ts';
import { spawn } from './procLib.ts';
import { isDown } from './shutdown.ts';
import { callersOf, ownerOf, startTask } from './taskSupervised.ts';
import type { Work } from './work.ts';
import { mfaOfWork } from './work.ts';

/** A task that somebody waits for. Only its owner may ask for its answer. */
export type Task = { readonly pid: Pid; readonly ref: Ref; readonly owner: Pid; readonly mfa: Value };
/** How a task ended: `{ok, Value}`, `{exit, Reason}`; null while it has not. */
export type TaskOutcome = Value;

const exitWord = a('exit');
const taskModule = a('Elixir.Task');
const defaultTimeoutMs = 5000;

/** `Task.start/1,3` and, with `link`, `Task.start_link/1,3`: `{ok, Pid}`; nobody waits for the answer. */
export function start(self: Self, work: Work, options: { readonly link?: boolean } = {}): Value {
  return startTask(self, [ownerOf(self), callersOf(self), work], options.link === true);
}

/** `Task.async/1,3`: starts a linked process that does the work and sends the answer. */
export function async(self: Self, work: Work): Task {
  const pid = spawn(
    self,
    { module: 'Elixir.Task.Supervised', function: 'reply', args: [ownerOf(self), a('nomonitor')] },
    { link: true },
  );
  return asked(self, pid, work);
}

/** Monitors the process of a task and tells it what to do, as `Task.async` and `Task.Supervisor.async` do. */
export function asked(self: Self, pid: Pid, work: Work): Task {
  const ref = self.monitor(pid, { alias: 'demonitor' });
  self.send(pid, tup(self.pid, ref, ref, callersOf(self), work));
  return { pid, ref, owner: self.pid, mfa: mfaOfWork(work) };
}

/** `%Task{}` */
export function taskValue({ pid, ref, owner, mfa }: Task): Value {
  return { __struct__: taskModule, mfa, owner, pid, ref };
}

/** What only the owner may do: Elixir raises an ArgumentError. */
function checkOwner(self: Self, { owner }: Task): void {
  if (owner !== self.pid) self.error({ __struct__: a('Elixir.ArgumentError'), __exception__: true });
}
function gone(self: Self, reason: Value, name: string, args: readonly Value[]): never {
  return self.exit(tup(reason, tup(taskModule, a(name), args)));
}
/** The reason as an exit tells it: a lost connection by the node that was lost. */
function told(reason: Value, pid: Pid): Value {
  return reason === atoms.noconnection ? tup(a('nodedown'), a(pid.node)) : reason;
}
function timeoutValue(timeoutMs: number | null): Value {
  return timeoutMs ?? atoms.infinity;
}

/** The reply `{Ref, Value}` or the `DOWN` of a task. */
function awaited(ref: Ref, afterMs: number | null): Flow<Received> {
  return receive({
    marker: ref,
    match: (message) =>
      isTuple(message) && (message.elements[0] === ref ? message.elements.length === 2 : isDownOf(message, ref)),
    afterMs,
    at: "'Elixir.Task':await/2",
  });
}
function isDownOf(message: unknown, ref: Ref): boolean {
  return isDown(message) && message.elements[1] === ref;
}

/** Takes what came of a task: `{ok, Value}` or `{exit, Reason}`; null when nothing has come. */
function* outcomeOf(self: Self, task: Task, afterMs: number | null): Flow<TaskOutcome> {
  const message = yield* awaited(task.ref, afterMs);
  if (message === timedOut || !isTuple(message)) return null;
  const { elements } = message;
  if (elements.length === 5) return tup(exitWord, asValue(elements[4]));
  self.demonitor(task.ref, { flush: true });
  return tup(atoms.ok, asValue(elements[1]));
}

/** `Task.await/2`: the answer. Exits with `{Reason, {Task, await, [task, timeout]}}` when there is none (in time). */
export function* awaitTask(self: Self, task: Task, timeoutMs: number | null = defaultTimeoutMs): Flow<Value> {
  checkOwner(self, task);
  const args = [taskValue(task), timeoutValue(timeoutMs)];
  const outcome = yield* outcomeOf(self, task, timeoutMs);
  if (outcome === null) {
    self.demonitor(task.ref, { flush: true });
    return gone(self, atoms.timeout, 'await', args);
  }
  const exit = tagged(outcome, exitWord, 2);
  if (exit !== null) return gone(self, told(asValue(exit[1]), task.pid), 'await', args);
  return outcome instanceof Tuple ? asValue(outcome.elements[1]) : undefined;
}

/** `Task.await_many/2`: all answers, in the order of the tasks, within one time limit. */
export function* awaitMany(
  self: Self,
  tasks: readonly Task[],
  timeoutMs: number | null = defaultTimeoutMs,
): Flow<readonly Value[]> {
  for (const task of tasks) checkOwner(self, task);
  const waiting = new Map<unknown, Task>(tasks.map((task) => [task.ref, task]));
  const replies = new Map<unknown, Value>();
  const untilMs = timeoutMs === null ? null : self.nowMs + timeoutMs;
  const fails = (reason: Value): never => {
    for (const { ref } of waiting.values()) self.demonitor(ref, { flush: true });
    return gone(self, reason, 'await_many', [tasks.map(taskValue), timeoutValue(timeoutMs)]);
  };
  while (waiting.size > 0) {
    const message = yield* receive({
      match: (one) =>
        (isTuple(one) && one.elements.length === 2 && waiting.has(one.elements[0])) ||
        (isDown(one) && waiting.has(one.elements[1])),
      afterMs: untilMs === null ? null : Math.max(0, untilMs - self.nowMs),
      at: "'Elixir.Task':await_many/5",
    });
    if (message === timedOut || !isTuple(message)) return fails(atoms.timeout);
    const { elements } = message;
    const down = elements.length === 5;
    const task = waiting.get(elements[down ? 1 : 0]);
    if (task === undefined) continue;
    if (down) return fails(told(asValue(elements[4]), task.pid));
    waiting.delete(task.ref);
    replies.set(task.ref, asValue(elements[1]));
    self.demonitor(task.ref, { flush: true });
  }
  return tasks.map(({ ref }) => replies.get(ref));
}

/** `Task.yield/2`: `{ok, Value}`, `{exit, Reason}`, or null when it has not ended in time; it can be asked again then. */
export function* yieldTask(self: Self, task: Task, timeoutMs: number | null = defaultTimeoutMs): Flow<TaskOutcome> {
  checkOwner(self, task);
  const outcome = yield* outcomeOf(self, task, timeoutMs);
  const exit = tagged(outcome, exitWord, 2);
  if (exit?.[1] !== atoms.noconnection) return outcome;
  return gone(self, told(atoms.noconnection, task.pid), 'yield', [taskValue(task), timeoutValue(timeoutMs)]);
}

/** `Task.yield_many/2`: each task with what came of it, within one time limit. */
export function* yieldMany(
  self: Self,
  tasks: readonly Task[],
  timeoutMs: number | null = defaultTimeoutMs,
): Flow<readonly { readonly task: Task; readonly outcome: TaskOutcome }[]> {
  const untilMs = timeoutMs === null ? null : self.nowMs + timeoutMs;
  const outcomes: { task: Task; outcome: TaskOutcome }[] = [];
  for (const task of tasks) {
    const leftMs = untilMs === null ? null : Math.max(0, untilMs - self.nowMs);
    outcomes.push({ task, outcome: yield* yieldTask(self, task, leftMs) });
  }
  return outcomes;
}

/** `Task.ignore/1`: what has come of it already, else null; from now on nobody waits for it, and it goes on unlinked. */
export function* ignoreTask(self: Self, task: Task): Flow<TaskOutcome> {
  checkOwner(self, task);
  const outcome = yield* outcomeOf(self, task, 0);
  const exit = tagged(outcome, exitWord, 2);
  if (exit?.[1] === atoms.noconnection) {
    return gone(self, told(atoms.noconnection, task.pid), 'ignore', [taskValue(task)]);
  }
  if (exit === null) self.unlink(task.pid);
  if (outcome === null) self.demonitor(task.ref, { flush: true });
  return outcome;
}

/** `Task.shutdown/2`: ends it, by force when it does not go in time; what came of it before, null when nothing. */
export function* shutdownTask(
  self: Self,
  task: Task,
  how: number | null | 'brutal_kill' = defaultTimeoutMs,
): Flow<TaskOutcome> {
  checkOwner(self, task);
  const watch = self.monitor(task.pid);
  self.unlink(task.pid);
  self.sendExit(task.pid, how === 'brutal_kill' ? atoms.kill : atoms.shutdown);
  const ended = function* (afterMs: number | null): Flow<Received> {
    return yield* receive({ match: (one) => isDownOf(one, watch), afterMs, at: "'Elixir.Task':shutdown_receive/4" });
  };
  let down = yield* ended(how === 'brutal_kill' ? null : how);
  let expected: Atom = how === 'brutal_kill' ? atoms.killed : atoms.shutdown;
  if (down === timedOut) {
    self.sendExit(task.pid, atoms.kill);
    down = yield* ended(null);
    expected = atoms.shutdown;
  }
  let reason: Value = isDown(down) ? asValue(down.elements[4]) : undefined;
  if (reason === atoms.noproc) reason = yield* endedBefore(self, task);
  else self.demonitor(task.ref, { flush: true });
  const reply = yield* receive({
    match: (one) => isTuple(one) && one.elements.length === 2 && one.elements[0] === task.ref,
    afterMs: 0,
  });
  if (reply !== timedOut && isTuple(reply)) return tup(atoms.ok, asValue(reply.elements[1]));
  if (reason === expected) return null;
  if (reason !== atoms.noconnection) return tup(exitWord, reason);
  const shutdown = how === 'brutal_kill' ? a('brutal_kill') : timeoutValue(how);
  return gone(self, told(reason, task.pid), 'shutdown', [taskValue(task), shutdown]);
}

/** The reason in the `DOWN` of the task's own monitor, when it had ended before it was to be shut down. */
function* endedBefore(self: Self, { ref }: Task): Flow<Value> {
  const down = yield* receive({ match: (one) => isDownOf(one, ref), afterMs: 0 });
  if (isDown(down)) return asValue(down.elements[4]);
  self.demonitor(ref, { flush: true });
  return atoms.noproc;
}
