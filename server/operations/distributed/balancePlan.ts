/** Which process should move where, so that nodes are loaded alike. Pure: figures in, moves with their reasons out. */
import type { NodeName, ProcessRef } from '../../../runtime/model.ts';
import { pidText, processId } from '../../../runtime/model.ts';
import type { Candidate } from './movable.ts';

/** What a load is counted in. */
export type Unit = { readonly one: string; readonly many: string };
export type Load = { readonly node: NodeName; readonly load: number };
export type Proposal = {
  readonly process: ProcessRef;
  readonly to: NodeName;
  /** What of the load moves with it. */
  readonly share: number;
  readonly reason: string;
};
export type BalancePlan = {
  readonly moves: readonly Proposal[];
  /** The loads when all of them are done. */
  readonly after: readonly Load[];
  readonly mean: number;
};

/**
 * Moves from the most loaded node to the least loaded, as long as one lies more than `toleranceRatio` of the mean above it. Each move
 * lessens the largest difference: a process that weighs as much as the difference, or more, is left where it is.
 */
export function planBalance(
  loads: readonly Load[],
  candidates: readonly Candidate[],
  shares: ReadonlyMap<string, number>,
  {
    toleranceRatio,
    maxMoves,
    unit,
  }: { readonly toleranceRatio: number; readonly maxMoves: number; readonly unit: Unit },
): BalancePlan {
  const now = new Map(loads.map(({ node, load }) => [node, load]));
  const mean = loads.reduce((sum, { load }) => sum + load, 0) / Math.max(1, loads.length);
  const movable = byNode(candidates, shares);
  const moves: Proposal[] = [];
  while (moves.length < maxMoves) {
    const move = nextMove(now, mean * (1 + toleranceRatio), mean, movable);
    if (move === null) break;
    const { candidate, to, share } = move;
    const { process, supervisor } = candidate;
    const [here, there] = [now.get(process.node) ?? 0, now.get(to) ?? 0];
    now.set(process.node, here - share);
    now.set(to, there + share);
    const mine = movable.get(process.node) ?? [];
    mine.splice(
      mine.findIndex((one) => one.candidate === candidate),
      1,
    );
    moves.push({
      process,
      to,
      share,
      reason:
        `${pidText(process)} of ${supervisor} takes ${amount(share)} ${amount(share) === '1' ? unit.one : unit.many} from ${process.node} (${amount(here)}, ` +
        `mean ${amount(mean)}) to ${to} (${amount(there)})`,
    });
  }
  return { moves, after: loads.map(({ node }) => ({ node, load: now.get(node) ?? 0 })), mean };
}

type Weighed = { readonly candidate: Candidate; readonly share: number };
type Next = Weighed & { readonly to: NodeName };

/** What each node has to move, the heaviest first: weighed once, since there may be a hundred thousand of them. */
function byNode(candidates: readonly Candidate[], shares: ReadonlyMap<string, number>): Map<NodeName, Weighed[]> {
  const weighed = candidates
    .map((candidate) => ({ candidate, share: shares.get(processId(candidate.process)) ?? 0 }))
    .filter(({ share }) => share > 0)
    .toSorted((a, b) => b.share - a.share);
  const nodes = new Map<NodeName, Weighed[]>();
  for (const one of weighed) {
    const there = nodes.get(one.candidate.process.node) ?? [];
    there.push(one);
    nodes.set(one.candidate.process.node, there);
  }
  return nodes;
}

/**
 * From the most loaded node that has one to move, to the least loaded that can take it: the largest that is not too large, else the
 * smallest.
 */
function nextMove(
  now: ReadonlyMap<NodeName, number>,
  mostAllowed: number,
  mean: number,
  movable: ReadonlyMap<NodeName, readonly Weighed[]>,
): Next | null {
  const ordered = [...now].toSorted(([, a], [, b]) => b - a);
  for (const [from, here] of ordered) {
    if (here <= mostAllowed) return null;
    const mine = movable.get(from) ?? [];
    for (const [to, there] of ordered.toReversed()) {
      if (there >= mean) break;
      const wanted = Math.min(here - mean, mean - there);
      const isAble = ({ candidate, share }: Weighed): boolean => share < here - there && candidate.to.includes(to);
      const best = mine.find((one) => one.share <= wanted && isAble(one)) ?? mine.findLast(isAble);
      if (best !== undefined) return { ...best, to };
    }
  }
  return null;
}

function amount(figure: number): string {
  return String(figure < 10 ? Math.round(figure * 100) / 100 : Math.round(figure));
}
