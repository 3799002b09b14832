/**
 * The vocabulary of every system under operation.
 *
 * Every value here is plain JSON-safe data (no class, function, Map, bigint, nor `undefined` with a meaning), because the same
 * value crosses a worker, the LSP, a webview, a WebSocket and a user's isolated operation. The one exception is
 * {@link RowPage}, which exists so that bulk rows cross a thread by transfer and are never built as 100k objects.
 */
import type { Term } from './term/term.ts';

// ------------------------------------------------------------------------------------------------ connections and nodes

/** Names one connected system within one backend (`sim`, `shop@host`). Every request, key and tree root carries it. */
export type ConnectionId = string;
export type RuntimeKind = 'simulated' | 'local-cluster' | 'beam' | 'sandbox';
export type NodeName = string;

/** How the nodes of a local cluster are started: plain `erl`, as `iex -S mix` does, or `rebar3 shell`. */
export const localLaunchers = ['erl', 'mix', 'rebar3'] as const;
export type LocalLauncher = (typeof localLaunchers)[number];

/**
 * One life of a node. `creation` is OTP's own 32-bit number; the simulated runtime counts up. Without it `<0.49.0>` of a
 * restarted node names another, living process (measured on OTP 25).
 */
export type Incarnation = { readonly node: NodeName; readonly creation: number };

export type Reach =
  | { readonly via: 'direct' }
  /** We hold no link of our own; `relay` was asked, without making it connect. */
  | { readonly via: 'relay'; readonly relay: NodeName }
  | { readonly via: 'none'; readonly since: WallTime; readonly why: 'down' | 'refused' | 'silent' | 'unresolved' };

/**
 * What a user allows on the nodes of a connection: code of ours loaded; nothing loaded, but processes of ours; nothing that outlives a
 * call.
 */
export const agentChoices = ['load', 'interpret', 'none'] as const;
export type AgentChoice = (typeof agentChoices)[number];

export type NodeInfo = Incarnation & {
  readonly otpRelease: string | null;
  readonly hidden: boolean;
  readonly reach: Reach;
  /** What looks on the node for us: an agent of ours, its interpreted form, nothing of ours, or the simulated kernel itself. */
  readonly observer: 'agent' | 'interpreted' | 'agentless' | 'builtin';
  /** Why not a better one, for people; empty or absent when there is none better. */
  readonly observerWhy?: string;
};

/** Figures of one node at one moment. A figure the runtime cannot know is null, never a guess. */
export type NodeStats = {
  readonly uptimeMs: number | null;
  readonly processCount: number;
  readonly processLimit: number | null;
  readonly runQueue: number;
  readonly memoryBytes: number | null;
  readonly atomCount: number | null;
  readonly reductions: number;
  readonly schedulersOnline: number;
};

// ---------------------------------------------------------------------------------------------------------------- time

/** Milliseconds since 1970 on the backend's clock. Never compared with a node's. */
export type WallTime = number;

/** A moment on a node: its own monotonic clock, plus our estimate of it on the backend's clock with an error bound. */
export type NodeTime = {
  readonly node: NodeName;
  readonly creation: number;
  readonly monotonicUs: number;
  readonly estimatedAt: WallTime;
  /** 0 in the simulated runtime. */
  readonly errorUs: number;
};

// --------------------------------------------------------------------------------------------------------------- terms

/**
 * A term from a person or a program. `source` is text as they typed it (`{:job, 7}`, `{job, 7}`), parsed by us, but made into a
 * term on a target from a binary with `binary_to_term(Bin, [safe])`, so that nobody's typing makes an atom there.
 */
export type TermInput = { readonly syntax: 'elixir' | 'erlang'; readonly source: string } | { readonly term: Term };

// ---------------------------------------------------------------------------------------------------------- identities

/** One process, for ever. Displayed as `<0.id.serial>`; {@link processId} is its public text. */
export type ProcessRef = Incarnation & { readonly id: number; readonly serial: number };

