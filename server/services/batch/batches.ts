/**
 * Batches: many calls as one. Each item is authorized, and run, through the pipeline by itself; what stands once for all of them is
 * the batch's own call: its requestId, its token of the rate, its intent on the audit log, its deadline.
 */
import { createHash } from 'node:crypto';
import { callOptions, remainingNow } from '../../../runtime/callOptions.ts';
import { failure } from '../../../runtime/errors.ts';
import type { ArsenalError, Json, Result } from '../../../runtime/model.ts';
import { ok } from '../../../runtime/model.ts';
import type { CallExtras, IntentOutcome, PlannedRun, PreparedCall } from '../../core/calls.ts';
import type { Context } from '../../core/context.ts';
import { defaultTimeoutMs } from '../../core/limits.ts';
import type { Plan, Problem } from '../../core/operation.ts';
import { isWrite } from '../../core/operation.ts';
import type { Pipeline } from '../../core/pipeline.ts';
import { isJson } from '../../core/plainData.ts';
import { graver } from '../../core/plans.ts';
import type { Registered } from '../../core/registry.ts';
import type {
  Batches,
  BatchItem,
  BatchParams,
  BatchResult,
  BatchSteps,
} from '../../operations/registry/executeBatch.ts';
import type { OperationAnswer, OperationCall } from '../../protocol/operation.ts';
import { batchName } from '../../protocol/operation.ts';
import { inPool } from './pool.ts';
import { ItemRows } from './rows.ts';
import { namesOf, resultOf } from './summary.ts';
import { millisecondsSince } from '../../core/duration.ts';

export type BatchServices = {
  readonly pipeline: Pick<Pipeline, 'execute' | 'prepare' | 'runPlanned'>;
  find(operation: string): Registered | null;
  /** Looks whether the nodes have an operation that is not known here; once a batch. */
  learn(connection: string | null, operation: string, context: Context<never>): Promise<void>;
  /** What became of an item of an atomic batch, for whoever asks after a crash: on disk when it resolves. Never rejects. */
  outcome(outcome: IntentOutcome): Promise<void>;
  /** That nothing is left of an item. Never rejects. */
  undone(requestId: string, operation: string): Promise<void>;
};

type Step = BatchSteps['items'][number];
/** An item of an atomic batch that had its turn, and how it is undone. */
type Turn = { readonly step: Step; readonly index: number; readonly run: PlannedRun };

/** For undoing one item: the batch's own time may be over, and then this is all the more wanted. */
const undoTimeoutMs = 30_000;

/** The requestId of an item: the same whenever the batch is sent again. */
export function itemRequestId(batch: string, index: number): string {
  const base = batch.length <= 120 ? batch : createHash('sha256').update(batch).digest('hex');
  return `${base}:${index}`;
}

export class BatchRunner implements Batches {
  readonly #services: BatchServices;

  constructor(services: BatchServices) {
    this.#services = services;
  }

  /**
   * An independent batch plans nothing: each item does when its turn comes, by what those before it left; unless its plan is only to be
   * shown: then it says what each would do now, and which would be refused. An atomic one plans and authorizes every item now. Errors: `batch.nested`, `batch.refused` with the error of each item that is, `batch.cannot_undo`,
   * `batch.too_large`.
   */
  async plan(context: Context<never>, params: BatchParams): Promise<Result<Plan<BatchSteps>>> {
    const stranger = params.items.find(({ operation }) => this.#services.find(operation) === null);
    if (stranger !== undefined) {
      await this.#services.learn(context.connection?.id ?? null, stranger.operation, context);
    }
    const nested = params.items.flatMap(({ operation }, index) =>
      this.#services.find(operation)?.entry.name === batchName
        ? [{ pointer: `/items/${index}/operation`, message: 'is a batch itself.' }]
        : [],
    );
    if (nested.length > 0) {
      return refused(
        'validation',
        'batch.nested',
        'There is no batch within a batch',
        'Put its items into this one.',
        nested,
      );
    }
    const planned =
      params.mode === 'atomic' ? await this.#planAll(context, params) : ok(await this.#planEach(context, params));
    if (!planned.ok || isJson(planned.value)) return planned;
    return failure(
      'validation',
      'batch.too_large',
      'The plan of the batch is too large to be written down.',
      'Split the batch.',
      { pointer: '/items' },
    );
  }

  #listAll(context: Context<never>, { items, mode, concurrency }: BatchParams): Plan<BatchSteps> {
    const severities = items.map(({ operation }) => this.#services.find(operation)?.entry.severity ?? 'read');
    const severity = severities.reduce(graver, 'read');
    const writes = severity === 'change' || severity === 'destroy';
    return {
      summary: `Run ${items.length} operations, each for itself: ${namesOf(items)}`,
      touches: [],
      severity,
      undo: writes ? 'no' : 'yes',
      steps: { mode, concurrency, items: stepsOf(context, items, () => null) },
    };
  }

  async #planEach(context: Context<never>, params: BatchParams): Promise<Plan<BatchSteps>> {
    const listed = this.#listAll(context, params);
    if (context.mode !== 'dry_run') return listed;
    const prepared = await this.#prepareAll(context, params);
    const plans = prepared.flatMap((each) => (each?.ok === true && each.value.plan !== null ? [each.value.plan] : []));
    const refusals = prepared.flatMap((each, index) =>
      each === null || each.ok
        ? []
        : [`${params.items[index]?.operation} (${params.items[index]?.id}): ${each.error.message}`],
    );
    return {
      ...listed,
      summary: listed.summary + refusedWords(refusals),
      touches: plans.flatMap(({ touches }) => touches),
      severity: plans.map(({ severity }) => severity).reduce(graver, listed.severity),
    };
  }

