/** Circles among processes that wait for each other. */

export type Waiting = {
  /** The id of the process. */
  readonly id: string;
  /** Whom it waits for: one, or those among which it cannot be told. */
  readonly on: readonly string[];
  readonly evidence: 'certain' | 'likely';
};
export type Circle = {
  /** Each waits for the next, the last for the first; the smallest id stands first. */
  readonly members: readonly string[];
  /** `certain` when every step of it is. */
  readonly evidence: 'certain' | 'likely';
};

/**
 * The circles, each once, a shortest one for each process that is in any. A process waits in one call at a time, so with certain
 * evidence a process is in at most one.
 */
export function circlesIn(waiting: readonly Waiting[]): readonly Circle[] {
  const byId = new Map(waiting.map((one) => [one.id, one]));
  const found = new Map<string, Circle>();
  for (const { id } of waiting) {
    const members = shortestCircle(id, byId);
    if (members === null) continue;
    const circle = fromSmallest(members);
    const certain = circle.every((member) => {
      const step = byId.get(member);
      return step?.evidence === 'certain' && step.on.length === 1;
    });
    found.set(circle.join(' '), { members: circle, evidence: certain ? 'certain' : 'likely' });
  }
  return [...found.values()];
}

/** The members of a shortest circle through `start`, from it on; null when there is none. */
function shortestCircle(start: string, byId: ReadonlyMap<string, Waiting>): readonly string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const at of queue) {
    for (const next of byId.get(at)?.on ?? []) {
      if (next === start) return pathTo(at, start, cameFrom);
      if (cameFrom.has(next) || !byId.has(next)) continue;
      cameFrom.set(next, at);
      queue.push(next);
    }
  }
  return null;
}

function pathTo(last: string, start: string, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const path = [last];
  for (let at = last; at !== start;) {
    at = cameFrom.get(at) ?? start;
    path.unshift(at);
  }
  return path;
}

function fromSmallest(members: readonly string[]): readonly string[] {
  const smallest = members.reduce((least, member) => (member < least ? member : least));
  const at = members.indexOf(smallest);
  return [...members.slice(at), ...members.slice(0, at)];
}
