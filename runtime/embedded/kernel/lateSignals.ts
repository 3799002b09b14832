/**
 * Signals that take effect only when their receiver is next scheduled, as on the BEAM: what a drawn schedule adds to the orders that
 * "Communication in Erlang" allows.
 */
import type { Value } from '../../term/values.ts';
import type { KernelNode } from './node.ts';
import type { Process } from './process.ts';

export class LateSignals {
  readonly #node: KernelNode;
  readonly #waiting = new Map<Process, (() => void)[]>();
  /** Ends that nobody was told of yet. */
  readonly #unannounced = new Map<Process, Value>();

  constructor(node: KernelNode) {
    this.#node = node;
  }

  /** Whether any waits for this process. */
  has(process: Process): boolean {
    return this.#waiting.has(process);
  }

  /** Puts a signal behind those that wait for this process already; false, and nothing done, when none does. */
  takes(process: Process, effect: () => void): boolean {
    if (!this.#waiting.has(process)) return false;
    this.add(process, effect);
    return true;
  }

  /** Lets a signal wait until this process is scheduled; at once for one that never will be. */
  add(process: Process, effect: () => void): void {
    if (!process.alive || process.suspendedBy !== null) {
      effect();
      return;
    }
    const waiting = this.#waiting.get(process);
    if (waiting !== undefined) waiting.push(effect);
    else this.#waiting.set(process, [effect]);
    this.#node.wake(process);
  }

  /** Lets the signals that wait for this process take effect, as looking at it from outside does (`is_process_alive/1`). */
  take(process: Process): void {
    const signals = this.#waiting.get(process);
    if (signals === undefined) return;
    this.#waiting.delete(process);
    for (const signal of signals) signal();
  }

  /** It has ended; others hear of it when it would next have been scheduled. */
  ended(process: Process, reason: Value): void {
    this.#unannounced.set(process, reason);
  }

  /** Its turn has come. */
  scheduled(process: Process): void {
    if (this.#unannounced.has(process)) this.#node.relations.announce(process, this.#unannounced.get(process));
    this.#unannounced.delete(process);
    this.take(process);
  }

  clear(): void {
    this.#waiting.clear();
    this.#unannounced.clear();
  }
}
