/** libring's HashRing (1.7): 128 points for each node on a ring of 2^32, at the hashes that it has on a BEAM. */
import { phash2 } from '../../term/phash2.ts';
import type { Value } from '../../term/values.ts';
import { toTerm, tup } from '../../term/values.ts';

const pointsEach = 128;
const range = 2 ** 32 - 1;

/** `erlang:phash2/2` of a value. What has no term hashes as `nil` does. */
export function hashOf(value: Value, below: number): number {
  const term = toTerm(value);
  return term.ok ? phash2(term.value, below) : 0;
}

export class HashRing<N extends Value> {
  readonly #points: readonly { readonly at: number; readonly node: N }[];

  constructor(nodes: readonly N[]) {
    const points = new Map<number, N>();
    for (const node of nodes) {
      for (let point = 1; point <= pointsEach; point += 1) {
        const at = hashOf(tup(node, point), range);
        if (!points.has(at)) points.set(at, node);
      }
    }
    this.#points = [...points].map(([at, node]) => ({ at, node })).sort((one, other) => one.at - other.at);
  }

  /** The node whose point comes next after the key's; null on an empty ring. */
  nodeOf(key: Value): N | null {
    const at = hashOf(key, range);
    let [low, high] = [0, this.#points.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.at ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return (this.#points[low] ?? this.#points[0])?.node ?? null;
  }
}
