/** Connections as every surface sees them. */
import type {
  AgentChoice,
  ArsenalError,
  ConnectionId,
  LocalLauncher,
  NodeName,
  RuntimeKind,
} from '../../runtime/model.ts';
import type { Capabilities, ConnectionState } from '../../runtime/port.ts';

/** Where a cookie comes from. A cookie is never on a command line, in a setting or in an answer. */
export type CookieSource =
  | { readonly from: 'text'; readonly value: string }
  | { readonly from: 'file'; readonly path: string }
  /** `~/.erlang.cookie` and the other places OTP looks. */
  | { readonly from: 'default' };

/** PEM files for TLS distribution (`-proto_dist inet_tls`). */
export type TlsFiles = {
  /** Who may vouch for the nodes; without it, those whom Node.js trusts. */
  readonly caFile?: string;
  /** Our own certificate and its key, for nodes that demand one. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name in the nodes' certificates; without it, the host part of each node's name. */
  readonly servername?: string;
  /** `none` takes whoever answers: whoever stands between can read and change everything. */
  readonly verify?: 'peer' | 'none';
};

/** The local cluster of a project: joined as it runs, else started. What is left out is as it runs, or as usual. */
export type LocalClusterSpec = {
  readonly kind: 'local-cluster';
  /** The project's folder, an absolute path; without it, plain Erlang nodes. */
  readonly project?: string;
  /** Without it, by what stands in the folder: `mix.exs`, `rebar.config`, else plain `erl`. */
  readonly launcher?: LocalLauncher;
  /** Three, when none run yet. */
  readonly nodes?: number;
  /** Nodes are called `BASE1@127.0.0.1`, `BASE2@127.0.0.1` …; without it, from the folder's name. */
  readonly baseName?: string;
  /** Environment added for the nodes; `{n}` in a value becomes the node's number. */
  readonly env?: { readonly [name: string]: string };
  /** Applications that plain Erlang nodes start. */
  readonly applications?: readonly string[];
  /** OTP's `net_ticktime`; without it OTP's default, 60. */
  readonly netTicktimeSeconds?: number;
  /** OTP's `prevent_overlapping_partitions`; without it the release's default, true from OTP 25. */
  readonly preventOverlappingPartitions?: boolean;
};

/** Lines that a node of a local cluster printed (null: the build), the file with the rest, and where in it they end, to go on from. */
export type LocalLog = {
  readonly node: NodeName | null;
  readonly file: string;
  readonly lines: readonly string[];
  readonly end: number;
};
/** The last lines, or what came since an `end`. */
export type LocalLogFrom = { readonly last: number } | { readonly offset: number };

/** What to connect to. */
export type ConnectSpec =
  | {
      readonly kind: 'simulated';
      readonly nodes?: number;
      readonly seed?: number;
      /** A cluster file (docs/simulated.md) in place of the demo; its nodes are then the file's. */
      readonly clusterFile?: string;
      /** `deterministic`: time passes only while a call waits, so that a seed and the same calls make the same run. */
      readonly time?: 'live' | 'deterministic';
    }
  | LocalClusterSpec
  | {
      readonly kind: 'beam';
      readonly node: string;
      readonly cookie: CookieSource;
      /** Given when the node is not in an EPMD. */
      readonly address?: { readonly host: string; readonly port: number };
      readonly epmd?: { readonly host?: string; readonly port?: number };
      /** As OTP's `-erl_epmd_port`: no EPMD is asked, every node listens on this port of its own host. */
      readonly erlEpmdPort?: number;
      readonly tls?: TlsFiles;
      /** Reach nodes and EPMD through the user's own ssh; `target` is as for ssh. */
      readonly ssh?: { readonly target: string };
      /** What may be kept on the nodes (docs/agent.md); `load` when absent. */
      readonly agent?: AgentChoice;
    };

/** What this connection lets be changed. `confirm`: read-only until the user agrees to the first write. */
export const accessLevels = ['read_only', 'confirm', 'full'] as const;
export type Access = (typeof accessLevels)[number];

export type ConnectionInfo = {
  readonly id: ConnectionId;
  readonly kind: RuntimeKind | 'gateway';
  /** For people: `Simulated cluster`, `shop@host`. */
  readonly label: string;
  readonly access: Access;
  readonly state: ConnectionState;
  readonly capabilities: Capabilities;
};

/** Something that happened, for logs, notifications and the event stream; bounded, newest last. */
export type ArsenalEvent = {
  /** Counts up within one backend. */
  readonly seq: number;
  readonly at: number;
  readonly connection: ConnectionId | null;
  readonly what:
    | { readonly is: 'connection_state'; readonly state: ConnectionState['is']; readonly error?: ArsenalError }
    | { readonly is: 'node_up' | 'node_down'; readonly node: string }
    | { readonly is: 'operation_registered' | 'operation_removed'; readonly operation: string }
    | {
        readonly is: 'operation_broken';
        readonly file: string;
        readonly line: number;
        readonly column: number;
        readonly error: ArsenalError;
      }
    /** Something that goes on beside its call (a trace, a monitor, a profile, a search for leaks) began, or has ended. */
    | { readonly is: 'trace_began'; readonly trace: string; readonly kind: string; readonly operation: string }
    | {
        readonly is: 'trace_ended';
        readonly trace: string;
        readonly kind: string;
        readonly operation: string;
        readonly outcome: 'finished' | 'stopped' | 'failed';
        readonly code?: string;
      }
    | {
        readonly is: 'operation_finished';
        readonly operation: string;
        readonly requestId: string;
        readonly outcome: 'ok' | 'failed';
        readonly code?: string;
        readonly durationMs: number;
      };
};
