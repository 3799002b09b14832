import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Timed } from './deadlines.ts';
import { Deadlines } from './deadlines.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(): {
  readonly wait: (ms: number, name: string) => () => void;
  readonly expired: string[];
  deadlines: Deadlines;
} {
  const pending = new Set<Timed>();
  const expired: string[] = [];
  const deadlines = new Deadlines(() => pending);
  const wait = (ms: number, name: string): (() => void) => {
    const deadlineMs = performance.now() + ms;
    const one: Timed = {
      deadlineMs,
      expire: () => {
        pending.delete(one);
        expired.push(name);
      },
    };
    pending.add(one);
    deadlines.add(deadlineMs);
    return () => {
      pending.delete(one);
    };
  };
  return { wait, expired, deadlines };
}

describe('deadlines', () => {
  it('pass in their order, however they were set, and never early', () => {
    const { wait, expired } = watched();
    wait(100, 'late');
    wait(20, 'soon');
    wait(60, 'then');
    vi.advanceTimersByTime(19);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(6);
    expect(expired).toEqual(['soon']);
    vi.advanceTimersByTime(40);
    expect(expired).toEqual(['soon', 'then']);
    vi.advanceTimersByTime(40);
    expect(expired).toEqual(['soon', 'then', 'late']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('need one timer for any number, and none for what has ended', () => {
    const { wait, expired } = watched();
    const ends = Array.from({ length: 1_000 }, (_, at) => wait(1_000 + at, `call ${at}`));
    expect(vi.getTimerCount()).toBe(1);
    for (const end of ends) end();
    vi.advanceTimersByTime(3_000);
    expect([expired, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('that lie close together pass at once, each at most a grain late', () => {
    const { wait, expired } = watched();
    for (let at = 0; at < 100; at++) wait(50 + at / 100, `call ${at}`);
    let rounds = 0;
    for (let before = 0; expired.length < 100; before = expired.length) {
      vi.advanceTimersByTime(1);
      if (expired.length > before) rounds++;
    }
    expect(rounds).toBeLessThanOrEqual(2);
    expect(performance.now()).toBeLessThanOrEqual(50 + 1 + 6);
  });

  it('that are set while others pass are kept, and those beyond what a timer can wait do not pass at once', () => {
    const { wait, expired, deadlines } = watched();
    wait(2 ** 40, 'in years');
    vi.advanceTimersByTime(10_000);
    expect(expired).toEqual([]);
    wait(10, 'first');
    vi.advanceTimersByTime(20);
    wait(10, 'second');
    vi.advanceTimersByTime(20);
    expect(expired).toEqual(['first', 'second']);
    deadlines.clear();
    expect(vi.getTimerCount()).toBe(0);
  });
});