/**
 * Names are terms (`{via, Horde.Registry, {MyApp.Reg, {:cart, 42}}}`), never strings with a prefix. Where one can only be an atom it
 * is the atom's exact text: Elixir's `Shop.Cart` is `Elixir.Shop.Cart`, and `Foo` is the `'Foo'` of Erlang.
 */
export type NameRef =
  | { readonly in: 'local'; readonly node: NodeName; readonly name: string }
  | { readonly in: 'global'; readonly name: Term }
  | { readonly in: 'via'; readonly module: string; readonly name: Term };

/**
 * What a caller may write where a process is meant. `printed` is any form OTP prints; `<9012.7.0>` has a meaning only on the node
 * that printed it, so `printedOn` is required for a non-zero first number.
 */
export type ProcessTarget =
  | { readonly pid: ProcessRef }
  | { readonly name: NameRef; readonly seenFrom?: NodeName }
  | { readonly printed: string; readonly printedOn?: NodeName };

/** The public, URL-safe id of a process: `NODE~0.ID.SERIAL~CREATION`, creation in hex. */
export function processId(process: ProcessRef): string {
  return `${process.node}~0.${process.id}.${process.serial}~${process.creation.toString(16)}`;
}

/** `<0.id.serial>`, as its own node prints it. */
export function pidText(process: ProcessRef): string {
  return `<0.${process.id}.${process.serial}>`;
}

const idPattern = /^([^~\s]{1,255})~0\.(\d{1,10})\.(\d{1,10})~([0-9a-f]{1,8})$/;

/** Reads what {@link processId} wrote; null for anything else. */
export function parseProcessId(textForm: string): ProcessRef | null {
  const found = idPattern.exec(textForm);
  if (found === null) return null;
  const [, node = '', id = '', serial = '', creation = ''] = found;
  const process = { node, creation: Number.parseInt(creation, 16), id: Number(id), serial: Number(serial) };
  return process.id <= 0xffffffff && process.serial <= 0xffffffff ? process : null;
}

// ------------------------------------------------------------------------------------------------------------- results

export const errorClasses = [
  'validation',
  'authentication',
  'authorization',
  'not_found',
  'conflict',
  'rate_limited',
  'cancelled',
  'execution',
  'system',
  'unsupported',
  'unavailable',
  'timeout',
] as const;
export type ErrorClass = (typeof errorClasses)[number];

/** What is known of the world after a failure: what a retry, an undo and a person need to know, and no class tells. */
export type Effect = 'none' | 'applied' | 'partial' | 'unknown';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** An error as a value. `code` is stable (`process.stale`); `message` is for people and is never matched. */
export type ArsenalError = {
  readonly code: string;
  readonly class: ErrorClass;
  readonly message: string;
  /** What the reader can do about it. */
  readonly remedy: string;
  readonly effect: Effect;
  /** JSON pointer into the parameters, for `validation`. */
  readonly pointer?: string;
  readonly node?: NodeName;
  readonly details?: { readonly [key: string]: Json };
  readonly retryAfterMs?: number;
  readonly correlationId?: string;
};

export type Result<T> = { readonly ok: true; readonly value: T } | Failure;
export type Failure = { readonly ok: false; readonly error: ArsenalError };

/** A success. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A failure. */
export function fail(error: ArsenalError): Failure {
  return { ok: false, error };
}

/**
 * Who answered. Every answer that speaks of more than one node carries it: three nodes of which one is silent is a success with
 * a hole, not an error and not a smaller cluster.
 */
export type NodeCoverage =
  | { readonly node: NodeName; readonly status: 'ok' }
  | { readonly node: NodeName; readonly status: 'partial' | 'missing'; readonly error: ArsenalError };
export type Coverage = readonly NodeCoverage[];

// ----------------------------------------------------------------------------------------------------------- bulk rows

