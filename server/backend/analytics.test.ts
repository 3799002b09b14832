/** What can be asked of the history and the figures of calls. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { errorOf, valueOf } from '../core/testKit.ts';
import type { House } from './testKit.ts';
import { at, editor, fakeShop, houseOn, listAt } from './testKit.ts';

let house: House;
const textAt = (row: Json, field: string) => JSON.stringify(at(row, field)).replaceAll('"', '');
const bob = { ...editor, principal: 'bob' } as const;
beforeAll(async () => {
  house = await houseOn(fakeShop());
  const run = async (operation: string, params: { readonly [key: string]: Json }, caller = editor) => {
    await house.run(operation, params, {}, { caller });
  };
  await run('list_processes', { limit: 1 });
  await run('list_processes', { limit: 1 }, bob);
  await run('list_processes', { limit: 'many' });
  await run('get_process_info', { pid: 'Shop.Catalog', node: 'shop1@h' });
  await run('get_process_info', { pid: 'nobody_at_all', node: 'shop1@h' }, bob);
  await run('get_process_info', { pid: 'nobody_at_all', node: 'shop1@h' });
  await run('cluster_topology', {});
});
afterAll(() => house.close());

/** In the order of their texts: calls of one millisecond have no other. */
const history = async (params: { readonly [key: string]: Json }) => {
  const items = listAt(
    await house.result('operation_history', { ...params, filter: { operation: { like: '*_proc*' } } }),
    'items',
  );
  return items
    .map((row) => ['operation', 'principal', 'outcome'].map((field) => textAt(row, field)).join(' '))
    .toSorted();
};

// @row ST-01
describe('operation_history', () => {
  it('answers calls of an end, a caller, or both', async () => {
    expect(await history({ outcome: 'failed' })).toEqual([
      'get_process_info ada failed',
      'get_process_info bob failed',
      'list_processes ada failed',
    ]);
    expect(await history({ outcome: 'failed', principal: 'bob' })).toEqual(['get_process_info bob failed']);
    expect(await history({ operation: 'list_processes', outcome: 'ok' })).toEqual([
      'list_processes ada ok',
      'list_processes bob ok',
    ]);
    expect(await history({ until: '1h' })).toEqual([]);
  });

  it.each([
    ['NOBODY', ['get_process_info ada failed', 'get_process_info bob failed']],
    ['shop.catalog', ['get_process_info ada ok']],
    ['process.not_found', ['get_process_info ada failed', 'get_process_info bob failed']],
    ['no such text', []],
  ])('finds %j in parameters and codes', async (text, found) => {
    expect(await history({ text })).toEqual(found);
  });

  it('takes no end that is none', async () => {
    expect(errorOf(await house.run('operation_history', { outcome: 'good' })).pointer).toBe('/outcome');
  });
});

// @row AN-02
describe('operation_stats', () => {
  const groups = async (params: { readonly [key: string]: Json }) => {
    const stats = await house.result('operation_stats', { category: 'process', ...params });
    return { keys: listAt(stats, 'groups').map((group) => at(group, 'key')), total: at(stats, 'groupsTotal') };
  };

  it('are sorted by what is asked for, and as many as are asked for', async () => {
    expect(await groups({ sort: '-errorRate' })).toEqual({ keys: ['get_process_info', 'list_processes'], total: 2 });
    expect(await groups({ sort: 'errorRate', limit: 1 })).toEqual({ keys: ['list_processes'], total: 2 });
    expect(await groups({ sort: '-key' })).toEqual({ keys: ['list_processes', 'get_process_info'], total: 2 });
    expect(await groups({ groupBy: 'caller' })).toEqual({ keys: ['ada', 'bob'], total: 2 });
    for (const sort of ['-p95', '-max']) {
      const stats = await house.result('operation_stats', { sort });
      const slowest = listAt(stats, 'groups').map((group) => Number(at(group, 'durationMs', sort.slice(1))));
      expect(slowest).toEqual(slowest.toSorted((a, b) => b - a));
      expect(slowest.length).toBeGreaterThan(2);
    }
  });

  it('say how exact their percentiles are, and take no other order', async () => {
    expect(at(await house.result('operation_stats'), 'relativeError')).toBe(0.01);
    expect(errorOf(await house.run('operation_stats', { sort: '-beauty' })).pointer).toBe('/sort');
    valueOf(await house.run('operation_stats', { sort: '-cpuMs' }));
  });
});
