/**
 * The functions of module `erlang` that a process calls, for the process they are called in. Each counts one reduction.
 * Bad arguments end the process with `badarg`, as on the BEAM, by an {@link ErrorException}.
 */
import type { Atom, Value } from '../../term/values.ts';
import { Pid, Ref, Tuple, a, tup } from '../../term/values.ts';
import { copied } from './copy.ts';
import { ErrorException, ExitException, undef } from './exceptions.ts';
import type { Flow } from './flow.ts';
import { receive, settle } from './flow.ts';
import type { KernelEvent } from './events.ts';
import { KernelPid, KernelRef } from './identity.ts';
import type { KernelNode } from './node.ts';
import type { AliasMode, Body, Process } from './process.ts';
import type { Mfa } from './module.ts';
import { isInfoItem, processInfo, setFlag } from './processInfo.ts';
import { SmallSet } from './small.ts';
import type { SpawnRequestOptions } from './spawnRequest.ts';
import { abandonSpawn, requestSpawn } from './spawnRequest.ts';
import type { Timer } from './timerHeap.ts';
import { traceFlag, traceKind } from './trace.ts';
import { asValue, atoms } from './values.ts';

/** A process wherever it is: by pid, by a name here, by a name elsewhere (`{Name, Node}`), or by an alias. */
export type Destination = Pid | Atom | Ref | Tuple<readonly [Atom, Atom]>;

export type TimerRef = { readonly ref: Ref; readonly timer: Timer; readonly to: Pid | Atom };

const spawnReply: Atom = a('spawn_reply');

export class Self {
  static readonly systemLimit: Value = a('system_limit');
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  // ------------------------------------------------------------------------------------------------ about itself

