/**
 * N nodes and the network between them. A node is created anew each time it starts: its creation counts up, so that a pid of an
 * earlier life names nobody.
 *
 * Time is given: `advance` by a live host, `runUntil` for a virtual clock. Everything else is the same in both.
 */
import type { Pid, Value } from '../../term/values.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { KernelPid } from '../kernel/identity.ts';
import type { CodeModule } from '../kernel/module.ts';
import { CodeServer } from '../kernel/module.ts';
import { KernelNode } from '../kernel/node.ts';
import type { Prng } from '../kernel/prng.ts';
import type { Process } from '../kernel/process.ts';
import type { Signal } from '../kernel/signal.ts';
import { TimerHeap } from '../kernel/timerHeap.ts';
import { encodedBytes, travelling } from '../kernel/travel.ts';
import type { Ran } from '../kernel/scheduler.ts';
import type { Wall, World } from '../kernel/world.ts';
import { defaultProcessLimit } from '../kernel/world.ts';
import type { Application } from '../otp/applicationTable.ts';
import { Applications } from '../otp/applicationTable.ts';
import type { AutoConnect } from './distribution.ts';
import { Distribution, distributionOf } from './distribution.ts';
import { Network } from './network.ts';
import { bootNode, kernelApplication, systemModules } from './systemTree.ts';

export type ClusterOptions = {
  readonly nodes: readonly string[];
  readonly prng: Prng;
  readonly modules: readonly CodeModule[];
  /** What every node has; `kernel` comes of itself. */
  readonly applications: readonly Application[];
  /** The applications started at boot, in order; the same everywhere, or by node. */
  readonly boot: readonly string[] | ((node: string) => readonly string[]);
  /** One-way delay between nodes, drawn evenly. */
  readonly latencyMs: { readonly min: number; readonly max: number };
  /** net_ticktime; OTP's default, 60 s, unless said. */
  readonly netTicktimeMs?: number;
  /** Whether a node connects to all others when it starts; else they connect when they speak, or something makes them. */
  readonly mesh?: 'full' | 'none';
  /** Hidden nodes (`-hidden`): connected to by name only, and no part of `global`. */
  readonly hidden?: readonly string[];
  /** dist_auto_connect (kernel(6)); `always` unless said. */
  readonly autoConnect?: AutoConnect;
  /** connect_all (kernel(6)): `global` connects all nodes to each other; OTP's default, true, unless said. */
  readonly connectAll?: boolean;
  /** prevent_overlapping_partitions (kernel(6)): what OTP 25 does unless said. */
  readonly preventOverlappingPartitions?: boolean;
  /** `random`: which runnable process runs next is drawn, to explore schedules. */
  readonly schedule?: 'fifo' | 'random';
  /** Processes a node may have; the BEAM's default, 262,144, unless said. */
  readonly processLimit?: number;
  /** In real time: turns are bounded by the wall, too, so that all nodes have one within so many milliseconds. */
  readonly roundMs?: number;
  /** Called when there is something to run, or a timer was set, outside a run. */
  readonly onWork?: () => void;
};

/** As {@link Cluster.run}. */
export type Run = (shouldStop: () => boolean) => 'idle' | 'more' | 'held';

/** So many turns pass between two looks at the wall's clock, apart from those within turns. */
const turnsPerLook = 4;

/** What takes a millisecond of a virtual clock, when there is no pause in it: about ten times what a scheduler of the BEAM does. */
const reductionsPerMs = 200_000;

/** An instant of a virtual clock: it lasts until nothing is runnable, or too much has run. */
export class Instant {
  readonly #cluster: Cluster;
  readonly #began: number;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#began = cluster.reductions;
  }

  get isLong(): boolean {
    return this.#cluster.reductions - this.#began > reductionsPerMs;
  }
  /** When the next one is: the next timer's, or soon where this one did not end by itself; null when nothing will happen any more. */
  get nextAtMs(): number | null {
    const { nowMs, timers } = this.#cluster;
    return this.isLong ? Math.min(nowMs + 1, timers.nextAtMs ?? Infinity) : timers.nextAtMs;
  }
}

