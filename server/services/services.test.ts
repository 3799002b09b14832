/** The small services: rate limit, metrics, events, scans, writers. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import type { FinishedCall } from '../core/calls.ts';
import { admin, bench, errorOf } from '../core/testKit.ts';
import { isDead, thisWriter, writerIn } from './audit/writer.ts';
import { Events, mostEvents } from './events.ts';
import { durationBoundsMs, Metrics } from './metrics.ts';
import { RateLimiter } from './rateLimit.ts';
import { ScanStore } from './scans.ts';

describe('RateLimiter', () => {
  // @row IN-03, PR-05
  it('lets a burst through, then as many as fill in, for each caller and operation', () => {
    let now = 0;
    const limiter = new RateLimiter({ burst: 3, perSecond: 10 }, () => now);
    const admitted = () => limiter.admit(admin, 'x').ok;
    expect([admitted(), admitted(), admitted(), admitted()]).toEqual([true, true, true, false]);
    expect(errorOf(limiter.admit(admin, 'x'))).toMatchObject({
      class: 'rate_limited',
      code: 'rate.exceeded',
      retryAfterMs: 100,
    });
    expect([limiter.admit(admin, 'y').ok, limiter.admit({ ...admin, via: 'rest' }, 'x').ok]).toEqual([true, true]);
    now += 100;
    expect([admitted(), admitted()]).toEqual([true, false]);
    now += 1_000_000;
    expect([admitted(), admitted(), admitted(), admitted()]).toEqual([true, true, true, false]);
  });

  it('remembers a bounded number of callers', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 0.001 }, () => 0);
    for (let n = 0; n < 10_001; n += 1) limiter.admit({ ...admin, principal: `p${n}` }, 'x');
    expect(limiter.admit({ ...admin, principal: 'p0' }, 'x').ok).toBe(true);
    expect(limiter.admit({ ...admin, principal: 'p10000' }, 'x').ok).toBe(false);
  });
});

describe('what is told of calls', () => {
  async function finishedCalls(): Promise<readonly FinishedCall[]> {
    const { run, finished } = bench();
    await run();
    await run({ params: { limit: 99 } });
    await run({ operation: 'unheard_of' });
    return finished;
  }

  // @row AN-03
  // @row AN-05, IV-10, T016.d2, T016.a2
  it('metrics count calls, failures by code and durations, and invent no counter for what callers make up', async () => {
    const metrics = new Metrics();
    const heard: string[] = [];
    const listening = metrics.onTelemetry((event) => void heard.push(`${event.operation} ${event.outcome}`));
    for (const call of await finishedCalls()) metrics.observe(call);
    listening.dispose();
    const [known, unknown] = metrics.all();
    expect(known).toMatchObject({
      operation: 'look_around',
      calls: 2,
      failures: 1,
      failuresByCode: { 'params.invalid': 1 },
    });
    expect(unknown).toMatchObject({ operation: 'unknown', calls: 1, failuresByCode: { 'operation.not_found': 1 } });
    expect(known?.durationMs.classes.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(heard).toEqual(['look_around ok', 'look_around failed', 'unknown failed']);
    const [slow] = await finishedCalls();
    if (slow !== undefined) metrics.observe({ ...slow, durationMs: 99_999 });
    expect(metrics.all()[0]?.durationMs).toMatchObject({ max: 99_999 });
    expect(metrics.all()[0]?.durationMs.classes[durationBoundsMs.length]).toBe(1);
    expect(heard).toHaveLength(3);
  });
});

describe('Events', () => {
  it('tells them as they come, and holds the last five hundred', () => {
    const events = new Events();
    const heard: number[] = [];
    const listening = events.onEvent(({ seq }) => void heard.push(seq));
    for (let n = 0; n < mostEvents + 2; n += 1) events.publish(null, { is: 'node_up', node: `n${n}` });
    listening.dispose();
    events.publish('sim', { is: 'node_down', node: 'n0' });
    expect(heard).toHaveLength(mostEvents + 2);
    expect(events.all()).toHaveLength(mostEvents);
    expect(events.all().at(-1)).toMatchObject({ seq: mostEvents + 3, connection: 'sim' });
  });
});

describe('ScanStore', () => {
  const owner = { principal: 'ada', connection: 'sim', operation: 'list_processes' };
  const list = (rows: number) => ({
    rows: Array.from({ length: rows }, () => ({})),
    total: rows,
    nodes: [],
    whole: null,
  });

  it('gives a list back to who kept it, and to nobody else', () => {
    const scans = new ScanStore();
    const id = scans.keep(owner, list(3));
    expect(scans.read(owner, id)?.rows).toHaveLength(3);
    expect(scans.read({ ...owner, principal: 'bob' }, id)).toBeNull();
    expect(scans.read({ ...owner, connection: 'sim2' }, id)).toBeNull();
    expect(scans.read({ ...owner, connection: null }, id)).toBeNull();
    expect(scans.read({ ...owner, operation: 'x' }, id)).toBeNull();
    expect(scans.read(owner, 'none')).toBeNull();
  });

  it('keeps it for a while after it was last read, and only so many rows in all', () => {
    let now = 0;
    const scans = new ScanStore({ rows: 10, lifetimeMs: 100 }, () => now);
    const [a, b] = [scans.keep(owner, list(5)), scans.keep(owner, list(5))];
    expect(scans.read(owner, a)).not.toBeNull();
    const c = scans.keep(owner, list(5));
    expect([a, b, c].map((id) => scans.read(owner, id) !== null)).toEqual([true, false, true]);
    now = 90;
    scans.read(owner, a);
    now = 150;
    expect([a, c].map((id) => scans.read(owner, id) !== null)).toEqual([true, false]);
  });

  it('lets go of what is old though nobody asks any more', () => {
    vi.useFakeTimers();
    try {
      const scans = new ScanStore({ rows: 10, lifetimeMs: 1_000 });
      const first = scans.keep(owner, list(3));
      vi.advanceTimersByTime(600);
      scans.keep(owner, list(4));
      scans.read(owner, first);
      vi.advanceTimersByTime(600);
      expect(scans.rows).toBe(7);
      vi.advanceTimersByTime(1_000);
      expect(scans.rows).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('forgets the lists of a connection that is closed', () => {
    const scans = new ScanStore();
    const [mine, other] = [scans.keep(owner, list(1)), scans.keep({ ...owner, connection: 'sim2' }, list(1))];
    scans.forget('sim');
    expect(scans.read(owner, mine)).toBeNull();
    expect(scans.read({ ...owner, connection: 'sim2' }, other)).not.toBeNull();
  });
});

describe('whether a writer is dead', () => {
  it('knows the living, the dead, and the living under a dead one’s number', () => {
    const me = thisWriter();
    expect(isDead(me)).toBe(false);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    expect(isDead({ ...me, pid })).toBe(true);
    if (process.platform === 'linux') expect(isDead({ ...me, startTicks: '1' })).toBe(true);
    expect(isDead({ ...me, startTicks: null })).toBe(false);
  });

  it('never calls a writer of another machine dead', () => {
    expect(isDead({ pid: 2 ** 22 + 1, host: 'elsewhere.invalid', startTicks: null })).toBe(false);
  });

  it('reads writers, and nothing else, from records', () => {
    const me = thisWriter();
    expect(writerIn({ ...me })).toEqual(me);
    expect(writerIn({ ...me, startTicks: null })).toEqual({ ...me, startTicks: null });
    for (const pid of [0, -1, 1.5, 'x', null]) expect(writerIn({ ...me, pid })).toBeNull();
    expect(writerIn({ pid: 1 })).toBeNull();
  });
});
