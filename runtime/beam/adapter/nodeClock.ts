/**
 * What a node's monotonic clock reads on ours. From round trips: a node that was asked at one moment of ours and had answered by
 * another read its clock somewhere between them, so half the round trip bounds the error. The least error counts, and grows with its
 * age, because two clocks do not run equally fast. Delays that differ by direction are within the bound, not beyond it.
 */
import { childOptions } from '../../callOptions.ts';
import type { NodeName, NodeTime, Result, WallTime } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import { atom } from '../../term/term.ts';
import { answered, strangeAnswer } from './callError.ts';
import type { NodeTarget } from './nodeTarget.ts';
import { numberOf } from './read.ts';

/** One round trip: our clock before and after, the node's between. */
export type RoundTrip = { readonly sentAt: WallTime; readonly receivedAt: WallTime; readonly nodeUs: number };

/** How far two clocks may drift apart: each by 50 parts per million, which is what quartz does and what NTP corrects by at most. */
const driftUsPerMs = 0.1;
const mostKept = 16;

/** Our clock in milliseconds since 1970 with parts, which no setting of the wall clock makes jump. */
export function backendNow(): WallTime {
  return performance.timeOrigin + performance.now();
}

export class NodeClock {
  readonly node: NodeName;
  readonly creation: number;
  #trips: RoundTrip[] = [];

  constructor(node: NodeName, creation: number) {
    this.node = node;
    this.creation = creation;
  }

  add(trip: RoundTrip): void {
    this.#trips = [...this.#trips, trip]
      .sort((left, right) => errorOf(left, trip.receivedAt) - errorOf(right, trip.receivedAt))
      .slice(0, mostKept);
  }

  /** Reads moments of the clock on ours, as it is known now; null before the first round trip. For many moments at once. */
  reader(now: WallTime = backendNow()): ((monotonicUs: number) => NodeTime) | null {
    let best: RoundTrip | null = null;
    for (const trip of this.#trips) if (best === null || errorOf(trip, now) < errorOf(best, now)) best = trip;
    if (best === null) return null;
    const middle = (best.sentAt + best.receivedAt) / 2;
    const { nodeUs } = best;
    const errorUs = Math.ceil(errorOf(best, now));
    const { node, creation } = this;
    return (monotonicUs) => ({
      node,
      creation,
      monotonicUs,
      estimatedAt: middle + (monotonicUs - nodeUs) / 1000,
      errorUs,
    });
  }
}

/** In microseconds, at the moment `now`. */
function errorOf({ sentAt, receivedAt }: RoundTrip, now: WallTime): number {
  return ((receivedAt - sentAt) * 1000) / 2 + Math.max(0, now - receivedAt) * driftUsPerMs;
}

/** Asks `target` for its time, `times` after each other. Errors: those of a call. */
export async function readClock(
  clock: NodeClock,
  target: NodeTarget,
  times: number,
  options: CallOptions,
): Promise<Result<null>> {
  for (let time = 0; time < times; time += 1) {
    const sentAt = backendNow();
    const within = childOptions(options, 2_000);
    const said = answered(
      await target.call('erlang', 'monotonic_time', [atom('microsecond')], within),
      target.node,
      'The clock',
    );
    if (!said.ok) return said;
    const nodeUs = numberOf(said.value);
    if (nodeUs === null) return strangeAnswer(target.node, 'The clock');
    clock.add({ sentAt, receivedAt: backendNow(), nodeUs });
  }
  return ok(null);
}
