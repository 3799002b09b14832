import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import { openLink } from '../../network/condition.ts';
import { FaultBook } from './faultBook.ts';
import type { FaultLife, FaultRequest } from './protocol.ts';

const owner = { principal: 'p', client: 'c', operation: 'o', requestId: 'r' };
const life = (linger: FaultLife['linger'] = { ms: 1_000 }): FaultLife => ({ owner, linger });

let book: FaultBook;
let changes: number;
let hanging: Set<string>;
beforeEach(() => {
  vi.useFakeTimers();
  changes = 0;
  hanging = new Set();
  book = new FaultBook({
    lifeOf: (node) => (['a', 'b', 'c'].includes(node) ? { node, creation: 7 } : null),
    hang: (node): Result<() => void> => {
      hanging.add(node);
      return ok(() => hanging.delete(node));
    },
    linksChanged: () => (changes += 1),
  });
});
afterEach(() => {
  book.close();
  vi.useRealTimers();
});

function hold(fault: FaultRequest, session = 1, linger?: FaultLife['linger']): string {
  const held = book.hold(fault, life(linger), session);
  if (!held.ok) throw new Error(held.error.message);
  return held.value.id;
}
function refusal(fault: FaultRequest): string {
  const held = book.hold(fault, life(), 1);
  return held.ok ? 'held' : held.error.code;
}
const delay = (from: string, to: string, delayMs: number): FaultRequest => ({
  is: 'delay',
  from,
  to,
  delayMs,
  jitterMs: 0,
});

describe('what is held', () => {
  it('is a holding that says whose it is, of which life, and what it does, until it is released', () => {
    const id = hold({ is: 'partition', islands: [['a'], ['b', 'c']], mode: 'cut' });
    expect(book.holdings()).toEqual([
      { id, kind: 'fault', at: { node: 'a', creation: 7 }, target: null, owner, lingerMs: 1_000 },
    ]);
    expect(book.described()).toEqual([{ id, what: 'cut between a and b, c' }]);
    expect([book.conditionOf('a', 'c').passage, book.conditionOf('c', 'a').passage]).toEqual(['cut', 'cut']);
    expect(book.conditionOf('b', 'c')).toEqual(openLink);
    expect([book.release(id), book.release(id)]).toEqual([true, false]);
    expect(book.conditionOf('a', 'c')).toEqual(openLink);
    expect(changes).toBe(2);
  });

  it('adds up on one link, in one direction', () => {
    hold(delay('a', 'b', 10));
    const id = hold(delay('a', 'b', 5));
    hold({ is: 'drop', from: 'a', to: 'b', lossRatio: 0.5, bytesPerSecond: 100 });
    expect(book.conditionOf('a', 'b')).toEqual({ ...openLink, delayMs: 15, lossRatio: 0.5, bytesPerSecond: 100 });
    expect(book.conditionOf('b', 'a')).toEqual(openLink);
    book.release(id);
    expect(book.conditionOf('a', 'b').delayMs).toBe(10);
    expect(book.releaseAll()).toBe(2);
    expect(book.conditionOf('a', 'b')).toEqual(openLink);
  });

  it('leaves a node that is on no island its links', () => {
    hold({ is: 'partition', islands: [['a'], ['b']], mode: 'blackhole' });
    expect(book.conditionOf('a', 'b').passage).toBe('blackhole');
    expect(book.conditionOf('a', 'c')).toEqual(openLink);
  });
});

describe('when its client goes', () => {
  it('a fault lingers as long as it said, and then is undone', () => {
    hold(delay('a', 'b', 10), 1, { ms: 2_000 });
    hold({ is: 'hang', node: 'c' }, 1, { ms: 0 });
    hold(delay('b', 'c', 10), 2);
    book.sessionEnded(1);
    vi.advanceTimersByTime(1);
    expect([...hanging]).toEqual([]);
    vi.advanceTimersByTime(1_998);
    expect(book.conditionOf('a', 'b').delayMs).toBe(10);
    vi.advanceTimersByTime(1);
    expect(book.conditionOf('a', 'b').delayMs).toBe(0);
    expect(book.holdings()).toHaveLength(1);
  });

  it('one that is to be healed stays', () => {
    hold(delay('a', 'b', 10), 1, 'until_healed');
    book.sessionEnded(1);
    vi.advanceTimersByTime(1_000_000);
    expect(book.holdings()).toHaveLength(1);
  });
});

describe('when a node ends', () => {
  it('it hangs no more, and one that is gone for good has no links to be slow', () => {
    hold({ is: 'hang', node: 'a' });
    hold(delay('a', 'b', 10));
    book.nodeEnded('a', false);
    expect([...hanging]).toEqual([]);
    expect(book.conditionOf('a', 'b').delayMs).toBe(10);
    book.nodeEnded('a', true);
    expect(book.holdings()).toEqual([]);
  });
});

describe('what makes no sense', () => {
  it('is refused with a code of its own', () => {
    const partition = (...islands: string[][]) => refusal({ is: 'partition', islands, mode: 'cut' });
    expect(partition(['a'])).toBe('fault.bad_islands');
    expect(partition(['a'], [])).toBe('fault.bad_islands');
    expect(partition(['a', 'a'], ['b'])).toBe('fault.bad_islands');
    expect(partition(['a'], ['x'])).toBe('node.not_found');
    expect(refusal({ is: 'hang', node: 'x' })).toBe('node.not_found');
    expect(refusal(delay('a', 'a', 1))).toBe('fault.bad_link');
    expect(refusal(delay('a', 'x', 1))).toBe('node.not_found');
    expect(refusal(delay('a', 'b', 60_001))).toBe('fault.out_of_range');
    expect(refusal(delay('a', 'b', Number.NaN))).toBe('fault.out_of_range');
    const drop = { is: 'drop', from: 'a', to: 'b' } as const;
    expect(refusal({ ...drop, lossRatio: 2, bytesPerSecond: null })).toBe('fault.out_of_range');
    expect(refusal({ ...drop, lossRatio: 0, bytesPerSecond: 0 })).toBe('fault.out_of_range');
    expect([book.holdings(), changes]).toEqual([[], 0]);
  });
});
