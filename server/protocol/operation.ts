/** Operations as every surface sees them: the catalogue, a call, its outcome. */
import type { ConnectionId, Effect, Json, NodeName, Result } from '../../runtime/model.ts';
import type { Capability, MethodName, Severity } from '../../runtime/port.ts';

export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** A JSON Schema (draft 2020-12 as TypeBox writes it), as data. */
export type JsonSchema = { readonly [key: string]: Json };

/** One line of the catalogue: all that a form, a command line, a route and a page of documentation are made from. */
export type CatalogueEntry = {
  readonly name: string;
  /** The seeds' other names for it, with the parameters each presets, and those it requires beyond the operation's own. */
  readonly aliases: readonly {
    readonly name: string;
    readonly preset: { readonly [key: string]: Json };
    readonly requires?: readonly string[];
  }[];
  readonly title: string;
  readonly description: string;
  readonly category: string;
  /** Grows when parameters or result change so that callers have to. */
  readonly version: number;
  readonly severity: Severity;
  readonly idempotent: boolean;
  readonly role: Role;
  readonly needs: readonly MethodName[];
  readonly params: JsonSchema;
  readonly result: JsonSchema;
  readonly route: { readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'; readonly path: string } | null;
  readonly examples: readonly { readonly title: string; readonly params: { readonly [key: string]: Json } }[];
  /** Codes it can fail with beyond the common ones, each with its remedy. */
  readonly errors: readonly { readonly code: string; readonly remedy: string }[];
  readonly origin:
    | { readonly from: 'builtin' }
    | { readonly from: 'workspace'; readonly file: string }
    | { readonly from: 'node'; readonly node: NodeName };
};

export type OperationCall = {
  /** Made by the client: idempotency key, audit key, and key of `outcome`. */
  readonly requestId: string;
  /** Required, except for operations that need nothing of a runtime. */
  readonly connection: ConnectionId | null;
  readonly operation: string;
  readonly params: Json;
  /** `validate` checks the parameters; `dry_run` plans and answers the plan; `run` does it. */
  readonly mode: 'run' | 'dry_run' | 'validate';
};

/**
 * What the requestId begins with of a call that nobody asked for: it keeps what is shown up to date, completes a form. If it only looks, the
 * history and the figures of calls tell of it only when they are asked to.
 */
export const backgroundPrefix = 'background.';

/** The operation that runs many others; each surface knows more to do with it than with any. */
export const batchName = 'execute_batch';

/** What will be done, to whom, exactly: shown for confirmation, answered by a dry run, written to the audit log as the intent. */
export type PlanSummary = {
  /** `Kill <0.812.0> (Shop.Cart) on shop2@eu` */
  readonly summary: string;
  readonly touches: readonly { readonly node: NodeName; readonly pid?: string; readonly what: string }[];
  readonly severity: Severity;
  readonly undo: 'yes' | 'partly' | 'no';
};

export type OperationAnswer =
  | {
      readonly mode: 'run';
      readonly result: Json;
      readonly durationMs: number;
      readonly correlationId: string;
      /** How old the result is, when it was not made for this call. */
      readonly ageMs?: number;
      /** Of a write that `undo_operation` can take back by this call's requestId, in whole or in part. */
      readonly undo?: 'yes' | 'partly';
    }
  | { readonly mode: 'dry_run'; readonly plan: PlanSummary; readonly correlationId: string }
  | { readonly mode: 'validate'; readonly valid: true; readonly correlationId: string };

/** Something on the way to the answer: progress for a bar, rows for a table. */
export type OperationProgress =
  | { readonly is: 'progress'; readonly message: string; readonly fraction: number | null }
  | { readonly is: 'rows'; readonly rows: readonly Json[] };

/** An item of a batch that was cut off. `unknown` of what only looks: it left no trace, and did nothing. */
export type InterruptedItem = {
  readonly id: string;
  readonly requestId: string;
  readonly operation: string;
  readonly status: 'done' | 'failed' | 'undone' | 'interrupted' | 'not_run' | 'unknown';
  readonly effect: Effect;
};

/** What became of a call: asked for after a broken connection or a crash. */
export type OperationOutcome =
  | { readonly state: 'running'; readonly operation: string; readonly startedAt: number }
  | { readonly state: 'done'; readonly operation: string; readonly result: Result<Json> }
  /** Its intent is on record, its outcome is not, and its writer is gone; `effect` is what probing found. */
  | {
      readonly state: 'interrupted';
      readonly operation: string;
      readonly effect: 'none' | 'applied' | 'unknown';
      readonly plan: PlanSummary | null;
      /** Of a batch: what is known of each item. */
      readonly items?: readonly InterruptedItem[];
    }
  | { readonly state: 'never_seen' };

/** How much is kept of the calls that are over, and for how long. */
export type HistoryLimits = {
  /** Calls that are kept. */
  readonly entries: number;
  /** How long a call is kept. */
  readonly days: number;
  /** How long a call's result is kept. */
  readonly resultMinutes: number;
  /** How long figures are kept. */
  readonly statsDays: number;
};
export const defaultHistoryLimits: HistoryLimits = { entries: 10_000, days: 30, resultMinutes: 60, statsDays: 90 };
/** What each of them may be, least and most. */
export const historyBounds: { readonly [K in keyof HistoryLimits]: readonly [number, number] } = {
  entries: [100, 100_000],
  days: [1, 3_650],
  resultMinutes: [0, 10_080],
  statsDays: [1, 3_650],
};

/**
 * Limits from settings, which may say anything. What is wrong is as it was `before`, and told; what is not said is the default.
 * `problems`: by the name of the limit.
 */
export function readHistoryLimits(
  said: { readonly [K in keyof HistoryLimits]?: unknown },
  before: HistoryLimits,
): { readonly limits: HistoryLimits; readonly problems: ReadonlyMap<keyof HistoryLimits, string> } {
  const problems = new Map<keyof HistoryLimits, string>();
  const limit = (name: keyof HistoryLimits): number => {
    const value = said[name];
    if (value === undefined) return defaultHistoryLimits[name];
    const [least, most] = historyBounds[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    problems.set(name, `must be a whole number from ${least} to ${most}; ${before[name]} holds on`);
    return before[name];
  };
  const limits = {
    entries: limit('entries'),
    days: limit('days'),
    resultMinutes: limit('resultMinutes'),
    statsDays: limit('statsDays'),
  };
  return { limits, problems };
}

/**
 * What the editor's user lays down (`arsenal.policy.roles`, `arsenal.policy.rateLimits`, `arsenal.operations.trusted`), as it stands in
 * the settings: the server reads and checks it.
 */
export type PolicySettings = { readonly roles?: Json; readonly rateLimits?: Json; readonly trustedOperations?: Json };

/** The setting that each part of {@link PolicySettings} stands in, below `arsenal`. */
export const policySetting = {
  roles: 'policy.roles',
  rateLimits: 'policy.rateLimits',
  trustedOperations: 'operations.trusted',
} as const satisfies { readonly [K in keyof PolicySettings]-?: string };

/** Something wrong in these settings: the JSON pointer into {@link PolicySettings}, and what is wrong there. */
export type PolicyProblem = { readonly pointer: string; readonly message: string };

/** Whether an operation can be run on a connection, for greying a menu. */
export type Availability = { readonly operation: string; readonly capability: Capability };
