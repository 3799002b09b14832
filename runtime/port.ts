/**
 * The port: what any system under operation can do. One table of methods; capabilities, the facade an operation gets, the worker
 * proxy, the `unsupported` answers and the least severity of an operation are all derived from it.
 *
 * Rules
 * 1. Every method is plain data in, plain data (or a stream of frames) out: no callback, no class, no AbortSignal in params.
 * 2. Time travels as remaining milliseconds, cancellation as a message. Both are in {@link CallOptions}, never in params.
 * 3. Streams are pulled: a producer makes at most `credit` frames ahead of the consumer.
 * 4. A method that changes something says by its effect what it can do; it takes a ProcessRef, never a name or a text.
 * 5. What would outlive the call is a Holding with an owner and a linger time.
 * 6. What is composed of methods (balance) is an operation, not a method, unless losing us half way would leave harm: then it is one
 *    act on the nodes (restart, migrate).
 */
import type {
  ArsenalError,
  ChildCount,
  ClockState,
  ChildRow,
  ChildSpec,
  ClusterTopology,
  ConnectionId,
  Coverage,
  Crash,
  Fuses,
  GroupRow,
  Holding,
  HoldingOwner,
  HordeChild,
  HordeEntry,
  HordeFinding,
  HordeView,
  Incarnation,
  Json,
  Migrated,
  NameRef,
  NameRegistry,
  NameRow,
  NameView,
  NodeInfo,
  NodeName,
  NodeOperation,
  NodeOperationRun,
  NodeStats,
  PortRow,
  Predicate,
  ProfileUnit,
  ProcessField,
  ProcessRef,
  ProcessTarget,
  RegistryInfo,
  Restarted,
  Result,
  RowPage,
  RowSelect,
  RuntimeKind,
  SandboxInfo,
  SandboxLimits,
  SupervisorFlags,
  SupervisorInfo,
  TableRow,
  TermInput,
  TracedFunction,
  TracedNode,
  TraceEnd,
  TraceEvent,
  TraceInfo,
  Wait,
  WallTime,
} from './model.ts';
import type { ChildField, NameField, PortField, TableField } from './listFields.ts';
import type { Term } from './term/term.ts';
import type { WatchFrame } from './watch.ts';

// -------------------------------------------------------------------------------------------------------- method kinds

/** The severities. An operation's severity is at least the highest of its `needs`: it cannot call itself harmless. */
export const severities = ['read', 'diagnose', 'change', 'destroy'] as const;
export type Severity = (typeof severities)[number];

export type Unary<P, R, E extends Severity> = {
  readonly kind: 'unary';
  readonly effect: E;
  readonly types?: (params: P) => R;
};
export type Streaming<P, F, R, E extends Severity> = {
  readonly kind: 'stream';
  readonly effect: E;
  readonly types?: (params: P, frame: F) => R;
};

const call = {
  read: <P, R>(): Unary<P, R, 'read'> => ({ kind: 'unary', effect: 'read' }),
  diagnose: <P, R>(): Unary<P, R, 'diagnose'> => ({ kind: 'unary', effect: 'diagnose' }),
  change: <P, R>(): Unary<P, R, 'change'> => ({ kind: 'unary', effect: 'change' }),
  destroy: <P, R>(): Unary<P, R, 'destroy'> => ({ kind: 'unary', effect: 'destroy' }),
} as const;
const flow = {
  read: <P, F, R>(): Streaming<P, F, R, 'read'> => ({ kind: 'stream', effect: 'read' }),
  diagnose: <P, F, R>(): Streaming<P, F, R, 'diagnose'> => ({ kind: 'stream', effect: 'diagnose' }),
  change: <P, F, R>(): Streaming<P, F, R, 'change'> => ({ kind: 'stream', effect: 'change' }),
} as const;

type Nothing = Record<string, never>;
type OnNodes = { readonly nodes: readonly NodeName[] | 'all' };
type OnNode = { readonly node: NodeName };
type OfProcess = { readonly pid: ProcessRef };
type OfSupervisor = { readonly supervisor: ProcessRef };
type Child = OfSupervisor & { readonly childId: Term };
type Held = { readonly owner: HoldingOwner; readonly lingerMs: number };
type Covered = { readonly nodes: Coverage };
type NodeOperationCall = OnNode & {
  readonly module: string;
  readonly version: string;
  readonly params: { readonly [name: string]: Json };
  /** Who asks, for its own `authorize`. */
  readonly caller: { readonly principal: string; readonly role: string };
  readonly maxHeapBytes: number;
  readonly maxBytes: number;
  readonly maxOutputChars: number;
};

// ----------------------------------------------------------------------------------------------------------- the table

