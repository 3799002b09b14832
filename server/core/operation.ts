/**
 * What an operation is. Defined once; the palette command and its form, the REST route, the command line, the documentation and the
 * property test are derived from it.
 *
 * An operation that only looks has `execute`. One that changes something has `plan`, which can change nothing, and `apply`, which
 * does what was planned: from the plan come the dry run, the confirmation text and the audit intent.
 */
import type { Static, TObject, TSchema } from 'typebox';
import type { ArsenalError, Effect, Json, Result } from '../../runtime/model.ts';
import type { CallOptions, MethodName, PortMethods, SafeMethod, Severity } from '../../runtime/port.ts';
import type { CatalogueEntry, PlanSummary } from '../protocol/operation.ts';
import type { Caller, ConnectionFacts, Context } from './context.ts';

/** One thing wrong with the parameters; `pointer` is a JSON pointer (RFC 6901) into them. */
export type Problem = { readonly pointer: string; readonly message: string };

/** What an operation's own `authorize` decides on, beyond the role table and the connection's access. */
export type AuthorizeContext = { readonly caller: Caller; readonly connection: ConnectionFacts | null };

/** What is told of every call when it is over. No parameters: they may hold secrets. */
export type OperationTelemetry = {
  readonly operation: string;
  readonly category: string;
  readonly connection: string | null;
  readonly via: Caller['via'];
  readonly mode: 'run' | 'dry_run' | 'validate';
  readonly durationMs: number;
  readonly outcome: 'ok' | 'failed';
  readonly error: ArsenalError | null;
  readonly correlationId: string;
};

type EffectsOf<N extends MethodName> = PortMethods[N]['effect'];

/** The severities an operation with these needs may state: never less than the most severe of them. */
export type SeverityFor<N extends MethodName> =
  'destroy' extends EffectsOf<N>
    ? 'destroy'
    : 'change' extends EffectsOf<N>
      ? 'change' | 'destroy'
      : 'diagnose' extends EffectsOf<N>
        ? Exclude<Severity, 'read'>
        : Severity;

type Common<N extends MethodName, P extends TObject, R extends TSchema> = {
  /** snake_case. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** snake_case. */
  readonly category: string;
  /** Doing it twice is the same as doing it once: it may be retried. */
  readonly idempotent: boolean;
  /** The port methods it uses: it gets these and no others. */
  readonly needs: readonly N[];
  /** Further methods that it uses where there are: without them it answers less, and says so. */
  readonly mayUse?: readonly N[];
  /** An object. Every string, array and map in it states a maximum. */
  readonly params: P;
  readonly result: R;
  readonly route?: NonNullable<CatalogueEntry['route']>;
  readonly aliases?: CatalogueEntry['aliases'];
  readonly examples: CatalogueEntry['examples'];
  readonly errors?: CatalogueEntry['errors'];
  /** Default time limit; 30 s when absent. */
  readonly timeoutMs?: number;
  /** Of its parameters and its result; 1 when absent. Grows when callers have to change because of it. */
  readonly version?: number;
  /**
   * Tries again what failed because something could not be reached or did not answer: only what had no effect, or is idempotent, with
   * jitter, and only within the time of the call. Without it nothing is tried again.
   */
  readonly retry?: RetryPolicy;
  /** It acts by other calls, each of which is authorized by itself: how grave its plan is is then said, not asked for. */
  readonly delegates?: true;
  /** How long it may still say what became of it after it was cut off, where that takes longer than 0.1 s: it has to undo first. */
  readonly graceMs?: number;
  /** Its own validation, after the schema's. */
  validate?(params: Static<P>): readonly Problem[];
  /** A further condition on the caller, after roles and access. */
  authorize?(params: Static<P>, who: AuthorizeContext): Result<null>;
  /** The public form of the result; what it answers is checked against `result`. */
  shape?(result: Static<R>): Json;
  telemetry?(event: OperationTelemetry): void;
  /**
   * Before it is run, once it is allowed: may refuse. What it throws refuses too, and nothing has been done. `options` are the time of the
   * call, which it takes from.
   */
  before?(params: Static<P>, who: AuthorizeContext, options: CallOptions): Result<null> | Promise<Result<null>>;
  /** After it was run, with what it answers. What it throws is of no consequence. */
  after?(event: OperationTelemetry, answer: Result<Json>): void;
};

/**
 * `times`: how often, beside the first time. The wait before each is twice the one before, from `firstDelayMs` (default 50). `codes`: only
 * after these errors.
 */
export type RetryPolicy = {
  readonly times: number;
  readonly firstDelayMs?: number;
  readonly codes?: readonly string[];
};

