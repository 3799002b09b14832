/** One process: what the kernel keeps of it. Only the kernel changes it. */
import type { Atom, Pid, Ref, Tuple, Value } from '../../term/values.ts';
import type { ExitException } from './exceptions.ts';
import type { Flow, Wait } from './flow.ts';
import type { KernelPid, KernelRef } from './identity.ts';
import type { Mfa } from './module.ts';
import type { KernelNode } from './node.ts';
import type { ReductionProfile } from './profile.ts';
import { Ring } from './ring.ts';
import type { Rank } from './runQueue.ts';
import { rank } from './runQueue.ts';
import type { Self } from './self.ts';
import type { SmallMap, SmallSet } from './small.ts';
import type { SpawnRequest } from './spawnRequest.ts';
import type { Timer } from './timerHeap.ts';

/** A handler's answer that ends its process with this reason. It never has a value (`T`), as a generator that throws has none. */
export type Ending<_T> = ExitException;
/**
 * Code that takes one message at a time; it answers a generator when it has to wait in between. The cheap, usual form. It ends its
 * process by `self.exit`, which throws, or by answering the exception, which costs a third of that.
 */
export type Handler = {
  /** Runs once, before the first message. */
  readonly start?: (self: Self) => void | Flow<void> | Ending<void>;
  readonly handle: (self: Self, message: Value) => void | Flow<void> | Ending<void>;
  /** Its state for the eye and for measuring: the value it would be on the BEAM. */
  readonly state: () => Value;
};
/** What a process runs: a handler for ever, or a generator to its end. */
export type Body =
  | { readonly is: 'handler'; readonly handler: Handler }
  | { readonly is: 'flow'; readonly run: (self: Self) => Flow<unknown> };

export type MonitorTarget = Pid | Tuple<readonly [Atom, Atom]>;
/** When an alias made with a monitor ends: with `demonitor`, at the first reply, or only when told. */
export type AliasMode = 'explicit_unalias' | 'demonitor' | 'reply_demonitor';
export type Monitor = {
  readonly target: MonitorTarget;
  readonly alias: AliasMode | null;
  readonly tag: Value;
  /** The process that it watches, when that is on the same node. */
  watched: Process | null;
};

/** process_flag(priority, …): `max` is OTP's own. */
export type Priority = 'low' | 'normal' | 'high' | 'max';
export type RunState = 'runnable' | 'running' | 'waiting' | 'exiting';

/** The mailbox of every process that has no messages and waits for none in particular. Nothing is ever put into it. */
export const noMessages = new Ring<Value>();

/** What a process has from its first `receive` or reference on. Handlers that never wait in between have none of it. */
class Waiting {
  wait: Wait | null = null;
  timer: Timer | null = null;
  isOver = false;
  scanFrom = 0;
  marker: Ref | null = null;
  markedAt = 0;
}
/** What hardly any process ever has. */
class Seldom {
  name: string | null = null;
  trapExit = false;
  priority: Priority = 'normal';
  standingUrgency = 0;
  lentUrgency = 0;
  timesUp = 0;
  suspendedBy: Map<object, number> | null = null;
  flags: Map<string, Value> | null = null;
  profile: ReductionProfile | null = null;
  spawnRequests: SmallMap<KernelRef, SpawnRequest> | null = null;
}

/** Fields are those of erlang:process_info/2 unless said otherwise. Only the kernel changes them. */
export class Process {
  readonly node: KernelNode;
  readonly pid: KernelPid;
  readonly initialCall: Mfa;
  /** Who spawned it; null for the first process of a node. */
  readonly parent: Pid | null;
  /** Made with its first message, and given back while it is idle: there are many processes, and most of them wait. */
  mailbox: Ring<Value> = noMessages;
  /** What it calls the kernel by; made when it first runs. */
  self: Self | null = null;
  handler: Handler | null = null;
  /** The generator that runs now, if one does. */
  fiber: Flow<unknown> | null = null;
  /** What a handler's process does first. */
  starting: Body | null;
  /** Where it is while it waits between two messages; null: its initial call. */
  idleAt: string | null;

  groupLeader: Pid;
  reductions = 0;
  runState: RunState = 'runnable';
  queued = false;
  /** What is traced of it: bits of {@link traceFlag}. */
  traceFlags = 0;
  /** A signal has ended it while its own code was running: it ends as soon as that code gives way. */
  doom: { readonly reason: Value } | null = null;

  links: SmallSet<Pid> | null = null;
  /** The monitors it has set. */
  monitors: SmallMap<Ref, Monitor> | null = null;
  /** The monitors others have set on it, by themselves or by its name. */
  monitoredBy: SmallMap<Ref, Pid> | null = null;
  dictionary: Map<Value, Value> | null = null;
  #waiting: Waiting | null = null;
  #seldom: Seldom | null = null;

  constructor(
    node: KernelNode,
    pid: KernelPid,
    initialCall: Mfa,
    parent: Pid | null,
    groupLeader: Pid | null,
    body: Body,
    idleAt: string | null,
  ) {
    this.node = node;
    this.pid = pid;
    this.initialCall = initialCall;
    this.parent = parent;
    this.groupLeader = groupLeader ?? pid;
    this.starting = body;
    this.idleAt = idleAt;
  }