/** Every method there is. A method that a runtime lacks is answered `unsupported` with the why of its capability. */
export const portMethods = {
  'cluster.nodes': call.read<Nothing, { readonly nodes: readonly NodeInfo[] }>(),
  /** Who is connected to whom, as each node says itself. */
  'cluster.links': call.read<
    Nothing,
    Covered & {
      readonly links: readonly {
        readonly node: NodeName;
        readonly sees: readonly NodeName[];
        /** Those of `sees` that did not answer it within a second. */
        readonly silent: readonly NodeName[];
      }[];
    }
  >(),
  /** Opens our link to a node, so that it is looked at directly. */
  'cluster.connect': call.change<
    OnNode & { readonly address?: { readonly host: string; readonly port: number } },
    NodeInfo
  >(),
  /** Closes our link to a node; the cluster's own links stay. */
  'cluster.disconnect': call.change<OnNode, { readonly wasConnected: boolean }>(),

  /** Cluster-wide: frames are pages tagged by node; with `top` each node sends its own n best and the caller merges. */
  'processes.scan': flow.read<ScanQuery, RowPage, Covered & { readonly total: number; readonly scanned: number }>(),
  'processes.info': call.read<
    { readonly pids: readonly ProcessRef[]; readonly keys: readonly ProcessField[] },
    { readonly pages: readonly RowPage[]; readonly gone: readonly ProcessRef[] }
  >(),
  /** The new process has the target node's own group leader. */
  'processes.start': call.change<
    OnNode & {
      readonly module: string;
      readonly function: string;
      readonly args: readonly TermInput[];
      readonly name?: string;
      readonly link?: ProcessRef;
      readonly monitoredBy?: ProcessRef;
    },
    ProcessRef
  >(),
  /** Sends the exit signal and waits for the monitor: `survived` when the process traps exits and lives on. */
  'processes.exit': call.destroy<
    OfProcess & { readonly reason: TermInput; readonly confirmMs: number },
    { readonly outcome: 'exited'; readonly reason: Term } | { readonly outcome: 'survived' }
  >(),
  'processes.suspend': call.change<OfProcess & { readonly how: 'process' | 'sys' } & Held, Holding>(),
  'processes.state': call.diagnose<
    OfProcess & { readonly maxBytes: number },
    { readonly state: Term; readonly whole: boolean; readonly digest?: string }
  >(),
  'processes.replaceState': call.change<
    OfProcess & { readonly expectDigest: string; readonly state: TermInput },
    { readonly digest: string }
  >(),
  /**
   * Keeps the state of a process as it is now on its node, as a holding with the id `handle`, to be handed to a new child
   * (`supervisors.startChild`); `portable` says what of it could not leave the process.
   */
  'processes.stateHandle': call.diagnose<
    OfProcess & { readonly maxBytes: number } & Held,
    {
      readonly digest: string;
      readonly bytes: number;
      readonly portable: 'yes' | { readonly not: readonly string[] };
      readonly handle: string;
    }
  >(),
  /**
   * Has its supervisor end it and start it anew, with the state it had when `keepMaxBytes` is given; as one act on its node, so that
   * losing us half way leaves no child ended.
   */
  'processes.restart': call.destroy<OfProcess & { readonly keepMaxBytes?: number }, Restarted>(),
  /**
   * Moves a gen_server or gen_statem to a supervisor on another node by handing over its state: the one given, or the one there that
   * has the name of its own. All is undone unless the state there is equal and the switch has come; from then on the old process
   * forwards to the new one, for `forwardMs`, and is then taken out of its supervisor. The forwarder is a holding.
   */
  'processes.migrate': call.destroy<
    OfProcess & {
      readonly node: NodeName;
      readonly supervisor?: ProcessRef;
      readonly maxBytes: number;
      readonly forwardMs: number;
    } & Held,
    Migrated
  >(),
  /** What proc_lib said of processes that crashed, since it is recorded, which the first call begins; the newest first. */
  'processes.crashes': call.read<
    OnNode & { readonly limit: number },
    { readonly crashes: readonly Crash[]; readonly since: WallTime }
  >(),
  /** The mailbox, only while it is short (OTP has no partial read). */
  'processes.mailbox': call.diagnose<
    OfProcess & { readonly limit: number },
    { readonly length: number; readonly messages: readonly Term[] | null }
  >(),
  'processes.send': call.change<
    OfProcess & { readonly message: TermInput; readonly how: 'info' | 'cast' | 'call' },
    { readonly reply: Term | null }
  >(),
  'processes.collectGarbage': call.change<OfProcess, { readonly bytesBefore: number; readonly bytesAfter: number }>(),
  'processes.monitor': flow.read<
    OfProcess & { readonly keys: readonly ProcessField[]; readonly everyMs: number },
    RowPage,
    { readonly reason: Term }
  >(),

  'names.resolve': call.read<
    { readonly target: ProcessTarget; readonly seenFrom: NodeName | 'any' },
    {
      readonly pid: ProcessRef;
      readonly seenFrom: NodeName;
      readonly disagree: readonly { readonly node: NodeName; readonly pid: ProcessRef | null }[];
    }
  >(),
  /** `top` and `first` are of each node, of names that are of one node; of those that span nodes, of all. */
  'names.list': flow.read<
    OnNodes & { readonly registry: NameRegistry } & RowSelect<NameField>,
    readonly NameRow[],
    Covered & { readonly total: number }
  >(),
  /** Elixir and Horde registries and scopes of `pg` that run, found without calling them. */
  'names.registries': call.read<OnNodes, Covered & { readonly registries: readonly RegistryInfo[] }>(),
  /** What each node sees under the global names: they differ after a partition, or while `global` settles. */
  'names.compare': flow.read<OnNodes, readonly NameView[], Covered & { readonly total: number }>(),
  /** The groups of a scope of `pg`. */
  'names.groups': flow.read<
    OnNodes & { readonly scope: string },
    readonly GroupRow[],
    Covered & { readonly total: number }
  >(),
  /**
   * Gives a name from one process to another. `moved` is false when `from` did not have it, and nothing was done. `gapMs`: how long
   * nobody had the name. A local name moves to the node of `to`.
   */
  'names.move': call.change<
    { readonly name: NameRef; readonly from: ProcessRef; readonly to: ProcessRef },
    { readonly moved: boolean; readonly gapMs: number }
  >(),

  /** Only what is surely a supervisor; nothing is called to find out. */
  'supervisors.find': flow.read<OnNodes, readonly SupervisorInfo[], Covered & { readonly total: number }>(),
  /** From `offset` of all of them; or of those that are selected. */
  'supervisors.children': flow.read<
    OfSupervisor & { readonly offset: number; readonly limit: number } & Omit<RowSelect<ChildField>, 'first'>,
    readonly ChildRow[],
    { readonly total: number }
  >(),
  'supervisors.count': call.read<OfSupervisor, ChildCount>(),
  'supervisors.flags': call.read<OfSupervisor, SupervisorFlags>(),
  'supervisors.childSpec': call.diagnose<Child, ChildSpec>(),
  /** What it reported of its children, since it is recorded, which the first call begins; the oldest first. */
  'supervisors.restarts': call.read<
    OfSupervisor & { readonly limit: number },
    {
      readonly restarts: readonly {
        readonly at: WallTime;
        readonly childId: Term;
        readonly reason: Term;
        readonly count: number;
      }[];
      readonly since: WallTime;
    }
  >(),
  'supervisors.start': call.change<
    OnNode & {
      readonly flags: SupervisorFlags;
      readonly children: readonly ChildSpec[];
      readonly parent?: ProcessRef;
      readonly name?: string;
    } & Held,
    ProcessRef
  >(),
  'supervisors.startChild': call.change<
    OfSupervisor & { readonly spec: ChildSpec; readonly initialState?: { readonly handle: string } },
    { readonly pid: ProcessRef | null }
  >(),
  /**
   * Has a supervisor end with all below it, in order, whoever started it (`sys:terminate/2`); whoever is linked to it gets its exit
   * signal `shutdown`. `survived` when it is still ending its children after `confirmMs`. One that has a supervisor would be begun
   * anew by that: those are ended by `supervisors.terminateChild`.
   */
  'supervisors.stop': call.destroy<
    OfSupervisor & { readonly confirmMs: number },
    { readonly outcome: 'exited'; readonly reason: Term } | { readonly outcome: 'survived' }
  >(),
  'supervisors.terminateChild': call.destroy<
    OfSupervisor & { readonly child: { readonly childId: Term } | { readonly pid: ProcessRef } },
    Nothing
  >(),
  'supervisors.restartChild': call.change<Child, { readonly pid: ProcessRef | null }>(),
  'supervisors.deleteChild': call.destroy<Child, Nothing>(),
  /** Compare-and-set: refused with `conflict` when the flags are not `expect`; answers what it read back. */
  'supervisors.setFlags': call.destroy<
    OfSupervisor & { readonly expect: SupervisorFlags; readonly flags: SupervisorFlags },
    SupervisorFlags
  >(),

  /** One row a member that runs on the nodes asked. */
  'horde.clusters': flow.read<OnNodes, readonly HordeView[], Covered>(),
  /** The keys of a registry, as the nodes asked see them together. */
  'horde.entries': flow.read<
    OnNodes & { readonly name: string },
    readonly HordeEntry[],
    Covered & { readonly total: number }
  >(),
  /** The children of a supervisor, likewise; what runs where is theirs to say, no child is called. */
  'horde.children': flow.read<
    OnNodes & { readonly name: string },
    readonly HordeChild[],
    Covered & { readonly total: number }
  >(),
  /** What is wrong twice, `settleMs` apart: a Horde takes some hundred milliseconds to agree. `name` null: all there are. */
  'horde.findings': call.read<
    OnNodes & { readonly name: string | null; readonly settleMs: number },
    Covered & { readonly findings: readonly HordeFinding[] }
  >(),
  /** Where the supervisor's own strategy would start a child now, as `seenFrom` sees the members. Nothing is started. */
  'horde.place': call.read<
    { readonly name: string; readonly seenFrom: NodeName; readonly spec: ChildSpec },
    HordePlacement
  >(),
  /**
   * Starts a child through the supervisor's member on `seenFrom`. Horde's strategies take no preference; where one could be honoured
   * (a strategy that hands nothing on) the member on `prefer` is asked in its place. `placed` says where it went and why.
   */
  'horde.startChild': call.change<
    { readonly name: string; readonly seenFrom: NodeName; readonly spec: ChildSpec; readonly prefer: NodeName | null },
    { readonly pid: ProcessRef; readonly placed: Placement; readonly predicted: HordePlacement | null }
  >(),

  /** libcluster's topologies, from the supervisors that run them and from its environment. */
  'libcluster.topologies': call.read<OnNodes, Covered & { readonly topologies: readonly ClusterTopology[] }>(),

  'system.stats': call.read<OnNode, NodeStats>(),
  'system.info': call.read<OnNode, { readonly entries: { readonly [key: string]: Json } }>(),
  'system.memory': call.read<OnNode, { readonly bytes: { readonly [kind: string]: number } }>(),
  'system.applications': call.read<
    OnNode,
    {
      readonly applications: readonly {
        readonly name: string;
        readonly description: string;
        readonly version: string;
        readonly running: boolean;
        readonly root: ProcessRef | null;
        /** Why it does not run though it was started, as Erlang prints it; null where nobody knows of any, as on nodes of OTP, which forget it. */
        readonly failure: string | null;
      }[];
    }
  >(),
  'system.ets': flow.read<OnNode & RowSelect<TableField>, readonly TableRow[], { readonly total: number }>(),
  'system.etsRows': call.diagnose<
    OnNode & { readonly table: Term; readonly limit: number },
    { readonly rows: readonly Term[]; readonly whole: boolean }
  >(),
  /** Ports of the emulator, and sockets of the module socket. */
  'system.ports': flow.read<OnNode & RowSelect<PortField>, readonly PortRow[], { readonly total: number }>(),
  /** Memory as the allocators hold it: carriers are what the operating system gave, blocks what is in use of it. */
  'system.allocators': call.read<
    OnNode,
    {
      readonly allocators: readonly {
        readonly name: string;
        readonly instances: number;
        readonly carrierBytes: number;
        readonly blockBytes: number;
      }[];
    }
  >(),
  /** Measured over `forMs`: the node counts its schedulers' time meanwhile. */
  'system.schedulers': call.diagnose<
    OnNode & { readonly forMs: number },
    {
      readonly schedulers: readonly {
        readonly id: number;
        readonly kind: 'normal' | 'dirty_cpu' | 'dirty_io';
        /** 0 to 1: the part of the time it was busy. */
        readonly utilisation: number;
        /** Null where the emulator does not tell it for this kind. */
        readonly runQueue: number | null;
      }[];
    }
  >(),
  /** Who waits in a call for whom: the edges that a deadlock is a circle of. */
  'system.waits': call.diagnose<
    OnNode & { readonly limit: number },
    {
      readonly waits: readonly Wait[];
      /** How many wait; more than `waits` when there are more than `limit`. */
      readonly total: number;
    }
  >(),

  'sandboxes.list': call.read<Nothing, { readonly sandboxes: readonly SandboxInfo[] }>(),
  'sandboxes.create': flow.change<
    SandboxSpec,
    { readonly step: string; readonly node: NodeName },
    { readonly sandbox: SandboxInfo; readonly placed: readonly Placement[] }
  >(),
  'sandboxes.destroy': call.destroy<
    { readonly id: string },
    { readonly existed: boolean; readonly leftovers: readonly string[] }
  >(),
  'sandboxes.info': call.read<{ readonly id: string }, SandboxInfo>(),
  'sandboxes.execute': call.change<
    { readonly id: string; readonly function: string; readonly args: readonly Json[] },
    { readonly value: Json; readonly output: string }
  >(),
  'sandboxes.reload': call.change<
    { readonly id: string; readonly source: SandboxSpec['source'] },
    { readonly version: number }
  >(),
  'sandboxes.rollback': call.change<{ readonly id: string; readonly version: number }, { readonly version: number }>(),
  'sandboxes.setLimits': call.change<{ readonly id: string; readonly limits: SandboxLimits }, SandboxInfo>(),

  /**
   * What a trace would see a second, from a short look (`forMs`, at most 1,000): calls counted by the emulator, whoever makes them;
   * messages and process events of the targets by a trace that keeps nothing. `atLeast` when there were too many to count them all.
   */
  'trace.estimate': call.diagnose<
    Pick<TraceQuery, 'nodes' | 'targets' | 'events' | 'functions'> & { readonly forMs: number },
    Covered & { readonly estimates: readonly TraceEstimate[] }
  >(),
  /** Looks first what it would cost (`trace.estimate`), and refuses with `trace.costly` above the rate fuse unless `costly` allows it. */
  'trace.start': call.diagnose<
    TraceQuery,
    {
      readonly id: string;
      readonly started: readonly TracedNode[];
      readonly refused: readonly { readonly node: NodeName; readonly error: ArsenalError }[];
    }
  >(),
  /**
   * The events behind `after`, in order over all nodes, until the trace has ended everywhere. A reader may leave and come back. At most
   * the last 50,000 are kept: `missed` says how many behind `after` were not, any more. A node that says nothing for a second holds
   * nobody back: it is `late`, and what it still brings stands where it comes.
   */
  'trace.read': flow.diagnose<
    { readonly id: string; readonly after: number },
    {
      readonly events: readonly TraceEvent[];
      readonly watermarkAt: WallTime;
      readonly missed: number;
      readonly late: readonly NodeName[];
      readonly ended: readonly TraceEnd[];
    },
    { readonly ended: readonly TraceEnd[] }
  >(),
  'trace.stop': call.diagnose<{ readonly id: string }, { readonly ended: readonly TraceEnd[] }>(),
  /** The traces of this connection; an ended one is kept for ten minutes. */
  'trace.list': call.read<Nothing, { readonly traces: readonly TraceInfo[] }>(),
  /** The next messages that reach a process, up to `limit` within `withinMs`: what can be seen of a mailbox too long to be read. */
  'trace.arrivals': call.diagnose<
    OfProcess & { readonly limit: number; readonly withinMs: number; readonly termBytes: number },
    {
      readonly messages: readonly { readonly afterUs: number; readonly message: Term }[];
      readonly why: keyof Fuses | 'stopped';
      readonly dropped: number;
    }
  >(),
  /**
   * Stacks of a process, sampled: outermost function first, with how often each was found in a frame's second. OTP gives at most the
   * innermost `backtrace_depth` (8) functions; then the first is `…`. Sampled where the process can be looked at, between two function
   * calls: what it spends within one built-in function counts for its caller. Where a process takes no time there is nothing to sample:
   * then `unit` is `reductions`, and `samples` are those that were used there, all of them, whatever `everyMs` is.
   */
  'profile.sample': flow.diagnose<
    OfProcess & { readonly everyMs: number; readonly forMs: number },
    {
      readonly stacks: readonly {
        readonly functions: readonly string[];
        readonly state: 'running' | 'waiting';
        readonly samples: number;
      }[];
      /** So that who leaves early knows what it has. */
      readonly unit: Exclude<ProfileUnit, 'us'>;
    },
    {
      readonly samples: number;
      readonly dropped: number;
      readonly unit: Exclude<ProfileUnit, 'us'>;
      readonly ended: 'time' | 'target_gone';
    }
  >(),
  /**
   * How often a process calls each function, and the time it spends in it without those it calls (`call_time`). `modules` absent: those
   * of the application it runs, and those found on its stack. `costs` says why it ended early: more calls a second than `callsPerSecond`.
   * `own` is in `unit`: reductions where a process takes no time.
   */
  'profile.calls': call.diagnose<
    OfProcess & { readonly modules?: readonly string[]; readonly forMs: number; readonly callsPerSecond: number },
    {
      readonly functions: readonly {
        readonly function: string;
        readonly calls: number;
        readonly own: number;
      }[];
      readonly unit: Exclude<ProfileUnit, 'samples'>;
      readonly modules: readonly string[];
      readonly forUs: number;
      readonly ended: 'time' | 'costs' | 'target_gone';
    }
  >(),

  'code.source': call.read<
    OnNode & { readonly module: string },
    { readonly path: string | null; readonly behaviours: readonly string[] }
  >(),
  'code.load': call.destroy<
    OnNode & { readonly module: string; readonly objectCodeBase64: string },
    { readonly replaced: boolean }
  >(),

  /**
   * Calls `module:function(args…)` in a process of its own on the node, and answers what became of it, as erpc:call/4 would. When time
   * runs out or the call is cancelled that process is killed; what it did stays done. `output` is what was written to its group leader
   * meanwhile, at most `maxOutputChars` of it. A value of more than `maxBytes` in external form is elided.
   */
  'code.call': call.destroy<
    OnNode & {
      readonly module: string;
      readonly function: string;
      readonly args: readonly TermInput[];
      readonly maxBytes: number;
      readonly maxOutputChars: number;
    },
    {
      readonly became:
        | { readonly is: 'returned'; readonly value: Term }
        | { readonly is: 'raised'; readonly class: 'error' | 'exit' | 'throw'; readonly reason: Term };
      readonly output: string;
      readonly outputWhole: boolean;
    }
  >(),
  /** Reads a simulated cluster's file again and puts its code in place; `changed`: the servers whose state its code_change changed. */
  'code.reload': call.change<
    Nothing,
    {
      readonly modules: readonly string[];
      readonly changed: readonly ProcessRef[];
      readonly failed: readonly { readonly pid: ProcessRef; readonly why: string }[];
    }
  >(),

  /**
   * Modules that have the callbacks of an operation, among the code that is loaded on the nodes; none is loaded for it. Their callbacks
   * that describe them are called, each in a process of its own with a short deadline, when their code is not what it was last time.
   * `onDisk`: also those of the nodes' applications that are not loaded, by their files; they are named only. `slow`: when one that took too
   * long to describe itself is asked again; after a while that grows, or at once and with more time. `left`: how many modules of a node
   * were not looked at, because there are too many of them.
   */
  'operations.find': call.read<
    OnNodes & { readonly onDisk: boolean; readonly slow?: 'when_due' | 'now' },
    Covered & {
      readonly operations: readonly NodeOperation[];
      readonly unloaded: readonly { readonly node: NodeName; readonly module: string }[];
      readonly left: readonly { readonly node: NodeName; readonly loaded: number; readonly onDisk: number }[];
    }
  >(),
  /** Loads those of such modules that are named. */
  'operations.load': call.change<
    OnNode & { readonly modules: readonly string[] },
    {
      readonly loaded: readonly string[];
      readonly failed: readonly { readonly module: string; readonly why: string }[];
    }
  >(),
  /**
   * Runs one where it is, in a process of its own that is killed when the time is up, when its heap takes more than `maxHeapBytes`, and
   * when the call is given up. What it may do is not known: it is code of the node's. Refused when the code is not `version` any more.
   */
  'operations.execute': call.change<NodeOperationCall, NodeOperationRun>(),
  /** The same, of one that the user has said only looks. */
  'operations.query': call.diagnose<NodeOperationCall, NodeOperationRun>(),

  'faults.addNode': call.change<{ readonly node: NodeName }, NodeInfo>(),
  /** Takes the node down at once, as a power cut does. */
  'faults.crashNode': call.destroy<OnNode, { readonly wasUp: boolean }>(),
  /** Brings a node that is down up again, as a new incarnation. */
  'faults.startNode': call.change<OnNode, NodeInfo>(),
  /** Ends a node for good: it is no part of the cluster afterwards. */
  'faults.removeNode': call.destroy<OnNode, { readonly wasUp: boolean }>(),
  /** Stops the node's operating system process where it stands; released, it goes on. */
  'faults.hangNode': call.destroy<OnNode & Held, Holding>(),
  /**
   * Takes the links between islands away: `cut` closes them and refuses new ones, `blackhole` lets nothing through. A node that no island
   * names keeps its links. With `preventsOverlap` OTP itself closes more links until the islands do not overlap.
   */
  'faults.partition': call.destroy<
    { readonly islands: readonly (readonly NodeName[])[]; readonly mode: 'cut' | 'blackhole' } & Held,
    Holding & { readonly preventsOverlap: boolean }
  >(),
  /** What `from` sends to `to` comes later, in its order; the other direction is another call. */
  'faults.delayLink': call.change<
    { readonly from: NodeName; readonly to: NodeName; readonly delayMs: number; readonly jitterMs: number } & Held,
    Holding
  >(),
  /**
   * A share (0..1) of what `from` sends to `to` is lost on the way. Nodes talk over TCP, which sends again what was lost: it is late by
   * TCP's waits, and in its order. With 1 nothing arrives. `bytesPerSecond` is the most that gets through; null is no limit.
   */
  'faults.dropLink': call.destroy<
    {
      readonly from: NodeName;
      readonly to: NodeName;
      readonly lossRatio: number;
      readonly bytesPerSecond: number | null;
    } & Held,
    Holding
  >(),

  /** The time of a simulated cluster. */
  'clock.state': call.read<Nothing, ClockState>(),
  /** Time stands still, and nothing runs. */
  'clock.pause': call.change<Nothing, ClockState>(),
  /** Time passes, `speed` (0.01..1000) times as fast as on the wall. */
  'clock.run': call.change<{ readonly speed: number }, ClockState>(),
  /** Time stands still but for `ms` (1..86,400,000) that pass at once; null: to the next thing that happens. */
  'clock.step': call.change<{ readonly ms: number | null }, ClockState>(),
  /**
   * What a deterministic cluster was asked since its start, as the content of `FILE.scenario.json`, and of a test that replays it. It
   * holds the parameters of all calls.
   */
  'clock.recording': call.diagnose<
    { readonly name: string },
    { readonly file: string; readonly scenario: { readonly [key: string]: Json }; readonly test: string }
  >(),

  'watch.open': flow.read<WatchQuery, WatchFrame, { readonly ended: 'source_gone' }>(),

  'holdings.list': call.read<{ readonly client?: string }, Covered & { readonly holdings: readonly Holding[] }>(),
  'holdings.release': call.change<{ readonly id: string }, { readonly wasHeld: boolean }>(),
} as const;

