/** What a page of a result is of, and what can be done from it. No editor in it. */
import type { Json } from '../../runtime/model.ts';
import type { CallSpec } from '../operations/calls.ts';
import { isJson, isRecord, recordsIn } from '../decode.ts';
import { listingOf } from '../rows.ts';
import { batchName } from '../../server/protocol/operation.ts';

export type ResultPage =
  | { readonly is: 'result'; readonly call: CallSpec; readonly requestId: string; readonly result: Json }
  /** What a dry run answered: nothing has been done. */
  | { readonly is: 'plan'; readonly call: CallSpec }
  /** Only to be read. */
  | { readonly is: 'text' };

/** The items of a batch that are to be tried again: those that failed without effect, and those that were not run. */
export function failedItems(page: ResultPage): readonly Json[] {
  if (page.is !== 'result' || page.call.operation !== batchName) return [];
  const { items } = page.call.params;
  if (!Array.isArray(items) || !isRecord(page.result)) return [];
  const rows = Array.isArray(page.result['items']) ? recordsIn(page.result['items']) : [];
  return rows.flatMap(({ index, status, error }) => {
    const isFailed = status === 'failed' && isRecord(error) && error['effect'] === 'none';
    const item: unknown = typeof index === 'number' ? items[index] : undefined;
    return (isFailed || status === 'not_run') && isJson(item) ? [item] : [];
  });
}

/** The requestIds of a batch's items that can be undone, the last first. */
export function undoableItems(operation: string, result: Json | undefined): readonly string[] {
  if (operation !== batchName || !isRecord(result) || !Array.isArray(result['items'])) return [];
  return recordsIn(result['items'])
    .flatMap(({ requestId, status, undo }) =>
      typeof requestId === 'string' && status === 'done' && (undo === 'yes' || undo === 'partly') ? [requestId] : [],
    )
    .reverse();
}

/** The call that answers the next page of a list; null where there is none. */
export function nextPageOf(page: ResultPage): CallSpec | null {
  if (page.is !== 'result') return null;
  const next = listingOf(page.result)?.next ?? null;
  if (next === null) return null;
  return { ...page.call, params: { ...page.call.params, after: next } };
}

/** Whether nothing was done yet, only proposed. */
export function isProposal(result: Json): boolean {
  return isRecord(result) && result['did'] === 'proposed';
}

/** The call that applies what was only proposed; null where nothing was. */
export function proposalOf(page: ResultPage): CallSpec | null {
  if (page.is === 'plan') return page.call;
  if (page.is !== 'result' || !isRecord(page.result)) return null;
  const { moves } = page.result;
  const isWorthIt = isProposal(page.result) && Array.isArray(moves) && moves.length > 0;
  return isWorthIt ? { ...page.call, params: { ...page.call.params, apply: true } } : null;
}