  /** What it waits for in the middle of its code. */
  get wait(): Wait | null {
    return this.#waiting === null ? null : this.#waiting.wait;
  }
  /** For the kernel: it begins to wait. */
  waits(wait: Wait): void {
    const waiting = (this.#waiting ??= new Waiting());
    waiting.wait = wait;
    waiting.scanFrom = 0;
    waiting.isOver = false;
  }
  /** For the kernel: it has what it waited for. */
  goesOn(): void {
    if (this.#waiting !== null) this.#waiting.wait = null;
  }
  /** The timer of its waits; made once, for most processes that wait for a time do so often. */
  get waitTimer(): Timer | null {
    return this.#waiting === null ? null : this.#waiting.timer;
  }
  set waitTimer(timer: Timer | null) {
    if (timer !== null || this.#waiting !== null) (this.#waiting ??= new Waiting()).timer = timer;
  }
  get waitIsOver(): boolean {
    return this.#waiting !== null && this.#waiting.isOver;
  }
  set waitIsOver(isOver: boolean) {
    if (isOver || this.#waiting !== null) (this.#waiting ??= new Waiting()).isOver = isOver;
  }
  /** Messages before this position were refused by the present `receive`. */
  get scanFrom(): number {
    return this.#waiting === null ? 0 : this.#waiting.scanFrom;
  }
  set scanFrom(position: number) {
    if (position !== 0 || this.#waiting !== null) (this.#waiting ??= new Waiting()).scanFrom = position;
  }
  /** The reference made last; {@link markedAt} is where the mailbox ended then. */
  get marker(): Ref | null {
    return this.#waiting === null ? null : this.#waiting.marker;
  }
  /** For the kernel: it has made a reference. */
  mark(marker: Ref): void {
    const waiting = (this.#waiting ??= new Waiting());
    waiting.marker = marker;
    waiting.markedAt = this.mailbox.end;
  }
  set marker(marker: Ref | null) {
    if (marker !== null || this.#waiting !== null) (this.#waiting ??= new Waiting()).marker = marker;
  }
  get markedAt(): number {
    return this.#waiting === null ? 0 : this.#waiting.markedAt;
  }
  set markedAt(position: number) {
    if (position !== 0 || this.#waiting !== null) (this.#waiting ??= new Waiting()).markedAt = position;
  }

  /** How often it is suspended, by whom. */
  get suspendedBy(): Map<object, number> | null {
    return this.#seldom === null ? null : this.#seldom.suspendedBy;
  }
  set suspendedBy(owners: Map<object, number> | null) {
    (this.#seldom ??= new Seldom()).suspendedBy = owners;
  }
  /** Its registered name. */
  get name(): string | null {
    return this.#seldom === null ? null : this.#seldom.name;
  }
  set name(name: string | null) {
    if (name !== null || this.#seldom !== null) (this.#seldom ??= new Seldom()).name = name;
  }
  get trapExit(): boolean {
    return this.#seldom !== null && this.#seldom.trapExit;
  }
  set trapExit(on: boolean) {
    if (on || this.#seldom !== null) (this.#seldom ??= new Seldom()).trapExit = on;
  }
  get priority(): Priority {
    return this.#seldom === null ? 'normal' : this.#seldom.priority;
  }
  set priority(priority: Priority) {
    if (priority !== 'normal' || this.#seldom !== null) (this.#seldom ??= new Seldom()).priority = priority;
  }
  /**
   * Above 0: it works for somebody outside, and so runs before all that does not. What it sends to, or spawns, is urgent for its next
   * turn too, by one less: so an answer that several processes have part in is not waited for at each of them.
   */
  get urgency(): number {
    const seldom = this.#seldom;
    return seldom === null ? 0 : Math.max(seldom.standingUrgency, seldom.lentUrgency);
  }
  /** The urgency that it always has. */
  set standingUrgency(urgency: number) {
    (this.#seldom ??= new Seldom()).standingUrgency = urgency;
  }
  /** The urgency that it has for its next turn. */
  set lentUrgency(urgency: number) {
    if (urgency !== 0 || this.#seldom !== null) (this.#seldom ??= new Seldom()).lentUrgency = urgency;
  }
  /** Where it stands in the run queue. */
  get rank(): Rank {
    if (this.#seldom === null) return rank.normal;
    return this.urgency > 0 ? rank.urgent : rank[this.#seldom.priority];
  }
  /** For the run queue: how often its turn has come since it last had one, this time included. */
  comesUp(): number {
    return ((this.#seldom ??= new Seldom()).timesUp += 1);
  }
  /** For the run queue: it has its turn. */
  hasTurn(): void {
    if (this.#seldom !== null) this.#seldom.timesUp = 0;
  }
  /** What process_flag/2 has set, trap_exit and priority apart. */
  get flags(): Map<string, Value> | null {
    return this.#seldom === null ? null : this.#seldom.flags;
  }
  set flags(flags: Map<string, Value> | null) {
    (this.#seldom ??= new Seldom()).flags = flags;
  }
  /** Who hears where it uses its reductions. */
  get profile(): ReductionProfile | null {
    return this.#seldom === null ? null : this.#seldom.profile;
  }
  set profile(profile: ReductionProfile | null) {
    (this.#seldom ??= new Seldom()).profile = profile;
  }
  /** What it has asked other nodes to spawn, without an answer yet. */
  get spawnRequests(): SmallMap<KernelRef, SpawnRequest> | null {
    return this.#seldom === null ? null : this.#seldom.spawnRequests;
  }
  set spawnRequests(requests: SmallMap<KernelRef, SpawnRequest> | null) {
    (this.#seldom ??= new Seldom()).spawnRequests = requests;
  }

  /** False from the moment an exit signal was accepted. */
  get alive(): boolean {
    return this.runState !== 'exiting';
  }

  /** Where it is now, as `module:function/arity`: in a `receive` that says where, or where it waits between messages. */
  get currentFunction(): string {
    const { wait, idleAt, initialCall } = this;
    const waitsAt = wait === null || !('at' in wait) ? null : wait.at;
    return waitsAt ?? idleAt ?? `${initialCall.module}:${initialCall.function}/${initialCall.arity}`;
  }
}