/**
 * How long an answer may be given again (0: only to those who ask while it is made), to calls on the same connection with the same parameters (or, where `key` answers the same for
 * them) and the same role. What shows private data (`diagnose`) or says `perCaller` is given to its caller only. A write through the
 * same connection makes all of them forgotten.
 */
export type CachePolicy<P> = {
  readonly ttlMs: number;
  readonly perCaller?: boolean;
  key?(params: P): Json;
};

type Looking<N extends MethodName, P extends TObject, R extends TSchema> = Common<N, P, R> & {
  /** Only where it says so is an answer given twice. */
  readonly cache?: CachePolicy<Static<P>>;
  execute(context: Context<N>, params: Static<P>): Promise<Result<Static<R>>>;
};

/** An operation that looks: `read` or `diagnose`. */
export type ReadOperation<N extends SafeMethod, P extends TObject, R extends TSchema> = Looking<N, P, R> & {
  readonly severity: Extract<SeverityFor<N>, 'read' | 'diagnose'>;
};

/**
 * What will be done, to whom, exactly, with processes named by node, number and creation. `steps` is JSON: it is written to the audit
 * log with the intent, and is all that `apply`, `probe` and `compensate` know.
 */
export type Plan<S extends Json> = PlanSummary & { readonly steps: S };

type Changing<
  N extends MethodName,
  P extends TObject,
  R extends TSchema,
  S extends Json,
  U extends MethodName,
> = Common<N, P, R> & {
  /**
   * Further methods that only `compensate` gets: to take back what was started can take more than to start it, and is not what the
   * caller asked for. They do not make the operation graver.
   */
  readonly undoNeeds?: readonly U[];
  /** Looks up what would be done; has only the methods of `needs` that cannot change anything. */
  plan(context: Context<SafeMethod<N>>, params: Static<P>): Promise<Result<Plan<S>>>;
  apply(context: Context<N>, plan: Plan<S>): Promise<Result<Static<R>>>;
  /** Undoes what `apply` did, or did in part. */
  compensate?(context: Context<N | U>, plan: Plan<S>, done: Result<Static<R>>): Promise<Result<null>>;
  /** After a crash between intent and outcome: what became of it, asked of the world by another process. */
  probe?(context: Context<SafeMethod<N>>, plan: Plan<S>): Promise<ProbedEffect>;
};
export type ProbedEffect = Exclude<Effect, 'partial'>;

/**
 * An operation that changes something: `change` or `destroy`. One whose plan alone says how grave it is (it does what its parameters
 * name) may be `read`; its calls are allowed, and written down, by the severity of their plan.
 */
export type WriteOperation<
  N extends MethodName,
  P extends TObject,
  R extends TSchema,
  S extends Json,
  U extends MethodName = never,
> = Changing<N, P, R, S, U> & { readonly severity: SeverityFor<N> };

/**
 * Operations with their types forgotten, as the registry holds them. Method parameters are bivariant in TypeScript, which is sound here
 * because the pipeline hands `execute` and `plan` only parameters their schema has accepted, and `apply` only a plan of its own.
 */
export type AnyReadOperation = Looking<MethodName, TObject, TSchema> & { readonly severity: 'read' | 'diagnose' };
export type AnyWriteOperation = Changing<MethodName, TObject, TSchema, Json, MethodName> & {
  readonly severity: Severity;
};
export type AnyOperation = AnyReadOperation | AnyWriteOperation;

/**
 * Defines an operation: with `plan` and `apply` one that changes something, with `execute` one that looks. What types cannot check
 * (names, maxima in schemas, examples) is checked when it is registered.
 */
export function defineOperation<
  const N extends MethodName,
  P extends TObject,
  R extends TSchema,
  S extends Json,
  const U extends MethodName = never,
>(operation: WriteOperation<N, P, R, S, U>): WriteOperation<N, P, R, S, U>;
export function defineOperation<const N extends SafeMethod, P extends TObject, R extends TSchema>(
  operation: ReadOperation<N, P, R>,
): ReadOperation<N, P, R>;
export function defineOperation(operation: object): object {
  return Object.freeze(operation);
}

/** The port methods it gets. */
export function methodsOf({ needs, mayUse = [] }: AnyOperation): readonly MethodName[] {
  return [...needs, ...mayUse];
}

/** The port methods its `compensate` gets. */
export function undoMethodsOf(operation: AnyWriteOperation): readonly MethodName[] {
  return [...methodsOf(operation), ...(operation.undoNeeds ?? [])];
}

/** Whether it plans and applies. */
export function isWrite(operation: AnyOperation): operation is AnyWriteOperation {
  return 'plan' in operation;
}
