/** Two ways of doing something, timed in short blocks in turns: whether they differ by more than blocks of the same way differ. */
import { percentile } from './measure.ts';

export type Blocks = readonly (readonly number[])[];

/** The percentile of all the samples of some blocks. */
export function percentileOf(blocks: Blocks, share: number): number {
  return percentile(blocks.flat(), share);
}

export type Beside = {
  /** the percentile of the watched blocks to that of the others */
  readonly ratio: number;
  /** that ratio of every other block of those alone to the rest of them, the larger by the smaller: noise, and nothing else */
  readonly halves: number;
  /** of all deals of the blocks' two names, the share of those with a ratio as large as this: below 0.05 it is hardly chance */
  readonly chance: number;
};

/** Compares the percentile of blocks `beside` something with that of blocks `alone`, as many of each. */
export function besides(alone: Blocks, beside: Blocks, share: number): Beside {
  const ratioOf = (some: Blocks, others: Blocks): number => percentileOf(some, share) / percentileOf(others, share);
  const ratio = ratioOf(beside, alone);
  const all = [...alone, ...beside];
  const random = randomNumbers();
  const deals = Array.from({ length: deal }, () => {
    const dealt = shuffled(all, random);
    return ratioOf(dealt.slice(alone.length), dealt.slice(0, alone.length));
  });
  const half = ratioOf(
    alone.filter((_, at) => at % 2 === 0),
    alone.filter((_, at) => at % 2 === 1),
  );
  return { ratio, halves: Math.max(half, 1 / half), chance: deals.filter((dealt) => dealt >= ratio).length / deal };
}

const deal = 1_000;

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((left, right) => left.at - right.at)
    .map(({ item }) => item);
}

/** Numbers from 0 to 1, the same in each run (the generator of Park and Miller). */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
