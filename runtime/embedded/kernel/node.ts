/**
 * One node of the simulated cluster: its processes, names, run queue, and how signals take effect.
 *
 * Follows the Erlang reference manual, "Processes", and the erts user's guide, "Communication in Erlang". Pure: time, randomness
 * and the network are the {@link World}'s.
 */
import type { Pid, Value } from '../../term/values.ts';
import { Ref, tup } from '../../term/values.ts';
import { copied } from './copy.ts';
import { ErrorException, undef } from './exceptions.ts';
import { settle } from './flow.ts';
import { KernelPid, KernelRef } from './identity.ts';
import { LateSignals } from './lateSignals.ts';
import type { Mfa } from './module.ts';
import type { Body } from './process.ts';
import { noMessages, Process } from './process.ts';
import { ProcessTable } from './processTable.ts';
import { answers, endWait } from './receiving.ts';
import { Relations } from './relations.ts';
import { Scheduler } from './scheduler.ts';
import { Self } from './self.ts';
import type { Signal } from './signal.ts';
import { SmallSet } from './small.ts';
import { SpareMailboxes } from './spareMailboxes.ts';
import { spawnAnswered, spawnFor } from './spawnRequest.ts';
import type { Timer } from './timerHeap.ts';
import type { TraceRing } from './trace.ts';
import { traceFlag, traceKind } from './trace.ts';
import { atoms } from './values.ts';
import type { SpawnOptions, World } from './world.ts';

/** How many processes, one after the other, an urgent one makes urgent for a turn: a supervisor, its child, and both once more. */
const standingUrgency = 5;

export class KernelNode {
  readonly name: string;
  readonly creation: number;
  readonly world: World;
  readonly startedAtMs: number;
  readonly processes = new ProcessTable();
  readonly names = new Map<string, Process>();
  /** Who hears what processes do in detail; null: nobody, and it costs nothing. */
  tracer: TraceRing | null = null;
  /** Hears of each process that ends, before its name, links and monitors go: what it owned goes first. */
  onProcessEnd: ((process: Process) => void) | null = null;
  readonly relations = new Relations(this);
  /** Where signals are late; null where none is. */
  readonly late: LateSignals | null;
  readonly scheduler: Scheduler;
  /** The message that the running process took last; without a meaning when none runs. */
  taken: Value = undefined;
  readonly #spareMailboxes = new SpareMailboxes();
  #lastPid = -1;
  #lastRef = 0;
  #alive = true;
  /** What fell due while the node stands still, in order; null while it runs. */
  #overdue: (() => void)[] | null = null;
  #dying: { readonly process: Process; readonly reason: Value }[] = [];
  #draining = false;

  constructor(name: string, creation: number, world: World) {
    this.name = name;
    this.creation = creation;
    this.world = world;
    this.startedAtMs = world.nowMs;
    this.late = world.lateSignals ? new LateSignals(this) : null;
    this.scheduler = new Scheduler(this);
  }

