import { describe, expect, it } from 'vitest';
import { failure } from '../../errors.ts';
import { ok } from '../../model.ts';
import type { WatchStreamItem } from '../../watchStream.ts';
import type { Sampler } from './sampledWatch.ts';
import { SampledWatch, shortestIntervalMs } from './sampledWatch.ts';

const query = { minIntervalMs: 1, of: { rows: 'nodes' } } as const;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A watch of a number that grows with every sample, and how often it was sampled. */
function counting(fails: (sample: number) => string | null = () => null) {
  let samples = 0;
  const sampler: Sampler = async () => {
    samples += 1;
    const code = fails(samples);
    return code === null ? ok({ rows: [['row', { samples }]] }) : failure('unavailable', code, 'No.', 'Try again.');
  };
  const watch = new SampledWatch('epoch', 1, sampler, (code) => code === 'gone');
  return { watch, samples: () => samples };
}

async function next(stream: AsyncGenerator<WatchStreamItem>): Promise<WatchStreamItem> {
  const item = await stream.next();
  if (item.done === true) throw new Error('The stream had no end.');
  return item.value;
}

describe('a sampled watch', () => {
  it('samples only while somebody wants the next frame', async () => {
    const { watch, samples } = counting();
    const left: string[] = [];
    const stream = watch.stream(query, new AbortController().signal, () => left.push('left'));
    await wait(20);
    expect(samples()).toBe(0);
    expect(await next(stream)).toMatchObject({
      is: 'frame',
      frame: { is: 'snapshot', fidelity: { is: 'sampled', everyMs: shortestIntervalMs } },
    });
    const soFar = samples();
    await wait(shortestIntervalMs * 2.5);
    // The consumer has a frame and does not ask for more: hidden, or slow.
    expect(samples()).toBeLessThanOrEqual(soFar + 1);
    expect(await next(stream)).toMatchObject({ is: 'frame', frame: { is: 'delta' } });
    await stream.return(undefined);
    expect(left).toEqual(['left']);
    const atEnd = samples();
    await wait(shortestIntervalMs * 2.5);
    expect(samples()).toBe(atEnd);
  });

  it('is shared: two who watch cost no more than one', async () => {
    const { watch, samples } = counting();
    const streams = [1, 2].map(() => watch.stream(query, new AbortController().signal, () => undefined));
    await Promise.all(streams.map(next));
    expect(samples()).toBe(1);
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  });

  it('is told at once when it is nudged', async () => {
    const { watch } = counting();
    const stream = watch.stream(query, new AbortController().signal, () => undefined);
    await next(stream);
    const started = performance.now();
    const second = next(stream);
    await wait(10);
    watch.nudge();
    await second;
    expect(performance.now() - started).toBeLessThan(shortestIntervalMs);
    await stream.return(undefined);
  });

  it('ends with the error when there is nothing to show, or nothing left', async () => {
    const never = counting(() => 'node.unavailable').watch;
    const first = await next(never.stream(query, new AbortController().signal, () => undefined));
    expect(first).toMatchObject({ is: 'end', result: { error: { code: 'node.unavailable' } } });
    const later = counting((sample) => (sample === 1 ? null : 'gone')).watch;
    const stream = later.stream(query, new AbortController().signal, () => undefined);
    await next(stream);
    expect(await next(stream)).toMatchObject({ is: 'end', result: { error: { code: 'gone' } } });
  });

  it('keeps what it has while a sample is missed, and goes on when there is one again', async () => {
    const { watch, samples } = counting((sample) => (sample === 2 ? 'call.timeout' : null));
    const stream = watch.stream(query, new AbortController().signal, () => undefined);
    await next(stream);
    const item = await next(stream);
    expect(samples()).toBe(3);
    expect(item).toMatchObject({ frame: { is: 'delta', put: [['row', { samples: 3 }]] } });
    await stream.return(undefined);
  });

  it('ends as cancelled when its signal says so', async () => {
    const { watch } = counting();
    const control = new AbortController();
    const stream = watch.stream(query, control.signal, () => undefined);
    await next(stream);
    const second = next(stream);
    control.abort();
    let item = await second;
    while (item.is === 'frame') item = await next(stream);
    expect(item).toMatchObject({ result: { ok: false, error: { class: 'cancelled' } } });
  });
});
