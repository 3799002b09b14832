/** Which process should move where, so that nodes are loaded alike. Pure: figures in, moves with their reasons out. */
import type { NodeName, ProcessRef } from '../../../runtime/model.ts';
import { pidText, processId } from '../../../runtime/model.ts';
import type { Candidate } from './movable.ts';

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
  }: { readonly toleranceRatio: number; readonly maxMoves: number; readonly unit: string },
): BalancePlan {
  const now = new Map(loads.map(({ node, load }) => [node, load]));
  const mean = loads.reduce((sum, { load }) => sum + load, 0) / Math.max(1, loads.length);
  const left = new Set(candidates);
  const moves: Proposal[] = [];
  while (moves.length < maxMoves) {
    const move = nextMove(now, mean * (1 + toleranceRatio), mean, [...left], shares);
    if (move === null) break;
    const { candidate, to, share } = move;
    const { process, supervisor } = candidate;
    const [here, there] = [now.get(process.node) ?? 0, now.get(to) ?? 0];
    now.set(process.node, here - share);
    now.set(to, there + share);
    left.delete(candidate);
    moves.push({
      process,
      to,
      share,
      reason:
        `${pidText(process)} of ${supervisor} takes ${amount(share)} ${unit} from ${process.node} (${amount(here)}, ` +
        `mean ${amount(mean)}) to ${to} (${amount(there)})`,
    });
  }
  return { moves, after: loads.map(({ node }) => ({ node, load: now.get(node) ?? 0 })), mean };
}

type Next = { readonly candidate: Candidate; readonly to: NodeName; readonly share: number };

/** From the most loaded node that has one to move, to the least loaded that can take it. */
function nextMove(
  now: ReadonlyMap<NodeName, number>,
  mostAllowed: number,
  mean: number,
  candidates: readonly Candidate[],
  shares: ReadonlyMap<string, number>,
): Next | null {
  const ordered = [...now].toSorted(([, a], [, b]) => b - a);
  for (const [from, here] of ordered) {
    if (here <= mostAllowed) return null;
    for (const [to, there] of ordered.toReversed()) {
      if (there >= mean) break;
      const able = candidates.flatMap((candidate): readonly Next[] => {
        const share = shares.get(processId(candidate.process)) ?? 0;
        const isAble = candidate.process.node === from && candidate.to.includes(to);
        return isAble && share > 0 && share < here - there ? [{ candidate, to, share }] : [];
      });
      const best = fitting(able, Math.min(here - mean, mean - there));
      if (best !== null) return best;
    }
  }
  return null;
}

/** The one that comes nearest to what is wanted: the largest that is not too large, else the smallest. */
function fitting(able: readonly Next[], wanted: number): Next | null {
  const bySize = able.toSorted((a, b) => b.share - a.share);
  return bySize.find(({ share }) => share <= wanted) ?? bySize.at(-1) ?? null;
}

function amount(figure: number): string {
  return String(figure < 10 ? Math.round(figure * 100) / 100 : Math.round(figure));
}