export type PortMethods = typeof portMethods;
export type MethodName = keyof PortMethods;
export type StreamMethodName = {
  [M in MethodName]: PortMethods[M]['kind'] extends 'stream' ? M : never;
}[MethodName];
export type UnaryMethodName = Exclude<MethodName, StreamMethodName>;
/** The methods that cannot change anything: all that a read and the planning half of a write can be given. */
export type SafeMethod<K extends MethodName = MethodName> = {
  [M in K]: PortMethods[M]['effect'] extends 'read' | 'diagnose' ? M : never;
}[K];

type ParamsOf<M> = M extends { readonly types?: (params: infer P, frame: never) => unknown } ? P : never;
type UnaryResult<M> = M extends { readonly kind: 'unary'; readonly types?: (params: never) => infer R } ? R : never;
type FrameOf<M> = M extends { readonly kind: 'stream'; readonly types?: (params: never, frame: infer F) => unknown }
  ? F
  : never;
type StreamResult<M> = M extends {
  readonly kind: 'stream';
  readonly types?: (params: never, frame: never) => infer R;
}
  ? R
  : never;

export type Params<K extends MethodName> = ParamsOf<PortMethods[K]>;
export type Answer<K extends UnaryMethodName> = UnaryResult<PortMethods[K]>;
export type Frame<K extends StreamMethodName> = FrameOf<PortMethods[K]>;
export type StreamEnd<K extends StreamMethodName> = StreamResult<PortMethods[K]>;

