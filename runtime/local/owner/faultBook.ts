/** The faults that are held on a local cluster, what they make of each link, and when each is undone. */
import { randomUUID } from 'node:crypto';
import { nodeNotFound } from '../../errors.ts';
import type { Holding, Incarnation, NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { LocalFaultInfo } from '../localSpec.ts';
import type { LinkCondition } from '../../network/condition.ts';
import { checkedFault, conditionUnder, faultInWords } from '../../network/networkFault.ts';
import type { FaultLife, FaultRequest } from './protocol.ts';

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
    const faults = [...this.#held.values()].flatMap(({ fault }) => (fault.is === 'hang' ? [] : [fault]));
    return conditionUnder(faults, from, to);
  }

  /**
   * Holds a fault for the client `session`. Errors: `node.not_found`, `fault.bad_islands`, `fault.bad_link`, `fault.out_of_range`, and
   * those of hanging a node.
   */
  hold(fault: FaultRequest, life: FaultLife, session: number): Result<Holding> {
    const isKnown = (node: NodeName): boolean => this.#target.lifeOf(node) !== null;
    const problem = fault.is === 'hang' ? ok(fault.node) : checkedFault(fault, isKnown);
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
}

function inWords(fault: FaultRequest): string {
  return fault.is === 'hang' ? `${fault.node} hangs` : faultInWords(fault);
}