/** Process keys by what they cost the target. A costly key in a filter or a sort needs `allowCostly`. */
export const cheapFields = [
  'registered_name',
  'initial_call',
  'status',
  'reductions',
  'message_queue_len',
  'group_leader',
  'label',
] as const;
export const costlyFields = [
  'memory',
  'current_function',
  'total_heap_size',
  'links',
  'monitors',
  'dictionary',
  'current_stacktrace',
  'trap_exit',
  'parent',
  'ancestors',
  'current_location',
  'monitored_by',
  'suspending',
  'priority',
  'garbage_collection',
  'binary_bytes',
] as const;
export type CheapField = (typeof cheapFields)[number];
export type CostlyField = (typeof costlyFields)[number];
export type ProcessField = CheapField | CostlyField;

export type Scalar = string | number | boolean | null;
export type Column =
  | { readonly as: 'number'; readonly values: Float64Array }
  /** Atoms, MFAs, names: few distinct values. */
  | { readonly as: 'dictionary'; readonly index: Uint32Array; readonly values: readonly Scalar[] }
  /** One JSON value a row, for what is not a scalar (links, stack); only ever asked for a few rows. */
  | { readonly as: 'json'; readonly values: readonly Json[] };

/**
 * Up to 1,000 rows of one node, columnar: 100k rows × 8 keys cost the receiving thread 6 ms this way, 47 ms as objects and 408 ms
 * as nested terms (Node 20, one worker hop). Buffers are transferred, so a page has one owner.
 * MFAs are text `module:function/arity`, in Erlang spelling; an unregistered process has `registered_name` null. `binary_bytes` are those
 * of the reference-counted binaries it refers to, each counted once.
 */
export type RowPage = {
  readonly of: Incarnation;
  readonly ids: Uint32Array;
  readonly serials: Uint32Array;
  readonly columns: { readonly [key in ProcessField]?: Column };
  readonly takenAt: NodeTime;
};

// ------------------------------------------------------------------------------------------------- predicates (as data)