/** Every method's name. */
export function methodNames(): readonly MethodName[] {
  return Object.keys(portMethods).filter(isMethodName);
}

/** Whether `name` is a method of the port. */
export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(portMethods, name);
}

// ------------------------------------------------------------------------------------------------------------- queries

export type ScanQuery = OnNodes & {
  readonly keys: readonly ProcessField[];
  readonly where?: Predicate;
  /** Order is only possible together with `top`; a full sorted list is made by the backend from a scan it keeps. */
  readonly top?: {
    readonly n: number;
    readonly by: ProcessField;
    readonly direction: 'descending' | 'ascending';
  };
  /** Without `top`: only so many of each node, whichever; all that match are counted. */
  readonly first?: number;
  readonly allowCostly?: boolean;
  readonly pageRows: number;
};

export type TraceQuery = {
  readonly nodes: readonly NodeName[];
  /** `new`: what will be started; `existing`: what runs now; `all`: both. Never processes of ours, nor those that carry our answers. */
  readonly targets: readonly ProcessRef[] | 'new' | 'existing' | 'all';
  readonly events: readonly ('send' | 'receive' | 'call' | 'process')[];
  /** With `call`, at least one. */
  readonly functions?: readonly TracedFunction[];
  readonly fuses: Fuses;
  /** `all`: begins nowhere when it cannot begin on every node. */
  readonly require: 'all' | 'any';
  readonly costly?: 'refused' | 'allowed';
} & Held;
export type TraceEstimate = {
  readonly node: NodeName;
  readonly eventsPerSecond: number;
  readonly counted: 'all' | 'at_least';
  /** The most called first, at most 20; `module:function/arity`. */
  readonly calls: readonly { readonly function: string; readonly perSecond: number }[];
};

