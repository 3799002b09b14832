/** The tasks there are: begun by operations, bounded for each caller and connection, kept for a while when they have ended. */
import { randomUUID } from 'node:crypto';
import { failure } from '../../../runtime/errors.ts';
import { Subscribers } from '../../../runtime/listeners.ts';
import type { ConnectionId, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { MethodName } from '../../../runtime/port.ts';
import type { Caller, Context } from '../../core/context.ts';
import type { Task, Tasks, TaskSpec } from '../../operations/tracing/tasks.ts';
import { RunningTask } from './task.ts';

/** `running`: of one caller on one connection, at once; `ended` of them are kept, for `keptMs`. */
type TaskLimits = { readonly running: number; readonly ended: number; readonly keptMs: number };
const defaultTaskLimits: TaskLimits = { running: 8, ended: 20, keptMs: 10 * 60_000 };

export type TaskChange = { readonly is: 'began' | 'ended'; readonly task: Task };

/** How long a stop waits for what the task has to say. */
const stopMs = 15_000;

export class TaskStore implements Tasks {
  readonly #limits: TaskLimits;
  /** In the order in which they began. */
  readonly #tasks = new Map<string, RunningTask>();
  readonly #forgetting = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #listeners = new Subscribers<TaskChange>();

  constructor(limits: TaskLimits = defaultTaskLimits) {
    this.#limits = limits;
  }

  /** Told when one begins, and when it has an outcome. */
  onChange(listener: (change: TaskChange) => void): void {
    this.#listeners.add(listener);
  }

  room(context: Pick<Context<never>, 'caller' | 'connection'>): Result<null> {
    const running = this.#of(context.caller.principal, context.connection?.id ?? null, 'running');
    return running.length < this.#limits.running ? ok(null) : tooMany(running.length);
  }

  begin<N extends MethodName>(context: Context<N>, spec: TaskSpec<N>): Result<Task> {
    const room = this.room(context);
    if (!room.ok) return room;
    // As long as the process lives nobody else has it, and after that nobody else will.
    const task = new RunningTask(context, `${spec.kind}~${randomUUID()}`, spec);
    this.#tasks.set(task.id, task);
    void task.run(context, spec);
    void task.ended.then(() => this.#ended(task));
    this.#listeners.tell({ is: 'began', task });
    return ok(task);
  }

  find(id: string, caller: Caller): Result<RunningTask> {
    const task = this.#tasks.get(id);
    const isTheirs = task !== undefined && (caller.role === 'admin' || caller.principal === task.principal);
    return isTheirs ? ok(task) : notFound();
  }

  list(connection: ConnectionId | null): readonly Task[] {
    return [...this.#tasks.values()].filter((task) => connection === null || task.connection === connection).reverse();
  }

  async stop(id: string, caller: Caller): Promise<Result<Task>> {
    const found = this.find(id, caller);
    if (!found.ok) return found;
    const task = found.value;
    task.stop();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, stopMs);
    });
    await Promise.race([task.ended, patience]);
    clearTimeout(timer);
    return ok(task);
  }

  /** The system behind a connection is gone: its tasks have ended. */
  lose(connection: ConnectionId): void {
    for (const task of this.#tasks.values()) if (task.connection === connection) task.lose();
  }

  /** Ends and forgets all. */
  close(): void {
    for (const task of this.#tasks.values()) task.lose();
    for (const timer of this.#forgetting.values()) clearTimeout(timer);
    this.#forgetting.clear();
    this.#tasks.clear();
  }

  #of(principal: string, connection: ConnectionId | null, which: 'running' | 'ended'): readonly RunningTask[] {
    return [...this.#tasks.values()].filter(
      (task) =>
        task.principal === principal &&
        task.connection === connection &&
        (task.outcome === null) === (which === 'running'),
    );
  }

  #ended(task: RunningTask): void {
    if (this.#tasks.get(task.id) !== task) return;
    const timer = setTimeout(() => this.#forget(task), this.#limits.keptMs);
    timer.unref();
    this.#forgetting.set(task.id, timer);
    const ended = this.#of(task.principal, task.connection, 'ended');
    for (const old of ended.slice(0, Math.max(0, ended.length - this.#limits.ended))) this.#forget(old);
    this.#listeners.tell({ is: 'ended', task });
  }

  #forget(task: RunningTask): void {
    clearTimeout(this.#forgetting.get(task.id));
    this.#forgetting.delete(task.id);
    this.#tasks.delete(task.id);
  }
}

function tooMany(running: number): Result<never> {
  return failure(
    'rate_limited',
    'trace.too_many',
    `${String(running)} traces, monitors, profiles and searches for leaks of yours are running on this connection already.`,
    'Stop one of them first; see list_traces.',
  );
}

function notFound(): Result<never> {
  return failure(
    'not_found',
    'trace.not_found',
    'There is no such trace of yours.',
    'See list_traces. One that has ended is kept for ten minutes; another window has traces of its own.',
  );
}
