/** Connections as every surface sees them. */
import type { ArsenalError, ConnectionId, RuntimeKind } from '../../runtime/model.ts';
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

/** What to connect to. */
export type ConnectSpec =
  | { readonly kind: 'simulated'; readonly nodes?: number; readonly seed?: number }
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
    | {
        readonly is: 'operation_finished';
        readonly operation: string;
        readonly requestId: string;
        readonly outcome: 'ok' | 'failed';
        readonly code?: string;
        readonly durationMs: number;
      };
};
