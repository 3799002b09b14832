/**
 * `System.monotonic_time(:nanosecond)` of each node: it begins with the start of its node, so that of two nodes the one that started
 * earlier is ahead, and wins conflicts whoever wrote last. That is measured on real Horde, and what `faithful` stands for. Nodes of a
 * cluster that start at the same moment differ by what a machine takes to start them.
 */
import type { Self } from '../kernel/self.ts';

/** Starts of nodes that are begun together lie within so much. */
const startsWithinMs = 2000;

type NodeClock = { readonly aheadMs: number; lastNs: number };
const clocks = new WeakMap<object, NodeClock>();

/** Nanoseconds of this node's own clock, or of one for all nodes; another number for each call on a node. */
export function monotonicNs(self: Self, isShared: boolean): number {
  const node = self.inspect(self.pid)?.node;
  const { home } = self;
  let clock = clocks.get(home);
  if (clock === undefined) {
    const drawn = node?.world.prng.split(`clock of ${self.node} ${node.creation}`).next() ?? 0;
    clock = { aheadMs: drawn * startsWithinMs - (node?.startedAtMs ?? 0), lastNs: 0 };
    clocks.set(home, clock);
  }
  const nowNs = Math.round((self.nowMs + (isShared ? 0 : clock.aheadMs)) * 1_000_000);
  clock.lastNs = nowNs > clock.lastNs ? nowNs : clock.lastNs + 1;
  return clock.lastNs;
}
