import { Type } from 'typebox';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Json } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { anyNumber, errorOf, looking, textWith, valueOf } from '../core/testKit.ts';
import { FaultyFiles } from '../services/audit/faultyFiles.ts';
import { FaultyStateFiles } from '../services/state/testKit.ts';
import type { BackendOptions } from './localBackend.ts';
import type { House } from './testKit.ts';
import { at, fakeShop, houseOn, listAt, temporaryHome } from './testKit.ts';

vi.setConfig({ testTimeout: 60_000 });
const patient = { timeout: 30_000 };

const houses: House[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

async function stateHouse(options: Partial<BackendOptions> = {}): Promise<House> {
  const house = await houseOn(fakeShop(), options);
  houses.push(house);
  const slow = looking({
    name: 'slow_look',
    needs: [],
    execute: async (context) => {
      await context.emit({ is: 'rows', rows: [{ id: 'one', n: 1 }, 7] });
      await context.emit({ is: 'progress', message: 'halfway', fraction: 0.5 });
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      return failure('cancelled', 'call.cancelled', 'Cancelled.', 'None.');
    },
  });
  const login = looking({
    name: 'log_in',
    needs: [],
    params: Type.Object({
      user: Type.String({ maxLength: 5_000 }),
      password: Type.String({ maxLength: 99 }),
      pin: Type.Optional(Type.String({ maxLength: 9, format: 'password' })),
      marks: Type.Optional(
        Type.Array(Type.Object({ mark: Type.String({ maxLength: 9, 'x-arsenal': { secret: true } }) }), {
          maxItems: 99,
        }),
      ),
      numbers: Type.Optional(Type.Array(Type.Integer(), { maxItems: 5_000 })),
    }),
    result: Type.Object({ token: Type.String(), name: Type.String() }),
    execute: () => Promise.resolve(ok({ token: 'top secret', name: 'ada' })),
  });
  for (const operation of [slow, login]) {
    valueOf(house.backend.registry.register(operation, { from: 'workspace', file: 'x.ts' }));
  }
  return house;
}

async function historyOf(house: House, params: { readonly [key: string]: Json } = {}): Promise<readonly Json[]> {
  return listAt(await house.result('operation_history', params), 'items');
}

describe('operation_history', () => {
  // @row AN-01
  it('keeps what was called with its parameters, and of these nothing that is secret or large', async () => {
    const house = await stateHouse();
    const secrets = { password: 'hunter2', pin: '1234', marks: [{ mark: 'm1' }] };
    const large = { user: 'u'.repeat(3_000), numbers: Array.from({ length: 200 }, (_, n) => n) };
    valueOf(await house.run('log_in', { ...secrets, ...large }, { requestId: 'r1' }));
    const [row] = await historyOf(house);
    expect(row).toMatchObject({
      requestId: 'r1',
      operation: 'log_in',
      category: 'sample',
      connection: 'sim',
      principal: 'ada',
      via: 'editor',
      mode: 'run',
      outcome: 'ok',
      code: null,
      durationMs: anyNumber,
      params: {
        password: '[redacted]',
        pin: '[redacted]',
        marks: [{ mark: '[redacted]' }],
        user: textWith('(3000 characters)'),
      },
    });
    expect(listAt(row ?? null, 'params', 'numbers')).toHaveLength(21);
    // Nor is it anywhere on disk.
    const disk = new FaultyStateFiles();
    const other = await stateHouse({ stateFiles: disk });
    valueOf(await other.run('log_in', { user: 'u', ...secrets }));
    await other.backend.state.store.flush();
    const written = Buffer.concat([...disk.files.values()]).toString();
    expect(written).toContain('log_in');
    for (const secret of ['hunter2', '1234', 'm1"', 'top secret']) expect(written).not.toContain(secret);
  });

  // @row ST-01
  it('lists by operation, outcome and time, a page at a time, and also what was refused', async () => {
    const house = await stateHouse();
    for (let n = 0; n < 3; n += 1) await house.run('list_processes', { limit: 1 });
    await house.run('get_process_info', { pid: 'nobody_here' });
    await house.run('unheard_of');
    expect(await historyOf(house, { operation: 'list_processes', limit: 2 })).toHaveLength(2);
    const failed = await historyOf(house, { filter: { outcome: { eq: 'failed' } }, fields: ['operation', 'code'] });
    expect(failed.map((row) => at(row, 'code'))).toEqual(['operation.not_found', 'process.not_found']);
    expect(failed.map((row) => at(row, 'operation'))).toEqual(['unknown', 'get_process_info']);
    expect(await historyOf(house, { until: '2001-01-01' })).toEqual([]);
    expect((await historyOf(house, { since: '1h', operation: 'list_processes' })).length).toBe(3);
    expect(errorOf(await house.run('operation_history', { since: '2026-13-45' })).pointer).toBe('/since');
    expect(errorOf(await house.run('operation_history', { since: '1h', until: '2h' })).pointer).toBe('/until');
  });

  it('shows others than an admin their own calls only', async () => {
    const house = await stateHouse();
    await house.run('list_processes', { limit: 1 });
    const bob = { ...house.options.caller, principal: 'bob', role: 'operator' as const };
    valueOf(await house.run('list_processes', { limit: 2 }, { requestId: 'bobs' }, { caller: bob }));
    const own = valueOf(await house.run('operation_history', {}, {}, { caller: bob }));
    expect(own.mode === 'run' ? listAt(own.result, 'items').map((row) => at(row, 'requestId')) : []).toEqual(['bobs']);
    const stats = valueOf(await house.run('operation_stats', { operation: 'list_processes' }, {}, { caller: bob }));
    expect(stats.mode === 'run' ? at(stats.result, 'total', 'calls') : null).toBe(1);
    const others = await house.run('operation_stats', { principal: 'ada' }, {}, { caller: bob });
    expect(errorOf(others)).toMatchObject({ code: 'stats.not_yours', class: 'authorization' });
    expect(at(await house.result('operation_stats', { operation: 'list_processes' }), 'total', 'calls')).toBe(2);
  });
});

describe('what goes on', () => {
  it('is listed, followed, and cancelled by its id', async () => {
    const house = await stateHouse();
    const running = house.run('slow_look', {}, { requestId: 'slow' });
    await expect
      .poll(async () => (await historyOf(house, { filter: { outcome: { eq: 'running' } } })).length, patient)
      .toBe(1);
    const topic = { of: 'execution', requestId: 'slow' } as const;
    const watch = valueOf(await house.backend.openWatch(topic, house.options));
    await expect.poll(() => watch.source.state?.rows.size, patient).toBe(3);
    expect([...(watch.source.state?.rows ?? [])]).toEqual([
      ['row one', { id: 'one', n: 1 }],
      ['row #1', { value: 7 }],
      ['progress', { is: 'progress', message: 'halfway', fraction: 0.5 }],
    ]);
    const bob = { ...house.options.caller, principal: 'bob', role: 'operator' as const };
    expect(errorOf(await house.run('cancel_operation', { requestId: 'slow' }, {}, { caller: bob })).code).toBe(
      'execution.not_running',
    );
    expect((await house.backend.openWatch(topic, { ...house.options, caller: bob })).ok).toBe(false);
    expect(await house.result('cancel_operation', { requestId: 'slow' })).toEqual({
      requestId: 'slow',
      operation: 'slow_look',
    });
    expect(errorOf(await running).code).toBe('call.cancelled');
    expect(watch.source.ended).not.toBe(null);
    expect(errorOf(await house.run('cancel_operation', { requestId: 'slow' })).code).toBe('execution.not_running');
    expect(await historyOf(house, { filter: { outcome: { eq: 'running' } } })).toEqual([]);
  });

  it('that is cancelled is cut off in the middle of what it asks the system', async () => {
    const runtime = fakeShop();
    const house = await houseOn(runtime);
    houses.push(house);
    runtime.fault('processes.info', { is: 'hang' });
    const asking = house.run('get_process_info', { pid: 'only_here' }, { requestId: 'hangs' });
    await expect.poll(() => runtime.calls('processes.info'), patient).toBe(1);
    await house.result('cancel_operation', { requestId: 'hangs' });
    expect(errorOf(await asking)).toMatchObject({ class: 'cancelled', effect: 'none' });
  });

  it('a call that is sent again while it goes on is one', async () => {
    const house = await stateHouse();
    const first = house.run('slow_look', {}, { requestId: 'twice' });
    await expect
      .poll(async () => (await historyOf(house, { filter: { outcome: { eq: 'running' } } })).length, patient)
      .toBe(1);
    const second = house.run('slow_look', {}, { requestId: 'twice' });
    await house.result('cancel_operation', { requestId: 'twice' });
    expect(errorOf(await first)).toEqual({
      ...errorOf(await second),
      correlationId: errorOf(await first).correlationId,
    });
    expect(await historyOf(house, { operation: 'slow_look' })).toHaveLength(1);
  });
});

describe('operation_stats', () => {
  // @row AN-02
  // @row AN-05
  // @row IV-03
  it('counts calls, failures by code and durations, of what is asked for', async () => {
    const house = await stateHouse();
    for (let n = 0; n < 4; n += 1) await house.run('list_processes', { limit: 1 });
    await house.run('list_processes', { limit: 0 });
    await house.run('get_process_info', { pid: 'nobody_here' });
    const stats = await house.result('operation_stats', { since: '1h', points: true });
    expect(at(stats, 'total')).toMatchObject({ calls: 6, failures: 2, errorRate: 1 / 3 });
    expect(at(stats, 'groups', 0)).toMatchObject({
      key: 'list_processes',
      calls: 5,
      failures: 1,
      failuresByCode: { 'params.invalid': 1 },
      durationMs: { p50: anyNumber, p99: anyNumber, max: anyNumber },
    });
    const points = listAt(stats, 'points').map((point) => at(point, 'calls'));
    expect(points.reduce<number>((sum, calls) => sum + Number(calls), 0)).toBe(6);
    expect(at(await house.result('operation_stats', { operation: 'get_process_info' }), 'total', 'errorRate')).toBe(1);
    for (const [groupBy, key] of [
      ['category', 'process'],
      ['connection', 'sim'],
      ['caller', 'ada'],
      ['via', 'editor'],
    ] as const) {
      expect(at(await house.result('operation_stats', { category: 'process', groupBy }), 'groups', 0)).toMatchObject({
        key,
        calls: 6,
      });
    }
    for (const none of [{ via: 'cli' }, { connection: 'other' }, { principal: 'bob' }, { until: '2001-01-01' }]) {
      expect(at(await house.result('operation_stats', none), 'total')).toMatchObject({
        calls: 0,
        errorRate: 0,
        durationMs: { p50: null },
      });
    }
  });

  // @row AN-06
  it('says what CPU time a call took, when nothing else ran', async () => {
    const house = await stateHouse();
    await house.run('list_processes', { limit: 1 });
    const alone = await house.result('operation_stats', { operation: 'list_processes' });
    expect(at(alone, 'total', 'cpuMs')).toMatchObject({ calls: 1, mean: anyNumber });
    const slow = house.run('slow_look', {}, { requestId: 'slow' });
    await house.run('get_process_info', { pid: 'only_here' });
    await house.run('cancel_operation', { requestId: 'slow' });
    await slow;
    const among = await house.result('operation_stats', { operation: 'get_process_info' });
    expect(at(among, 'total', 'cpuMs')).toEqual({ calls: 0, mean: null });
  });
});

// @row T017.d2
describe('after a restart', () => {
  it('history, figures and results are there', async () => {
    const home = temporaryHome();
    const first = await houseOn(fakeShop(), { home });
    valueOf(await first.run('list_processes', { limit: 1 }, { requestId: 'read1' }));
    valueOf(await first.run('get_process_info', { pid: 'nobody_here' }, { requestId: 'bad1', mode: 'validate' }));
    await first.run('get_process_info', { pid: 'nobody_here' }, { requestId: 'bad2' });
    await first.backend.close();
    const house = await stateHouse({ home });
    expect(valueOf(await house.backend.outcome('read1', house.options))).toMatchObject({
      state: 'done',
      operation: 'list_processes',
      result: { ok: true, value: { items: [{ node: 'shop1@h' }] } },
    });
    expect(valueOf(await house.backend.outcome('bad2', house.options))).toMatchObject({
      state: 'done',
      result: { ok: false, error: { code: 'process.not_found', class: 'not_found', effect: 'none' } },
    });
    const bob = { ...house.options.caller, principal: 'bob', role: 'operator' as const };
    const asked = await house.backend.outcome('read1', { ...house.options, caller: bob });
    expect(valueOf(asked)).toEqual({ state: 'never_seen' });
    expect((await historyOf(house)).map((row) => at(row, 'requestId'))).toEqual(['bad2', 'read1']);
    expect(at(await house.result('operation_stats', { operation: 'list_processes' }), 'total', 'calls')).toBe(1);
  });
});

describe('a disk that is full', () => {
  it('keeps no answer back, and the history says that it is in memory only', async () => {
    const stateFiles = new FaultyStateFiles();
    stateFiles.faults.add('short_append');
    const house = await stateHouse({ stateFiles });
    valueOf(await house.run('list_processes', { limit: 1 }));
    await house.backend.state.store.flush();
    valueOf(await house.run('list_processes', { limit: 1 }));
    const history = await house.result('operation_history');
    expect(at(history, 'persistence')).toMatchObject({ is: 'memory_only', message: 'ENOSPC' });
    expect(listAt(history, 'items')).toHaveLength(2);
    stateFiles.faults.clear();
    await house.backend.state.store.flush();
    expect(at(await house.result('operation_stats'), 'persistence')).toEqual({ is: 'ok' });
  });

  it('for the audit log refuses what changes, and lets look', async () => {
    const auditFiles = new FaultyFiles();
    auditFiles.faults.add('short_append');
    const house = await stateHouse({ auditFiles });
    expect(errorOf(await house.run('kill_process', { pid: 'only_here' }))).toMatchObject({
      code: 'audit.unwritable',
      effect: 'none',
    });
    expect((await house.run('list_processes', { limit: 1 })).ok).toBe(true);
    const [row] = await historyOf(house, { operation: 'kill_process' });
    expect(row).toMatchObject({ outcome: 'failed', code: 'audit.unwritable', effect: 'none' });
  });
});
