/**
 * One order over the nodes of a trace.
 *
 * What is claimed: events of one node stand in the order of its own clock. Events of different nodes stand in the order of their
 * estimated times, which is their true order only where these lie further apart than both errors; but a receive never stands before
 * the send it is paired with. Times are shown as they were estimated, also where a pair shows that they cannot be right.
 *
 * An event is given out when no node can bring one that belongs before it. A node that is silent for longer than `patienceMs` holds
 * nobody back: it is late, and what it brings afterwards stands where it comes.
 */
import type { NodeName, NodeTime, TraceEvent, WallTime } from '../model.ts';
import { processId } from '../model.ts';
import { termKey } from '../term/term.ts';

/** An event of one node, not yet placed. */
export type NodeEvent = {
  readonly at: NodeTime;
  readonly process: TraceEvent['process'];
  readonly what: TraceEvent['what'];
  /** The same for a send and for the receive of an equal message by the process it was sent to; null where there is nothing to pair. */
  readonly pairKey: string | null;
};

/**
 * An event can reach the tracer so much later than its own time, when its process was stopped by the operating system between reading
 * the clock and handing it over.
 */
const defaultSlackMs = 5;
/** Sends whose receive was not seen; beyond, the oldest are forgotten. */
const mostOpenSends = 20_000;

type Feed = {
  /** By the node's own clock. */
  waiting: NodeEvent[];
  /** Up to here on our clock the node has said everything. */
  until: WallTime;
  errorMs: number;
  heardAt: number;
  ended: boolean;
};

export class TraceOrder {
  readonly #feeds = new Map<NodeName, Feed>();
  readonly #patienceMs: number;
  readonly #slackMs: number;
  /** For each key, the sends that wait to be placed: their estimated times, by node. */
  readonly #coming = new Map<string, Map<NodeName, WallTime[]>>();
  readonly #open = new Map<string, number[]>();
  #openSends = 0;
  #seq = 0;
  #watermark: WallTime = 0;

  /** `now`: our clock when the trace began, in milliseconds as everywhere here. */
  constructor(nodes: readonly NodeName[], now: WallTime, patienceMs = 1_000, slackMs = defaultSlackMs) {
    this.#patienceMs = patienceMs;
    this.#slackMs = slackMs;
    for (const node of nodes) {
      this.#feeds.set(node, { waiting: [], until: 0, errorMs: 0, heardAt: now, ended: false });
    }
  }

