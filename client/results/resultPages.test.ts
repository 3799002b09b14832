import { describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { failedItems, isProposal, nextPageOf, proposalOf, undoableItems } from './resultPages.ts';
import type { ResultPage } from './resultPages.ts';

const page = (operation: string, params: { readonly [key: string]: Json }, result: Json): ResultPage => ({
  is: 'result',
  call: { operation, connection: 'sim', params },
  requestId: 'r',
  result,
});

describe('the page of a batch', () => {
  const items = ['a', 'b', 'c', 'd'].map((id) => ({ operation: 'suspend_process', id, params: {} }));
  const error = (effect: string) => ({ class: 'timeout', code: 'x.y', message: 'm', remedy: 'r', effect });
  const rows = [
    { index: 0, requestId: 'r:0', status: 'done', undo: 'yes' },
    { index: 1, requestId: 'r:1', status: 'failed', error: error('none') },
    // Whether this one did something is not known: it is not simply done again.
    { index: 2, requestId: 'r:2', status: 'failed', error: error('unknown') },
    { index: 3, requestId: 'r:3', status: 'not_run' },
  ];

  it('knows which items to try again: what failed without effect, and what was not run', () => {
    expect(failedItems(page('execute_batch', { items }, { items: rows }))).toEqual([items[1], items[3]]);
    expect(failedItems(page('other', { items }, { items: rows }))).toEqual([]);
    expect(failedItems(page('execute_batch', {}, { items: rows }))).toEqual([]);
    expect(failedItems(page('execute_batch', { items }, null))).toEqual([]);
  });

  it('knows what can be undone, the last first', () => {
    const done = [...rows, { index: 4, requestId: 'r:4', status: 'done', undo: 'partly' }];
    const lasting = { index: 5, requestId: 'r:5', status: 'done' };
    expect(undoableItems('execute_batch', { items: [...done, lasting] })).toEqual(['r:4', 'r:0']);
    expect(undoableItems('other', { items: done })).toEqual([]);
    expect(undoableItems('execute_batch', undefined)).toEqual([]);
  });
});

describe('the page of a list', () => {
  it('leads to the next one', () => {
    const listed = { items: [], total: 9, next: 'cursor' };
    expect(nextPageOf(page('list_processes', { limit: 3 }, listed))?.params).toEqual({ limit: 3, after: 'cursor' });
    expect(nextPageOf(page('list_processes', {}, { ...listed, next: null }))).toBeNull();
  });
});

describe('the page of a proposal', () => {
  it('can be applied where it proposes something', () => {
    const proposed = { did: 'proposed', moves: [{ pid: 'p' }] };
    expect(proposalOf(page('balance_cluster_load', { by: 'memory' }, proposed))?.params).toEqual({
      by: 'memory',
      apply: true,
    });
    expect(isProposal(proposed)).toBe(true);
    expect(proposalOf(page('balance_cluster_load', {}, { did: 'proposed', moves: [] }))).toBeNull();
    expect(proposalOf(page('balance_cluster_load', {}, { did: 'applied', moves: [1] }))).toBeNull();
    const call = { operation: 'kill_process', connection: null, params: { pid: 'p' } };
    expect(proposalOf({ is: 'plan', call })).toEqual(call);
  });
});
