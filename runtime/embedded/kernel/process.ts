/** One process: what the kernel keeps of it. Only the kernel changes it. */
import type { Atom, Pid, Ref, Tuple, Value } from '../../term/values.ts';
import type { ExitException } from './exceptions.ts';
import type { Flow, Wait } from './flow.ts';
import type { KernelPid, KernelRef } from './identity.ts';
import type { Mfa } from './module.ts';
import type { KernelNode } from './node.ts';
import { Ring } from './ring.ts';
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

export type RunState = 'runnable' | 'running' | 'waiting' | 'exiting';

/** The mailbox of every process that has no messages and waits for none in particular. Nothing is ever put into it. */
export const noMessages = new Ring<Value>();

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

  name: string | null = null;
  groupLeader: Pid;
  trapExit = false;
  reductions = 0;
  runState: RunState = 'runnable';
  queued = false;
  /** What is traced of it: bits of {@link traceFlag}. */
  traceFlags = 0;
  /** How often it is suspended, by whom. */
  suspendedBy: Map<object, number> | null = null;
  /** A signal has ended it while its own code was running: it ends as soon as that code gives way. */
  doom: { readonly reason: Value } | null = null;

  wait: Wait | null = null;
  waitTimer: Timer | null = null;
  waitIsOver = false;
  /** Messages before this position were refused by the present `receive`. */
  scanFrom = 0;
  /** The reference made last, and where the mailbox ended then. */
  marker: Ref | null = null;
  markedAt = 0;

  links: SmallSet<Pid> | null = null;
  /** The monitors it has set. */
  monitors: SmallMap<Ref, Monitor> | null = null;
  /** The monitors others have set on it, by themselves or by its name. */
  monitoredBy: SmallMap<Ref, Pid> | null = null;
  dictionary: Map<Value, Value> | null = null;
  /** What process_flag/2 has set, trap_exit apart. */
  flags: Map<string, Value> | null = null;
  /** What it has asked other nodes to spawn, without an answer yet. */
  spawnRequests: SmallMap<KernelRef, SpawnRequest> | null = null;

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

  /** False from the moment an exit signal was accepted. */
  get alive(): boolean {
    return this.runState !== 'exiting';
  }

  /** Where it is now, as `module:function/arity`: in a `receive` that says where, or where it waits between messages. */
  get currentFunction(): string {
    const { wait, idleAt, initialCall } = this;
    const waitsAt = wait === null || wait.is === 'turn' ? null : wait.at;
    return waitsAt ?? idleAt ?? `${initialCall.module}:${initialCall.function}/${initialCall.arity}`;
  }
}
