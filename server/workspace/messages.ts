/** What passes between the server and the worker that holds a user's operation module. Plain data, as everything that crosses a thread. */
import type { MessagePort } from 'node:worker_threads';
import type { Place, Sources } from '../../runtime/userCode/sourceModules.ts';
import type { HoldingOwner, Json, Result } from '../../runtime/model.ts';
import type { MethodName, Severity } from '../../runtime/port.ts';
import type { Caller, ConnectionFacts } from '../core/context.ts';
import type { RetryPolicy } from '../core/operation.ts';
import type { CatalogueEntry, OperationProgress } from '../protocol/operation.ts';

/** What the worker is started with. */
export type WorkerStart = {
  readonly file: string;
  /** The folder outside of which nothing is loaded. */
  readonly root: string;
  /** The bundle behind `arsenal-otp/operation`. */
  readonly apiFile: string;
  /** The files as they were when they were first loaded; absent then. What is on disk may have changed, or be broken, since. */
  readonly sources?: Sources;
};
/** The halves of an operation. What the module's own checks do (`validate`, `authorize`, `shape`) is done in the worker with them. */
const halves = ['execute', 'plan', 'apply', 'compensate', 'probe'] as const;
/** What is called before and after them; these get nothing of the port. */
const hooks = ['before', 'after', 'telemetry'] as const;
export const steps = [...halves, ...hooks] as const;
export type Step = (typeof steps)[number];

/** An operation as data: everything but what it does. */
export type OperationDescription = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly category: string;
  readonly severity: Severity;
  readonly idempotent: boolean;
  readonly needs: readonly MethodName[];
  readonly params: Json;
  readonly result: Json;
  readonly route: CatalogueEntry['route'];
  readonly aliases: CatalogueEntry['aliases'];
  readonly examples: CatalogueEntry['examples'];
  readonly errors: CatalogueEntry['errors'];
  readonly timeoutMs: number | null;
  readonly version: number;
  /** Without `key`: it cannot be asked for without leaving the worker. */
  readonly cache: { readonly ttlMs: number; readonly perCaller?: boolean } | null;
  readonly retry: RetryPolicy | null;
  readonly steps: readonly Step[];
  /** Where it is defined, for what is wrong with the definition as a whole. */
  readonly at: Place;
};

export type Loaded = {
  readonly operations: readonly OperationDescription[];
  /** Every file that was loaded: when one changes, the module is loaded again. */
  readonly sources: Sources;
};
export type LoadFailure = { readonly message: string; readonly at: Place; readonly files: readonly string[] };

/** Plain data that has been checked before: parameters by their schema, plans and results when they were made. */
export type StepInput =
  | { readonly params: unknown }
  | { readonly plan: unknown }
  | { readonly plan: unknown; readonly done: unknown }
  /** Of a hook. */
  | { readonly arguments: readonly unknown[] };

export type ToWorker =
  | {
      readonly m: 'run';
      readonly id: number;
      readonly operation: string;
      readonly step: Step;
      readonly input: StepInput;
      readonly connection: ConnectionFacts | null;
      readonly caller: Caller;
      readonly owner: HoldingOwner;
      readonly requestId: string;
      readonly correlationId: string;
      readonly remainingMs: number;
      /** The part of the port this step may use. */
      readonly port: MessagePort;
    }
  | { readonly m: 'cancel'; readonly id: number }
  /** The receiver took that many progress messages: there is room for as many more. */
  | { readonly m: 'taken'; readonly id: number };
export type FromWorker =
  | { readonly m: 'loaded'; readonly loaded: Loaded }
  | { readonly m: 'broken'; readonly failure: LoadFailure }
  | { readonly m: 'progress'; readonly id: number; readonly progress: OperationProgress }
  | { readonly m: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string }
  | { readonly m: 'done'; readonly id: number; readonly result: Result<Json> };
