/**
 * One node of the simulated cluster: its processes, names, run queue, and how signals take effect.
 *
 * Follows the Erlang reference manual, "Processes", and the erts user's guide, "Communication in Erlang". Pure: time, randomness
 * and the network are the {@link World}'s.
 */
import type { Value } from '../../term/values.ts';
import { ImproperList, Pid, Ref, Tuple, tup } from '../../term/values.ts';
import { copied } from './copy.ts';
import { ErrorException, ExitException, reasonOf, undef } from './exceptions.ts';
import type { KernelEvent } from './events.ts';
import type { Flow, Received, Wait } from './flow.ts';
import { flowOf, settle, timedOut } from './flow.ts';
import { KernelPid, KernelRef } from './identity.ts';
import type { CodeServer, Mfa } from './module.ts';
import type { Prng } from './prng.ts';
import type { AliasMode, Body, Monitor, MonitorTarget } from './process.ts';
import { noMessages, Process } from './process.ts';
import { ProcessTable } from './processTable.ts';
import { Ring } from './ring.ts';
import { RunQueue } from './runQueue.ts';
import { Self } from './self.ts';
import type { Signal } from './signal.ts';
import { SmallMap, SmallSet } from './small.ts';
import { spawnAnswered, spawnFor, spawnsLost } from './spawnRequest.ts';
import type { Timer, TimerHeap } from './timerHeap.ts';
import type { TraceRing } from './trace.ts';
import { traceFlag, traceKind } from './trace.ts';
import { atoms } from './values.ts';

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
  /** Whether the turn that runs now has taken too long by a clock: asked seldom. Never on a virtual clock. */
  turnIsOverdue(): boolean;
  /** A monotonic clock of the wall, in milliseconds, by which turns are bounded too; null: by reductions only. */
  readonly turnClock: (() => number) | null;
  /** How long a turn goes on by {@link World.turnClock}. */
  readonly turnMs: number;
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
/** Reductions a process may use before others run. One is one message, one resumption or one call into the kernel. */
export const reductionsPerTurn = 2000;

/** So many reductions pass between two looks at the clock that bounds turns, where there is one. */
const reductionsPerGlance = 16;
/** How many processes, one after the other, an urgent one makes urgent for a turn: a supervisor, its child, and both once more. */
const standingUrgency = 5;

/** After so many reductions of one turn, which no code that gives way ever uses, its process is ended whatever the clock says. */
export const mostReductionsPerTurn = 10_000_000;
/** So many reductions pass between two looks at the clock in a turn that does not give way. */
const reductionsPerLook = 20_000;

const stillWaiting = Symbol('still waiting');
/** How a turn ended; with `ended`, its reason stands in {@link Process.doom}. */
type TurnEnd = 'waiting' | 'more' | 'ended';
/** So many empty mailboxes are kept for the next processes that get a message. */
const mostSpareMailboxes = 256;
/** Larger ones are left to the garbage collector. */
const largestSpareMailbox = 64;

