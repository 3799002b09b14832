/**
 * Whether two runs of a scenario saw the same. Signals of one process to another keep their order, those of different ones need
 * not: a log may differ from the other by any merge that keeps the order for each sender.
 */
import type { Log } from './scenario.ts';

export type Difference = {
  readonly step: number;
  readonly process: string;
  readonly otp: readonly string[];
  readonly ours: readonly string[];
};

/** The first step and process whose logs differ; null when none do. */
export function firstDifference(otp: Log, ours: Log): Difference | null {
  const [one, other] = [grouped(otp), grouped(ours)];
  const keys = [...new Set([...one.keys(), ...other.keys()])].sort(
    (left, right) => parseInt(left, 10) - parseInt(right, 10) || (left < right ? -1 : 1),
  );
  for (const key of keys) {
    const [seen, seenByUs] = [one.get(key) ?? [], other.get(key) ?? []];
    if (seen.join('\n') === seenByUs.join('\n') || isMerge(seen, seenByUs)) continue;
    const [step = '', process = ''] = key.split(' ');
    return { step: Number(step), process, otp: seen, ours: seenByUs };
  }
  return null;
}

/** By step and process: `sender what`. */
function grouped(log: Log): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const line of log) {
    const at = line.indexOf(' ', line.indexOf(' ') + 1);
    const key = line.slice(0, at);
    const group = groups.get(key) ?? [];
    group.push(line.slice(at + 1));
    groups.set(key, group);
  }
  return groups;
}

function isMerge(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && bySender(one) === bySender(other);
}

/** A supervisor that is killed takes its children with it in no order. */
const killedSupervisor = /\{died,s\d+,killed\}/;

function bySender(events: readonly string[]): string {
  if (events.some((event) => killedSupervisor.test(event))) return [...events].sort().join('\n');
  const senderOf = (event: string): string => event.slice(0, event.indexOf(' '));
  return [...new Set(events.map(senderOf))]
    .sort()
    .map((sender) => events.filter((event) => senderOf(event) === sender).join('\n'))
    .join('\n');
}
