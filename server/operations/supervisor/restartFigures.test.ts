import { describe, expect, it } from 'vitest';
import { busiest, counted, perMinute, pointsOf } from './restartFigures.ts';

const at = (...times: readonly number[]) => times.map((time) => ({ at: time }));

describe('figures of restarts', () => {
  it('find the worst period there was, both its ends included', () => {
    expect(busiest([], 5)).toEqual({ most: 0, mostAt: null });
    expect(busiest(at(30, 20, 15, 14, 10), 5)).toEqual({ most: 3, mostAt: 15 });
    expect(busiest(at(30, 20, 15, 14, 10), 10)).toEqual({ most: 4, mostAt: 20 });
    expect(busiest(at(7, 7, 7), 0)).toEqual({ most: 3, mostAt: 7 });
  });

  it('count by what is asked, the most first, and keep the order within', () => {
    const items = ['a1', 'b2', 'b1', 'c1', 'b3'];
    expect(counted(items, (item) => item.slice(0, 1))).toEqual([
      { of: 'b', items: ['b2', 'b1', 'b3'], restarts: 3 },
      { of: 'a', items: ['a1'], restarts: 1 },
      { of: 'c', items: ['c1'], restarts: 1 },
    ]);
  });

  it('spread over time, and say nothing of no time', () => {
    const points = pointsOf(at(600, 599, 10, 0), { since: 0, until: 600 });
    expect(points).toHaveLength(60);
    expect([points[0], points[1], points.at(-1)]).toEqual([
      { at: 0, spanMs: 10, restarts: 1 },
      { at: 10, spanMs: 10, restarts: 1 },
      { at: 590, spanMs: 10, restarts: 2 },
    ]);
    expect(pointsOf(at(1), { since: 5, until: 5 })).toEqual([]);
    expect([perMinute(3, 90_000), perMinute(3, 0)]).toEqual([2, 0]);
  });
});
