/** What supervisors are told of in figures, on a scripted cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answering, choosing, failing, streaming, streamFailing } from '../../../runtime/fake/scriptedRuntime.ts';
import { childValue } from '../../../runtime/listFields.ts';
import type { SupervisorFlags } from '../../../runtime/model.ts';
import { atom, integer, list } from '../../../runtime/term/term.ts';
import { at, listAt } from '../../backend/testKit.ts';
import { errorOf } from '../../core/testKit.ts';
import type { Bench } from '../testKit.ts';
import { child, idOf, late, lost, page, ref, scriptedHouse } from '../testKit.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await scriptedHouse();
});
beforeEach(() => {
  bench.script({});
});
afterAll(() => bench.close());

const supervisor = { supervisor: 'Shop.Supervisor', node: 'a@h' };
const flags: SupervisorFlags = { strategy: 'one_for_one', intensity: 1, periodSeconds: 5, autoShutdown: 'never' };
const cart = child(atom('cart'), { is: 'running', pid: ref('a@h', 10) });

describe('a supervisor in figures', () => {
  const count = { specs: 3, active: 2, supervisors: 1, workers: 2 };

  // @row T009.a3
  it('tells restarts by child, the latest first, and those of its last period', async () => {
    const now = Date.now();
    const restart = (id: string, agoMs: number) => ({ at: now - agoMs, childId: atom(id), reason: atom(id), count: 1 });
    const restarts = [restart('a', 60_000), restart('b', 3_000), restart('b', 1_000)];
    const since = now - 120_000;
    bench.script({ 'supervisors.restarts': answering({ restarts, since }), 'supervisors.flags': answering(flags) });
    const told = await bench.result('restart_frequency', { ...supervisor, limit: 2 });
    expect(told).toMatchObject({
      total: 3,
      since,
      recordedSince: since,
      inPeriod: { restarts: 2, most: 2, mostAt: now - 1_000, intensity: 1, periodSeconds: 5 },
      byChild: [
        { childId: ':b', restarts: 2, lastAt: now - 1_000, lastReason: ':b' },
        { childId: ':a', restarts: 1, lastAt: now - 60_000 },
      ],
      byReason: [
        { reason: ':b', restarts: 2 },
        { reason: ':a', restarts: 1 },
      ],
      points: [],
    });
    expect(at(told, 'perMinute')).toBeCloseTo(1.5, 1);
    expect(listAt(told, 'latest').map((row) => at(row, 'at'))).toEqual([now - 1_000, now - 3_000]);
    const ago = (ms: number) => new Date(now - ms).toISOString();
    const span = { since: ago(90_000), until: ago(2_000), points: true };
    const part = await bench.result('restart_frequency', { ...supervisor, ...span });
    expect(part).toMatchObject({
      total: 2,
      since: now - 90_000,
      until: now - 2_000,
      inPeriod: { restarts: 2, most: 1 },
    });
    const points = listAt(part, 'points');
    expect(points).toHaveLength(60);
    expect(points.reduce<number>((sum, point) => sum + Number(at(point, 'restarts')), 0)).toBe(2);
    for (const child of ['a', ':a']) {
      const one = await bench.result('restart_frequency', { ...supervisor, child });
      expect([at(one, 'total'), listAt(one, 'latest').map((row) => at(row, 'childId'))]).toEqual([1, [':a']]);
    }
    // What was before the recording began is not told as quiet.
    const early = await bench.result('restart_frequency', { ...supervisor, since: '1d' });
    expect(early).toMatchObject({ since, total: 3 });
    const wrong = errorOf(await bench.run('restart_frequency', { ...supervisor, since: '1m', until: '2m' }));
    expect(wrong.pointer).toBe('/until');
    bench.script({ 'supervisors.restarts': answering({ restarts, since }) });
    expect(at(await bench.result('restart_frequency', supervisor), 'inPeriod')).toBeNull();
    bench.script({ 'supervisors.restarts': failing(late) });
    expect(errorOf(await bench.run('restart_frequency', supervisor)).class).toBe('timeout');
  });

  it('tells what it can, and why the rest is not known', async () => {
    const info = page('a@h', [20], { memory: [5_000], message_queue_len: [4] });
    bench.script({
      'supervisors.count': answering(count),
      'supervisors.flags': answering(flags),
      'supervisors.restarts': answering({ restarts: [], since: 5 }),
      'processes.info': answering({ pages: [info], gone: [] }),
    });
    expect(await bench.result('supervisor_stats', supervisor)).toMatchObject({
      children: count,
      flags,
      memory: 5_000,
      messageQueueLen: 4,
      restarts: { count: 0, since: 5 },
      unknown: [],
    });
    bench.script({ 'supervisors.count': answering(count), 'supervisors.flags': failing(late) });
    const less = await bench.result('supervisor_stats', supervisor);
    expect(less).toMatchObject({ flags: null, memory: null, messageQueueLen: null, restarts: null });
    expect(listAt(less, 'unknown').map((error) => at(error, 'code'))).toEqual([
      'call.timeout',
      'runtime.unsupported',
      'runtime.unsupported',
    ]);
    bench.script({ 'supervisors.count': failing(late) });
    expect(errorOf(await bench.run('supervisor_stats', supervisor)).class).toBe('timeout');
  });

  it('tells its children, also when there are more than are read', async () => {
    const restarting = child(list([integer(300)]), { is: 'restarting' });
    bench.script({ 'supervisors.children': streaming([[cart], [restarting]], { total: 50_000 }) });
    const told = await bench.result('which_children', supervisor);
    expect(told).toMatchObject({
      total: 50_000,
      truncated: true,
      items: [
        { childIdText: ':cart', pid: idOf('a@h', 10) },
        { state: 'restarting', pid: null },
      ],
    });
    // What their printed ids are is told here: nobody knows whether those that were not read are meant.
    const filter = { childIdText: { eq: ':cart' } };
    const chosen = await bench.result('which_children', { ...supervisor, filter });
    expect(chosen).toMatchObject({ total: 49_999, truncated: true, items: [{ childIdText: ':cart' }] });
    bench.script({ 'supervisors.children': streamFailing(lost, [[cart]]) });
    expect(errorOf(await bench.run('which_children', supervisor)).class).toBe('unavailable');
  });

  it('tells each child of a dynamic supervisor once, also when one of those shown ends before the next page', async () => {
    const numbers = Array.from({ length: 1_100 }, (_none, at) => at + 1);
    let left = numbers;
    bench.script({
      'supervisors.children': ({ limit }) => {
        const running = left.map((id, at) => child(atom('undefined'), { is: 'running', pid: ref('a@h', id) }, at));
        return choosing(running, childValue)({ first: limit });
      },
    });
    const first = await bench.result('which_children', { ...supervisor, limit: 1_000 });
    left = numbers.slice(1);
    const second = await bench.result('which_children', { ...supervisor, limit: 1_000, after: at(first, 'next') });
    const pids = [first, second].flatMap((page) => listAt(page, 'items').map((row) => at(row, 'pid')));
    expect(pids).toEqual(numbers.map((id) => idOf('a@h', id)));
    expect([at(second, 'total'), at(second, 'next')]).toEqual([numbers.length, null]);
  });
});
