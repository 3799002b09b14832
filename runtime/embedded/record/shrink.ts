/**
 * Makes a failing run simpler: as few parts as can be left for it to fail in the same way (delta debugging, A. Zeller and
 * R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
 */

/** How many runs may still be made. */
export type Budget = { runs: number };

/**
 * A least part of `parts` for which `fails` still answers true, as far as the budget goes: first none of them, then ever smaller
 * pieces taken out. `fails(parts)` itself is taken to be true. The order is kept.
 */
export async function shrink<T>(
  parts: readonly T[],
  fails: (parts: readonly T[]) => Promise<boolean>,
  budget: Budget,
): Promise<readonly T[]> {
  const attempt = async (some: readonly T[]): Promise<boolean> => {
    if (budget.runs <= 0) return false;
    budget.runs -= 1;
    return fails(some);
  };
  if (parts.length === 0) return parts;
  if (await attempt([])) return [];
  let left = parts;
  let pieces = 2;
  while (left.length > 1 && budget.runs > 0) {
    const smaller = await withoutOnePiece(left, pieces, attempt);
    if (smaller !== null) {
      left = smaller;
      pieces = Math.max(2, pieces - 1);
    } else if (pieces >= left.length) break;
    else pieces = Math.min(left.length, pieces * 2);
  }
  return left;
}

async function withoutOnePiece<T>(
  left: readonly T[],
  pieces: number,
  fails: (parts: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | null> {
  const size = Math.ceil(left.length / pieces);
  for (let start = 0; start < left.length; start += size) {
    const rest = [...left.slice(0, start), ...left.slice(start + size)];
    if (rest.length > 0 && (await fails(rest))) return rest;
  }
  return null;
}