  /** What each would do by itself, as it is now; null for those that were not come to. */
  async #prepareAll(
    context: Context<never>,
    { items, concurrency }: BatchParams,
  ): Promise<readonly (Result<PreparedCall> | null)[]> {
    const prepared: (Result<PreparedCall> | null)[] = items.map(() => null);
    await inPool(
      items,
      concurrency,
      () => context.signal.aborted,
      async (item, index) => {
        const call = callOf(context, item, index);
        prepared[index] = await this.#services.pipeline.prepare(call, this.#extrasOf(context, item));
      },
    );
    return prepared;
  }

  async #planAll(context: Context<never>, params: BatchParams): Promise<Result<Plan<BatchSteps>>> {
    const { items, mode, concurrency } = params;
    const prepared = await this.#prepareAll(context, params);
    const errors = prepared.flatMap((each, index) => (each === null || each.ok ? [] : [{ index, error: each.error }]));
    const [first] = errors;
    if (first !== undefined) return refusedItems(first.error, errors);
    const calls = prepared.flatMap((each) => (each?.ok === true ? [each.value] : []));
    const lasting = calls.flatMap(({ entry, plan, canUndo }, index) =>
      canUndo && plan?.undo !== 'no'
        ? []
        : [{ pointer: `/items/${index}/operation`, message: `is ${entry.name}, which cannot be undone here.` }],
    );
    if (lasting.length > 0) {
      return refused(
        'validation',
        'batch.cannot_undo',
        'An atomic batch must be able to undo all that it does',
        'Run it as independent, or leave these operations out.',
        lasting,
      );
    }
    const plans = calls.map(({ plan }) => plan);
    const writes = plans.filter((plan) => plan !== null);
    const looks = calls.map(({ entry }) => entry.severity).filter((_, index) => plans[index] === null);
    return ok({
      summary: `Run ${items.length} operations, all or none: ${namesOf(items)}`,
      touches: writes.flatMap(({ touches }) => touches),
      severity: [...looks, ...writes.map(({ severity }) => severity)].reduce(graver, 'read'),
      undo: writes.some(({ undo }) => undo === 'partly') ? 'partly' : 'yes',
      steps: {
        mode,
        concurrency,
        items: stepsOf(context, items, (index) => plans[index] ?? null),
      },
    });
  }

  /** Runs it, telling each item's end on the way. Never rejects; what is left when it is cancelled or out of time was not run. */
  async apply(context: Context<never>, steps: BatchSteps): Promise<BatchResult> {
    const rows = new ItemRows(steps.items, (progress) => context.emit(progress));
    const stopReason = () =>
      context.signal.aborted ? 'cancelled' : remainingNow(context.options()) <= 0 ? 'deadline' : null;
    const stopped =
      steps.mode === 'independent'
        ? await this.#runEach(context, steps, rows, stopReason)
        : await this.#runAll(context, steps, rows, stopReason);
    return resultOf(steps.mode, rows.all(), (index) => this.#writes(steps.items[index]?.operation ?? ''), stopped);
  }

  async #runEach(
    context: Context<never>,
    { items, concurrency }: BatchSteps,
    rows: ItemRows,
    stopReason: () => BatchResult['stopped'],
  ): Promise<BatchResult['stopped']> {
    await inPool(
      items,
      concurrency,
      () => stopReason() !== null,
      async (item, index) => {
        const call = callOf(context, item, index);
        const startedMs = performance.now();
        const answer = await this.#services.pipeline.execute(call, this.#extrasOf(context, item));
        await rows.end(index, answer, millisecondsSince(startedMs), undoIn(answer));
      },
    );
    return stopReason();
  }

  async #runAll(
    context: Context<never>,
    { items, concurrency }: BatchSteps,
    rows: ItemRows,
    stopReason: () => BatchResult['stopped'],
  ): Promise<BatchResult['stopped']> {
    const turns: Turn[] = [];
    const failures: Turn[] = [];
    await inPool(
      items,
      concurrency,
      () => failures.length > 0 || stopReason() !== null,
      async (step, index) => {
        const call = callOf(context, step, index);
        const startedMs = performance.now();
        const run = await this.#services.pipeline.runPlanned(call, this.#extrasOf(context, step), step.plan);
        const turn = { step, index, run };
        turns.push(turn);
        if (!run.answer.ok) failures.push(turn);
        const durationMs = millisecondsSince(startedMs);
        if (step.plan !== null) {
          const { requestId, operation } = call;
          await this.#services.outcome({ requestId, operation, result: resultIn(run.answer), durationMs, late: false });
        }
        await rows.end(index, run.answer, durationMs, step.plan === null ? {} : { undo: step.plan.undo });
      },
    );
    // One by one, from now on: the whole was done.
    if (rows.areAllDone()) for (const { run } of turns) run.offerUndo();
    else await this.#undo(context, turns, rows);
    return failures.length > 0 ? 'failure' : stopReason();
  }

  /** The last first, one after the other. What only looked, or failed without effect, leaves nothing to undo. */
  async #undo(context: Context<never>, turns: readonly Turn[], rows: ItemRows): Promise<void> {
    for (const { step, index, run } of turns.toReversed()) {
      const leftNothing = !run.answer.ok && run.answer.error.effect === 'none';
      if (step.plan === null || leftNothing) continue;
      const budget = callOptions(undoTimeoutMs, new AbortController().signal, context.correlationId);
      const undone = await run.undo(budget);
      if (undone.ok) await this.#services.undone(itemRequestId(context.requestId, index), step.operation);
      await rows.undone(index, undone);
    }
  }

  /** As the batch was called: what the caller may not do, its items may not. */
  #extrasOf(context: Context<never>, { operation }: BatchItem): CallExtras {
    const { caller, signal, correlationId, requestId } = context;
    const ownMs = this.#services.find(operation)?.operation.timeoutMs ?? defaultTimeoutMs;
    const timeoutMs = Math.max(1, Math.min(ownMs, remainingNow(context.options())));
    return { caller, signal, correlationId, timeoutMs, parent: requestId };
  }

  #writes(operation: string): boolean {
    const found = this.#services.find(operation);
    return found !== null && isWrite(found.operation);
  }
}