  get alive(): boolean {
    return this.#alive;
  }
  /** It stands still: nothing runs, and its timers wait. */
  get hung(): boolean {
    return this.#overdue !== null;
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
    if (options.isUrgent === true && this.late === null) process.standingUrgency = standingUrgency;
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
    this.scheduler.enqueue(process);
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
      case 'link':
        this.relations.linkedFromAfar(signal);
        return;
      case 'unlink':
      case 'unlink_ack':
        this.relations.unlinkedFromAfar(signal);
        return;
      case 'monitor':
        this.relations.watch(signal.ref, signal.from, signal.to);
        return;
      case 'demonitor':
        this.relations.unwatch(signal.ref);
        return;
      case 'down': {
        const process = this.find(signal.to);
        if (process !== undefined) this.relations.down(process, signal.ref, signal.reason);
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
    if (this.late !== null && this.#putsLater(process, message)) return;
    this.put(process, message);
  }

  // A function of its own, so that nothing is kept for it where no signal is late.
  #putsLater(process: Process, message: Value): boolean {
    return this.late?.takes(process, () => this.put(process, message)) === true;
  }

  /** For the kernel: puts a message into the mailbox, now. */
  put(process: Process, message: Value): void {
    if (process.runState === 'exiting') return;
    if (process.mailbox === noMessages) process.mailbox = this.#spareMailboxes.take();
    process.mailbox.push(message);
    if (this.tracer !== null) this.tracer.received(process, message);
    if (process.runState !== 'waiting') {
      this.scheduler.hasten(process);
      return;
    }
    if (process.wait !== null && process.wait.is === 'reply') {
      // Only what answers the reference can end this wait: it is found where it came in, and all else wakes nobody.
      if (!answers(message, process.wait.ref)) return;
      process.scanFrom = process.mailbox.end - 1;
    }
    process.runState = 'runnable';
    this.scheduler.enqueue(process);
  }

  /** Lets a waiting process look at its mailbox again. */
  wake(process: Process): void {
    if (process.runState !== 'waiting') return;
    process.runState = 'runnable';
    this.scheduler.enqueue(process);
  }

  /**
   * An exit signal arrives. `kill` asked for by exit/2 always ends the process; a reason through a link is an ordinary one;
   * `normal` is ignored without trap_exit, except from the process itself. (The 60 cases of exitSignalTable.json.)
   */
  exitSignal(process: Process, from: Pid, reason: Value, because: 'asked' | 'link'): void {
    const isOwn = because === 'asked' && from === process.pid;
    if (this.late === null || isOwn) this.#takeExit(process, from, reason, because);
    else this.#takeExitLater(process, from, reason, because);
  }

  #takeExitLater(process: Process, from: Pid, reason: Value, because: 'asked' | 'link'): void {
    this.late?.add(process, () => this.#takeExit(process, from, reason, because));
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

  /** Ends a process. Its own code is not interrupted: while it runs, it ends when that gives way. */
  end(process: Process, reason: Value): void {
    if (process === this.scheduler.running) process.doom ??= { reason };
    else this.terminate(process, reason);
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
    this.late?.clear();
    this.names.clear();
    this.relations.clear();
    this.scheduler.runQueue.clear();
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
      this.scheduler.enqueue(process);
    }
    return true;
  }

  // ------------------------------------------------------------------------------------------------------ ending

  /** For the scheduler: a process whose code does not run has ended. */
  terminate(process: Process, reason: Value): void {
    if (!process.alive) return;
    process.runState = 'exiting';
    endWait(process);
    this.processes.delete(process);
    process.pid.standFor(null);
    this.onProcessEnd?.(process);
    if (this.tracer !== null) this.tracer.note(traceFlag.procs, traceKind.exit, process, null, reason);
    if (process.name !== null) this.unregister(process.name);
    process.fiber = null;
    process.handler = null;
    process.mailbox = noMessages;
    if (this.late !== null) {
      this.late.ended(process, reason);
      process.suspendedBy = null;
      this.scheduler.enqueue(process);
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
      this.relations.announce(next.process, next.reason);
    }
    this.#draining = false;
  }

  /** For the scheduler: the code of this process was stopped from outside, perhaps while it ended others. */
  abandon(process: Process, reason: Value): void {
    this.#draining = false;
    if (process.alive) this.terminate(process, reason);
  }

  /** For the scheduler: between two messages a handler's process needs no mailbox. */
  becomeIdle(process: Process): void {
    const { mailbox } = process;
    process.marker = null;
    if (mailbox === noMessages) return;
    process.mailbox = noMessages;
    this.#spareMailboxes.give(mailbox);
  }

  #deliverTo(to: Pid | string | Ref, message: Value): void {
    if (to instanceof Ref) {
      const process = to instanceof KernelRef ? to.owner : null;
      if (process === null || process.node !== this || !(to instanceof KernelRef)) return;
      if (to.mode === 'reply_demonitor') {
        this.relations.demonitor(process, to);
        to.release(process);
      }
      this.deliver(process, message);
      return;
    }
    const process = typeof to === 'string' ? this.names.get(to) : this.find(to);
    if (process !== undefined) this.deliver(process, message);
  }
}
