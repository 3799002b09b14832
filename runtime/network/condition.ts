/** What the network does to what one node sends another. Pure: chance and time are handed in. */

export type LinkCondition = {
  /** `cut`: closed, and closed again when opened. `blackhole`: open, and nothing gets through. */
  readonly passage: 'open' | 'cut' | 'blackhole';
  readonly delayMs: number;
  /** A random part on top of the delay, from 0 to this. */
  readonly jitterMs: number;
  /** Share of segments that are lost and sent again, 0..1; 1 is a black hole. */
  readonly lossRatio: number;
  /** null: no limit. */
  readonly bytesPerSecond: number | null;
};

export const openLink: LinkCondition = {
  passage: 'open',
  delayMs: 0,
  jitterMs: 0,
  lossRatio: 0,
  bytesPerSecond: null,
};

/** The payload of an Ethernet frame's TCP segment: what is lost at once on a real network. */
const segmentBytes = 1460;
/** TCP's least wait before it sends again (RFC 6298 asks for a second, Linux waits 200 ms), doubled each time. */
const firstRetransmitMs = 200;
const mostRetransmits = 8;

/** Several faults on one link at once: the hardest passage, delays added, losses independent, the narrowest limit. */
export function combined(one: LinkCondition, other: LinkCondition): LinkCondition {
  const order = ['open', 'blackhole', 'cut'] as const;
  const limits = [one.bytesPerSecond, other.bytesPerSecond].filter((limit) => limit !== null);
  return {
    passage: order[Math.max(order.indexOf(one.passage), order.indexOf(other.passage))] ?? 'open',
    delayMs: one.delayMs + other.delayMs,
    jitterMs: one.jitterMs + other.jitterMs,
    lossRatio: 1 - (1 - one.lossRatio) * (1 - other.lossRatio),
    bytesPerSecond: limits.length === 0 ? null : Math.min(...limits),
  };
}

/** Whether nothing gets through. */
export function isSilent(condition: LinkCondition): boolean {
  return condition.passage !== 'open' || condition.lossRatio >= 1;
}

/** Whether bytes may be passed on at once, as they come. */
export function isUntouched(condition: LinkCondition): boolean {
  return (
    condition.delayMs === 0 &&
    condition.jitterMs === 0 &&
    condition.lossRatio === 0 &&
    condition.bytesPerSecond === null &&
    condition.passage === 'open'
  );
}

/**
 * How much later than now `bytes` arrive on a link in this condition, besides waiting for what was sent before. `random` answers a
 * number from 0 to below 1.
 */
export function transitMs(condition: LinkCondition, bytes: number, random: () => number): number {
  const jitterMs = condition.jitterMs === 0 ? 0 : random() * condition.jitterMs;
  return condition.delayMs + jitterMs + retransmitMs(condition, bytes, random);
}

/** How long the link is busy with `bytes`. */
export function occupiedMs(condition: LinkCondition, bytes: number): number {
  return condition.bytesPerSecond === null ? 0 : (bytes / condition.bytesPerSecond) * 1_000;
}

function retransmitMs(condition: LinkCondition, bytes: number, random: () => number): number {
  if (condition.lossRatio <= 0) return 0;
  const segments = Math.max(1, Math.ceil(bytes / segmentBytes));
  // A loss among several segments is mended once for all of them, as selective acknowledgement does.
  const lost = 1 - (1 - condition.lossRatio) ** segments;
  if (random() >= lost) return 0;
  let waitedMs = firstRetransmitMs;
  for (let sent = 1; sent < mostRetransmits && random() < condition.lossRatio; sent += 1) {
    waitedMs += firstRetransmitMs * 2 ** sent;
  }
  return waitedMs;
}
