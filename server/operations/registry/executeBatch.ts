import { Type } from 'typebox';
import type { ArsenalError, Json, Result } from '../../../runtime/model.ts';
import type { JsonObject } from '../../core/calls.ts';
import type { Context } from '../../core/context.ts';
import type { Plan, Problem } from '../../core/operation.ts';
import { defineOperation } from '../../core/operation.ts';
import { isJsonObject } from '../../core/plainData.ts';
import { readPlan } from '../../core/plans.ts';
import { batchName } from '../../protocol/operation.ts';
import { nullable } from '../parameters.ts';

export const batchModes = ['independent', 'atomic'] as const;
export const itemStatuses = ['done', 'failed', 'undone', 'not_undone', 'not_run'] as const;
export const batchOutcomes = ['done', 'partial', 'undone', 'not_undone'] as const;
export const stopReasons = ['failure', 'cancelled', 'deadline'] as const;
const effects = ['none', 'applied', 'partial', 'unknown'] as const;
const undos = ['yes', 'partly', 'no'] as const;

export const mostItems = 1_000;

/** One call of a batch, as it was asked for. */
export type BatchItem = { readonly operation: string; readonly params: JsonObject; readonly id: string };
export type BatchParams = {
  readonly mode: (typeof batchModes)[number];
  readonly concurrency: number;
  readonly items: readonly BatchItem[];
};
/** What is done, and all that is known of a batch after a crash: `plan` is null for what only looks, and where nothing was planned. */
export type BatchSteps = Omit<BatchParams, 'items'> & {
  readonly items: readonly (BatchItem & { readonly requestId: string; readonly plan: Plan<Json> | null })[];
};
/** What became of one item. */
export type ItemRow = {
  readonly index: number;
  readonly id: string;
  readonly requestId: string;
  readonly operation: string;
  readonly status: (typeof itemStatuses)[number];
  readonly result?: Json;
  /** The result is too large to stand here: its size. */
  readonly resultCharacters?: number;
  /** Of a failed item; of one that is not undone, why. */
  readonly error?: ArsenalError;
  readonly undo?: (typeof undos)[number];
  readonly durationMs?: number;
};
export type BatchResult = {
  readonly mode: BatchParams['mode'];
  readonly outcome: (typeof batchOutcomes)[number];
  readonly effect: (typeof effects)[number];
  readonly stopped: (typeof stopReasons)[number] | null;
  readonly message: string;
  readonly counts: { readonly [S in (typeof itemStatuses)[number]]: number };
  readonly items: readonly ItemRow[];
};

/** Plans and runs batches: each item goes through the pipeline by itself. */
export interface Batches {
  plan(context: Context<never>, params: BatchParams): Promise<Result<Plan<BatchSteps>>>;
  apply(context: Context<never>, steps: BatchSteps): Promise<BatchResult>;
}

/** What its operation says is secret is so here, too. */
const itsCall = { 'x-arsenal': { callOf: 'operation' } };

const itemParam = Type.Object(
  {
    operation: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Its name, or an alias.',
      'x-arsenal': { pick: 'operation' },
    }),
    params: Type.Unsafe<JsonObject>({
      type: 'object',
      default: {},
      description: 'Its parameters.',
      'x-maxBytes': 65_536,
    }),
    id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'By which the answer names it; else its place: 1, 2, 3 …',
      }),
    ),
  },
  itsCall,
);

const itemResult = Type.Object(
  {
    index: Type.Integer(),
    id: Type.String(),
    requestId: Type.String({ description: 'By which its outcome can be asked for by itself.' }),
    operation: Type.String(),
    status: Type.Enum([...itemStatuses]),
    result: Type.Optional(Type.Unsafe<Json>({})),
    resultCharacters: Type.Optional(Type.Integer({ description: 'The result is too large to stand here.' })),
    error: Type.Optional(Type.Unsafe<ArsenalError>({ type: 'object' })),
    undo: Type.Optional(Type.Enum([...undos], { description: 'How far what it did can be undone.' })),
    durationMs: Type.Optional(Type.Number()),
  },
  itsCall,
);

