/** The faults that a network of our own can have, on simulated and on local nodes alike, and what they make of a link. Pure. */
import { failure, nodeNotFound } from '../errors.ts';
import type { NodeName, Result } from '../model.ts';
import { ok } from '../model.ts';
import type { LinkCondition } from './condition.ts';
import { combined, openLink } from './condition.ts';

/** Each has a direction, but a partition. Faults add up (see {@link combined}). */
export type NetworkFault =
  /** A node that no island names keeps its links. */
  | {
      readonly is: 'partition';
      readonly islands: readonly (readonly NodeName[])[];
      readonly mode: 'cut' | 'blackhole';
    }
  | {
      readonly is: 'delay';
      readonly from: NodeName;
      readonly to: NodeName;
      readonly delayMs: number;
      readonly jitterMs: number;
    }
  /** `lossRatio` 0..1; `bytesPerSecond` null: no limit. */
  | {
      readonly is: 'drop';
      readonly from: NodeName;
      readonly to: NodeName;
      readonly lossRatio: number;
      readonly bytesPerSecond: number | null;
    };

/** Longer waits are no network's. */
const mostDelayMs = 60_000;
const leastBytesPerSecond = 1;

/** What `from` and `to` have between them in this direction, under all faults together. */
export function conditionUnder(faults: Iterable<NetworkFault>, from: NodeName, to: NodeName): LinkCondition {
  let condition = openLink;
  for (const fault of faults) condition = combined(condition, effectOn(fault, from, to));
  return condition;
}

function effectOn(fault: NetworkFault, from: NodeName, to: NodeName): LinkCondition {
  switch (fault.is) {
    case 'partition': {
      const islandOf = (node: NodeName): number => fault.islands.findIndex((island) => island.includes(node));
      const [one, other] = [islandOf(from), islandOf(to)];
      return one < 0 || other < 0 || one === other ? openLink : { ...openLink, passage: fault.mode };
    }
    case 'delay':
      if (fault.from !== from || fault.to !== to) return openLink;
      return { ...openLink, delayMs: fault.delayMs, jitterMs: fault.jitterMs };
    case 'drop':
      if (fault.from !== from || fault.to !== to) return openLink;
      return { ...openLink, lossRatio: fault.lossRatio, bytesPerSecond: fault.bytesPerSecond };
  }
}

/**
 * The node that stands for the fault, if the fault makes sense. Errors: `node.not_found`, `fault.bad_islands`, `fault.bad_link`,
 * `fault.out_of_range`.
 */
export function checkedFault(fault: NetworkFault, isKnown: (node: NodeName) => boolean): Result<NodeName> {
  if (fault.is !== 'partition') return checkedLink(fault, isKnown);
  const all = fault.islands.flat();
  const unknown = all.find((node) => !isKnown(node));
  if (unknown !== undefined) return nodeNotFound(unknown);
  if (fault.islands.length < 2 || fault.islands.some((island) => island.length === 0) || hasDouble(all)) {
    return failure(
      'validation',
      'fault.bad_islands',
      'A partition has two islands or more, each with a node, and no node is on two of them.',
      'Name the islands again. A node that is on none keeps its links.',
      { pointer: '/islands' },
    );
  }
  return ok(all[0] ?? '');
}

function checkedLink(
  fault: Exclude<NetworkFault, { is: 'partition' }>,
  isKnown: (node: NodeName) => boolean,
): Result<NodeName> {
  const { from, to } = fault;
  const unknown = [from, to].find((node) => !isKnown(node));
  if (unknown !== undefined) return nodeNotFound(unknown);
  if (from === to) {
    return failure('validation', 'fault.bad_link', 'A link is between two nodes.', 'Name two.', { pointer: '/to' });
  }
  if (fault.is === 'delay') {
    return isWithin(fault.delayMs, 0, mostDelayMs) && isWithin(fault.jitterMs, 0, mostDelayMs)
      ? ok(from)
      : outOfRange(`A delay and its jitter are from 0 to ${mostDelayMs} ms.`, '/delayMs');
  }
  if (!isWithin(fault.lossRatio, 0, 1)) return outOfRange('A share of loss is from 0 to 1.', '/lossRatio');
  return fault.bytesPerSecond === null || isWithin(fault.bytesPerSecond, leastBytesPerSecond, Number.MAX_SAFE_INTEGER)
    ? ok(from)
    : outOfRange('A limit is at least one byte per second.', '/bytesPerSecond');
}

/** In words, for people. */
export function faultInWords(fault: NetworkFault): string {
  switch (fault.is) {
    case 'partition':
      return `${fault.mode === 'cut' ? 'cut' : 'black hole'} between ${fault.islands.map((island) => island.join(', ')).join(' and ')}`;
    case 'delay':
      return `${fault.from} to ${fault.to}: ${fault.delayMs} ms late, up to ${fault.jitterMs} ms more`;
    case 'drop':
      return `${fault.from} to ${fault.to}: ${Math.round(fault.lossRatio * 100)} % lost${
        fault.bytesPerSecond === null ? '' : `, at most ${fault.bytesPerSecond} bytes per second`
      }`;
  }
}

function outOfRange(message: string, pointer: string): Result<never> {
  return failure('validation', 'fault.out_of_range', message, 'Choose a number in this range.', { pointer });
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isFinite(value) && value >= least && value <= most;
}

function hasDouble(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}