/** What an item says of its being undone later, by `undo_operation` and its own requestId. */
function undoIn(answer: Result<OperationAnswer>): { readonly undo?: 'yes' | 'partly' } {
  return answer.ok && answer.value.mode === 'run' && answer.value.undo !== undefined ? { undo: answer.value.undo } : {};
}

function stepsOf(
  context: Context<never>,
  items: readonly BatchItem[],
  planOf: (index: number) => Plan<Json> | null,
): BatchSteps['items'] {
  return items.map((item, index) => ({
    ...item,
    requestId: itemRequestId(context.requestId, index),
    plan: planOf(index),
  }));
}

function callOf(context: Context<never>, { operation, params }: BatchItem, index: number): OperationCall {
  return {
    requestId: itemRequestId(context.requestId, index),
    connection: context.connection?.id ?? null,
    operation,
    params,
    mode: 'run',
  };
}

function resultIn(answer: Result<OperationAnswer>): Result<Json> {
  if (!answer.ok) return answer;
  return ok(answer.value.mode === 'run' ? answer.value.result : null);
}

/** `; 2 would be refused: kill_process (2): There is no process …`: at most five of them. */
function refusedWords(refusals: readonly string[]): string {
  if (refusals.length === 0) return '';
  const more = refusals.length > 5 ? ` and ${refusals.length - 5} others` : '';
  return `; ${refusals.length} would be refused: ${refusals.slice(0, 5).join('; ')}${more}`;
}

/** The refusal of a whole batch for its items. The class is that of the first: the others may be refused for the same reason only. */
function refusedItems(
  first: ArsenalError,
  errors: readonly { readonly index: number; readonly error: ArsenalError }[],
): Result<never> {
  return refused(
    first.class,
    'batch.refused',
    'Nothing was done, because not all of it can be',
    first.remedy,
    errors.map(({ index, error }) => ({
      pointer: `/items/${index}${error.pointer === undefined ? '' : `/params${error.pointer}`}`,
      message: `${error.message} [${error.code}]`,
    })),
  );
}

const mostProblems = 50;

function refused(
  errorClass: ArsenalError['class'],
  code: string,
  message: string,
  remedy: string,
  problems: readonly Problem[],
): Result<never> {
  const shown = problems.slice(0, mostProblems).map((problem) => ({ ...problem }));
  const [first] = shown;
  const said = shown.slice(0, 5).map((problem) => `${problem.pointer} ${problem.message}`);
  return failure(errorClass, code, `${message}: ${said.join('; ')}`, remedy, {
    ...(first !== undefined && { pointer: first.pointer }),
    details: { problems: shown, refusedItems: problems.length },
  });
}