  /** `self()` */
  get pid(): Pid {
    return this.#process.pid;
  }
  /** `node()` */
  get node(): string {
    return this.#process.node.name;
  }
  /** Milliseconds of the cluster's monotonic clock (`erlang:monotonic_time(millisecond)`). */
  get nowMs(): number {
    return this.#process.node.world.nowMs;
  }
  get registeredName(): string | null {
    return this.#process.name;
  }
  get groupLeader(): Pid {
    return this.#process.groupLeader;
  }
  setGroupLeader(leader: Pid): void {
    this.#process.groupLeader = leader;
  }
  get messageQueueLength(): number {
    return this.#process.mailbox.length;
  }
  /** A number in [0, 1) of the cluster's one stream. */
  random(): number {
    return this.#process.node.world.prng.next();
  }
  /** The living processes of this node, in the order in which they were spawned (`processes/0`). */
  processes(): readonly Pid[] {
    return [...this.#process.node.processes.values()].map(({ pid }) => pid);
  }
  /** The kernel's record of a living process of this node, to be read and never changed; null when there is none. */
  inspect(pid: Pid): Process | null {
    return this.#process.node.find(pid) ?? null;
  }
  /** Identifies this life of the node: what OTP keeps in tables of a node is kept by it. */
  get home(): object {
    return this.#process.node;
  }
  /** `erase/0` */
  erase(): void {
    this.#process.dictionary = null;
  }
  put(key: Value, value: Value): void {
    (this.#process.dictionary ??= new Map()).set(key, value);
  }
  get(key: Value): Value {
    return this.#process.dictionary?.get(key);
  }
  /** `process_flag(trap_exit, on)` */
  trapExit(on: boolean): void {
    bump(this.#process);
    this.#process.trapExit = on;
  }
  /** `process_flag/2`: the value that the flag had. `badarg` for an unknown flag, or one that cannot have that value. */
  processFlag(flag: Atom, value: Value): Value {
    bump(this.#process);
    const was = setFlag(this.#process, flag, value);
    if (was === null) throw new ErrorException(atoms.badarg);
    return was;
  }
  /** `process_info(Pid, Item)` for a process of this node, as the bare value; null when it has ended. `badarg` for what is no item. */
  processInfo(pid: Pid, item: Atom): Value {
    bump(this.#process);
    if (!isInfoItem(item.name) || pid.node !== this.node) throw new ErrorException(atoms.badarg);
    const process = this.#process.node.find(pid);
    return process === undefined ? null : processInfo(process, item.name);
  }
  /** What the process is shown as being in while it waits between messages. */
  idleAt(mfa: string): void {
    this.#process.idleAt = mfa;
  }
  /** The names of the connected nodes (`nodes()`). */
  nodes(): readonly string[] {
    return this.#process.node.world.connectedTo(this.#process.node);
  }
  /** Whether anybody wants to hear what it calls: then behaviours say so by {@link Self.called}. */
  get isCallTraced(): boolean {
    const { tracer } = this.#process.node;
    return (tracer !== null && (this.#process.traceFlags & traceFlag.call) !== 0) || this.#process.profile !== null;
  }
  /** Says that this process calls a function now, where calls are traced. Behaviours say so of their callbacks. */
  called(module: string, name: string, args: readonly Value[]): void {
    const mfa = { module, function: name, arity: args.length };
    this.#process.node.tracer?.note(traceFlag.call, traceKind.call, this.#process, null, args, mfa);
    this.#process.profile?.announce(mfa);
  }
  emit(event: KernelEvent): void {
    this.#process.node.world.emit(event);
  }

  // ---------------------------------------------------------------------------------------------------- messages

  /**
   * `To ! Message`. The message is copied: see {@link copied}. To an unknown name of this node it is `badarg`; to anything else
   * that is not there, silent.
   */
  send(to: Destination, message: Value): void {
    this.sendOwned(to, typeof message === 'object' ? copied(message) : message);
  }

  /** As {@link Self.send}, without a copy: for a message that was made for this, of parts that nobody else can change. */
  sendOwned(to: Destination, message: Value): void {
    bump(this.#process);
    this.#process.node.tracer?.sent(this.#process, to, message);
    // To a process of this node, the commonest case, this is all.
    const receiver = to instanceof KernelPid ? to.process : null;
    if (receiver !== null && receiver.node === this.#process.node) this.#process.node.deliver(receiver, message);
    else if (to instanceof Pid || to instanceof Ref) this.#process.node.send(to, message);
    else if (to instanceof Tuple) sendToName(this.#process.node, to.elements[0].name, to.elements[1].name, message);
    else if (this.#process.node.names.has(to.name))
      sendToName(this.#process.node, to.name, this.#process.node.name, message);
    else throw new ErrorException(atoms.badarg);
  }

  /** `erlang:send(To, Message, [noconnect])`: false when that needs a connection that there is not. */
  sendIfConnected(to: Pid | Tuple<readonly [Atom, Atom]>, message: Value): boolean {
    const node = to instanceof Pid ? to.node : to.elements[1].name;
    if (node === this.#process.node.name) {
      this.send(to, message);
      return true;
    }
    bump(this.#process);
    this.#process.node.tracer?.sent(this.#process, to, message);
    const name = to instanceof Pid ? to : to.elements[0].name;
    return this.#process.node.world.transmit(this.#process.node, node, { is: 'message', to: name, message }, false);
  }

  makeRef(): KernelRef {
    bump(this.#process);
    const ref = this.#process.node.makeRef();
    this.#process.mark(ref);
    return ref;
  }

  /**
   * `erlang:send_after/3`: nothing happens when `to` or this node has ended by then. `badarg` when `ms` is no whole number from 0 on, or
   * `to` a process of another node.
   */
  sendAfter(ms: number, to: Pid | Atom, message: Value): TimerRef {
    return setTimer(this.#process, ms, to, this.#process.node.makeRef(), copied(message));
  }

  /** `erlang:start_timer/3`: as {@link Self.sendAfter}, but what comes is `{timeout, TimerRef, Message}`. */
  startTimer(ms: number, to: Pid | Atom, message: Value): TimerRef {
    const ref = this.#process.node.makeRef();
    return setTimer(this.#process, ms, to, ref, tup(atoms.timeout, ref, copied(message)));
  }

  /**
   * `erlang:cancel_timer/1`: the milliseconds that were left; null when the timer had fired, was cancelled, or was for a process
   * that has ended since.
   */
  cancelTimer(set: TimerRef): number | null {
    const left = this.readTimer(set);
    this.#process.node.world.timers.cancel(set.timer);
    return left;
  }

  /** `erlang:read_timer/1`: the milliseconds that are left; null as {@link Self.cancelTimer} has it. */
  readTimer({ timer, to }: TimerRef): number | null {
    bump(this.#process);
    if (timer.index < 0 || (to instanceof Pid && this.#process.node.find(to) === undefined)) return null;
    return Math.max(0, timer.atMs - this.#process.node.world.nowMs);
  }

  // --------------------------------------------------------------------------------------------- other processes

  /** `spawn/3`, `spawn_link/3`: a function of a loaded module. */
  spawn(module: string, name: string, args: readonly Value[], options: { readonly link?: boolean } = {}): Pid {
    const mfa: Mfa = { module, function: name, arity: args.length };
    return this.spawnBody(this.#process.node.bodyOf(mfa, args.map(copied)), mfa, options);
  }

  /** A process that runs `body`; `initialCall` is what it is shown as. */
  spawnBody(body: Body, initialCall: Mfa, options: { readonly link?: boolean; readonly idleAt?: string } = {}): Pid {
    bump(this.#process);
    return this.#process.node.spawn({ ...options, body, initialCall, parent: this.#process }).pid;
  }

  /** `spawn/4`, `spawn_link/4`: on another node, waiting for its answer; `noconnection` as the reason when it cannot be asked. */
  *spawnAt(
    node: string,
    module: string,
    name: string,
    args: readonly Value[],
    options: { readonly link?: boolean } = {},
  ): Flow<Pid | { readonly error: Value }> {
    if (node === this.#process.node.name) return this.spawn(module, name, args, options);
    const ref = this.spawnRequest(node, module, name, args, options);
    const answer = yield* receive({
      marker: ref,
      match: (message) => message instanceof Tuple && message.elements[0] === spawnReply && message.elements[1] === ref,
    });
    const outcome: unknown = answer instanceof Tuple ? answer.elements[3] : null;
    return outcome instanceof Pid ? outcome : { error: asValue(outcome) };
  }

  /** `spawn_request/5`: the request's reference; what becomes of it comes as a message. */
  spawnRequest(
    node: string,
    module: string,
    name: string,
    args: readonly Value[],
    options: SpawnRequestOptions = {},
  ): KernelRef {
    const ref = this.makeRef();
    const mfa: Mfa = { module, function: name, arity: args.length };
    requestSpawn(this.#process, ref, node, mfa, args.map(copied), options);
    return ref;
  }

  /** `spawn_request_abandon/1`: nothing more comes of the request; false when its outcome has come already. */
  abandonSpawn(ref: Ref): boolean {
    bump(this.#process);
    return ref instanceof KernelRef && abandonSpawn(this.#process, ref);
  }

  /** Calls a function of a loaded module in this process; `undef` when there is none. */
  *apply(module: string, name: string, args: readonly Value[]): Flow<Value> {
    bump(this.#process);
    const code = this.#process.node.world.code.find(module, name, args.length);
    if (code === null) throw undef(module, name, args);
    const { profile } = this.#process;
    const mfa = { module, function: name, arity: args.length };
    this.#process.node.tracer?.note(traceFlag.call, traceKind.call, this.#process, null, args, mfa);
    if (profile === null) return yield* settle(code(this, ...args));
    const caller = profile.enter(mfa);
    try {
      return yield* settle(code(this, ...args));
    } finally {
      profile.leave(caller);
    }
  }

  /** Whether the function is there to be called (`erlang:function_exported/3`). */
  exports(module: string, name: string, arity: number): boolean {
    return this.#process.node.world.code.find(module, name, arity) !== null;
  }

  /** Whether the module is loaded (`code:is_loaded/1`). */
  hasModule(module: string): boolean {
    return this.#process.node.world.code.module(module) !== null;
  }

  /** `is_process_alive/1`, for processes of this node. */
  isAlive(pid: Pid): boolean {
    bump(this.#process);
    const process = this.#process.node.find(pid);
    if (process !== undefined && process !== this.#process) this.#process.node.late?.take(process);
    return process?.alive === true;
  }

  /**
   * `link/1`. To a process that is not there: without trap_exit the error `noproc` when it would be on this node; otherwise an
   * `{'EXIT', Pid, noproc}` signal.
   */
  link(other: Pid): void {
    bump(this.#process);
    const pid = this.#process.node.world.canonical(other);
    if (pid === this.pid || this.#process.links?.has(pid) === true) return;
    const links = (this.#process.links ??= new SmallSet());
    this.#process.node.tracer?.note(traceFlag.procs, traceKind.link, this.#process, pid, null);
    if (pid.node === this.#process.node.name) {
      const process = this.#process.node.find(pid);
      if (process !== undefined) {
        this.#process.node.relations.linked(process, this.#process);
      } else if (!this.#process.trapExit) throw new ErrorException(atoms.noproc);
      else {
        links.add(pid);
        this.#process.node.exitSignal(this.#process, pid, atoms.noproc, 'link');
        return;
      }
      links.add(pid);
      return;
    }
    links.add(pid);
    const sent = this.#process.node.relations.linkAcross(this.#process, pid);
    if (!sent) this.#process.node.exitSignal(this.#process, pid, atoms.noconnection, 'link');
  }

  /** `unlink/1`: no exit signal of that link comes afterwards. */
  unlink(other: Pid): void {
    bump(this.#process);
    const pid = this.#process.node.world.canonical(other);
    if (this.#process.links?.delete(pid) !== true) return;
    this.#process.node.tracer?.note(traceFlag.procs, traceKind.unlink, this.#process, pid, null);
    if (pid.node === this.#process.node.name) {
      const process = this.#process.node.find(pid);
      if (process !== undefined) this.#process.node.relations.unlinked(process, this.#process);
    } else this.#process.node.relations.unlinkAcross(this.#process, pid);
  }

  /** `monitor(process, Target, Options)`. Of itself a process gets a bare reference: no monitor and no alias. */
  monitor(
    target: Pid | Atom | Tuple<readonly [Atom, Atom]>,
    options: { readonly alias?: AliasMode; readonly tag?: Value } = {},
  ): Ref {
    const ref = this.makeRef();
    const alias = options.alias ?? null;
    const object =
      target instanceof Pid
        ? this.#process.node.world.canonical(target)
        : target instanceof Tuple
          ? target
          : tup(target, a(this.#process.node.name));
    if (object === this.pid || (object instanceof Tuple && isNamed(this.#process, object))) return ref;
    this.#process.node.relations.monitor(this.#process, ref, object, alias, copied(options.tag ?? atoms.down));
    return ref;
  }

  /** `demonitor/2`; `flush` also takes a `DOWN` of this monitor out of the mailbox. True when the monitor was there. */
  demonitor(ref: Ref, options: { readonly flush?: boolean } = {}): boolean {
    bump(this.#process);
    const was = this.#process.node.relations.demonitor(this.#process, ref);
    if (!was && options.flush === true) takeDown(this.#process, ref);
    return was;
  }

  /** `alias/1` */
  alias(mode: AliasMode = 'explicit_unalias'): Ref {
    const ref = this.makeRef();
    ref.standFor(this.#process, mode);
    return ref;
  }
  /** `unalias/1` */
  unalias(ref: Ref): boolean {
    bump(this.#process);
    return ref instanceof KernelRef && ref.release(this.#process);
  }

  /** `exit/1` */
  exit(reason: Value): never {
    throw new ExitException(reason);
  }
  /** `error/1` */
  error(reason: Value): never {
    throw new ErrorException(reason);
  }

  /** `exit/2` */
  sendExit(to: Pid, reason: Value): void {
    bump(this.#process);
    if (to.node !== this.#process.node.name) {
      this.#process.node.world.transmit(this.#process.node, to.node, {
        is: 'exit',
        from: this.pid,
        to,
        reason,
        because: 'asked',
      });
      return;
    }
    const process = this.#process.node.find(to);
    if (process === undefined) return;
    this.#process.node.exitSignal(process, this.pid, copied(reason), 'asked');
    if (process === this.#process && process.doom !== null) throw new ExitException(process.doom.reason);
  }

  // ------------------------------------------------------------------------------------------------------- names

  /** `register/2`; `badarg` when the name or the process is taken, or the process is not of this node. */
  register(name: Atom, pid: Pid): void {
    bump(this.#process);
    const process = this.#process.node.find(pid);
    if (process === undefined || !this.#process.node.register(name.name, process))
      throw new ErrorException(atoms.badarg);
  }
  /** `unregister/1` */
  unregister(name: Atom): void {
    bump(this.#process);
    if (!this.#process.node.unregister(name.name)) throw new ErrorException(atoms.badarg);
  }
  /** `whereis/1` */
  whereis(name: Atom): Pid | null {
    bump(this.#process);
    return this.#process.node.names.get(name.name)?.pid ?? null;
  }

  /** `erlang:bump_reductions/1`: counts work that was done without a call into the kernel. */
  bumpReductions(count: number): void {
    this.#process.reductions += count - 1;
    bump(this.#process);
  }
}

// Functions beside the class: methods of its own would cost each process a word.

/** Counts a reduction: a call into the kernel. */
function bump(process: Process): void {
  process.reductions += 1;
  const { scheduler } = process.node;
  if (process.reductions >= scheduler.looksAt) scheduler.overrun(process);
}

function sendToName(from: KernelNode, name: string, node: string, message: Value): void {
  if (node === from.name) from.receive({ is: 'message', to: name, message });
  else from.world.transmit(from, node, { is: 'message', to: name, message });
}

function setTimer(process: Process, ms: number, to: Pid | Atom, ref: Ref, message: Value): TimerRef {
  bump(process);
  const { node } = process;
  const isHere = !(to instanceof Pid) || to.node === node.name;
  if (!isHere || !Number.isSafeInteger(ms) || ms < 0) throw new ErrorException(atoms.badarg);
  const timer = node.setTimer(node.world.nowMs + ms, () => {
    if (to instanceof Pid) node.send(to, message);
    else node.receive({ is: 'message', to: to.name, message });
  });
  return { ref, timer, to };
}

function isNamed(process: Process, { elements: [name, node] }: Tuple<readonly [Atom, Atom]>): boolean {
  return node.name === process.node.name && name.name === process.name;
}

/** Takes the `DOWN` of a monitor out of the mailbox. */
function takeDown(process: Process, ref: Ref): void {
  const { mailbox } = process;
  for (let at = mailbox.start; at < mailbox.end; at += 1) {
    const message = mailbox.at(at);
    if (!(message instanceof Tuple) || message.elements.length !== 5 || message.elements[1] !== ref) continue;
    mailbox.removeAt(at);
    // Positions moved: the marker would be one off.
    process.marker = null;
    return;
  }
}
