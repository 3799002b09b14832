/** Answers that are given again: for how long, to whom, and when they are forgotten. */
import { describe, expect, it } from 'vitest';
import { failure } from '../../runtime/errors.ts';
import type { Json, Result } from '../../runtime/model.ts';
import { ok } from '../../runtime/model.ts';
import { AnswerCache } from './answerCache.ts';
import type { AnyReadOperation } from './operation.ts';
import { admin, bench, changing, errorOf, looking, valueOf } from './testKit.ts';

// @row CA-01
describe('AnswerCache', () => {
  const key = { connection: 'a', text: 'k' };

  // @row T025.d1, IV-30
  it('computes a value once, and gives it again until it is too old', async () => {
    let now = 0;
    const cache = new AnswerCache(undefined, () => now);
    let made = 0;
    const get = () => cache.getOrCompute(key, 100, () => Promise.resolve((made += 1)));
    expect(await get()).toEqual({ value: 1, ageMs: null });
    now = 99;
    expect(await get()).toEqual({ value: 1, ageMs: 99 });
    now = 100;
    expect(await get()).toEqual({ value: 2, ageMs: null });
  });

  it('computes a value once for all who ask meanwhile', async () => {
    const cache = new AnswerCache();
    let made = 0;
    let finish: (value: Json | undefined) => void = () => undefined;
    const compute = () => {
      made += 1;
      return new Promise<Json | undefined>((resolve) => (finish = resolve));
    };
    const asked = [1, 2, 3].map(() => cache.getOrCompute(key, 100, compute));
    finish('v');
    expect((await Promise.all(asked)).map((found) => found?.value)).toEqual(['v', 'v', 'v']);
    expect(made).toBe(1);
    const again = [1, 2].map(() => cache.getOrCompute({ ...key, text: 'other' }, 100, compute));
    finish(undefined);
    expect(await Promise.all(again)).toEqual([undefined, undefined]);
    expect([made, cache.entries]).toEqual([2, 1]);
  });

  it('keeps nothing of what breaks', async () => {
    const cache = new AnswerCache();
    await expect(cache.getOrCompute(key, 100, () => Promise.reject(new Error('oh')))).rejects.toThrow('oh');
    expect(await cache.getOrCompute(key, 100, () => Promise.resolve('v'))).toEqual({ value: 'v', ageMs: null });
  });

  it('forgets what was answered on a connection, and what is being computed for it', async () => {
    const cache = new AnswerCache();
    const value = (text: string) => () => Promise.resolve(text);
    await cache.getOrCompute(key, 1e6, value('old'));
    await cache.getOrCompute({ connection: 'b', text: 'b' }, 1e6, value('kept'));
    let finish: (value: Json | undefined) => void = () => undefined;
    const slow = cache.getOrCompute(
      { connection: 'a', text: 'slow' },
      1e6,
      () => new Promise((resolve) => (finish = resolve)),
    );
    const other = cache.getOrCompute({ connection: 'b', text: 'b2' }, 1e6, value('b2'));
    cache.invalidate('a');
    finish('stale');
    expect((await slow)?.value).toBe('stale');
    await other;
    expect(cache.entries).toBe(2);
    expect((await cache.getOrCompute(key, 1e6, value('new')))?.value).toBe('new');
    expect((await cache.getOrCompute({ connection: 'a', text: 'slow' }, 1e6, value('new')))?.value).toBe('new');
    expect((await cache.getOrCompute({ connection: 'b', text: 'b' }, 1e6, value('other')))?.value).toBe('kept');
  });

  it('is bounded in entries and in size', async () => {
    const cache = new AnswerCache({ entries: 3, characters: 400 });
    const keep = (text: string, value: Json) =>
      cache.getOrCompute({ connection: 'a', text }, 1e6, () => Promise.resolve(value));
    for (let n = 0; n < 5; n += 1) await keep(`k${n}`, n);
    expect(cache.entries).toBe(3);
    expect((await keep('k2', 'other'))?.value).toBe(2);
    for (let n = 0; n < 9; n += 1) await keep(`large${n}`, 'x'.repeat(80));
    expect(cache.entries).toBeLessThanOrEqual(3);
    await keep('too large', { deep: [{ text: 'x'.repeat(200) }, null, true] });
    expect((await keep('too large', 'again'))?.value).toBe('again');
  });
});