/**
 * What is watched. Rows are keyed; a watch says how true it is (`Fidelity`), because sampling cannot see what lived between two
 * samples. Row shapes: `nodes` NodeRow; `top`, `processes` ProcessRow; `supervisors` SupervisorInfo keyed by process id (all that
 * were found, roots have `parent` null); `children` ChildRow keyed by position-independent child key; `names` NameRow; `groups`
 * GroupRow; `horde` HordeView; `horde_entries` HordeEntry; `horde_children` HordeChild; `topologies` ClusterTopology;
 * `sandboxes` SandboxInfo; `holdings` Holding.
 */
export type WatchQuery = {
  /** The least time between two frames. */
  readonly minIntervalMs: number;
  readonly of: WatchTarget;
};
export type WatchTarget =
  | { readonly rows: 'nodes' }
  | { readonly rows: 'top'; readonly query: ScanQuery }
  | { readonly rows: 'processes'; readonly pids: readonly ProcessRef[]; readonly keys: readonly ProcessField[] }
  | { readonly rows: 'supervisors'; readonly nodes: readonly NodeName[] | 'all' }
  | {
      readonly rows: 'children';
      readonly supervisor: ProcessRef;
      readonly window: { readonly offset: number; readonly limit: number };
    }
  | { readonly rows: 'names'; readonly registry: NameRegistry }
  | { readonly rows: 'groups'; readonly scope: string }
  | { readonly rows: 'horde' }
  | { readonly rows: 'horde_entries'; readonly name: string }
  | { readonly rows: 'horde_children'; readonly name: string }
  | { readonly rows: 'topologies' }
  | { readonly rows: 'sandboxes' }
  | { readonly rows: 'holdings' };