/** What is asked of rows: their fields are `Key`; those that are `Listed` are lists of texts. */
export type RowPredicate<Key extends string, Listed extends Key = never> =
  | { readonly key: Key; readonly op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'; readonly value: Scalar }
  | {
      readonly key: Key;
      /** Of texts. `like`: with an asterisk for any text, also none; the whole of it has to fit. */
      readonly op: 'contains' | 'prefix' | 'like';
      readonly value: string;
    }
  /** One of these is in the list. */
  | { readonly key: Listed; readonly op: 'has'; readonly value: readonly string[] }
  | { readonly all: readonly RowPredicate<Key, Listed>[] }
  | { readonly any: readonly RowPredicate<Key, Listed>[] }
  | { readonly not: RowPredicate<Key, Listed> };
/** Ancestors are as proc_lib kept them: ids, or registered names. */
export type Predicate = RowPredicate<ProcessField, 'ancestors'>;

/** Which rows of a list are wanted: whoever has them filters, orders and counts them, and sends no others. */
export type RowSelect<Field extends string> = {
  readonly where?: RowPredicate<Field>;
  /** The best so many, in this order; among equals as they come, and what has no value last. */
  readonly top?: { readonly n: number; readonly by: Field; readonly direction: 'descending' | 'ascending' };
  /** Without `top`: only so many, whichever. */
  readonly first?: number;
};

// ----------------------------------------------------------------------------------------------------------- OTP nouns

export type SupervisorKind =
  'supervisor' | 'dynamic_supervisor' | 'partition_supervisor' | 'task_supervisor' | 'horde_supervisor';
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
export type SupervisorFlags = {
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly periodSeconds: number;
  readonly autoShutdown: 'never' | 'any_significant' | 'all_significant';
};
export type SupervisorInfo = {
  readonly supervisor: ProcessRef;
  readonly name: NameRef | null;
  readonly kind: SupervisorKind;
  /** The callback module, where it is known. */
  readonly module: string | null;
  /** The application whose root it is. */
  readonly application: string | null;
  /** The supervisor above it; null for the root of an application or when that is not known. */
  readonly parent: ProcessRef | null;
  /** null: layout not known, never guessed. */
  readonly flags: SupervisorFlags | null;
  /** How it was recognised; a process that is not surely a supervisor is not in the list and is never called. */
  readonly evidence: 'initial_call' | 'ancestry' | 'registry' | 'builtin';
};
export type ChildState =
  { readonly is: 'running'; readonly pid: ProcessRef } | { readonly is: 'restarting' } | { readonly is: 'undefined' };
export type ChildRow = {
  readonly childId: Term;
  readonly type: 'worker' | 'supervisor';
  readonly modules: readonly string[] | 'dynamic';
  readonly state: ChildState;
  /** Position in start order, as the supervisor holds it. */
  readonly index: number;
  /** Set for a child that is itself surely a supervisor. */
  readonly supervisor: SupervisorKind | null;
  readonly registeredName: string | null;
};
export type ChildCount = {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
};
/** The start arguments can hold funs and secrets: as terms for the eye, with opaque tokens for handing back. */
export type ChildSpec = {
  readonly childId: Term;
  readonly start: { readonly module: string; readonly function: string; readonly args: readonly Term[] };
  readonly restart: 'permanent' | 'transient' | 'temporary';
  readonly shutdown: number | 'brutal_kill' | 'infinity';
  readonly type: 'worker' | 'supervisor';
  readonly significant: boolean;
};
export type NameRow = { readonly name: NameRef; readonly pid: ProcessRef };

/** Where names are kept: `via` is the name of an Elixir Registry, which is of one node, or of a Horde.Registry. */
export type NameRegistry = 'local' | 'global' | { readonly via: string };
/** A registry of names, or a scope of process groups, that runs on a node. */
export type RegistryInfo = {
  readonly kind: 'elixir_registry' | 'horde_registry' | 'pg';
  readonly name: string;
  readonly node: NodeName;
  readonly pid: ProcessRef;
  /** Elixir's only; null where the layout of its table is not known. */
  readonly keys: 'unique' | 'duplicate' | null;
  /** Names, or groups; null where it cannot be told. */
  readonly size: number | null;
};

// What spans nodes has no truth of its own, only what each node says; these rows put that together.

/** How the nodes asked agree: `partial` when some do not have it (yet), `conflict` when they name different processes. */
export type Agreement = 'agreed' | 'partial' | 'conflict';
/** A global name, as each node sees it (null: it does not). */
export type NameView = {
  readonly name: NameRef;
  readonly views: readonly { readonly node: NodeName; readonly pid: ProcessRef | null }[];
  readonly agreement: Agreement;
};
/** A process group of `pg`; a process may have joined a group several times. */
export type GroupRow = {
  readonly scope: string;
  readonly group: Term;
  readonly members: readonly {
    readonly pid: ProcessRef;
    readonly joins: number;
    readonly seenBy: readonly NodeName[];
  }[];
  readonly agreement: Agreement;
};

// -------------------------------------------------------------------------------------------------- Horde and libcluster

/** A member of a Horde: the registered name of its process on its node. */
export type HordeMember = { readonly node: NodeName; readonly name: string };
export type HordeStatus = 'uninitialized' | 'alive' | 'shutting_down' | 'dead';
/** One member of a Horde, and the whole Horde as this member has it. */
export type HordeView = HordeMember & {
  readonly kind: 'registry' | 'supervisor';
  readonly pid: ProcessRef;
  /** A registry keeps no status of its members (null). */
  readonly members: readonly (HordeMember & { readonly status: HordeStatus | null })[];
  /** Keys or children of the whole Horde; null where the layout of its tables is not known. */
  readonly size: number | null;
  /** Those of them that this member holds. */
  readonly ownSize: number | null;
  /** What only a supervisor has; null for a registry, and when it did not answer in time (then its coverage is `partial`). */
  readonly supervisor: {
    /** The module that chooses a node for a child. */
    readonly strategy: string;
    readonly redistribution: 'active' | 'passive' | null;
    /** Whether the strategy has its quorum, as this member sees the others. */
    readonly hasQuorum: boolean;
    readonly shuttingDown: boolean;
    /** How often a start may be handed on; null: without limit. At 0 the member asked starts the child itself. */
    readonly proxyHops: number | null;
  } | null;
};
/** A process that stands for a key, or is a child, and who says so. */
export type HordeHolder = {
  readonly pid: ProcessRef;
  /** The member that put it there; for a child, the one that runs it. */
  readonly member: HordeMember;
  /** null: its node could not be asked. */
  readonly alive: boolean | null;
  readonly seenBy: readonly NodeName[];
};
export type HordeEntry = {
  readonly key: Term;
  readonly holders: readonly HordeHolder[];
  /** The nodes asked that do not have it. */
  readonly missing: readonly NodeName[];
  readonly agreement: Agreement;
};
export type HordeChild = Omit<HordeEntry, 'key'> & {
  /** Horde makes these up: large random numbers. */
  readonly childId: Term;
  readonly start: { readonly module: string; readonly function: string; readonly arity: number };
  readonly type: 'worker' | 'supervisor';
  readonly restart: 'permanent' | 'transient' | 'temporary';
  /** Of the specification without its id; children with the same one were asked for alike. */
  readonly specHash: number;
};
/** Something in a Horde that is not as it should be, and what shows it. */
export type HordeFinding = {
  readonly kind:
    | 'members_differ'
    | 'name_conflict'
    | 'entry_of_dead'
    | 'entry_missing'
    /** A child that runs and that no member has an entry of: nobody restarts it elsewhere, or ends it. */
    | 'child_unknown'
    /** Children started alike that run on more than one node. */
    | 'child_duplicate'
    /** A process that registered once, and holds no key now: it lost a conflict and lives on, or gave its name back. */
    | 'process_without_name';
  /** `sure`: seen as such; `likely`: the same could have been wanted, which nobody but the application can know. */
  readonly certainty: 'sure' | 'likely';
  readonly horde: { readonly kind: HordeView['kind']; readonly name: string };
  /** The key, or the child's id; null for what is about members or processes. */
  readonly of: Term | null;
  readonly processes: readonly ProcessRef[];
  readonly nodes: readonly NodeName[];
  /** For people. */
  readonly evidence: string;
};
/** A topology of libcluster on one node. Values of its configuration that are secrets are left out there. */
export type ClusterTopology = {
  readonly node: NodeName;
  readonly topology: string;
  /** The strategy's module. */
  readonly strategy: string;
  readonly config: Term;
  /**
   * `ended`: the strategy does its work when it starts and keeps no process (LocalEpmd); `configured`: in the environment of
   * libcluster, without a Cluster.Supervisor that runs it.
   */
  readonly state: ChildState | { readonly is: 'ended' } | { readonly is: 'configured' };
  readonly supervisor: ProcessRef | null;
};

// --------------------------------------------------------------------------------------------- tables, ports and waits

/** A table of ets. */
export type TableRow = {
  readonly id: Term;
  readonly name: string;
  readonly type: string;
  readonly protection: string;
  readonly owner: ProcessRef;
  /** The name its owner is registered under. */
  readonly ownerName: string | null;
  readonly isNamed: boolean;
  readonly keyPosition: number;
  readonly isCompressed: boolean;
  readonly readConcurrency: boolean;
  /** `auto` as OTP 25 has it. */
  readonly writeConcurrency: 'true' | 'false' | 'auto';
  readonly objects: number;
  readonly bytes: number;
};

/** A port of the emulator (a driver, a program, a socket of inet), or a socket of the module socket. */
export type PortRow = {
  readonly id: string;
  readonly kind: 'port' | 'socket';
  readonly name: string;
  /** The process connected to it; null when that is gone. */
  readonly owner: ProcessRef | null;
  /** The name that is registered under. */
  readonly ownerName: string | null;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** What waits to be written. Null where it is not known. */
  readonly queueBytes: number | null;
  readonly memoryBytes: number | null;
  /** `127.0.0.1:4000`, or the path of a local socket. */
  readonly local: string | null;
  readonly remote: string | null;
};

/** A process that waits in a call of gen_server, gen_statem or GenServer. */
export type Wait = {
  readonly process: ProcessRef;
  readonly registeredName: string | null;
  /** Whom it called: one, or those among which it cannot be told. */
  readonly on: readonly (ProcessRef | { readonly name: string; readonly node: NodeName })[];
  /** `certain`: it monitors nobody else. `likely`: the callee was read from its stack. */
  readonly evidence: 'certain' | 'likely';
  /** Names the call, no other has it: the same at two looks when it waited all the while. Null where it cannot be told. */
  readonly call: string | null;
  /** Innermost first: `module:function/arity:line`. */
  readonly stack: readonly string[];
};

/** A process that its supervisor ended and started anew. */
export type Restarted = {
  readonly pid: ProcessRef;
  readonly supervisor: ProcessRef;
  readonly state: 'fresh' | 'kept';
};
/** A server that lives on another node now, under another pid. */
export type Migrated = {
  readonly pid: ProcessRef;
  readonly supervisor: ProcessRef;
  /** Of the state, which is equal. */
  readonly digest: string;
  readonly bytes: number;
  /** From the suspension of the old process to the resumption of the new one. */
  readonly pauseMs: number;
  /** Messages that waited meanwhile, and were forwarded first. */
  readonly waited: number;
  /** Processes of the old node that the state names; monitors and links of the old process, which did not move. */
  readonly left: { readonly localPids: number; readonly monitors: number; readonly links: number };
  readonly names: readonly { readonly name: NameRef; readonly moved: boolean }[];
  /** How long its global names stood for nobody, because the new process takes them as it starts; 0 when it does not. */
  readonly namesGapMs: number;
  /** When each step was done, from the beginning. */
  readonly steps: readonly { readonly step: string; readonly atMs: number }[];
  /** The id of the holding that is the forwarder. */
  readonly forwarder: string;
};
/** A process that crashed, as proc_lib reported it (stdlib, proc_lib: crash report). Large reasons are text. */
export type Crash = {
  readonly at: WallTime;
  readonly pid: ProcessRef;
  readonly registeredName: string | null;
  /** `module:function/arity`, as proc_lib knows it. */
  readonly initialCall: string | null;
  readonly kind: 'error' | 'exit' | 'throw';
  readonly reason: Term;
  readonly stack: readonly { readonly call: string; readonly file: string | null; readonly line: number | null }[];
};

// ----------------------------------------------------------------------------------------------------------- sandboxes

export type SandboxState = 'starting' | 'running' | 'stopped' | 'failed';
/** What a sandbox really keeps apart on this machine, probed when it starts, never claimed. */
export type Isolation = {
  readonly files: 'denied' | 'open';
  readonly network: 'denied' | 'open';
  readonly memory: 'enforced' | 'advisory';
};
export type SandboxInfo = {
  readonly id: string;
  readonly name: string;
  readonly state: SandboxState;
  readonly source: string;
  readonly osPid: number | null;
  readonly startedAt: WallTime;
  readonly memoryBytes: number | null;
  readonly isolation: Isolation;
  readonly limits: SandboxLimits;
  /** Why it ended, for `stopped` and `failed`. */
  readonly ended: string | null;
};
export type SandboxLimits = { readonly memoryBytes: number; readonly cpuMs: number };

// ------------------------------------------------------------------------------------------------------------ holdings

/** Anything Arsenal keeps on a target that would outlive a call. One table, one clean-up path, one thing a leak test asks for. */
export type Holding = {
  readonly id: string;
  readonly kind:
    | 'suspension'
    | 'sys_suspension'
    | 'trace'
    | 'monitor'
    | 'watch'
    | 'sandbox'
    | 'loaded_code'
    | 'fault'
    | 'fun'
    | 'process'
    | 'state';
  readonly at: Incarnation;
  readonly target: ProcessRef | null;
  readonly owner: HoldingOwner;
  /** How long the target keeps it after its owner's connection is gone, before undoing it by itself. */
  readonly lingerMs: number;
};
export type HoldingOwner = {
  readonly principal: string;
  readonly client: string;
  readonly operation: string;
  readonly requestId: string;
};

// ---------------------------------------------------------------------------------------------------------------- time

/** How the time of a simulated cluster passes. */
export type ClockState = {
  /** `live`: with the wall's; `deterministic`: while a call waits, so that the same calls find the same cluster. */
  readonly mode: 'live' | 'deterministic';
  readonly paused: boolean;
  /** How many times as fast as on the wall; null when that has no meaning. */
  readonly speed: number | null;
  /** Milliseconds of the cluster's own monotonic clock. */
  readonly nowMs: number;
};

// ------------------------------------------------------------------------------------------------------------- tracing

/**
 * What a profile weighs by: looks at a stack, microseconds, or reductions. The last where running takes no time, as on a simulated
 * cluster: nothing of such a profile is a measure of time.
 */
export type ProfileUnit = 'samples' | 'us' | 'reductions';

/**
 * Bounds of a trace on each node, enforced there. Any one of the first four ends it; `eventsPerSecond` bounds what is seen in a second,
 * `tracerQueue` what waits to be looked at. A term above `termBytes` (in external form) is cut where it stands; one of more than 1,000
 * times as much, and more than 4 MB, ends the trace too.
 */
export type Fuses = {
  readonly timeMs: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly tracerQueue: number;
  readonly termBytes: number;
};

/** Where in a function's arguments a value stands: in the `arg`-th, counted from 1, and there along `inside`, outermost first. */
export type ArgumentPath = {
  readonly arg: number;
  readonly inside?: readonly ({ readonly element: number } | { readonly key: TermInput })[];
};
/** A condition on the arguments of a call. It holds for no call in which what it names is not there. */
export type CallCondition =
  | (ArgumentPath & { readonly op: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'; readonly value: TermInput })
  | (ArgumentPath & {
      readonly type:
        | 'atom'
        | 'binary'
        | 'bitstring'
        | 'boolean'
        | 'float'
        | 'function'
        | 'integer'
        | 'list'
        | 'map'
        | 'number'
        | 'pid'
        | 'port'
        | 'reference'
        | 'tuple';
    })
  | { readonly all: readonly CallCondition[] }
  | { readonly any: readonly CallCondition[] }
  | { readonly not: CallCondition };
/** Functions whose calls are traced, in a module that is loaded. */
export type TracedFunction = {
  readonly module: string;
  readonly function: string | { readonly every: 'function' };
  readonly arity: number | 'any';
  /** All of them hold; none means every call. */
  readonly when?: readonly CallCondition[];
  /** `return` shows results and exceptions; while it does, a tail call takes stack. */
  readonly shows?: readonly ('return' | 'caller')[];
};

export type TraceEvent = {
  readonly at: NodeTime;
  /** Its place in the trace, over all nodes, from 1. */
  readonly seq: number;
  readonly process: ProcessRef;
  readonly what:
    | { readonly is: 'send'; readonly to: ProcessRef | NameRef | { readonly term: Term }; readonly message: Term }
    | {
        readonly is: 'receive';
        readonly message: Term;
        /**
         * The `seq` of the send it is taken to belong to: the oldest of an equal message to the same process that no other receive has
         * taken. Its claim is that order, not identity: with an equal message of an untraced sender among them it can be another's.
         */
        readonly sentBy: number | null;
      }
    | {
        readonly is: 'call';
        readonly module: string;
        readonly function: string;
        readonly args: readonly Term[] | number;
        /** `module:function/arity`; null when not asked for, or not known. */
        readonly caller: string | null;
      }
    | {
        readonly is: 'return';
        readonly module: string;
        readonly function: string;
        readonly arity: number;
        readonly value: Term;
      }
    | {
        readonly is: 'raise';
        readonly module: string;
        readonly function: string;
        readonly arity: number;
        readonly class: string;
        readonly reason: Term;
      }
    | {
        readonly is:
          | 'spawn'
          | 'spawned'
          | 'link'
          | 'unlink'
          | 'getting_linked'
          | 'getting_unlinked'
          | 'register'
          | 'unregister'
          | 'exit';
        readonly detail: Term;
      };
};
export type TraceEnd = {
  readonly node: NodeName;
  readonly why: keyof Fuses | 'stopped' | 'node_lost' | 'owner_gone' | 'target_gone' | 'tracer_taken';
  /** Events that were seen there, or waited to be, and are not in the trace. */
  readonly dropped: number;
};
/** What a trace does on one node. */
export type TracedNode = {
  readonly node: NodeName;
  /** `session`: OTP's own, apart from all other tracing (OTP 27 and later); `shared`: the node's one tracer slot for each process. */
  readonly slot: 'session' | 'shared';
  readonly observer: 'agent' | 'interpreted' | 'builtin';
  /** The bounds that hold there: those asked for, or less where the agent is interpreted. */
  readonly fuses: Fuses;
  readonly processes: number;
};
/** A trace of this connection, running or ended. */
export type TraceInfo = {
  readonly id: string;
  readonly startedAt: WallTime;
  readonly owner: HoldingOwner;
  readonly nodes: readonly TracedNode[];
  /** One for each node on which it has ended; it runs while there are fewer than nodes. */
  readonly ended: readonly TraceEnd[];
  readonly events: number;
};

// ---------------------------------------------------------------------------------------------------------- watch rows

/** Row of the watch `nodes`, keyed by node name. */
export type NodeRow = {
  readonly node: NodeName;
  readonly creation: number;
  /** `unreachable`: others may still see it, we do not. */
  readonly status: 'up' | 'down' | 'unreachable' | 'connecting';
  readonly since: WallTime;
  readonly hidden: boolean;
  readonly otpRelease: string | null;
  readonly observer: NodeInfo['observer'];
  readonly observerWhy?: string;
  readonly reach: Reach;
  readonly stats: NodeStats | null;
  /** The nodes this one is connected to, as it says itself; null when it could not be asked. */
  readonly sees: readonly NodeName[] | null;
  /** Whether those nodes answer it, asked each second by an agent on it; null where there is none, or not yet. */
  readonly links: readonly PeerLink[] | null;
  /** Those that do not run though they were started, and why, as Erlang prints it; absent where there is none, or a node forgets it. */
  readonly failedApplications?: readonly { readonly name: string; readonly reason: string }[];
};

/** What a node says of its connection to another. */
export type PeerLink = {
  readonly node: NodeName;
  /** `silent`: connected, and no answer for three seconds. `disconnected`: it was connected in the last ten minutes. */
  readonly state: 'connected' | 'silent' | 'disconnected';
  /** Of the last answer; null before the first. */
  readonly rttMs: number | null;
};

/** Row of the watches `top` and `processes`, keyed by {@link processId}. Fields not asked for are absent. */
export type ProcessRow = {
  readonly pid: string;
  readonly node: NodeName;
  readonly display: string;
  readonly registeredName?: string | null;
  /** The real one, from proc_lib. */
  readonly initialCall?: string | null;
  readonly currentFunction?: string | null;
  readonly status?: string;
  readonly memory?: number;
  readonly reductions?: number;
  readonly messageQueueLen?: number;
};

// -------------------------------------------------------------------------------------------- operations that nodes have

/**
 * A module on a node that has the callbacks of an operation, as they answered. From the node: untrusted. `operation` has a name and a
 * schema of its own; `predecessor` is the older form, with a route in their place.
 */
export type NodeOperation = {
  readonly node: NodeName;
  /** As the atom's text: `Elixir.Shop.Restock`, `shop_restock`. */
  readonly module: string;
  /** MD5 of the code, hexadecimal: another one is another version. */
  readonly version: string;
  readonly form: 'operation' | 'predecessor';
  /** What the callbacks answered, by their names (`name`, `params_schema`, `rest_config`, …), as JSON; or why nothing is known. */
  readonly told:
    | { readonly is: 'told'; readonly answers: { readonly [callback: string]: Json } }
    | { readonly is: 'broken'; readonly why: string };
};

/** What became of an operation that ran on a node. */
export type NodeOperationRun = {
  readonly value: Json;
  readonly version: string;
  /** What it printed, cut at some length. */
  readonly output: string;
  /** Of `execute` alone, measured on the node. */
  readonly tookUs: number;
};