export class KernelNode {
  readonly name: string;
  readonly creation: number;
  readonly world: World;
  readonly startedAtMs: number;
  readonly processes = new ProcessTable();
  readonly names = new Map<string, Process>();
  readonly runQueue = new RunQueue();
  /** Who hears what processes do in detail; null: nobody, and it costs nothing. */
  tracer: TraceRing | null = null;
  /** Hears of each process that ends, before its name, links and monitors go: what it owned goes first. */
  onProcessEnd: ((process: Process) => void) | null = null;
  /** Watched processes of this node, by monitors that processes of other nodes have set. */
  readonly #watchedFromAfar = new Map<Ref, Process>();
  /** The first {@link #spares} places hold one each; the array itself keeps its length, which costs less than to push and pop. */
  readonly #spareMailboxes: (Ring<Value> | undefined)[] = new Array<Ring<Value> | undefined>(mostSpareMailboxes).fill(
    undefined,
  );
  #spares = 0;
  #reductions = 0;
  #lastPid = -1;
  #lastRef = 0;
  #running: Process | null = null;
  /** The message that was taken last: that of the running process. */
  #taken: Value = undefined;
  #turnBegan = 0;
  /** What the running process lends to those that it sends to, or spawns, of its urgency. */
  #lends = 0;
  /** The reductions at which the running process is next asked whether it takes too long. */
  looksAt = 0;
  #alive = true;
  /** What fell due while the node stands still, in order; null while it runs. */
  #overdue: (() => void)[] | null = null;
  /** Signals that wait for their receiver to be scheduled, and ends that nobody was told of yet; null where none is late. */
  readonly #late: Map<Process, (() => void)[]> | null;
  readonly #unannounced = new Map<Process, Value>();
  /** Unlinks that another node has not acknowledged yet, by process and the pid it unlinked from. */
  readonly #unlinking = new WeakMap<Process, Map<Pid, number>>();
  #lastUnlink = 0;
  #dying: { readonly process: Process; readonly reason: Value }[] = [];
  #draining = false;

  constructor(name: string, creation: number, world: World) {
    this.name = name;
    this.creation = creation;
    this.world = world;
    this.startedAtMs = world.nowMs;
    this.#late = world.lateSignals ? new Map() : null;
  }

  get alive(): boolean {
    return this.#alive;
  }
  /** It stands still: nothing runs, and its timers wait. */
  get hung(): boolean {
    return this.#overdue !== null;
  }
  /** Used since the node started. */
  get reductions(): number {
    return this.#reductions;
  }
  get running(): Process | null {
    return this.#running;
  }
  /** The message that the running process took last; without a meaning when none runs. */
  get taken(): Value {
    return this.#taken;
  }

  // --------------------------------------------------------------------------------------------------- identities

  /** The living process with this pid; undefined when it is another node's, of an earlier life, or has ended. */
  find(pid: Pid): Process | undefined {
    if (pid instanceof KernelPid) return pid.process?.node === this ? pid.process : undefined;
    if (pid.node !== this.name || pid.creation !== this.creation) return undefined;
    return this.processes.find(pid);
  }

  makeRef(): KernelRef {
    this.#lastRef += 1;
    const n = this.#lastRef;
    // A reference's first word has 18 bits (erts external term format).
    return new KernelRef(this.name, this.creation, [n % 0x40000, Math.floor(n / 0x40000) >>> 0, 0]);
  }

  /** Makes a process and puts it into the run queue. Throws `system_limit` as an error exception at the world's process limit. */
  spawn(options: SpawnOptions): Process {
    if (this.processes.size >= this.world.processLimit) throw new ErrorException(Self.systemLimit);
    this.#lastPid += 1;
    const pid = new KernelPid(
      this.name,
      this.creation,
      this.#lastPid % 0x10000000,
      Math.floor(this.#lastPid / 0x10000000),
    );
    const { parent, initialCall } = options;
    const leader = options.groupLeader ?? parent?.groupLeader ?? null;
    const idleAt = options.idleAt ?? null;
    const process = new Process(this, pid, initialCall, parent?.pid ?? null, leader, options.body, idleAt);
    if (options.isUrgent === true && this.#late === null) process.standingUrgency = standingUrgency;
    pid.standFor(process);
    this.processes.add(process);
    if (options.link === true && parent !== null) {
      (process.links ??= new SmallSet()).add(parent.pid);
      (parent.links ??= new SmallSet()).add(pid);
    }
    if (this.tracer !== null) this.#traceSpawn(this.tracer, process, parent, options.link === true);
    if (this.world.listening) {
      const { module, function: name, arity } = initialCall;
      this.world.emit({ is: 'spawned', pid, initialCall: `${module}:${name}/${arity}` });
    }
    this.#enqueue(process);
    return process;
  }

  #traceSpawn(tracer: TraceRing, process: Process, parent: Process | null, isLinked: boolean): void {
    if (parent === null) return;
    if ((parent.traceFlags & traceFlag.setOnSpawn) !== 0) process.traceFlags = parent.traceFlags;
    tracer.note(traceFlag.procs, traceKind.spawn, parent, process.pid, null, process.initialCall);
    tracer.note(traceFlag.procs, traceKind.spawned, process, parent.pid, null, process.initialCall);
    if (!isLinked) return;
    tracer.note(traceFlag.procs, traceKind.link, parent, process.pid, null);
    tracer.note(traceFlag.procs, traceKind.getting_linked, process, parent.pid, null);
  }

  /** A body that calls a function of a loaded module; `undef` when there is none, as an exit of the process. */
  bodyOf(mfa: Mfa, args: readonly Value[]): Body {
    const code = this.world.code.find(mfa.module, mfa.function, mfa.arity);
    return {
      is: 'flow',
      run: function* (self) {
        if (code === null) throw undef(mfa.module, mfa.function, args);
        self.called(mfa.module, mfa.function, args);
        return yield* settle(code(self, ...args));
      },
    };
  }

  /** Gives a name to a living process of this node; false when the name is taken, or the process has one already. */
  register(name: string, process: Process): boolean {
    if (!process.alive || process.name !== null || this.names.has(name) || name === 'undefined') return false;
    process.name = name;
    this.names.set(name, process);
    this.tracer?.note(traceFlag.procs, traceKind.register, process, name, null);
    this.world.emit({ is: 'registered', pid: process.pid, name });
    return true;
  }

  /** Takes a name away; false when nobody has it. */
  unregister(name: string): boolean {
    const process = this.names.get(name);
    if (process === undefined) return false;
    this.names.delete(name);
    process.name = null;
    this.tracer?.note(traceFlag.procs, traceKind.unregister, process, name, null);
    this.world.emit({ is: 'unregistered', pid: process.pid, name });
    return true;
  }

  // ------------------------------------------------------------------------------------------------------ signals

  /** Takes a signal from another node. */
  receive(signal: Signal): void {
    switch (signal.is) {
      case 'message':
        this.#deliverTo(signal.to, signal.message);
        return;
      case 'exit': {
        const process = this.find(signal.to);
        if (process !== undefined) this.exitSignal(process, signal.from, signal.reason, signal.because);
        return;
      }
      case 'link': {
        const process = this.find(signal.to);
        if (process === undefined) this.#exitBack(signal.to, signal.from, atoms.noproc);
        else if (this.#unlinking.get(process)?.has(signal.from) !== true) {
          (process.links ??= new SmallSet()).add(signal.from);
          this.tracer?.note(traceFlag.procs, traceKind.getting_linked, process, signal.from, null);
        }
        return;
      }
      case 'unlink':
        this.#gettingUnlinked(this.find(signal.to), signal.from);
        this.world.transmit(this, signal.from.node, { ...signal, is: 'unlink_ack', from: signal.to, to: signal.from });
        return;
      case 'unlink_ack': {
        const process = this.find(signal.to);
        const pending = process === undefined ? undefined : this.#unlinking.get(process);
        if (pending?.get(signal.from) === signal.id) pending.delete(signal.from);
        return;
      }
      case 'monitor':
        this.watch(signal.ref, signal.from, signal.to);
        return;
      case 'demonitor':
        this.unwatch(signal.ref);
        return;
      case 'down': {
        const process = this.find(signal.to);
        if (process !== undefined) this.#down(process, signal.ref, signal.reason);
        return;
      }
      case 'spawn':
        spawnFor(this, signal);
        return;
      case 'spawn_reply':
        spawnAnswered(this, signal);
        return;
    }
  }

  /** Sends a message to wherever `to` is. To a process that has ended it is dropped, as it is on an unknown name elsewhere. */
  send(to: Pid | Ref, message: Value): void {
    if (to.node === this.name) this.#deliverTo(to, message);
    else this.world.transmit(this, to.node, { is: 'message', to, message });
  }

  deliver(process: Process, message: Value): void {
    if (process.runState === 'exiting') return;
    // What comes behind a signal that is late does not overtake it.
    if (this.#late !== null && this.#putsLater(process, message)) return;
    this.#put(process, message);
  }

  // A function of its own, so that nothing is kept for it where no signal is late.
  #putsLater(process: Process, message: Value): boolean {
    return this.takesLater(process, () => this.#put(process, message));
  }

  #put(process: Process, message: Value): void {
    if (process.runState === 'exiting') return;
    if (process.mailbox === noMessages) process.mailbox = this.#spareMailbox();
    process.mailbox.push(message);
    if (this.tracer !== null) this.tracer.received(process, message);
    if (process.runState !== 'waiting') {
      if (this.#lends > 0) this.#hasten(process);
      return;
    }
    if (process.wait !== null && process.wait.is === 'reply') {
      // Only what answers the reference can end this wait: it is found where it came in, and all else wakes nobody.
      if (!answers(message, process.wait.ref)) return;
      process.scanFrom = process.mailbox.end - 1;
    }
    process.runState = 'runnable';
    this.#enqueue(process);
  }

  /** Lets a waiting process look at its mailbox again. */
  wake(process: Process): void {
    if (process.runState !== 'waiting') return;
    process.runState = 'runnable';
    this.#enqueue(process);
  }

  /**
   * An exit signal arrives. `kill` asked for by exit/2 always ends the process; a reason through a link is an ordinary one;
   * `normal` is ignored without trap_exit, except from the process itself. (The 60 cases of exitSignalTable.json.)
   */
  exitSignal(process: Process, from: Pid, reason: Value, because: 'asked' | 'link'): void {
    const isOwn = because === 'asked' && from === process.pid;
    if (this.#late === null || isOwn) this.#takeExit(process, from, reason, because);
    else this.#takeExitLater(process, from, reason, because);
  }

  #takeExitLater(process: Process, from: Pid, reason: Value, because: 'asked' | 'link'): void {
    this.#later(process, () => this.#takeExit(process, from, reason, because));
  }

  #takeExit(process: Process, from: Pid, reason: Value, because: 'asked' | 'link'): void {
    if (!process.alive) return;
    if (because === 'link') {
      if (process.links?.delete(from) !== true) return;
      // A process that the exit ends tells of its own end only.
      const survives = process.trapExit || reason === atoms.normal;
      if (survives) this.tracer?.note(traceFlag.procs, traceKind.getting_unlinked, process, from, null);
    }
    if (because === 'asked' && reason === atoms.kill) this.end(process, atoms.killed);
    else if (process.trapExit) this.deliver(process, tup(atoms.exit, from, copied(reason)));
    else if (reason !== atoms.normal || (because === 'asked' && from === process.pid)) this.end(process, reason);
  }

  /** Puts a signal behind those that wait for this process already; false, and nothing done, when none does. */
  takesLater(process: Process, effect: () => void): boolean {
    if (this.#late?.has(process) !== true) return false;
    this.#later(process, effect);
    return true;
  }

  #later(process: Process, effect: () => void): void {
    if (!process.alive || process.suspendedBy !== null) {
      effect();
      return;
    }
    const waiting = this.#late?.get(process);
    if (waiting !== undefined) waiting.push(effect);
    else this.#late?.set(process, [effect]);
    this.wake(process);
  }

  /** Lets the signals that wait for this process take effect, as looking at it from outside does (`is_process_alive/1`). */
  takeSignals(process: Process): void {
    const signals = this.#late?.get(process);
    if (signals === undefined) return;
    this.#late?.delete(process);
    for (const signal of signals) signal();
  }

  /** Ends a process. Its own code is not interrupted: while it runs, it ends when that gives way. */
  end(process: Process, reason: Value): void {
    if (process === this.#running) process.doom ??= { reason };
    else this.#terminate(process, reason);
  }

  /** Makes `from` (anywhere) a watcher of a process here, by pid or name; tells it `noproc` when there is none. */
  watch(ref: Ref, from: Pid, target: Pid | string): void {
    const process = typeof target === 'string' ? this.names.get(target) : this.find(target);
    if (process === undefined) this.#tellDown(ref, from, atoms.noproc);
    else {
      (process.monitoredBy ??= new SmallMap()).set(ref, from);
      if (from.node !== this.name) this.#watchedFromAfar.set(ref, process);
    }
  }

  /** Ends a monitor that a process of another node has set here. */
  unwatch(ref: Ref): void {
    this.#watchedFromAfar.get(ref)?.monitoredBy?.delete(ref);
    this.#watchedFromAfar.delete(ref);
  }

  /** `process` watches another from now on, by `ref`; the watched one is told where it is. */
  monitor(process: Process, ref: KernelRef, target: MonitorTarget, alias: AliasMode | null, tag: Value): void {
    const to = target instanceof Pid ? target : target.elements[0].name;
    const node = target instanceof Pid ? target.node : target.elements[1].name;
    const local = node !== this.name ? null : ((typeof to === 'string' ? this.names.get(to) : this.find(to)) ?? null);
    (process.monitors ??= new SmallMap()).set(ref, { target, alias, tag, watched: local });
    if (alias !== null) ref.standFor(process, alias);
    if (local !== null) {
      if (this.#late === null || !this.#watchedLater(local, ref, process)) this.#watched(local, ref, process);
    } else if (node === this.name) this.#down(process, ref, atoms.noproc);
    else if (!this.world.transmit(this, node, { is: 'monitor', ref, from: process.pid, to })) {
      this.#down(process, ref, atoms.noconnection);
    }
  }

  /** `by` has linked itself to a process here. */
  linked(target: Process, by: Process): void {
    const link = (): void => {
      if (!target.alive) {
        this.exitSignal(by, target.pid, atoms.noproc, 'link');
        return;
      }
      (target.links ??= new SmallSet()).add(by.pid);
      this.tracer?.note(traceFlag.procs, traceKind.getting_linked, target, by.pid, null);
    };
    if (!this.takesLater(target, link)) link();
  }
  /** `by` links itself to a process of another node; false when that node cannot be reached. */
  linkAcross(by: Process, to: Pid): boolean {
    this.#unlinking.get(by)?.delete(to);
    return this.world.transmit(this, to.node, { is: 'link', from: by.pid, to });
  }
  /** `by` has unlinked itself from a process of another node (erts, "Distribution protocol", link protocol). */
  unlinkAcross(by: Process, to: Pid): void {
    const pending = this.#unlinking.get(by) ?? new Map<Pid, number>();
    this.#unlinking.set(by, pending);
    this.#lastUnlink += 1;
    pending.set(to, this.#lastUnlink);
    this.world.transmit(this, to.node, { is: 'unlink', from: by.pid, to, id: this.#lastUnlink });
  }
  /** `by` has unlinked itself from a process here. */
  unlinked(target: Process, by: Process): void {
    const unlink = (): void => {
      this.#gettingUnlinked(target, by.pid);
    };
    if (!this.takesLater(target, unlink)) unlink();
  }

  #gettingUnlinked(process: Process | undefined, from: Pid): void {
    if (process?.links?.delete(from) !== true) return;
    this.tracer?.note(traceFlag.procs, traceKind.getting_unlinked, process, from, null);
  }

  #watchedLater(target: Process, ref: Ref, by: Process): boolean {
    return this.takesLater(target, () => this.#watched(target, ref, by));
  }

  #watched(target: Process, ref: Ref, by: Process): void {
    if (target.alive) (target.monitoredBy ??= new SmallMap()).set(ref, by.pid);
    else this.#down(by, ref, atoms.noproc);
  }

  /** Ends a monitor that `process` set; false when it is not there (any more). */
  demonitor(process: Process, ref: Ref): boolean {
    const monitor = process.monitors?.get(ref);
    if (monitor === undefined) return false;
    process.monitors?.delete(ref);
    if (monitor.alias !== null && monitor.alias !== 'explicit_unalias') endAlias(process, ref);
    this.#stopWatching(ref, process.pid, monitor);
    return true;
  }

  /** The connection to another node's incarnation is gone: its links and monitors end with `noconnection`. */
  connectionLost(node: string): void {
    for (const process of [...this.processes.values()]) {
      for (const linked of [...(process.links ?? [])]) {
        if (linked.node === node) this.exitSignal(process, linked, atoms.noconnection, 'link');
      }
      for (const pid of this.#unlinking.get(process)?.keys() ?? []) {
        if (pid.node === node) this.#unlinking.get(process)?.delete(pid);
      }
      for (const [ref, monitor] of [...(process.monitors ?? [])]) {
        if (nodeOf(monitor.target) === node) this.#down(process, ref, atoms.noconnection);
      }
      for (const [ref, watcher] of [...(process.monitoredBy ?? [])]) {
        if (watcher.node !== node) continue;
        process.monitoredBy?.delete(ref);
        this.#watchedFromAfar.delete(ref);
      }
      spawnsLost(process, node);
    }
  }

  /** The node ends as by a power cut: nothing runs any more, nobody here is told. */
  crash(): void {
    this.#alive = false;
    for (const process of this.processes.values()) {
      process.runState = 'exiting';
      process.pid.standFor(null);
      if (process.waitTimer !== null) this.world.timers.cancel(process.waitTimer);
    }
    this.processes.clear();
    this.#late?.clear();
    this.#unannounced.clear();
    this.names.clear();
    this.#watchedFromAfar.clear();
    this.runQueue.clear();
  }

  /** The node stands still, as by SIGSTOP, until {@link KernelNode.goOn}. Whoever runs the nodes passes it by. */
  standStill(): void {
    this.#overdue ??= [];
  }

  /** The node runs again; its timers that fell due meanwhile fire now, in order. */
  goOn(): void {
    const overdue = this.#overdue ?? [];
    this.#overdue = null;
    for (const fire of overdue) fire();
  }

  /** Sets a timer of this node: it fires when it is due and the node runs; never when the node has ended. */
  setTimer(atMs: number, fire: () => void): Timer {
    return this.world.timers.set(atMs, () => {
      if (!this.#alive) return;
      if (this.#overdue === null) fire();
      else this.#overdue.push(fire);
    });
  }

  // --------------------------------------------------------------------------------------------------- suspension

  /** The process runs no more until every owner has resumed it; its messages wait. */
  suspend(process: Process, owner: object): void {
    const owners = (process.suspendedBy ??= new Map<object, number>());
    owners.set(owner, (owners.get(owner) ?? 0) + 1);
  }

  /** Undoes one suspension of this owner; false when it had none. */
  resume(process: Process, owner: object): boolean {
    const count = process.suspendedBy?.get(owner);
    if (process.suspendedBy === null || count === undefined) return false;
    if (count > 1) process.suspendedBy.set(owner, count - 1);
    else process.suspendedBy.delete(owner);
    if (process.suspendedBy.size > 0) return true;
    process.suspendedBy = null;
    if (process.alive) {
      process.runState = 'runnable';
      this.#enqueue(process);
    }
    return true;
  }

  // -------------------------------------------------------------------------------------------------- scheduling

  /** Runs the next process for one turn, or the one that is drawn, below `runQueue.drawable`; false when there is none. */
  runNext(drawn: number | null = null): boolean {
    const process = drawn === null ? this.runQueue.shift() : this.runQueue.draw(drawn);
    if (process === undefined) return false;
    process.queued = false;
    if (this.#late !== null) {
      if (this.#unannounced.has(process)) this.#announce(process, this.#unannounced.get(process));
      this.#unannounced.delete(process);
      this.takeSignals(process);
    }
    if (!process.alive || process.suspendedBy !== null) return true;
    const before = process.reductions;
    process.runState = 'running';
    this.#running = process;
    this.#turnBegan = before;
    this.looksAt = before + reductionsPerLook;
    const { urgency } = process;
    if (urgency > 0) this.#lend(process, urgency - 1);
    if ((process.traceFlags & traceFlag.running) !== 0) this.#traceRunning(process, traceKind.in);
    let end: TurnEnd;
    try {
      end = this.#turn(process);
    } catch (thrown) {
      process.doom ??= { reason: reasonOf(thrown) };
      end = 'ended';
    }
    this.#running = null;
    this.#lends = 0;
    if ((process.traceFlags & traceFlag.running) !== 0) this.#traceRunning(process, traceKind.out);
    this.#reductions += process.reductions - before;
    if (!this.#alive) return true;
    if (process.doom !== null) this.#terminate(process, process.doom.reason);
    else if (end === 'ended') this.#terminate(process, atoms.normal);
    else if (end === 'more') {
      process.runState = 'runnable';
      this.#enqueue(process);
    } else {
      process.runState = 'waiting';
      if (process.fiber === null) this.#becomeIdle(process);
      if (this.#late?.has(process) === true) this.wake(process);
    }
    return true;
  }

  #lend(process: Process, urgency: number): void {
    process.lentUrgency = 0;
    this.#lends = urgency;
  }

  #traceRunning(process: Process, kind: number): void {
    this.tracer?.note(traceFlag.running, kind, process, null, null);
  }

  /**
   * The running process has reached {@link looksAt}: it goes on when it is in time. Otherwise it is doomed as by exit(Pid, kill), the
   * report `overrun` says what it was at, and every further call into the kernel throws, so that its code unwinds.
   */
  overrun(process: Process): void {
    if (process !== this.#running) return;
    const used = process.reductions - this.#turnBegan;
    if (process.doom === null && used < mostReductionsPerTurn && !this.world.turnIsOverdue()) {
      this.looksAt = process.reductions + reductionsPerLook;
      return;
    }
    if (process.doom?.reason !== atoms.killed) {
      process.doom = { reason: atoms.killed };
      this.#reportOverrun(process);
    }
    throw new ExitException(atoms.killed);
  }

  #reportOverrun(process: Process): void {
    const reductions = process.reductions - this.#turnBegan;
    const report = { message: this.#taken, reductions, current_function: process.currentFunction };
    this.world.emit({ is: 'report', kind: 'overrun', pid: process.pid, report });
  }

  /**
   * For whoever stopped process code from outside (a `vm` time-out unwinds without `catch` or `finally`): ends the process that was
   * running, with `reason`, and makes the node fit to run the others. Answers the process and the message that it was at; null
   * when none was running. Between two calls of the kernel this is exact; code stopped within one of them leaves what that call
   * had done so far.
   */
  abandonTurn(reason: Value = atoms.killed): { readonly process: Process; readonly message: Value } | null {
    const process = this.#running;
    if (process === null) return null;
    const message = this.#taken;
    this.#running = null;
    this.#lends = 0;
    this.#draining = false;
    this.#reductions += process.reductions - this.#turnBegan;
    this.#reportOverrun(process);
    if (process.alive) this.#terminate(process, process.doom?.reason ?? reason);
    return { process, message };
  }

  #spareMailbox(): Ring<Value> {
    if (this.#spares === 0) return new Ring<Value>();
    this.#spares -= 1;
    const mailbox = this.#spareMailboxes[this.#spares];
    this.#spareMailboxes[this.#spares] = undefined;
    return mailbox ?? new Ring<Value>();
  }

  /** Between two messages a handler's process needs no mailbox. */
  #becomeIdle(process: Process): void {
    const { mailbox } = process;
    process.marker = null;
    if (mailbox === noMessages) return;
    process.mailbox = noMessages;
    if (this.#spares < mostSpareMailboxes && mailbox.capacity <= largestSpareMailbox) {
      this.#spareMailboxes[this.#spares] = mailbox;
      this.#spares += 1;
    }
  }

  #turn(process: Process): TurnEnd {
    const self = (process.self ??= new Self(process));
    const last = process.reductions + reductionsPerTurn;
    let until = this.world.turnClock === null ? last : process.reductions + reductionsPerGlance;
    let endsAtMs: number | null = null;
    if (process.starting !== null) this.#start(process, process.starting, self);
    for (;;) {
      if (process.doom !== null) return 'ended';
      if (process.reductions >= until) {
        if (until === last || this.world.turnClock === null) return 'more';
        const nowMs = this.world.turnClock();
        if (nowMs >= (endsAtMs ??= nowMs + this.world.turnMs)) return 'more';
        until = Math.min(last, process.reductions + reductionsPerGlance);
      }
      process.reductions += 1;
      if (process.fiber === null) {
        const { handler, mailbox, profile } = process;
        // This look at the mailbox is the first of what the next message costs.
        if (profile !== null) profile.idle(process.reductions - 1);
        if (handler === null) return 'ended';
        if (mailbox.length === 0) return 'waiting';
        const message = mailbox.shift();
        this.#taken = message;
        const answer = handler.handle(self, message);
        if (answer !== undefined) this.#answered(process, answer);
        continue;
      }
      const received = process.wait === null ? timedOut : this.#received(process, process.wait);
      if (received === stillWaiting) return 'waiting';
      process.goesOn();
      if (received !== timedOut) this.#taken = received;
      const step = process.fiber.next(received);
      if (step.done === true) {
        process.fiber = null;
        if (process.handler === null) return 'ended';
      } else {
        const wait = step.value;
        process.waits(wait);
        if (wait.is === 'turn') return 'more';
        if (process.profile !== null && wait.at !== null && wait.at === process.idleAt) {
          process.profile.idle(process.reductions);
        }
      }
    }
  }

  #start(process: Process, body: Body, self: Self): void {
    process.starting = null;
    if (body.is === 'flow') {
      process.fiber = body.run(self);
      return;
    }
    process.handler = body.handler;
    const answer = body.handler.start?.(self);
    if (answer !== undefined) this.#answered(process, answer);
  }

  /** A handler has answered that it waits, or that its process ends. */
  #answered(process: Process, answer: ExitException | Flow<void>): void {
    if (answer instanceof ExitException) process.doom ??= { reason: answer.reason };
    // What else an untyped handler may answer means nothing.
    else process.fiber = flowOf(answer);
  }

  /** What a waiting process gets now: a message that it accepts, its time-out, or nothing yet. */
  #received(process: Process, wait: Wait): Received | typeof stillWaiting {
    if (wait.is === 'turn') return timedOut;
    const { mailbox } = process;
    if (wait.is === 'message') return mailbox.length > 0 ? timedOut : stillWaiting;
    const marker = wait.is === 'reply' ? wait.ref : wait.marker;
    let from = Math.max(process.scanFrom, mailbox.start);
    if (marker !== null && marker === process.marker) from = Math.max(from, process.markedAt);
    for (let at = from; at < mailbox.end; at += 1) {
      const message = mailbox.at(at);
      if (wait.is === 'reply' ? !answers(message, wait.ref) : wait.match !== null && !wait.match(message)) continue;
      const moved = mailbox.removeAt(at);
      if (moved === 'back' && at < process.markedAt) process.markedAt -= 1;
      if (moved === 'front' && at >= process.markedAt) process.markedAt += 1;
      this.#endWait(process);
      return message;
    }
    process.scanFrom = mailbox.end;
    if (wait.afterMs === null) return stillWaiting;
    if (wait.afterMs <= 0 || process.waitIsOver) {
      this.#endWait(process);
      return timedOut;
    }
    const atMs = this.world.nowMs + wait.afterMs;
    const timer = process.waitTimer;
    if (timer === null) process.waitTimer = this.#timerOf(process, atMs);
    else if (timer.index < 0) this.world.timers.setAgain(timer, atMs);
    return stillWaiting;
  }

  // A function of its own, so that what it keeps is made once a process, not at each look at a mailbox.
  #timerOf(process: Process, atMs: number): Timer {
    return this.world.timers.set(atMs, () => this.#timeOut(process));
  }

  /** The time of a wait is over; a node that stands still notices it when it goes on. */
  #timeOut(process: Process): void {
    if (!this.#alive) return;
    if (this.#overdue !== null) {
      this.#overdue.push(() => this.#timeOut(process));
      return;
    }
    process.waitIsOver = true;
    this.wake(process);
  }

  #endWait(process: Process): void {
    if (process.waitTimer !== null) this.world.timers.cancel(process.waitTimer);
  }

  #enqueue(process: Process): void {
    if (process.queued || process.suspendedBy !== null) return;
    if (this.#lends > 0 && this.#lends > process.urgency) process.lentUrgency = this.#lends;
    process.queued = true;
    const wasIdle = this.runQueue.length === 0;
    this.runQueue.push(process);
    if (wasIdle) this.world.becameRunnable();
  }

  /** A process that waits for its turn already is sent something by an urgent one. */
  #hasten(process: Process): void {
    if (!process.queued || process.urgency >= this.#lends) return;
    const isUrgent = process.urgency > 0;
    if (!isUrgent) this.runQueue.remove(process);
    process.lentUrgency = this.#lends;
    if (!isUrgent) this.runQueue.push(process);
  }

  // ------------------------------------------------------------------------------------------------------ ending

  #terminate(process: Process, reason: Value): void {
    if (!process.alive) return;
    process.runState = 'exiting';
    this.#endWait(process);
    this.processes.delete(process);
    process.pid.standFor(null);
    this.onProcessEnd?.(process);
    if (this.tracer !== null) this.tracer.note(traceFlag.procs, traceKind.exit, process, null, reason);
    if (process.name !== null) this.unregister(process.name);
    process.fiber = null;
    process.handler = null;
    process.mailbox = noMessages;
    if (this.#late !== null) {
      this.#unannounced.set(process, reason);
      process.suspendedBy = null;
      this.#enqueue(process);
      return;
    }
    if (process.links === null && process.monitoredBy === null && process.monitors === null && !this.#draining) {
      if (this.world.listening) this.world.emit({ is: 'exited', pid: process.pid, reason });
      return;
    }
    this.#dying.push({ process, reason });
    // One after the other, so that a long chain of links needs no deep stack.
    if (this.#draining) return;
    this.#draining = true;
    for (let next = this.#dying.shift(); next !== undefined; next = this.#dying.shift()) {
      this.#announce(next.process, next.reason);
    }
    this.#draining = false;
  }

  /** Links first, then monitors: EXIT precedes DOWN for the same pair. */
  #announce(process: Process, reason: Value): void {
    const { pid } = process;
    if (this.world.listening) this.world.emit({ is: 'exited', pid, reason });
    for (const linked of process.links ?? []) {
      const local = this.find(linked);
      if (local !== undefined) this.exitSignal(local, pid, reason, 'link');
      else this.#exitBack(pid, linked, reason);
    }
    for (const [ref, watcher] of process.monitoredBy ?? []) {
      if (watcher.node !== this.name) this.#watchedFromAfar.delete(ref);
      this.#tellDown(ref, watcher, reason);
    }
    for (const [ref, monitor] of process.monitors ?? []) this.#stopWatching(ref, pid, monitor);
  }

  #exitBack(from: Pid, to: Pid, reason: Value): void {
    if (to.node === this.name) return;
    this.world.transmit(this, to.node, { is: 'exit', from, to, reason, because: 'link' });
  }

  #tellDown(ref: Ref, watcher: Pid, reason: Value): void {
    if (watcher.node !== this.name) {
      this.world.transmit(this, watcher.node, { is: 'down', ref, to: watcher, reason });
      return;
    }
    const process = this.find(watcher);
    if (process !== undefined) this.#down(process, ref, reason);
  }

  #down(process: Process, ref: Ref, reason: Value): void {
    const monitor: Monitor | undefined = process.monitors?.get(ref);
    if (monitor === undefined) return;
    if (this.#late === null) this.#takeDown(process, ref, monitor, reason);
    else this.#takeDownLater(process, ref, monitor, reason);
  }

  #takeDownLater(process: Process, ref: Ref, monitor: Monitor, reason: Value): void {
    this.#later(process, () => this.#takeDown(process, ref, monitor, reason));
  }

  #takeDown(process: Process, ref: Ref, monitor: Monitor, reason: Value): void {
    if (process.monitors?.delete(ref) !== true) return;
    if (monitor.alias !== null && monitor.alias !== 'explicit_unalias') endAlias(process, ref);
    this.#put(process, tup(monitor.tag, ref, atoms.process, monitor.target, copied(reason)));
  }

  #stopWatching(ref: Ref, from: Pid, { target, watched }: Monitor): void {
    if (watched !== null) {
      watched.monitoredBy?.delete(ref);
      return;
    }
    const node = nodeOf(target);
    if (node === this.name) return;
    const to = target instanceof Pid ? target : target.elements[0].name;
    this.world.transmit(this, node, { is: 'demonitor', ref, from, to });
  }

  #deliverTo(to: Pid | string | Ref, message: Value): void {
    if (to instanceof Ref) {
      const process = to instanceof KernelRef ? to.owner : null;
      if (process === null || process.node !== this || !(to instanceof KernelRef)) return;
      if (to.mode === 'reply_demonitor') {
        this.demonitor(process, to);
        to.release(process);
      }
      this.deliver(process, message);
      return;
    }
    const process = typeof to === 'string' ? this.names.get(to) : this.find(to);
    if (process !== undefined) this.deliver(process, message);
  }
}

/** Whether a message answers a reference: `{Ref, …}`, `{[alias | Ref], …}` or the `DOWN` of a monitor. */
function answers(message: Value, ref: Ref): boolean {
  if (!(message instanceof Tuple)) return false;
  const first = message.elements[0];
  if (first === ref) return true;
  if (first instanceof ImproperList) return first.tail === ref;
  return message.elements[1] === ref && message.elements.length === 5;
}

function endAlias(process: Process, ref: Ref): void {
  if (ref instanceof KernelRef) ref.release(process);
}

/** The node that a monitor's target is on. */
export function nodeOf(target: MonitorTarget): string {
  return target instanceof Pid ? target.node : target.elements[1].name;
}
