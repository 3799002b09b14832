/**
 * Who of a node runs, and for how long: its run queue, one turn after the other, what one that is urgent lends to others, and the end of a
 * turn that does not end by itself.
 */
import type { Value } from '../../term/values.ts';
import { ExitException, reasonOf } from './exceptions.ts';
import type { KernelNode } from './node.ts';
import type { Process } from './process.ts';
import { mostTurnsInARow, RunQueue } from './runQueue.ts';
import { traceFlag, traceKind } from './trace.ts';
import type { TurnEnd } from './turn.ts';
import { reductionsPerTurn, takeTurn } from './turn.ts';
import { atoms } from './values.ts';

/** After so many reductions of one turn, which no code that gives way ever uses, its process is ended whatever the clock says. */
const mostReductionsPerTurn = 10_000_000;
/** So many reductions pass between two looks at the clock in a turn that does not give way. */
const reductionsPerLook = 20_000;

/** What came of {@link Scheduler.runNext}: `held` in the middle of a turn, which goes on with the next call. */
export type Ran = 'ran' | 'idle' | 'held';

export class Scheduler {
  readonly runQueue = new RunQueue();
  readonly #node: KernelNode;
  #reductions = 0;
  #running: Process | null = null;
  /** Whether the turn of {@link running} is held in its middle. */
  #isHeld = false;
  #turnBegan = 0;
  /** What the running process lends to those that it sends to, or spawns, of its urgency. */
  #lends = 0;
  /** How many that wait in the queue it may still move to its front: more would not have their turn sooner, and each costs a search. */
  #hastens = 0;
  /** The reductions at which the running process is next asked whether it takes too long. */
  looksAt = 0;

  constructor(node: KernelNode) {
    this.#node = node;
  }

  /** Used since the node started. */
  get reductions(): number {
    return this.#reductions;
  }
  get running(): Process | null {
    return this.#running;
  }

  /** Puts a process behind those that wait for a turn, unless it waits already, or is suspended. */
  enqueue(process: Process): void {
    if (process.queued || process.suspendedBy !== null) return;
    if (this.#lends > 0 && this.#lends > process.urgency) process.lentUrgency = this.#lends;
    process.queued = true;
    const wasIdle = this.runQueue.length === 0;
    this.runQueue.push(process);
    if (wasIdle) this.#node.world.becameRunnable();
  }

  /** A process that waits for its turn already is sent something: by an urgent one, it is urgent too. */
  hasten(process: Process): void {
    if (this.#lends === 0 || !process.queued || process.urgency >= this.#lends) return;
    const isUrgent = process.urgency > 0;
    if (!isUrgent) {
      if (this.#hastens === 0) return;
      this.#hastens -= 1;
      this.runQueue.remove(process);
    }
    process.lentUrgency = this.#lends;
    if (!isUrgent) this.runQueue.push(process);
  }

  /** Runs the next process for one turn, or the one that is drawn, below `runQueue.drawable`. A turn that was held goes on first. */
  runNext(drawn: number | null = null): Ran {
    if (this.#isHeld && this.#running !== null) return this.#turn(this.#running);
    const process = drawn === null ? this.runQueue.shift() : this.runQueue.draw(drawn);
    if (process === undefined) return 'idle';
    const { late } = this.#node;
    process.queued = false;
    if (late !== null) late.scheduled(process);
    if (!process.alive || process.suspendedBy !== null) return 'ran';
    process.runState = 'running';
    this.#running = process;
    this.#turnBegan = process.reductions;
    this.looksAt = process.reductions + reductionsPerLook;
    const { urgency } = process;
    if (urgency > 0) this.#lend(process, urgency - 1);
    if ((process.traceFlags & traceFlag.running) !== 0) this.#traceRunning(process, traceKind.in);
    return this.#turn(process);
  }

  /** The turn of the running process, or what is left of it. */
  #turn(process: Process): Ran {
    const node = this.#node;
    let end: TurnEnd;
    try {
      end = takeTurn(process, this.#turnBegan + reductionsPerTurn);
    } catch (thrown) {
      process.doom ??= { reason: reasonOf(thrown) };
      end = 'ended';
    }
    this.#isHeld = end === 'held';
    if (end === 'held') return 'held';
    this.#running = null;
    this.#lends = 0;
    if ((process.traceFlags & traceFlag.running) !== 0) this.#traceRunning(process, traceKind.out);
    this.#reductions += process.reductions - this.#turnBegan;
    if (!node.alive) return 'ran';
    if (process.doom !== null) node.terminate(process, process.doom.reason);
    else if (end === 'ended') node.terminate(process, atoms.normal);
    else if (end === 'more') {
      process.runState = 'runnable';
      this.enqueue(process);
    } else {
      process.runState = 'waiting';
      if (process.fiber === null) node.becomeIdle(process);
      if (node.late !== null && node.late.has(process)) node.wake(process);
    }
    return 'ran';
  }

  #lend(process: Process, urgency: number): void {
    process.lentUrgency = 0;
    this.#lends = urgency;
    this.#hastens = mostTurnsInARow;
  }

  #traceRunning(process: Process, kind: number): void {
    this.#node.tracer?.note(traceFlag.running, kind, process, null, null);
  }

  /**
   * The running process has reached {@link looksAt}: it goes on when it is in time. Otherwise it is doomed as by exit(Pid, kill), the
   * report `overrun` says what it was at, and every further call into the kernel throws, so that its code unwinds.
   */
  overrun(process: Process): void {
    if (process !== this.#running) return;
    const used = process.reductions - this.#turnBegan;
    if (process.doom === null && used < mostReductionsPerTurn && !this.#node.world.turnIsOverdue()) {
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
    const report = { message: this.#node.taken, reductions, current_function: process.currentFunction };
    this.#node.world.emit({ is: 'report', kind: 'overrun', pid: process.pid, report });
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
    const message = this.#node.taken;
    this.#running = null;
    this.#isHeld = false;
    this.#lends = 0;
    this.#reductions += process.reductions - this.#turnBegan;
    this.#reportOverrun(process);
    this.#node.abandon(process, process.doom?.reason ?? reason);
    return { process, message };
  }
}
