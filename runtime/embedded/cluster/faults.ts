/** What can be wrong between nodes, and what several faults together make of the way from one node to another. */

/** Faults add up: each is put on and taken off by itself. */
export type NetworkFault =
  /** Between islands: `cut` closes connections and refuses new ones, `blackhole` lets nothing through. Others keep their links. */
  | { readonly is: 'partition'; readonly islands: readonly (readonly string[])[]; readonly mode: 'cut' | 'blackhole' }
  /** What `from` sends to `to` comes later, in its order. */
  | {
      readonly is: 'delay';
      readonly from: string;
      readonly to: string;
      readonly delayMs: number;
      readonly jitterMs: number;
    }
  /** A share (0..1) of what `from` sends to `to` is lost and sent again, as TCP does; 1 is silence. Null: no limit of bytes. */
  | {
      readonly is: 'drop';
      readonly from: string;
      readonly to: string;
      readonly lossRatio: number;
      readonly bytesPerSecond: number | null;
    };

/** The way of what one node sends to another. */
export type Way = {
  /** `silent`: nothing arrives and nobody is told; `cut`: connections break and cannot be made. */
  readonly state: 'open' | 'silent' | 'cut';
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly lossRatio: number;
  readonly bytesPerSecond: number | null;
};

const openWay: Way = { state: 'open', delayMs: 0, jitterMs: 0, lossRatio: 0, bytesPerSecond: null };

/** All faults together: delays add, losses are independent, the narrowest limit holds, the worst state wins. */
export function wayOf(faults: Iterable<NetworkFault>, from: string, to: string): Way {
  let way = openWay;
  for (const fault of faults) {
    switch (fault.is) {
      case 'partition':
        if (areApart(fault.islands, from, to)) {
          way = { ...way, state: fault.mode === 'cut' || way.state === 'cut' ? 'cut' : 'silent' };
        }
        break;
      case 'delay':
        if (fault.from === from && fault.to === to) {
          way = { ...way, delayMs: way.delayMs + fault.delayMs, jitterMs: way.jitterMs + fault.jitterMs };
        }
        break;
      case 'drop':
        if (fault.from === from && fault.to === to) way = dropping(way, fault.lossRatio, fault.bytesPerSecond);
        break;
    }
  }
  return way;
}

function dropping(way: Way, lossRatio: number, limit: number | null): Way {
  const both = 1 - (1 - way.lossRatio) * (1 - lossRatio);
  const limits = [way.bytesPerSecond, limit].filter((bytes) => bytes !== null);
  return {
    ...way,
    state: both >= 1 && way.state === 'open' ? 'silent' : way.state,
    lossRatio: both,
    bytesPerSecond: limits.length === 0 ? null : Math.min(...limits),
  };
}

function areApart(islands: readonly (readonly string[])[], one: string, other: string): boolean {
  const home = islands.find((island) => island.includes(one));
  return home !== undefined && !home.includes(other) && islands.some((island) => island.includes(other));
}