export type SandboxSpec = {
  readonly name?: string;
  /** `module`: a JavaScript or TypeScript file; `text`: its source. */
  readonly source: { readonly from: 'folder' | 'module' | 'text'; readonly value: string };
  readonly nodes: readonly { readonly wants: NodeName | 'any' | 'this_machine'; readonly required: boolean }[];
  readonly limits: SandboxLimits;
  readonly policy: 'high' | 'medium' | 'low';
} & Held;
/**
 * Where Horde puts a child. `repeatable`: the same specification goes to the same member while the members stay the same. `specHash`: by
 * what its child is told among others (`HordeChild`).
 */
export type HordePlacement = {
  readonly node: NodeName;
  readonly member: string;
  readonly strategy: string;
  readonly repeatable: boolean;
  readonly specHash: number;
};
export type Placement = {
  readonly wanted: string;
  readonly got: NodeName;
  readonly why: 'as_asked' | 'unavailable' | 'no_capacity' | 'not_allowed';
};

// -------------------------------------------------------------------------------------------------- how a call is made

export type CallOptions = {
  /** Budget left. Every hop sends what is left of its own measurement; no absolute time crosses a hop. */
  readonly remainingMs: number;
  /** Local only; on a wire it becomes one cancel message. */
  readonly signal: AbortSignal;
  /** The same without a signal, where one would have to be made first. */
  readonly cancellation?: Cancellation;
  readonly correlationId: string;
};
/** Tells that a call is to stop. */
export interface Cancellation {
  readonly isRequested: boolean;
  /** Calls `listener` once when it is requested, which it has not been yet; answers how to stop waiting for it. */
  onRequested(listener: () => void): () => void;
}
export type StreamItem<F, R> =
  { readonly is: 'frame'; readonly frame: F } | { readonly is: 'end'; readonly result: Result<R> };

