import { describe, expect, it } from 'vitest';
import { boundsOf, cell, neighbour, placeIslands, placeNodes } from './layout.ts';
import type { Places } from './layout.ts';

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `app${String(at).padStart(2, '0')}@${at % 2 === 0 ? 'eu' : 'us'}`);

function closest(places: Places): number {
  const all = [...places.values()];
  return Math.min(
    ...all.flatMap((one, at) =>
      all
        .slice(at + 1)
        .map((other) => Math.max(Math.abs(one.x - other.x) / cell.width, Math.abs(one.y - other.y) / cell.height)),
    ),
  );
}

describe('places', () => {
  it.each([1, 2, 3, 5, 12, 13, 30, 60, 100])(
    'of %i nodes leave each its room, and are the same every time',
    (count) => {
      for (const aspect of [0.5, 1, 1.8]) {
        const places = placeNodes(names(count), new Map(), aspect);
        expect(places.size).toBe(count);
        if (count > 1) expect(closest(places)).toBeGreaterThan(0.6);
        expect(placeNodes(names(count).reverse(), new Map(), aspect)).toEqual(places);
      }
    },
  );

  it('of nodes that are placed do not move when others join or leave', () => {
    const before = placeNodes(names(9), new Map(), 1.5);
    const joined = placeNodes(names(11), before, 1.5);
    for (const [name, place] of before) expect(joined.get(name)).toEqual(place);
    expect(joined.size).toBe(11);
    expect(closest(joined)).toBeGreaterThan(0.5);
    const left = placeNodes(names(5), before, 1.5);
    expect([...left.keys()].sort()).toEqual(names(5).sort());
    for (const [name, place] of left) expect(place).toEqual(before.get(name));
  });

  it('of islands do not overlap, beside each other or one below the other', () => {
    for (const aspect of [0.5, 1.8]) {
      const { boxes, places } = placeIslands([names(6), ['x@eu', 'y@eu', 'z@eu']], ['lost@eu'], aspect);
      const [one, other] = boxes;
      if (one === undefined || other === undefined) throw new Error('two boxes');
      const apart = one.x + one.width <= other.x || one.y + one.height <= other.y;
      expect(apart).toBe(true);
      expect(places.size).toBe(10);
    }
  });

  it('are walked with the arrow keys', () => {
    const places: Places = new Map([
      ['a', { x: 0, y: 0 }],
      ['b', { x: 100, y: 10 }],
      ['c', { x: 0, y: 100 }],
      ['d', { x: 300, y: 0 }],
    ]);
    expect(neighbour(places, 'a', 'right')).toBe('b');
    expect(neighbour(places, 'b', 'right')).toBe('d');
    expect(neighbour(places, 'a', 'down')).toBe('c');
    expect(neighbour(places, 'c', 'up')).toBe('a');
    expect(neighbour(places, 'd', 'left')).toBe('b');
    expect(neighbour(places, 'a', 'left')).toBeNull();
    expect(neighbour(places, 'nobody', 'left')).toBeNull();
  });

  it('have a box that holds them', () => {
    expect(boundsOf(new Map())).toEqual({ x: 0, y: 0, width: 0, height: 0 });
    const box = boundsOf(placeNodes(names(12), new Map(), 1));
    expect(box.width).toBeGreaterThan(cell.width);
  });
});