  /** What came of a node: events, and the time up to which it has said everything. */
  add(node: NodeName, events: readonly NodeEvent[], until: NodeTime, now: WallTime): void {
    const feed = this.#feeds.get(node);
    if (feed === undefined) return;
    for (const event of events) {
      insert(feed.waiting, event);
      if (event.what.is === 'send' && event.pairKey !== null) this.#comes(event.pairKey, node, event.at.estimatedAt);
    }
    feed.until = Math.max(feed.until, until.estimatedAt - this.#slackMs);
    feed.errorMs = until.errorUs / 1000;
    feed.heardAt = now;
  }

  /** The node brings nothing more. */
  end(node: NodeName): void {
    const feed = this.#feeds.get(node);
    if (feed !== undefined) feed.ended = true;
  }

  /** The nodes that hold nobody back now because they are silent. */
  late(now: WallTime): readonly NodeName[] {
    return [...this.#feeds].filter(([, feed]) => this.#isLate(feed, now)).map(([node]) => node);
  }

  /** Everything before it is placed. */
  get watermark(): WallTime {
    return this.#watermark;
  }

  get isDone(): boolean {
    return [...this.#feeds.values()].every((feed) => feed.ended && feed.waiting.length === 0);
  }

  /** The events that can be placed now, in order. */
  take(now: WallTime): readonly TraceEvent[] {
    const speaking = [...this.#feeds.values()].filter((feed) => !feed.ended && !this.#isLate(feed, now));
    const errorMs = Math.max(0, ...[...this.#feeds.values()].map((feed) => feed.errorMs));
    const horizon = speaking.length === 0 ? now : Math.min(...speaking.map((feed) => feed.until)) - 2 * errorMs;
    const isLast = speaking.length === 0;
    const placed: TraceEvent[] = [];
    // Taken from the front by an index each: what is left is cut off once.
    const cursors = new Map([...this.#feeds].map(([node]) => [node, 0]));
    for (;;) {
      const next = this.#next(cursors, isLast ? Number.POSITIVE_INFINITY : horizon);
      if (next === null) break;
      cursors.set(next.node, (cursors.get(next.node) ?? 0) + 1);
      placed.push(this.#place(next.node, next.event));
    }
    for (const [node, feed] of this.#feeds) feed.waiting.splice(0, cursors.get(node) ?? 0);
    this.#watermark = Math.max(this.#watermark, horizon);
    return placed;
  }

  #isLate(feed: Feed, now: WallTime): boolean {
    return !feed.ended && now - feed.heardAt > this.#patienceMs;
  }

  /** The earliest of the nodes' first events up to `horizon`; one whose send is still to come stands behind it, if any other is there. */
  #next(
    cursors: ReadonlyMap<NodeName, number>,
    horizon: WallTime,
  ): { readonly node: NodeName; readonly event: NodeEvent } | null {
    let free: { node: NodeName; event: NodeEvent } | null = null;
    let held: { node: NodeName; event: NodeEvent } | null = null;
    for (const [node, feed] of this.#feeds) {
      const event = feed.waiting[cursors.get(node) ?? 0];
      if (event === undefined || event.at.estimatedAt > horizon) continue;
      if (this.#awaitsSend(node, event)) {
        if (held === null || event.at.estimatedAt < held.event.at.estimatedAt) held = { node, event };
      } else if (free === null || event.at.estimatedAt < free.event.at.estimatedAt) free = { node, event };
    }
    if (free !== null || held === null) return free;
    // The send lies beyond the horizon by the errors of the clocks: it is waited for, unless nothing more is to come.
    return horizon === Number.POSITIVE_INFINITY || !this.#isNear(held, horizon) ? held : null;
  }

  #isNear({ event }: { readonly event: NodeEvent }, horizon: WallTime): boolean {
    return horizon - event.at.estimatedAt < this.#patienceMs;
  }

  /** Whether a send of another node, that may be earlier in truth, stands later by the estimates. */
  #awaitsSend(node: NodeName, { at, what, pairKey }: NodeEvent): boolean {
    if (what.is !== 'receive' || pairKey === null || this.#open.has(pairKey)) return false;
    for (const [other, [first]] of this.#coming.get(pairKey) ?? []) {
      const errorMs = at.errorUs / 1000 + (this.#feeds.get(other)?.errorMs ?? 0);
      if (other !== node && first !== undefined && first <= at.estimatedAt + errorMs) return true;
    }
    return false;
  }

  #place(node: NodeName, { at, process, what, pairKey }: NodeEvent): TraceEvent {
    this.#seq += 1;
    const seq = this.#seq;
    if (pairKey === null) return { at, seq, process, what };
    if (what.is === 'send') {
      this.#came(pairKey, node);
      this.#opened(pairKey, seq);
    } else if (what.is === 'receive') {
      return { at, seq, process, what: { ...what, sentBy: this.#paired(pairKey) } };
    }
    return { at, seq, process, what };
  }

  #opened(key: string, seq: number): void {
    const open = this.#open.get(key);
    if (open === undefined) this.#open.set(key, [seq]);
    else open.push(seq);
    this.#openSends += 1;
    if (this.#openSends <= mostOpenSends) return;
    const oldest = this.#open.keys().next();
    if (oldest.done === true) return;
    this.#openSends -= this.#open.get(oldest.value)?.length ?? 0;
    this.#open.delete(oldest.value);
  }

  #paired(key: string): number | null {
    const open = this.#open.get(key);
    const seq = open?.shift();
    if (open === undefined || seq === undefined) return null;
    this.#openSends -= 1;
    if (open.length === 0) this.#open.delete(key);
    return seq;
  }

  #comes(key: string, node: NodeName, at: WallTime): void {
    const perNode = this.#coming.get(key) ?? new Map<NodeName, WallTime[]>();
    const times = perNode.get(node) ?? [];
    times.push(at);
    perNode.set(node, times);
    this.#coming.set(key, perNode);
  }

  #came(key: string, node: NodeName): void {
    const perNode = this.#coming.get(key);
    const times = perNode?.get(node);
    times?.shift();
    if (times?.length === 0) perNode?.delete(node);
    if (perNode?.size === 0) this.#coming.delete(key);
  }
}

/** Nearly always at the end. */
function insert(waiting: NodeEvent[], event: NodeEvent): void {
  let at = waiting.length;
  while (at > 0 && (waiting[at - 1]?.at.monotonicUs ?? 0) > event.at.monotonicUs) at -= 1;
  if (at === waiting.length) waiting.push(event);
  else waiting.splice(at, 0, event);
}

/** The {@link NodeEvent.pairKey} of an event where sends and receives are to be paired. */
export function pairKeyOf(process: TraceEvent['process'], what: TraceEvent['what']): string | null {
  if (what.is === 'receive') return `${processId(process)} ${termKey(what.message)}`;
  return what.is === 'send' && 'id' in what.to ? `${processId(what.to)} ${termKey(what.message)}` : null;
}
