/** What an agent on a node does for its clients; what it is and how it ends: docs/agent.md. */
import type { CallOptions } from '../../port.ts';
import type { Holding, HoldingOwner, ProcessRef, Result } from '../../model.ts';
import type { RawTerm } from '../../term/cursor.ts';
import type { Term } from '../../term/term.ts';

/** The clauses of task_run/3 (tasks.erl). */
export type TaskKind =
  | 'beat'
  | 'children'
  | 'count'
  | 'crashes'
  | 'migrate_in'
  | 'migrate_out'
  | 'names'
  | 'pace'
  | 'proc_pids'
  | 'proc_top'
  | 'state'
  | 'supervisor'
  | 'suspend'
  | 'sys_suspend'
  | 'trace';

/** How the agent's Erlang runs on the node: loaded as code, or as text by stdlib's erl_eval. */
export type AgentTier = 'agent' | 'interpreted';

export type HeldBy = {
  readonly kind: Holding['kind'];
  readonly target: ProcessRef | null;
  readonly owner: HoldingOwner;
  /** How long the node keeps it after our connection was lost, before it is undone there. */
  readonly lingerMs: number;
};

export type TaskSpec = {
  readonly kind: TaskKind;
  readonly args: readonly Term[];
  /** One task for all who ask for the same kind and key, whichever window; the first one's arguments hold. */
  readonly shared?: string;
  /** Given for what the user is to see as held. */
  readonly holding: HeldBy | null;
  /** How many frames the task may be ahead of whoever pulls them, at least 1. */
  readonly credit: number;
  /** Without a holding: how long the task is kept after our connection was lost; 10,000 ms when absent. */
  readonly lingerMs?: number;
};

export interface AgentTask {
  /** The id of its holding, unique over nodes and their lives. */
  readonly id: string;
  /**
   * Its frames, in order, none lost and none twice, also over a connection that broke and came back in time; pulling gives credit. Ends
   * when the task does: how, says {@link AgentTask.ended}. One reader only, of either kind.
   */
  frames(): AsyncIterable<Term>;
  /** As {@link AgentTask.frames}, undecoded; the bytes are the reader's own. */
  rawFrames(): AsyncIterable<RawTerm>;
  /** Sends a word to the task, which gets it as {tell, Word}; one sent while there is no connection is lost. */
  tell(word: Term): void;
  /** How it ended: its result, or `agent.task_failed`, `agent.task_killed`, `agent.lost`. Never rejects. */
  readonly ended: Promise<Result<Term>>;
  /** Ends it; what it held is undone when this answers. Of a shared task only our part ends, with the result `left`. */
  stop(options: CallOptions): Promise<Result<Term>>;
}

export interface NodeAgent {
  readonly tier: AgentTier;
  /** Why this tier and not a better one; empty for the best. */
  readonly why: string;
  /** Errors: those of a call, `agent.lost`. */
  task(spec: TaskSpec, options: CallOptions): Promise<Result<AgentTask>>;
  /** What is held on the node by clients of this agent, ours or not. */
  holdings(options: CallOptions): Promise<Result<readonly Holding[]>>;
}
