import { describe, expect, it } from 'vitest';
import type { Abortable } from './abortWatch.ts';
import { AbortWatch } from './abortWatch.ts';

class Waiting implements Abortable {
  readonly aborter = new AbortController();
  readonly signal = this.aborter.signal;
  isOver = false;
  aborts = 0;
  ignoreAbort: (() => void) | null = null;

  abort(): void {
    this.aborts++;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

describe('an abort', () => {
  it('is seen in the first moments and after them, once, and not when the wait is over', async () => {
    const watch = new AbortWatch();
    const [early, late, over, ended, kept] = [
      new Waiting(),
      new Waiting(),
      new Waiting(),
      new Waiting(),
      new Waiting(),
    ];
    for (const wait of [early, late, over, ended, kept]) watch.add(wait);
    early.aborter.abort();
    over.isOver = true;
    over.aborter.abort();
    await delay(20);
    expect([early.aborts, over.aborts]).toEqual([1, 0]);
    expect([early.ignoreAbort, over.ignoreAbort]).toEqual([null, null]);
    expect(late.aborts).toBe(0);
    late.aborter.abort();
    expect(late.aborts).toBe(1);
    ended.ignoreAbort?.();
    ended.aborter.abort();
    expect(ended.aborts).toBe(0);
    expect(kept.aborts).toBe(0);
    // Another round.
    const next = new Waiting();
    watch.add(next);
    next.aborter.abort();
    await delay(20);
    expect(next.aborts).toBe(1);
  });

  it('of what was cleared is not seen', async () => {
    const watch = new AbortWatch();
    const wait = new Waiting();
    watch.add(wait);
    watch.clear();
    wait.aborter.abort();
    await delay(10);
    expect(wait.aborts).toBe(0);
  });
});
