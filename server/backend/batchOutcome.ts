/** What is known of the items of a batch whose process ended in the middle of it. */
import type { Effect, Json } from '../../runtime/model.ts';
import type { ProbedEffect } from '../core/operation.ts';
import type { BatchSteps } from '../operations/registry/executeBatch.ts';
import { readBatchSteps } from '../operations/registry/executeBatch.ts';
import type { InterruptedItem, OperationOutcome } from '../protocol/operation.ts';
import type { Journal, JournalEntry } from '../services/audit/journal.ts';
import { inPool } from '../services/batch/pool.ts';
import type { StateStore } from '../services/state/stateStore.ts';

export type BatchOutcomeServices = {
  readonly journal: Pick<Journal, 'find' | 'part'>;
  readonly store: Pick<StateStore, 'calls'>;
  /** Asks the world what became of an item. */
  probe(entry: JournalEntry): Promise<ProbedEffect>;
  /** Writes down what was found. */
  settle(requestId: string, operation: string, effect: 'none' | 'applied'): Promise<void>;
};

type Interrupted = Extract<OperationOutcome, { readonly state: 'interrupted' }>;
type Item = BatchSteps['items'][number];
type Standing = Pick<InterruptedItem, 'status' | 'effect'>;

const probesAtOnce = 10;

/** The outcome of an interrupted batch, item by item; what nobody knows is probed where its operation can be. */
export async function batchOutcome(
  interrupted: Interrupted,
  requestId: string,
  services: BatchOutcomeServices,
): Promise<Interrupted> {
  const entry = await services.journal.find(requestId);
  const steps = entry === null ? null : readBatchSteps(entry.plan.steps);
  if (entry === null || steps === null) return interrupted;
  const standings: Standing[] = [];
  await inPool(
    steps.items,
    probesAtOnce,
    () => false,
    async (item, index) => {
      standings[index] =
        steps.mode === 'atomic' ? await partOfAll(item, entry, services) : await oneOfMany(item, services);
    },
  );
  const looked = await lookedAt(steps, standings, services);
  const items = steps.items.map(({ id, requestId: itemId, operation }, index): InterruptedItem => {
    const standing = looked[index] ?? { status: 'unknown', effect: 'unknown' };
    return { id, requestId: itemId, operation, ...standing };
  });
  return { ...interrupted, effect: effectOf(items), items };
}

/** Of an atomic batch: the item has no intent of its own, but its end is on the log, and its plan is in the batch's. */
async function partOfAll(item: Item, batch: JournalEntry, services: BatchOutcomeServices): Promise<Standing> {
  const { requestId, operation, plan } = item;
  if (plan === null) return { status: 'unknown', effect: 'none' };
  const { result, effect } = await services.journal.part(requestId);
  if (effect === 'none') return { status: result === null ? 'not_run' : 'undone', effect };
  if (result?.ok === true) return { status: 'done', effect: 'applied' };
  if (result?.ok === false && result.error.effect === 'none') return { status: 'failed', effect: 'none' };
  // What was found is written down: the world moves on.
  if (effect === 'applied') return { status: 'interrupted', effect };
  return probed({ ...batch, requestId, operation, plan }, services, 'not_run');
}

/** Of an independent batch: what changes something has an intent of its own before it does; without one, it was not run. */
async function oneOfMany({ requestId }: Item, services: BatchOutcomeServices): Promise<Standing> {
  const entry = await services.journal.find(requestId);
  if (entry === null) return { status: 'unknown', effect: 'none' };
  switch (entry.outcome.is) {
    case 'done': {
      const { result } = entry.outcome;
      return result.ok ? { status: 'done', effect: 'applied' } : { status: 'failed', effect: result.error.effect };
    }
    case 'running':
      return { status: 'interrupted', effect: 'unknown' };
    case 'interrupted': {
      const { effect } = entry.outcome;
      return effect === null ? probed(entry, services, 'interrupted') : { status: 'interrupted', effect };
    }
  }
}

async function probed(
  entry: JournalEntry,
  services: BatchOutcomeServices,
  ifNone: InterruptedItem['status'],
): Promise<Standing> {
  const effect = await services.probe(entry);
  if (effect !== 'unknown') await services.settle(entry.requestId, entry.operation, effect);
  return { status: effect === 'none' ? ifNone : 'interrupted', effect };
}

/** What left nothing on the audit log is looked up in the history: what only looks is nowhere else. */
async function lookedAt(
  { items }: BatchSteps,
  standings: readonly Standing[],
  { store }: BatchOutcomeServices,
): Promise<readonly Standing[]> {
  const known = new Map((await store.calls()).map((each) => [each.call.requestId, each]));
  return standings.map((standing, index): Standing => {
    const call = standing.status === 'unknown' ? known.get(items[index]?.requestId ?? '') : undefined;
    if (call === undefined) return standing;
    if (call.state !== 'ended') return { status: 'interrupted', effect: 'none' };
    return { status: call.call.error === null ? 'done' : 'failed', effect: 'none' };
  });
}

function effectOf(items: readonly InterruptedItem[]): Exclude<Effect, 'partial'> {
  if (items.every(({ effect }) => effect === 'none')) return 'none';
  return items.every(({ effect }) => effect === 'applied') ? 'applied' : 'unknown';
}

/** A result of which the log says only how large it was. */
export function isOmitted(result: Json): boolean {
  return typeof result === 'object' && result !== null && Reflect.get(result, 'omitted') === true;
}
