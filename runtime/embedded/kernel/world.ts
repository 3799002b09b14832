/** What a node is given by whoever runs it, and what is said of a process that is to be made. */
import type { Pid } from '../../term/values.ts';
import type { KernelEvent } from './events.ts';
import type { CodeServer, Mfa } from './module.ts';
import type { KernelNode } from './node.ts';
import type { Prng } from './prng.ts';
import type { Body, Process } from './process.ts';
import type { Signal } from './signal.ts';
import type { TimerHeap } from './timerHeap.ts';

/** What a node is given: clock, timers, chance, code, the network, and somebody who hears what happens. */
export interface World {
  /** The cluster's monotonic clock. */
  readonly nowMs: number;
  readonly timers: TimerHeap;
  readonly code: CodeServer;
  /** The one stream of chance for code that runs in processes. */
  readonly prng: Prng;
  /** Sends a signal to another node, connecting to it first where needed; false when it cannot be connected to. */
  transmit(from: KernelNode, to: string, signal: Signal, connects?: boolean): boolean;
  /** The names of the nodes this one is connected to. */
  connectedTo(node: KernelNode): readonly string[];
  /** The pid object that the kernel of the pid's own node made, where the process lives; else the one given. */
  canonical(pid: Pid): Pid;
  /**
   * Whether exit signals, `DOWN`s and ends take effect only when their receiver is next scheduled, as on the BEAM: a drawn schedule
   * then finds every order that "Communication in Erlang" allows. Otherwise they take effect at once, which is one of these orders.
   */
  readonly lateSignals: boolean;
  /** Whether anybody hears what is emitted; the frequent events are not even made when nobody does. */
  readonly listening: boolean;
  emit(event: KernelEvent): void;
  /** Called when a node that had nothing to run has something. */
  becameRunnable(): void;
  /** How many processes a node may have; {@link defaultProcessLimit} unless the cluster says otherwise. */
  readonly processLimit: number;
  /** Whether the turn that runs now has taken too long by the wall: asked seldom. Never where the wall shall not show. */
  turnIsOverdue(): boolean;
  /** The wall's time; null where nobody looks at it. */
  readonly wall: Wall | null;
  /** How long a turn goes on by {@link World.wall}; Infinity: by reductions only. */
  readonly turnMs: number;
}

/** The wall's time, for those who run nodes beside other things. */
export interface Wall {
  /** Monotonic. */
  readonly nowMs: number;
  /** From when on a turn that is not over is held between two messages, to go on as if nothing had been. */
  readonly holdsAtMs: number;
  /** Whether code that has not given way keeps the thread for too long: asked every 20,000 reductions of a long turn. */
  isOverdue(): boolean;
}

export type SpawnOptions = {
  readonly body: Body;
  readonly initialCall: Mfa;
  readonly parent: Process | null;
  /** Where it is while it waits between messages; the initial call unless said. */
  readonly idleAt?: string;
  readonly link?: boolean;
  readonly groupLeader?: Pid;
  /** It works for somebody outside who waits: it runs before what does not, unless the schedule is drawn. */
  readonly isUrgent?: boolean;
};

/** As the BEAM's default, `+P 262144`. */
export const defaultProcessLimit = 262_144;
