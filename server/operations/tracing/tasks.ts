/**
 * What waits by nature (a trace, a monitor, a profile, a search for leaks) goes on as a task of its connection: the operation that
 * begins it answers an id at once, get_trace_results reads it, stop_trace ends it. A task keeps the port of the operation that began it,
 * so that who reads or stops it needs no more of the port than having begun it.
 */
import { Type } from 'typebox';
import type { ConnectionId, Json, NodeName, Result } from '../../../runtime/model.ts';
import type { CallOptions, MethodName } from '../../../runtime/port.ts';
import type { Caller, Context } from '../../core/context.ts';
import type { TaskKind, TaskOutcome } from './taskResults.ts';

/** Something that a task told on its way; `seq` is its place, from 1; `at` in milliseconds since 1970. */
export type TaskItem = { readonly seq: number; readonly [field: string]: Json };
/** `enough`: with so many it is answered; else when the options’ time is up, or nothing more will come. */
export type TaskQuery = { readonly after: number; readonly limit: number; readonly enough: number };
export type TaskPage = {
  readonly items: readonly TaskItem[];
  /** Behind `after`, and no longer kept. */
  readonly missed: number;
  readonly late: readonly NodeName[];
  /** Whether nothing will come behind these. */
  readonly isLast: boolean;
};

/** What a task has told so far. Who waits for more is woken by it. */
export interface TaskLog {
  /** `tell` gets each part as it comes, and is awaited before the next. */
  read(
    query: TaskQuery,
    options: CallOptions,
    tell: (items: readonly TaskItem[]) => Promise<void>,
  ): Promise<Result<TaskPage>>;
  /** How many items there have been. */
  count(options: CallOptions): Promise<number>;
}

export type TaskSpec<N extends MethodName> = {
  readonly kind: TaskKind;
  /** What is looked at, for people. */
  readonly subject: string;
  readonly nodes: readonly NodeName[];
  /** How long it goes on, unless it is stopped. */
  readonly forMs: number;
  /** A trace has an id and a log already. */
  readonly trace?: { readonly id: string; readonly log: TaskLog };
  /**
   * Looks, and says what was found. Rows that it emits become items of the task. Its signal aborts when it is to end early: then it
   * answers what it has. `closing` are options for what is left to do after that.
   */
  run(context: Context<N>, closing: () => CallOptions): Promise<Result<TaskOutcome>>;
};

export type Task = {
  readonly id: string;
  readonly kind: TaskKind;
  readonly operation: string;
  readonly connection: ConnectionId | null;
  readonly principal: string;
  readonly requestId: string;
  readonly subject: string;
  readonly nodes: readonly NodeName[];
  /** Both in milliseconds since 1970. */
  readonly startedAt: number;
  readonly untilAt: number;
  readonly log: TaskLog;
  /** Null while it goes on. */
  readonly outcome: TaskOutcome | null;
  /** Whether it was ended by stop_trace. */
  readonly wasStopped: boolean;
  /** Resolves when there is an outcome. */
  readonly ended: Promise<void>;
};

export interface Tasks {
  /** Whether this caller may begin one more on this connection. Error: `trace.too_many`. */
  room(context: Pick<Context<never>, 'caller' | 'connection'>): Result<null>;
  /** Begins one. Error: `trace.too_many`. */
  begin<N extends MethodName>(context: Context<N>, spec: TaskSpec<N>): Result<Task>;
  /** One of this caller's; an admin has everyone's. Error: `trace.not_found`. */
  find(id: string, caller: Caller): Result<Task>;
  /** Those of a connection, of whomever, the newest first; of all of them when null. */
  list(connection: ConnectionId | null): readonly Task[];
  /** Ends one, waits until it has said what it has, and answers it. Error: `trace.not_found`. */
  stop(id: string, caller: Caller): Promise<Result<Task>>;
}

/** What every operation that begins a task answers. */
export const begunFields = {
  trace: Type.String({
    description: 'Its id: get_trace_results brings what it sees and what became of it, stop_trace ends it.',
    'x-arsenal': { follow: 'get_trace_results' },
  }),
  until: Type.Number({ description: 'When it ends by itself, in milliseconds since 1970.' }),
} as const;

/** The same, of a task. */
export function begunRow({ id, untilAt }: Task): { readonly trace: string; readonly until: number } {
  return { trace: id, until: untilAt };
}