/** Many operations in one call. */
export function executeBatch(batches: Batches) {
  return defineOperation({
    name: batchName,
    title: 'Execute Batch',
    description:
      'Runs up to 1,000 operations in one call, some at a time. `independent`: each for itself, whatever becomes of the others. `atomic`: all are planned and authorized first; when one fails, or the batch is cancelled or out of time, what the others did is undone in reverse order, and the answer says of each item what is left of it.',
    category: 'registry',
    severity: 'read',
    idempotent: false,
    needs: [],
    delegates: true,
    timeoutMs: 600_000,
    graceMs: 120_000,
    params: Type.Object({
      items: Type.Array(itemParam, { minItems: 1, maxItems: mostItems, description: 'The operations, in order.' }),
      mode: Type.Enum([...batchModes], { default: 'independent', description: 'Each for itself, or all or none.' }),
      concurrency: Type.Integer({
        minimum: 1,
        maximum: 50,
        default: 10,
        description: 'How many run at a time; with 1 they run one after the other, in order.',
      }),
    }),
    result: Type.Object({
      mode: Type.Enum([...batchModes]),
      outcome: Type.Enum([...batchOutcomes], {
        description:
          'All done; done in part; undone, so that nothing is left of it; or not undone, so that something is.',
      }),
      effect: Type.Enum([...effects]),
      stopped: nullable(Type.Enum([...stopReasons], { description: 'Why not all were run.' })),
      message: Type.String({ description: 'What is left, in words.' }),
      counts: Type.Unsafe<BatchResult['counts']>({ type: 'object', required: [...itemStatuses] }),
      items: Type.Unsafe<readonly ItemRow[]>({ type: 'array', items: itemResult }),
    }),
    route: { method: 'POST', path: '/batch' },
    examples: [
      {
        title: 'Two looks at once',
        params: { items: [{ operation: 'list_operations', params: { limit: 1 } }, { operation: 'operation_stats' }] },
      },
    ],
    errors: [
      { code: 'batch.nested', remedy: 'Put the items of the inner batch into the outer one.' },
      { code: 'batch.refused', remedy: 'Correct or leave out the items that are named; nothing was done.' },
      { code: 'batch.cannot_undo', remedy: 'Run it as independent, or leave these operations out.' },
      { code: 'batch.too_large', remedy: 'Split it.' },
    ],
    validate: ({ items }) => repeatedIds(items),
    plan: (context, { items, mode, concurrency }) =>
      batches.plan(context, {
        mode,
        concurrency,
        items: items.map(({ operation, params, id }, index) => ({ operation, params, id: id ?? String(index + 1) })),
      }),
    apply: async (context, { steps }) => ({ ok: true, value: await batches.apply(context, steps) }),
  });
}

function repeatedIds(items: readonly { readonly id?: string }[]): readonly Problem[] {
  const seen = new Set<string>();
  return items.flatMap(({ id }, index) => {
    const shown = id ?? String(index + 1);
    if (!seen.has(shown)) {
      seen.add(shown);
      return [];
    }
    return [{ pointer: `/items/${index}/id`, message: 'is the id of another item.' }];
  });
}

/** The steps of a batch, read from a log; null when they are none. */
export function readBatchSteps(steps: Json): BatchSteps | null {
  if (!isJsonObject(steps)) return null;
  const { mode, concurrency, items } = steps;
  const known = batchModes.find((each) => each === mode);
  if (known === undefined || typeof concurrency !== 'number' || !Array.isArray(items)) return null;
  const read = items.map(readItem);
  return read.every((item) => item !== null) ? { mode: known, concurrency, items: read } : null;
}

function readItem(item: Json): BatchSteps['items'][number] | null {
  if (!isJsonObject(item)) return null;
  const { operation, params = null, id, requestId, plan } = item;
  if (typeof operation !== 'string' || typeof id !== 'string' || typeof requestId !== 'string') return null;
  return { operation, id, requestId, params: isJsonObject(params) ? params : {}, plan: readPlan(plan) };
}
