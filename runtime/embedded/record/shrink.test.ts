import { describe, expect, it } from 'vitest';
import type { Budget } from './shrink.ts';
import { shrink } from './shrink.ts';

const numbers = Array.from({ length: 40 }, (_, at) => at);

async function shrunk(needed: readonly number[], runs = 1000): Promise<{ left: readonly number[]; made: number }> {
  const budget: Budget = { runs };
  const left = await shrink(
    numbers,
    (some) => Promise.resolve(needed.every((number) => some.includes(number))),
    budget,
  );
  return { left, made: runs - budget.runs };
}

describe('making a failing run simpler', () => {
  it('leaves what it needs to fail, in order, and nothing else', async () => {
    expect((await shrunk([3, 17, 31])).left).toEqual([3, 17, 31]);
    expect((await shrunk([39])).left).toEqual([39]);
    expect((await shrunk(numbers)).left).toEqual(numbers);
  });

  it('needs one run when none is needed', async () => {
    expect(await shrunk([])).toEqual({ left: [], made: 1 });
  });

  it('keeps to its budget, and what is left then still fails', async () => {
    const { left, made } = await shrunk([3, 17, 31], 9);
    expect(made).toBe(9);
    expect(left).toEqual(expect.arrayContaining([3, 17, 31]));
    expect(left.length).toBeLessThan(40);
  });
});