describe('an operation whose answer may be given again', () => {
  /** How often it was executed, with what a test wants different. */
  function counting(change: Partial<AnyReadOperation> = {}) {
    let times = 0;
    const operation = looking({
      cache: { ttlMs: 3_600_000 },
      execute: () => Promise.resolve(ok({ seen: (times += 1) })),
      ...change,
    });
    return { operation, times: () => times, kit: bench({ operations: [operation, changing()] }) };
  }
  const seen = (answer: Result<unknown>) => JSON.stringify(valueOf(answer)).match(/"seen":(\d+)/)?.[1];
  const viewer = { ...admin, principal: 'bob', role: 'viewer' } as const;

  it('is answered from memory, with its age, for the same parameters and no others', async () => {
    const { kit, times } = counting();
    expect(valueOf(await kit.run({ requestId: 'r1' }))).not.toHaveProperty('ageMs');
    expect(valueOf(await kit.run({ requestId: 'r2' }))).toMatchObject({ mode: 'run', result: { seen: 1 } });
    expect(valueOf(await kit.run({ requestId: 'r3' }))).toHaveProperty('ageMs');
    expect(kit.finished.map((call) => 'ageMs' in call)).toEqual([false, true, true]);
    expect(seen(await kit.run({ requestId: 'r4', params: { limit: 5 } }))).toBe('2');
    expect(times()).toBe(2);
  });

  it('is answered by the key it chooses', async () => {
    const { kit, times } = counting({ cache: { ttlMs: 1_000_000, key: () => 'one for all' } });
    await kit.run({ params: { limit: 1 } });
    await kit.run({ requestId: 'r2', params: { limit: 2 } });
    expect(times()).toBe(1);
  });

  it('is not answered from memory to a dry run or a validation, and these leave nothing there', async () => {
    const { kit, times } = counting();
    valueOf(await kit.run({ mode: 'dry_run' }));
    valueOf(await kit.run({ mode: 'validate' }));
    expect(seen(await kit.run())).toBe('1');
    const extras = { caller: admin, signal: new AbortController().signal };
    const call = { requestId: 'r9', connection: 'a', operation: 'look_around', params: {}, mode: 'run' as const };
    valueOf(await kit.pipeline.prepare(call, extras));
    expect(times()).toBe(1);
  });

  it('is answered by role, and where it shows what is private, to its caller only', async () => {
    const open = counting();
    expect(seen(await open.kit.run())).toBe('1');
    expect(seen(await open.kit.run({}, { caller: { ...admin, principal: 'eve' } }))).toBe('1');
    expect(seen(await open.kit.run({}, { caller: viewer }))).toBe('2');
    for (const change of [{ severity: 'diagnose' as const }, { cache: { ttlMs: 1_000_000, perCaller: true } }]) {
      const { kit } = counting(change);
      expect(seen(await kit.run())).toBe('1');
      expect(seen(await kit.run({}, { caller: { ...admin, principal: 'eve' } }))).toBe('2');
      expect(seen(await kit.run({}, { caller: { ...admin, via: 'rest' } }))).toBe('3');
      expect(seen(await kit.run())).toBe('1');
    }
  });

  it('is forgotten when something is written through the connection, also when that ends late', async () => {
    let finish: (value: Result<unknown>) => void = () => undefined;
    const { operation } = counting();
    const slow = changing({
      name: 'slow_touch',
      graceMs: 1,
      apply: () => new Promise((resolve) => (finish = resolve)),
    });
    const kit = bench({ operations: [operation, changing(), slow] });
    expect(seen(await kit.run())).toBe('1');
    valueOf(await kit.run({ operation: 'touch_node', params: { node: 'x' } }));
    expect(seen(await kit.run())).toBe('2');
    const control = new AbortController();
    const running = kit.run({ operation: 'slow_touch', params: { node: 'x' } }, { signal: control.signal });
    await expect.poll(() => kit.intents.length).toBe(2);
    control.abort();
    expect(errorOf(await running).class).toBe('cancelled');
    expect(seen(await kit.run())).toBe('3');
    finish(ok({ touched: true }));
    await expect.poll(() => kit.corrected.length).toBe(1);
    expect(seen(await kit.run())).toBe('4');
  });

  it('is forgotten when the connection is another, or the operation', async () => {
    const { kit, operation, times } = counting({ needs: [] });
    await kit.run();
    kit.runtime.reconnect();
    expect(seen(await kit.run())).toBe('2');
    kit.runtime.loseConnection();
    expect(seen(await kit.run())).toBe('3');
    expect(seen(await kit.run({ connection: null }))).toBe('4');
    expect(seen(await kit.run({ connection: null }))).toBe('4');
    const other = bench({ operations: [{ ...operation }] });
    await other.run();
    expect(times()).toBe(5);
  });

  it('is computed once for all who ask at once; whoever gives up waits no longer; a failure is nobody else’s', async () => {
    const finish: ((value: Result<unknown>) => void)[] = [];
    const { kit } = counting({ execute: () => new Promise((resolve) => void finish.push(resolve)) });
    const control = new AbortController();
    const first = kit.run({ requestId: 'r1' });
    await expect.poll(() => finish.length).toBe(1);
    const joined = kit.run({ requestId: 'r2' });
    const impatient = kit.run({ requestId: 'r3' }, { signal: control.signal });
    await expect.poll(() => kit.claimed.length).toBe(3);
    control.abort();
    expect(errorOf(await impatient)).toMatchObject({ class: 'cancelled', effect: 'none' });
    finish[0]?.(failure('unavailable', 'sample.gone', 'Gone.', 'Wait.'));
    expect(errorOf(await first).code).toBe('sample.gone');
    await expect.poll(() => finish.length).toBe(2);
    finish[1]?.(ok({ seen: 7 }));
    expect(seen(await joined)).toBe('7');
  });
});
