import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProcessRef } from '../../../runtime/model.ts';
import { processId } from '../../../runtime/model.ts';
import { planBalance } from './balancePlan.ts';
import type { Candidate } from './movable.ts';

const nodes = ['a@h', 'b@h', 'c@h'];
const ref = (node: string, id: number): ProcessRef => ({ node, creation: 1, id, serial: 0 });
const candidate = (node: string, id: number, to: readonly string[] = nodes): Candidate => ({
  process: ref(node, id),
  supervisor: 'sup',
  to: to.filter((other) => other !== node),
});
const options = { toleranceRatio: 0.1, maxMoves: 100, unit: { one: 'process', many: 'processes' } };
const sharesOf = (candidates: readonly Candidate[], share: (at: number) => number) =>
  new Map(candidates.map(({ process }, at) => [processId(process), share(at)]));

describe('a plan to balance', () => {
  it('moves from the most loaded node to the least, until all are within the tolerance', () => {
    const candidates = Array.from({ length: 30 }, (_, id) => candidate('a@h', id));
    const loads = [
      { node: 'a@h', load: 30 },
      { node: 'b@h', load: 0 },
      { node: 'c@h', load: 6 },
    ];
    const plan = planBalance(
      loads,
      candidates,
      sharesOf(candidates, () => 1),
      options,
    );
    expect(plan.mean).toBe(12);
    expect(plan.after.map(({ load }) => load)).toEqual([13, 11, 12]);
    expect(plan.moves).toHaveLength(17);
    expect(plan.moves[0]?.reason).toBe('<0.0.0> of sup takes 1 process from a@h (30, mean 12) to b@h (0)');
  });

  it('leaves alone what would only carry the load elsewhere, and nodes that are loaded alike', () => {
    const heavy = [candidate('a@h', 1)];
    const two = [
      { node: 'a@h', load: 10 },
      { node: 'b@h', load: 0 },
    ];
    expect(
      planBalance(
        two,
        heavy,
        sharesOf(heavy, () => 10),
        options,
      ).moves,
    ).toEqual([]);
    expect(
      planBalance(
        two,
        heavy,
        sharesOf(heavy, () => 9),
        options,
      ).moves,
    ).toHaveLength(1);
    const alike = nodes.map((node) => ({ node, load: 5 }));
    expect(
      planBalance(
        alike,
        heavy,
        sharesOf(heavy, () => 1),
        options,
      ).moves,
    ).toEqual([]);
  });

  it('moves nothing to a node that cannot take it', () => {
    const candidates = [candidate('a@h', 1, ['c@h'])];
    const loads = [
      { node: 'a@h', load: 10 },
      { node: 'b@h', load: 0 },
      { node: 'c@h', load: 2 },
    ];
    expect(
      planBalance(
        loads,
        candidates,
        sharesOf(candidates, () => 1),
        options,
      ).moves,
    ).toMatchObject([{ to: 'c@h' }]);
  });

  it('never makes the differences larger, moves nothing twice, and loses no load', () => {
    const shape = fc.record({
      loads: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 3 }),
      processes: fc.array(fc.record({ on: fc.integer({ min: 0, max: 2 }), share: fc.integer({ min: 0, max: 50 }) }), {
        maxLength: 40,
      }),
      maxMoves: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(shape, ({ loads, processes, maxMoves }) => {
        const before = nodes.map((node, at) => ({ node, load: loads[at] ?? 0 }));
        const candidates = processes.map(({ on }, id) => candidate(nodes[on] ?? '', id));
        const shares = sharesOf(candidates, (at) => processes[at]?.share ?? 0);
        const plan = planBalance(before, candidates, shares, { ...options, maxMoves });
        const spread = (of: readonly { readonly load: number }[]) =>
          of.reduce((sum, { load }) => sum + (load - plan.mean) ** 2, 0);
        expect(plan.moves.length).toBeLessThanOrEqual(maxMoves);
        expect(spread(plan.after)).toBeLessThanOrEqual(spread(before));
        expect(new Set(plan.moves.map(({ process }) => processId(process))).size).toBe(plan.moves.length);
        const total = (of: readonly { readonly load: number }[]) => of.reduce((sum, { load }) => sum + load, 0);
        expect(total(plan.after)).toBe(total(before));
      }),
      { numRuns: 300 },
    );
  });
});
