import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Timer } from './timerHeap.ts';
import { TimerHeap } from './timerHeap.ts';

describe('TimerHeap', () => {
  it('fires by time, then by order of setting, without those that were cancelled', () => {
    const timer = fc.record({ atMs: fc.integer({ min: 0, max: 50 }), cancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(timer, { maxLength: 100 }), (wanted) => {
        const heap = new TimerHeap();
        const fired: number[] = [];
        const timers = wanted.map(({ atMs }, index) => heap.set(atMs, () => fired.push(index)));
        wanted.forEach(({ cancelled }, index) => {
          const timer = timers[index];
          if (cancelled && timer !== undefined) expect(heap.cancel(timer)).toBe(true);
        });
        for (let next = heap.pop(100); next !== null; next = heap.pop(100)) next.fire();
        const expected = wanted
          .map(({ atMs, cancelled }, index) => ({ atMs, cancelled, index }))
          .filter(({ cancelled }) => !cancelled)
          .sort((one, other) => one.atMs - other.atMs || one.index - other.index)
          .map(({ index }) => index);
        expect(fired).toEqual(expected);
        expect(heap.size).toBe(0);
      }),
    );
  });

  it('pops only what is due, and a timer is cancelled once', () => {
    const heap = new TimerHeap();
    expect(heap.nextAtMs).toBeNull();
    const late: Timer = heap.set(20, () => undefined);
    const early = heap.set(10, () => undefined);
    expect(heap.nextAtMs).toBe(10);
    expect(heap.pop(5)).toBeNull();
    expect(heap.pop(15)).toBe(early);
    expect(heap.cancel(early)).toBe(false);
    expect(heap.cancel(late)).toBe(true);
    expect(heap.cancel(late)).toBe(false);
  });
});