type Slot = {
  readonly name: string;
  node: KernelNode | null;
  applications: Applications;
  creations: number;
};
export class Cluster implements World {
  readonly timers = new TimerHeap();
  readonly code: CodeServer;
  readonly prng: Prng;
  readonly network: Network;
  readonly #schedule: Prng | null;
  /** For `global`, apart from what processes draw. */
  readonly #globalChance: Prng;
  readonly #options: ClusterOptions;
  readonly #slots = new Map<string, Slot>();
  /** The same in their order: what runs them goes through an array for a fifth of what it costs to go through a map. */
  #order: readonly Slot[] = [];
  readonly #listeners = new Set<(event: KernelEvent) => void>();
  /** The wall's time, while a host runs the cluster that wants the thread back now and then. */
  wall: Wall | null = null;
  #nowMs = 0;
  #running = false;
  /** A round that is not over: what is left of it. */
  #held: { readonly slots: readonly Slot[]; readonly at: number } | null = null;
  /** Turns since the wall's clock was last looked at. */
  #unlooked = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.code = new CodeServer([...systemModules, ...options.modules]);
    this.prng = options.prng.split('user');
    this.#globalChance = options.prng.split('global');
    this.network = new Network({
      timers: this.timers,
      nowMs: () => this.#nowMs,
      latency: options.prng.split('latency'),
      chance: options.prng.split('faults'),
      latencyMs: options.latencyMs,
      netTicktimeMs: options.netTicktimeMs ?? 60_000,
      netSetuptimeMs: 7000,
      node: (name) => this.node(name),
      bytesOf,
      onUp: (one, other, id) => {
        this.emit({ is: 'connected', one: one.name, other: other.name });
        distributionOf(one).connected(other.name, id);
        distributionOf(other).connected(one.name, id);
      },
      onLost: (node, gone, id, reason) => {
        this.emit({ is: 'disconnected', one: node.name, other: gone });
        node.relations.connectionLost(gone);
        distributionOf(node).lost(gone, id, reason);
      },
      onFailed: (node, to) => distributionOf(node).failed(to),
    });
    this.#schedule = options.schedule === 'random' ? options.prng.split('schedule') : null;
    for (const name of options.nodes) this.addNode(name);
  }

  /** Whether `global` cuts more links than the network did until no partitions overlap (kernel(6)). */
  get preventsOverlap(): boolean {
    return (this.#options.preventOverlappingPartitions ?? true) && (this.#options.connectAll ?? true);
  }
  get nowMs(): number {
    return this.#nowMs;
  }
  /** Every node there is, up or down, in the order they were added. */
  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }
  /** The node with this name while it is up; null when it is down or unknown. */
  node(name: string): KernelNode | null {
    return this.#slots.get(name)?.node ?? null;
  }
  applicationsOf(name: string): Applications | null {
    return this.#slots.get(name)?.applications ?? null;
  }
  /** The creation of the node's present or, when it is down, last life; null for an unknown node. */
  creationOf(name: string): number | null {
    return this.#slots.get(name)?.creations ?? null;
  }

  /** The living process with this pid. */
  find(pid: Pid): Process | undefined {
    return this.node(pid.node)?.find(pid);
  }

  /** Hears everything that happens, until disposed of. */
  listen(listener: (event: KernelEvent) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  // ---------------------------------------------------------------------------------------------------------- nodes

  /** Adds a node and starts it; null when the name is taken. */
  addNode(name: string): KernelNode | null {
    if (this.#slots.has(name)) return null;
    this.#slots.set(name, { name, node: null, applications: new Applications([]), creations: 0 });
    this.#order = [...this.#slots.values()];
    return this.startNode(name);
  }

  /** Starts a node that is down, as a new incarnation, and connects it to the others; null when it is up or unknown. */
  startNode(name: string): KernelNode | null {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.node !== null) return null;
    // Whoever has not noticed the end of the earlier life notices it now.
    this.network.forget(name);
    slot.creations += 1;
    slot.applications = new Applications([kernelApplication, ...this.#options.applications]);
    const node = new KernelNode(name, slot.creations, this);
    slot.node = node;
    const isHidden = (one: string): boolean => this.#options.hidden?.includes(one) === true;
    new Distribution(node, {
      network: this.network,
      autoConnect: this.#options.autoConnect ?? 'always',
      isHidden,
      halt: () => this.crashNode(name),
      preventsOverlap: this.preventsOverlap,
      prng: this.#globalChance,
      connectsAll: this.#options.connectAll ?? true,
    });
    this.emit({ is: 'node_up', node: name, creation: node.creation });
    const { boot } = this.#options;
    bootNode(node, {
      applications: slot.applications,
      boot: typeof boot === 'function' ? boot(name) : boot,
      halt: () => this.crashNode(name),
    });
    for (const other of this.#slots.values()) {
      if (other.node === null || this.#options.mesh === 'none' || isHidden(name) || isHidden(other.name)) continue;
      this.network.connect(node, other.name);
    }
    return node;
  }

  /** Takes a node down at once: its processes just stop. The others learn it when their connections break. False when it is not up. */
  crashNode(name: string): boolean {
    const slot = this.#slots.get(name);
    const node = slot?.node ?? null;
    if (slot === undefined || node === null) return false;
    slot.node = null;
    node.crash();
    this.emit({ is: 'node_down', node: name, creation: node.creation });
    this.network.crashed(node);
    this.#work();
    return true;
  }

  /** Takes a node out of the cluster for good; answers whether it was up. */
  removeNode(name: string): boolean {
    const wasUp = this.crashNode(name);
    const wasThere = this.#slots.delete(name);
    this.#order = [...this.#slots.values()];
    if (wasThere) this.emit({ is: 'node_removed', node: name });
    return wasUp;
  }

  /**
   * Stops a node where it stands, as SIGSTOP does: it runs nothing, and what is sent to it waits. False when it is not up, or hangs
   * already.
   */
  hangNode(name: string): boolean {
    const node = this.node(name);
    if (node === null || node.hung) return false;
    node.standStill();
    this.network.standsStill(node);
    return true;
  }

  /** Lets a node that hangs go on. */
  resumeNode(name: string): boolean {
    const node = this.node(name);
    if (node === null || !node.hung) return false;
    node.goOn();
    this.network.standsStill(node);
    this.#work();
    return true;
  }

  /** The visible ones of the nodes that `node` is connected to (`nodes/0`). */
  connectedTo(node: KernelNode): readonly string[] {
    return distributionOf(node).nodes();
  }

  // -------------------------------------------------------------------------------------------------------- network

  transmit(from: KernelNode, to: string, signal: Signal, connects: boolean = true): boolean {
    const sent = this.network.transmit(from, to, travelling(signal), connects && distributionOf(from).autoConnects(to));
    this.#work();
    return sent;
  }

  canonical(pid: Pid): Pid {
    if (pid instanceof KernelPid) return pid;
    return this.find(pid)?.pid ?? pid;
  }

  // ------------------------------------------------------------------------------------------------------- running

  /** Lets the clock reach `nowMs` (never back) and fires what is due, in order. */
  advance(nowMs: number): void {
    for (let timer = this.timers.pop(nowMs); timer !== null; timer = this.timers.pop(nowMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.fire();
    }
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  /**
   * Runs processes, the nodes by turns, until nothing is runnable or `shouldStop` says so between two rounds; `held`, anywhere else, when
   * {@link Wall.holdsAtMs} has come: it is to be called again before anything else happens, and goes on as if nothing had been.
   */
  run(shouldStop: () => boolean): 'idle' | 'more' | 'held' {
    this.#running = true;
    try {
      for (;;) {
        const ran = this.#schedule === null ? this.#runRound() : this.#runDrawn(this.#schedule);
        if (ran !== 'ran') return ran;
        if (shouldStop()) return 'more';
      }
    } finally {
      this.#running = false;
    }
  }

  /**
   * Runs on a virtual clock: from timer to timer, everything runnable in between, up to the instant `untilMs`. Work takes no time, but
   * for {@link reductionsPerMs} a millisecond passes: processes that are never idle do not make an instant last for ever. `run` is
   * {@link Cluster.run} unless said.
   */
  runUntil(untilMs: number, run: Run = (shouldStop) => this.run(shouldStop)): void {
    for (;;) {
      const instant = new Instant(this);
      for (let ran = run(() => instant.isLong); ran !== 'idle'; ran = run(() => instant.isLong)) {
        if (ran === 'more' && instant.isLong) break;
      }
      const next = instant.nextAtMs;
      if (next === null || next > untilMs) break;
      this.advance(Math.max(next, this.#nowMs));
    }
    this.advance(untilMs);
  }

  /** Used on all nodes that are up, since each of them started. */
  get reductions(): number {
    let sum = 0;
    for (const { node } of this.#order) sum += node?.scheduler.reductions ?? 0;
    return sum;
  }

  /** With a drawn schedule: late signals are part of what is drawn. */
  get lateSignals(): boolean {
    return this.#schedule !== null;
  }
  get processLimit(): number {
    return this.#options.processLimit ?? defaultProcessLimit;
  }

  turnIsOverdue(): boolean {
    return this.#options.roundMs !== undefined && this.wall?.isOverdue() === true;
  }
  get turnMs(): number {
    return (this.#options.roundMs ?? Infinity) / Math.max(1, this.#order.length);
  }

  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  becameRunnable(): void {
    this.#work();
  }

  emit(event: KernelEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** The oldest runnable process of each node; goes on with a round that was held. */
  #runRound(): Ran {
    const held = this.#held;
    this.#held = null;
    const slots = held === null ? this.#order : held.slots;
    let ran: Ran = held === null ? 'idle' : 'ran';
    for (let at = held === null ? 0 : held.at; at < slots.length; at += 1) {
      const node = slots[at]?.node ?? null;
      if (node === null || node.hung) continue;
      const turn = node.scheduler.runNext();
      if (turn === 'idle') continue;
      if (turn === 'held') return this.#hold(slots, at);
      ran = 'ran';
      if (this.wall !== null && this.#holdsNow(this.wall)) return this.#hold(slots, at + 1);
    }
    return ran;
  }

  /** Whether the thread is wanted back: looked at now and then, for looking takes as long as a short turn. */
  #holdsNow(wall: Wall): boolean {
    this.#unlooked += 1;
    if (this.#unlooked < turnsPerLook) return false;
    this.#unlooked = 0;
    return wall.nowMs >= wall.holdsAtMs;
  }

  #hold(slots: readonly Slot[], at: number): 'held' {
    this.#held = { slots, at };
    return 'held';
  }

  /** One of the runnable processes of all nodes, drawn; goes on with a turn that was held. */
  #runDrawn(schedule: Prng): Ran {
    if (this.#held !== null) return this.#runRound();
    let runnable = 0;
    for (const { node } of this.#order) if (node !== null && !node.hung) runnable += node.scheduler.runQueue.drawable;
    if (runnable === 0) return 'idle';
    let drawn = schedule.below(runnable);
    for (const slot of this.#order) {
      const { node } = slot;
      if (node === null || node.hung) continue;
      const { drawable } = node.scheduler.runQueue;
      if (drawn >= drawable) {
        drawn -= drawable;
        continue;
      }
      const turn = node.scheduler.runNext(drawn);
      if (turn === 'held') return this.#hold([slot], 0);
      return this.wall !== null && this.#holdsNow(this.wall) ? this.#hold([], 0) : 'ran';
    }
    return 'idle';
  }

  /**
   * For whoever stopped process code from outside (a `vm` time-out): ends the process that was running, with `killed` unless said,
   * and answers it and the message it was at; null when none was running. The cluster can be run again afterwards.
   */
  abandonTurn(reason?: Value): { readonly process: Process; readonly message: Value } | null {
    this.#running = false;
    this.#held = null;
    for (const { node } of this.#order) {
      const abandoned = node?.scheduler.abandonTurn(reason) ?? null;
      if (abandoned !== null) return abandoned;
    }
    return null;
  }

  #work(): void {
    if (!this.#running) this.#options.onWork?.();
  }
}

/** The control message and the framing of a signal (erts, "Distribution protocol"), about. */
const controlBytes = 40;

/** What a signal takes on the wire, for links with a limit of bytes. */
function bytesOf(signal: Signal): number {
  switch (signal.is) {
    case 'message':
      return controlBytes + encodedBytes(signal.message);
    case 'exit':
    case 'down':
      return controlBytes + encodedBytes(signal.reason);
    case 'spawn':
      return controlBytes + encodedBytes(signal.args);
    default:
      return controlBytes;
  }
}
