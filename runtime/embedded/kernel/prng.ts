/**
 * Seeded randomness. The kernel and everything that runs on it draw only from what they are handed, so that a seed replays the
 * same run. One seed is split into named streams: adding a draw in one does not reshuffle the others.
 */
export interface Prng {
  /** The next number in [0, 1). */
  next(): number;
  /** The next integer in [0, below); `below` is a positive integer. */
  below(below: number): number;
  /** A stream of its own, fixed by this seed and `name`; drawing from it leaves this one as it is. */
  split(name: string): Prng;
}

/** A generator (mulberry32) for any integer seed; equal seeds give equal streams. Not for secrets. */
export function seededPrng(seed: number): Prng {
  const origin = Math.trunc(seed) >>> 0;
  let state = origin;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    below: (below) => Math.floor(next() * below),
    split: (name) => seededPrng(hashText(name, origin)),
  };
}

/** FNV-1a over the UTF-16 units of `text`, started from `seed`. */
function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}
