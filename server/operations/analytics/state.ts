/** What operations about calls look at: those going on and those that are over, and their figures. */
import type { Json, Result } from '../../../runtime/model.ts';
import type { Caller } from '../../core/context.ts';

/** A call as operation_history lists it. */
export type CallRow = {
  readonly requestId: string;
  readonly parent: string | null;
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly principal: string;
  readonly via: string;
  readonly mode: string;
  /** `interrupted`: its process ended before it did. */
  readonly outcome: 'running' | 'ok' | 'failed' | 'interrupted';
  readonly code: string | null;
  readonly effect: string | null;
  readonly startedAt: number;
  readonly durationMs: number | null;
  readonly cpuMs: number | null;
  readonly correlationId: string | null;
  readonly params: Json;
  /** Nobody asked for it. */
  readonly background: boolean;
};

/** Whether what is known of calls is on disk: `memory_only` says since when it is not, and why. */
export type StatePersistence =
  { readonly is: 'ok' } | { readonly is: 'memory_only'; readonly since: number; readonly message: string };

export type StatsQuery = {
  readonly since: number;
  readonly until: number;
  readonly operation?: string;
  readonly category?: string;
  readonly connection?: string;
  readonly principal?: string;
  readonly via?: string;
  /** Also calls that nobody asked for. */
  readonly background: boolean;
  readonly groupBy: 'operation' | 'category' | 'connection' | 'caller' | 'via';
  /** Figures over time, beside those of the whole span. */
  readonly points: boolean;
};
export type CallFigures = {
  readonly calls: number;
  readonly failures: number;
  readonly errorRate: number;
  readonly failuresByCode: { readonly [code: string]: number };
  /** All null where nothing was called. */
  readonly durationMs: {
    readonly mean: number | null;
    readonly max: number | null;
    readonly p50: number | null;
    readonly p90: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** Of the calls during which nothing else ran. */
  readonly cpuMs: { readonly calls: number; readonly mean: number | null };
};
export type Stats = {
  /** Of the percentiles. */
  readonly relativeError: number;
  readonly total: CallFigures;
  readonly groups: readonly ({ readonly key: string } & CallFigures)[];
  readonly points: readonly ({ readonly at: number; readonly spanMs: number } & CallFigures)[];
};

export interface CallState {
  /** Calls of this caller's (an admin sees everyone's), newest first. */
  history(caller: Caller): Promise<readonly CallRow[]>;
  stats(caller: Caller, query: StatsQuery): Promise<Stats>;
  persistence(): StatePersistence;
  /** Cancels a call that is going on in this process. Error: `execution.not_running`. */
  cancel(requestId: string, caller: Caller): Result<{ readonly operation: string }>;
}