export type Method<K extends MethodName> = K extends StreamMethodName
  ? (params: Params<K>, options: CallOptions) => AsyncIterable<StreamItem<Frame<K>, StreamEnd<K>>>
  : K extends UnaryMethodName
    ? (params: Params<K>, options: CallOptions) => Promise<Result<Answer<K>>>
    : never;

type GroupOf<K extends MethodName> = K extends `${infer G}.${string}` ? G : never;
type Leaf<K extends MethodName, G extends string> = K extends `${G}.${infer L}` ? L : never;

/** The part of the port that the methods `K` open: `Port<'processes.exit'>` has `.processes.exit` and nothing else. */
export type Port<K extends MethodName = MethodName> = {
  readonly [G in GroupOf<K>]: {
    readonly [L in Leaf<K, G>]: `${G}.${L}` extends infer M extends MethodName ? Method<M> : never;
  };
};

/** What a runtime implements: some of the methods, by their full names. {@link Port} is made from it. */
export type MethodTable = { readonly [K in MethodName]?: Method<K> };

// -------------------------------------------------------------------------------------------------------- capabilities

export type Capability =
  { readonly can: true } | { readonly can: false; readonly why: string; readonly remedy: string };

/**
 * Where a "no" can come from: the runtime has no such method; this node cannot (OTP release, no compiler, loading forbidden,
 * tracer taken): both are here, change over time and grey the menu; this target cannot (unknown layout): only the call says.
 */
