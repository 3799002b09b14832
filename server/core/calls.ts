/** A call on its way through the pipeline, and what the pipeline asks of the services around it. */
import type { ArsenalError, Failure, Json, Result } from '../../runtime/model.ts';
import type { CallOptions, Runtime, Severity } from '../../runtime/port.ts';
import type { Access } from '../protocol/connection.ts';
import type { CatalogueEntry, OperationAnswer, OperationCall, OperationProgress } from '../protocol/operation.ts';
import type { Caller, CallerWay, ConnectionFacts } from './context.ts';
import type { AnswerCache } from './answerCache.ts';
import type { PluggedMiddleware } from './middleware.ts';
import type { Plan } from './operation.ts';
import type { Found } from './registry.ts';
import type { SpanExporter } from './spans.ts';
import type { Stop } from './stop.ts';

export type JsonObject = { readonly [key: string]: Json };

/** What comes with a call from the surface it came in by. */
export type CallExtras = {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Another who may stop it. */
  readonly stop?: Stop;
  readonly timeoutMs?: number;
  readonly correlationId?: string;
  readonly onProgress?: (progress: OperationProgress) => Promise<void> | void;
  /** The caller's span (W3C Trace Context, `traceparent`), of which the call's becomes a child. */
  readonly traceparent?: string;
  /** The requestId of the batch that this call is an item of: that was counted against the rate, this is not. */
  readonly parent?: string;
};

/** What one of several calls that are done as a whole would do: nothing is claimed, nothing written down. */
export type PreparedCall = {
  readonly entry: CatalogueEntry;
  /** null when it only looks. */
  readonly plan: Plan<Json> | null;
  /** Whether its operation can undo what it did; what only looks leaves nothing to undo. */
  readonly canUndo: boolean;
};
/** A prepared call that was run. */
export type PlannedRun = {
  readonly answer: Result<OperationAnswer>;
  /** Has its operation undo it, within `budget`; waits first for the last word of one that was cut off. */
  undo(budget: CallOptions): Promise<Result<null>>;
  /** The whole is done: from now on `undo_operation` can undo this part by its requestId, where it can be undone. */
  offerUndo(): void;
};

/** A connection as the pipeline sees it. */
export type CallConnection = {
  readonly facts: ConnectionFacts;
  /** For people. */
  readonly label: string;
  readonly runtime: Runtime;
  /** What callers of this way in may change. */
  access(way: CallerWay): Access;
};

export const pipelineSteps = [
  'receive',
  'authenticate',
  'validate',
  'authorize',
  'prepare',
  'execute',
  'shape',
  'record',
  'answer',
] as const;
export type PipelineStep = (typeof pipelineSteps)[number];

/** What is about to be done, written down before it is. */
export type Intent = {
  readonly requestId: string;
  readonly correlationId: string;
  readonly operation: string;
  readonly connection: (ConnectionFacts & { readonly label: string }) | null;
  readonly caller: Caller;
  readonly severity: Severity;
  readonly params: JsonObject;
  readonly plan: Plan<Json>;
  readonly fingerprint: string;
};
export type IntentOutcome = {
  readonly requestId: string;
  readonly operation: string;
  readonly result: Result<Json>;
  readonly durationMs: number;
  /** It came after the caller had been told that it is not known. */
  readonly late: boolean;
};

/** The record of what changes state. */
export interface AuditTrail {
  /** Resolves once the intent is on disk. A failure means that nothing may be done. */
  intent(intent: Intent): Promise<Result<null>>;
  /** Never rejects: by now it has happened. */
  outcome(outcome: IntentOutcome): Promise<void>;
}

export type ClaimedCall = {
  readonly requestId: string;
  readonly operation: string;
  readonly principal: string;
  /** Equal for two calls exactly when they ask the same of the same in the same name. */
  readonly fingerprint: string;
  readonly write: boolean;
};
export type Claim =
  | {
      readonly is: 'ours';
      /** `executed` is false when it was refused before anything was done: the same requestId may then be tried again. */
      settle(answer: Result<OperationAnswer>, executed: boolean): void;
      /** Replaces what was settled, when the truth came late. */
      correct(answer: Result<OperationAnswer>): void;
    }
  | { readonly is: 'joined'; readonly answer: Promise<Result<OperationAnswer>> }
  | { readonly is: 'refused'; readonly failure: Failure };

export type OwnClaim = Extract<Claim, { readonly is: 'ours' }>;

/** Sees to it that one requestId is one execution. */
export interface Claims {
  claim(call: ClaimedCall): Claim | Promise<Claim>;
}

/** A call that is over, for metrics, history, events and spans. */
export type FinishedCall = {
  /** null when there is no such operation. */
  readonly entry: CatalogueEntry | null;
  readonly requestId: string;
  readonly correlationId: string;
  readonly connection: string | null;
  readonly caller: Caller;
  /** Of the batch that it was an item of. */
  readonly parent: string | null;
  readonly mode: OperationCall['mode'];
  readonly startedAt: number;
  readonly durationMs: number;
  readonly error: ArsenalError | null;
  /** How often its code was run, when that was more than once. */
  readonly attempts?: number;
  /** How old the answer was, when it was taken from the cache. */
  readonly ageMs?: number;
  /** Its span, when spans are made. */
  readonly traceparent?: string;
  /** The steps it went through; the last before `record` is where it was refused or failed. */
  readonly steps: readonly PipelineStep[];
};

/** A write that was done, and whose operation can take it back. */
export type UndoableCall = {
  readonly requestId: string;
  readonly operation: string;
  readonly connection: string | null;
  /** What was behind the connection then. */
  readonly runtime: Runtime | null;
  readonly caller: Caller;
  readonly plan: Plan<Json>;
  /** Whether this caller may take it back: who may do it now, and nobody else. Errors: as of the call itself. */
  allows(caller: Caller): Result<null>;
  /** Has its operation undo it, within `budget`. */
  undo(budget: CallOptions): Promise<Result<null>>;
};

export type PipelineServices = {
  find(operation: string): Found | null;
  /** Fails when there is no such connection, or no system behind it now. */
  connection(id: string): Result<CallConnection>;
  /** Refuses a caller who calls too often. */
  admit(caller: Caller, entry: CatalogueEntry): Result<null>;
  readonly audit: AuditTrail;
  readonly claims: Claims;
  /** Told of every call that is over; what they throw is theirs alone. */
  readonly observers: readonly ((finished: FinishedCall) => void)[];
  /** Further middlewares, each at the end of its step, before anything is done. What they throw refuses the call. */
  readonly middlewares?: readonly PluggedMiddleware[];
  /** Keeps what can be undone later; without it no answer offers that. */
  readonly undoable?: (call: UndoableCall) => void;
  /** Where spans go; without it none are made. */
  readonly spans?: SpanExporter;
  /** Where answers are kept that may be given again; a cache of the pipeline's own, when absent. */
  readonly answers?: AnswerCache;
};
