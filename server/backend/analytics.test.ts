/** What can be asked of the history and the figures of calls. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../runtime/model.ts';
import { errorOf, valueOf } from '../core/testKit.ts';
import type { House } from './testKit.ts';
import { backgroundPrefix } from '../protocol/operation.ts';
import { at, editor, fakeShop, houseOn, listAt, temporaryHome } from './testKit.ts';

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

// @row AN-02, ST-01
describe('calls that nobody asked for', () => {
  const id = (name: string) => `${backgroundPrefix}${name}`;
  const all = { background: true } as const;
  const operations = async (params: { readonly [key: string]: Json } = {}) =>
    listAt(await own.result('operation_history', params), 'items')
      .map((row) => `${textAt(row, 'operation')} ${textAt(row, 'background')}`)
      .toSorted();
  const counted = async (params: { readonly [key: string]: Json } = {}) =>
    Object.fromEntries(
      listAt(await own.result('operation_stats', params), 'groups').map((row) => [at(row, 'key'), at(row, 'calls')]),
    );
  let own: House;
  let folder: string;
  beforeAll(async () => {
    folder = temporaryHome();
    own = await houseOn(fakeShop(), { home: folder });
    await own.run('list_processes', { limit: 1 });
    await own.run('list_processes', { limit: 1 }, { requestId: id('1') });
    await own.run('cluster_topology', {}, { requestId: id('2') });
    // What changes something hides from nobody, whatever its requestId says.
    await own.run('kill_process', { pid: 'only_here', node: 'shop1@h' }, { requestId: id('3') });
    await own.run('no_such_operation', {}, { requestId: id('4') });
    const items = [{ operation: 'list_processes', params: { limit: 1 } }];
    valueOf(await own.run('execute_batch', { items }, { requestId: id('5') }));
  });
  afterAll(() => own.close());

  it('are in the history and its figures only for who asks for them, and are counted at /metrics', async () => {
    const asked = ['execute_batch false', 'kill_process false', 'list_processes false', 'unknown false'];
    expect(await operations()).toEqual(asked);
    expect(await operations({ ...all, filter: { background: { eq: true } } })).toEqual([
      'cluster_topology true',
      'list_processes true',
      'list_processes true',
    ]);
    expect(await counted({ category: 'process' })).toEqual({ kill_process: 1, list_processes: 1 });
    expect(await counted({ ...all, category: 'process' })).toEqual({ kill_process: 1, list_processes: 3 });
    const listed = own.backend.metrics.all().find(({ operation }) => operation === 'list_processes');
    expect(listed?.calls).toBe(3);
  });

  it('are told apart on disk, too: another process leaves them out as this one does', async () => {
    await own.backend.state.store.flush();
    const other = await houseOn(fakeShop(), { home: folder });
    const here = own;
    own = other;
    try {
      expect(await operations({ operation: 'cluster_topology' })).toEqual([]);
      expect(await operations({ ...all, operation: 'cluster_topology' })).toEqual(['cluster_topology true']);
      expect(await counted({ category: 'process' })).toEqual({ kill_process: 1, list_processes: 1 });
      expect(await counted({ ...all, category: 'process' })).toEqual({ kill_process: 1, list_processes: 3 });
      // Its outcome can be asked for as that of any call.
      expect(await other.backend.outcome(id('2'), other.options)).toMatchObject({ value: { state: 'done' } });
    } finally {
      own = here;
      await other.backend.close();
    }
  });
});