export type Capabilities = {
  readonly version: number;
  readonly runtime: { readonly [K in MethodName]: Capability };
  readonly nodes: { readonly [node: NodeName]: { readonly [K in MethodName]?: Capability } };
};

export type ConnectionState =
  | { readonly is: 'connecting' }
  /** A new epoch voids every version, cursor, holding id and fun token. */
  | {
      readonly is: 'ready';
      readonly epoch: string;
      /** What went wrong as it was opened, all the same, in sentences: for whoever opened it. */
      readonly warnings?: readonly string[];
    }
  | { readonly is: 'degraded'; readonly epoch: string; readonly missing: readonly Incarnation[] }
  | {
      readonly is: 'lost';
      readonly since: WallTime;
      /** null: not tried again until asked. */
      readonly retryAt: WallTime | null;
      readonly error: ArsenalError;
    }
  | { readonly is: 'closed' };

/** One system under operation. */
export interface Runtime {
  readonly id: ConnectionId;
  readonly kind: RuntimeKind;
  readonly port: Port;
  readonly state: ConnectionState;
  readonly capabilities: Capabilities;
  /** Called after `state` or `capabilities` changed. */
  onChange(listener: () => void): { dispose(): void };
  /** Gives back all it holds on the target and ends. Never rejects. */
  close(): Promise<void>;
}

// ------------------------------------------------------------- the port as messages (worker, isolated operation, sandbox)

export type PortRequest =
  | {
      readonly m: 'call';
      readonly id: number;
      readonly method: MethodName;
      readonly params: unknown;
      readonly remainingMs: number;
      readonly credit: number;
      readonly correlationId: string;
    }
  | { readonly m: 'credit'; readonly id: number; readonly frames: number }
  | { readonly m: 'cancel'; readonly id: number }
  | { readonly m: 'close' };
export type PortReply =
  | { readonly m: 'frame'; readonly id: number; readonly frame: unknown }
  | { readonly m: 'end'; readonly id: number; readonly result: Result<unknown> }
  /** State or capabilities changed. */
  | { readonly m: 'state'; readonly state: ConnectionState; readonly capabilities: Capabilities }
  | { readonly m: 'closed' };
