import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { arsenalError } from './errors.ts';
import type { Row } from './watch.ts';
import { mostRowsPerFrame, WatchSource, WatchView } from './watch.ts';
import { followWatch, watchStream } from './watchStream.ts';

const exact = { is: 'exact' } as const;
const row = (v: number): Row => ({ v });

describe('the pace of a watch as a stream', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('sends a snapshot, then merged deltas no faster than asked, and what came last before its end', async () => {
    const source = new WatchSource({ fidelity: exact, epoch: 'e' });
    source.set([
      ['a', row(0)],
      ['b', row(0)],
    ]);
    const stream = watchStream(source, { minIntervalMs: 30, signal: new AbortController().signal });
    expect((await stream.next()).value).toMatchObject({
      is: 'frame',
      frame: { is: 'snapshot', to: 1 },
    });
    const second = stream.next();
    let hasCome = false;
    void second.then(() => (hasCome = true));
    for (let v = 1; v <= 5; v += 1) source.put('a', row(v));
    await vi.advanceTimersByTimeAsync(29);
    expect(hasCome).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect((await second).value).toMatchObject({ frame: { is: 'delta', from: 1, to: 6, put: [['a', { v: 5 }]] } });
    source.delete('a');
    source.close();
    expect((await stream.next()).value).toMatchObject({ frame: { is: 'delta', delete: ['a'] } });
    expect((await stream.next()).value).toEqual({ is: 'end', result: { ok: true, value: { ended: 'source_gone' } } });
    expect((await stream.next()).done).toBe(true);
  });

  it('brings a snapshot of many rows in parts, without waiting between them, into a view', async () => {
    const source = new WatchSource({ fidelity: exact });
    source.set(Array.from({ length: mostRowsPerFrame * 2 + 1 }, (_, at) => [`k${at}`, row(at)] as const));
    const view = new WatchView();
    const abort = new AbortController();
    const followed = followWatch(watchStream(source, { minIntervalMs: 10, signal: abort.signal }), view);
    await vi.advanceTimersByTimeAsync(9);
    expect(view.state?.rows.size).toBe(mostRowsPerFrame * 2 + 1);
    source.delete('k0');
    await vi.advanceTimersByTimeAsync(10);
    expect(view.state).toMatchObject({ total: mostRowsPerFrame * 2, version: 2 });
    abort.abort();
    expect(await followed).toMatchObject({ ok: false, error: { class: 'cancelled' } });
    expect(view.ended?.error).toMatchObject({ class: 'cancelled' });
  });
});

describe('a watch as a stream', () => {
  it('keeps what was not pulled in one merged frame', async () => {
    const source = new WatchSource({ fidelity: exact });
    source.put('a', row(0));
    const stream = watchStream(source, { minIntervalMs: 0, signal: new AbortController().signal });
    await stream.next();
    for (let v = 1; v <= 1_000; v += 1) {
      source.put('a', row(v));
      await Promise.resolve();
    }
    expect((await stream.next()).value).toMatchObject({ frame: { from: 1, to: 1_001, put: [['a', { v: 1_000 }]] } });
    await stream.return();
  });

  it('ends with the error of its source, and as cancelled when it is', async () => {
    const error = arsenalError('unavailable', 'x', 'Gone.', 'Wait.');
    const source = new WatchSource({ fidelity: exact });
    const lost = watchStream(source, { minIntervalMs: 0, signal: new AbortController().signal });
    const pulled = lost.next();
    source.close(error);
    expect((await pulled).value).toEqual({ is: 'end', result: { ok: false, error } });

    const abort = new AbortController();
    const open = new WatchSource({ fidelity: exact });
    open.put('a', row(1));
    const cut = watchStream(open, { minIntervalMs: 60_000, signal: abort.signal });
    await cut.next();
    const waiting = cut.next();
    open.put('a', row(2));
    abort.abort();
    expect((await waiting).value).toMatchObject({
      is: 'end',
      result: { error: { class: 'cancelled', effect: 'none' } },
    });
  });

  it('is followed to its end, and a stream that loses a change or its end is told from one that ends', async () => {
    const source = new WatchSource({ fidelity: exact });
    source.put('a', row(1));
    source.close();
    const view = new WatchView();
    const stream = watchStream(source, { minIntervalMs: 0, signal: new AbortController().signal });
    expect(await followWatch(stream, view)).toEqual({ ok: true, value: { ended: 'source_gone' } });
    expect(view.ended).toEqual({ error: null });

    async function* gap() {
      await Promise.resolve();
      yield { is: 'frame', frame: { is: 'delta', epoch: 'e', from: 3, to: 4, put: [], delete: [], total: 0 } } as const;
    }
    expect(await followWatch(gap(), new WatchView())).toMatchObject({ error: { code: 'watch.gap' } });
    async function* nothing() {
      await Promise.resolve();
    }
    expect(await followWatch(nothing(), new WatchView())).toMatchObject({ error: { code: 'watch.ended_early' } });
  });
});
