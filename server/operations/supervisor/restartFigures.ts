/** Figures of restarts: how many in which time. Pure; times are milliseconds since 1970. */

/** At least one: the first of them is there without looking. */
type Some<T> = readonly [T, ...T[]];
type At = { readonly at: number };

/** How many a minute, over so long; 0 where no time has passed. */
export function perMinute(count: number, spanMs: number): number {
  return spanMs <= 0 ? 0 : count / (spanMs / 60_000);
}

/** Items by what `key` says of each, the largest group first; within a group in the order they came in. */
export function counted<T>(
  items: readonly T[],
  key: (item: T) => string,
): readonly { readonly of: string; readonly items: Some<T>; readonly restarts: number }[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const known = groups.get(key(item));
    if (known === undefined) groups.set(key(item), [item]);
    else known.push(item);
  }
  return [...groups]
    .map(([of, some]) => ({ of, items: some, restarts: some.length }))
    .toSorted((a, b) => b.restarts - a.restarts);
}

/**
 * The most in any stretch of `periodMs`, as a supervisor counts them (both ends included), and the end of the first such stretch.
 * `restarts` are the newest first.
 */
export function busiest(
  restarts: readonly At[],
  periodMs: number,
): { readonly most: number; readonly mostAt: number | null } {
  const times = restarts.map(({ at }) => at).toReversed();
  let [first, most] = [0, 0];
  let mostAt: number | null = null;
  for (const [last, at] of times.entries()) {
    while (at - (times[first] ?? at) > periodMs) first += 1;
    const here = last - first + 1;
    if (here > most) [most, mostAt] = [here, at];
  }
  return { most, mostAt };
}

const stretches = 60;

/** The span in sixty stretches of equal length, each with how many fell into it; none where no time has passed. */
export function pointsOf(
  restarts: readonly At[],
  { since, until }: { readonly since: number; readonly until: number },
): { readonly at: number; readonly spanMs: number; readonly restarts: number }[] {
  const spanMs = (until - since) / stretches;
  if (!(spanMs > 0)) return [];
  const counts = new Array<number>(stretches).fill(0);
  for (const { at } of restarts) {
    const stretch = Math.min(stretches - 1, Math.max(0, Math.floor((at - since) / spanMs)));
    counts[stretch] = (counts[stretch] ?? 0) + 1;
  }
  return counts.map((count, index) => ({ at: since + index * spanMs, spanMs, restarts: count }));
}
