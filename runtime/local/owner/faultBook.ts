/** The faults that are held on a local cluster, what they make of each link, and when each is undone. */
import { randomUUID } from 'node:crypto';
import { failure, nodeNotFound } from '../../errors.ts';
import type { Holding, Incarnation, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { LocalFaultInfo } from '../localSpec.ts';
import type { LinkCondition } from '../network/condition.ts';
import { combined, openLink } from '../network/condition.ts';
import type { FaultLife, FaultRequest } from './protocol.ts';

/** Longer waits are no network's. */
const mostDelayMs = 60_000;
const leastBytesPerSecond = 1;

/** What a fault needs of the cluster. */
export type FaultTarget = {
  lifeOf(node: NodeName): Incarnation | null;
  /** Stops the node where it stands; the answer undoes it. */
  hang(node: NodeName): Result<() => void>;
  /** Links are in another condition now. */
  linksChanged(): void;
};

type Held = {
  readonly holding: Holding;
  readonly fault: FaultRequest;
  readonly session: number;
  readonly linger: FaultLife['linger'];
  readonly undo: () => void;
};

export class FaultBook {
  readonly #target: FaultTarget;
  readonly #held = new Map<string, Held>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(target: FaultTarget) {
    this.#target = target;
  }

  /** What `from` and `to` have between them now, in this direction. */
  conditionOf(from: NodeName, to: NodeName): LinkCondition {
    let condition = openLink;
    for (const { fault } of this.#held.values()) condition = combined(condition, effectOn(fault, from, to));
    return condition;
  }

  /**
   * Holds a fault for the client `session`. Errors: `node.not_found`, `fault.bad_islands`, `fault.bad_link`, `fault.out_of_range`, and
   * those of hanging a node.
   */
  hold(fault: FaultRequest, life: FaultLife, session: number): Result<Holding> {
    const problem = this.#problemOf(fault);
    if (!problem.ok) return problem;
    const at = this.#target.lifeOf(problem.value);
    if (at === null) return nodeNotFound(problem.value);
    const undo = fault.is === 'hang' ? this.#target.hang(fault.node) : ok(() => undefined);
    if (!undo.ok) return undo;
    const holding: Holding = {
      id: `fault:${randomUUID()}`,
      kind: 'fault',
      at,
      target: null,
      owner: life.owner,
      lingerMs: life.linger === 'until_healed' ? 0 : life.linger.ms,
    };
    this.#held.set(holding.id, { holding, fault, session, linger: life.linger, undo: undo.value });
    if (fault.is !== 'hang') this.#target.linksChanged();
    return ok(holding);
  }

  /** Undoes one; false when it is not held. */
  release(id: string): boolean {
    const held = this.#held.get(id);
    if (held === undefined) return false;
    this.#held.delete(id);
    held.undo();
    if (held.fault.is !== 'hang') this.#target.linksChanged();
    return true;
  }

  /** Undoes all; answers how many there were. */
  releaseAll(): number {
    const ids = [...this.#held.keys()];
    for (const id of ids) this.release(id);
    return ids.length;
  }

  /** The client has gone: what it holds is undone after its linger time. */
  sessionEnded(session: number): void {
    for (const { holding, linger, session: owner } of this.#held.values()) {
      if (owner !== session || linger === 'until_healed') continue;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.release(holding.id);
      }, linger.ms);
      this.#timers.add(timer);
    }
  }

  /** The node's life has ended: it hangs no more. With `isGone` it comes back no more either. */
  nodeEnded(node: NodeName, isGone: boolean): void {
    for (const [id, { fault }] of this.#held) {
      if (fault.is === 'hang' && fault.node === node) this.release(id);
      if (isGone && (fault.is === 'delay' || fault.is === 'drop') && (fault.from === node || fault.to === node)) {
        this.release(id);
      }
    }
  }

  holdings(): readonly Holding[] {
    return [...this.#held.values()].map(({ holding }) => holding);
  }

  /** In words, for people. */
  described(): readonly LocalFaultInfo[] {
    return [...this.#held].map(([id, { fault }]) => ({ id, what: inWords(fault) }));
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const { undo } of this.#held.values()) undo();
    this.#held.clear();
  }

  /** The node that stands for the fault, if the fault makes sense. */
  #problemOf(fault: FaultRequest): Result<NodeName> {
    switch (fault.is) {
      case 'hang':
        return ok(fault.node);
      case 'partition': {
        const all = fault.islands.flat();
        const unknown = all.find((node) => this.#target.lifeOf(node) === null);
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
      case 'delay':
      case 'drop':
        return this.#problemOfLink(fault);
    }
  }

  #problemOfLink(fault: Extract<FaultRequest, { is: 'delay' | 'drop' }>): Result<NodeName> {
    const { from, to } = fault;
    const unknown = [from, to].find((node) => this.#target.lifeOf(node) === null);
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

function effectOn(fault: FaultRequest, from: NodeName, to: NodeName): LinkCondition {
  switch (fault.is) {
    case 'hang':
      return openLink;
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

function inWords(fault: FaultRequest): string {
  switch (fault.is) {
    case 'hang':
      return `${fault.node} hangs`;
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
