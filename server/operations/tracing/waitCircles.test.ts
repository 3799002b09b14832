import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Waiting } from './waitCircles.ts';
import { circlesIn } from './waitCircles.ts';

const waits = (...pairs: readonly string[]): readonly Waiting[] =>
  pairs.map((pair) => ({ id: pair.charAt(0), on: Array.from(pair.slice(1)), evidence: 'certain' }));

describe('circles of waiting processes', () => {
  it('are found once each, whoever one begins with', () => {
    expect(circlesIn(waits('ab', 'ba'))).toEqual([{ members: ['a', 'b'], evidence: 'certain' }]);
    expect(circlesIn(waits('cb', 'ac', 'ba', 'xa', 'de', 'ed'))).toEqual([
      { members: ['a', 'c', 'b'], evidence: 'certain' },
      { members: ['d', 'e'], evidence: 'certain' },
    ]);
    expect(circlesIn(waits('aa'))).toEqual([{ members: ['a'], evidence: 'certain' }]);
  });

  it('are none where a chain ends with somebody who waits for nobody', () => {
    expect(circlesIn(waits('ab', 'bc', 'cd'))).toEqual([]);
  });

  it('are only likely where a step of them is', () => {
    expect(circlesIn(waits('abx', 'ba'))).toEqual([{ members: ['a', 'b'], evidence: 'likely' }]);
    expect(circlesIn([...waits('ab'), { id: 'b', on: ['a'], evidence: 'likely' }])[0]?.evidence).toBe('likely');
  });

  it('hold exactly the processes that come back to themselves', () => {
    const graph = fc.array(fc.nat(9), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(graph, fc.nat(9), (next, size) => {
        const nodes = next.slice(0, size + 1).map((to, at): Waiting => {
          return { id: String(at), on: [String(to)], evidence: 'certain' };
        });
        const inCircle = nodes
          .filter(({ id }) => {
            let at = id;
            for (let step = 0; step <= nodes.length; step += 1) {
              at = nodes[Number(at)]?.on[0] ?? 'nobody';
              if (at === id) return true;
            }
            return false;
          })
          .map(({ id }) => id);
        const members = circlesIn(nodes).flatMap((circle) => circle.members);
        expect(members.toSorted()).toEqual(inCircle.toSorted());
      }),
    );
  });
});
