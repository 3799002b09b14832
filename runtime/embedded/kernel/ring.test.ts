import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ring } from './ring.ts';

describe('Ring', () => {
  it('keeps the order of what is left, like an array, whatever is pushed, shifted and taken out', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push'), at: fc.nat() }),
      fc.record({ do: fc.constant('shift'), at: fc.nat() }),
      fc.record({ do: fc.constant('remove'), at: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new Ring<number>();
        const model: number[] = [];
        steps.forEach(({ do: what, at }, value) => {
          if (what === 'push') {
            ring.push(value);
            model.push(value);
          } else if (what === 'shift') expect(ring.shift()).toBe(model.shift());
          else if (model.length > 0) {
            const position = at % model.length;
            expect(ring.at(ring.start + position)).toBe(model[position]);
            ring.removeAt(ring.start + position);
            model.splice(position, 1);
          }
          expect(ring.peek(1000)).toEqual(model);
          expect(ring.length).toBe(model.length);
        });
      }),
    );
  });

  it('moves the shorter side, and says which', () => {
    const ring = new Ring<string>();
    for (const element of ['a', 'b', 'c', 'd', 'e']) ring.push(element);
    expect(ring.removeAt(ring.start + 1)).toBe('front');
    expect(ring.removeAt(ring.end - 2)).toBe('back');
    expect(ring.peek(2)).toEqual(['a', 'c']);
    expect(ring.peek(9)).toEqual(['a', 'c', 'e']);
  });
});
