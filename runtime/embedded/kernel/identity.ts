/**
 * The pids and references that a kernel makes. They are ordinary ones that also know what they stand for, so that a signal finds
 * its way without a look-up. There is one such object for a process or reference in the whole cluster, also beyond its node.
 */
import { Pid, Ref } from '../../term/values.ts';
import type { AliasMode, Process } from './process.ts';

/** The pid of a process; it lets go of the process when that ends. */
export class KernelPid extends Pid {
  #process: Process | null = null;

  /** The process, while it lives. */
  get process(): Process | null {
    return this.#process;
  }
  /** For the kernel: from the start of the process to its end. */
  standFor(process: Process | null): void {
    this.#process = process;
  }
}

/** A reference; it may be an alias of a process. */
export class KernelRef extends Ref {
  #owner: Process | null = null;
  #mode: AliasMode = 'explicit_unalias';

  /** The process that it is an alias of; null when it is none (any more), or that process has ended. */
  get owner(): Process | null {
    return this.#owner !== null && this.#owner.alive ? this.#owner : null;
  }
  /** When the alias ends; without a meaning where there is no owner. */
  get mode(): AliasMode {
    return this.#mode;
  }
  /** For the kernel: makes it an alias. */
  standFor(owner: Process, mode: AliasMode): void {
    this.#owner = owner;
    this.#mode = mode;
  }
  /** For the kernel: ends the alias; false when it was none of `owner`. */
  release(owner: Process): boolean {
    if (this.#owner !== owner) return false;
    this.#owner = null;
    return true;
  }
}
