/** What {@link connectBeam} needs to know to join a running BEAM cluster. */
import type { AgentChoice, ConnectionId, NodeName } from '../model.ts';
import type { SshSpec } from './sshArguments.ts';
import type { TlsSpec } from './tlsFiles.ts';

export type BeamSpec = {
  readonly id: ConnectionId;
  /** The full name of the node to join through: `shop@127.0.0.1`, `shop@myhost`, `shop@::1`. */
  readonly node: NodeName;
  readonly cookie: string;
  /** Where the node's distribution listens, when EPMD cannot say (tunnel, Livebook, `-start_epmd false`). */
  readonly address?: { readonly host: string; readonly port: number };
  /** Where EPMD listens; by default port 4369 (or `ERL_EPMD_PORT`) on the node's own host. */
  readonly epmd?: { readonly host?: string; readonly port?: number };
  /** As OTP's `-erl_epmd_port`: no EPMD is asked, and every node listens on this port of its own host. */
  readonly erlEpmdPort?: number;
  /** Given when the nodes use TLS distribution. */
  readonly tls?: TlsSpec;
  /** Given when the nodes and EPMD are reached through ssh; addresses are then as the target of ssh sees them. */
  readonly ssh?: SshSpec;
  /** What may be kept on the nodes; `load` when absent. See docs/agent.md. */
  readonly agent?: AgentChoice;
  /** How long an agent keeps what a lost window held, and outlives the last window; 10,000 ms when absent. */
  readonly agentLingerMs?: number;
  /** A folder that all windows of this user share: the slots of our node names are leased in it. */
  readonly leaseDir: string;
  /** Time for the first connection; 7,000 ms when absent, 20,000 ms through ssh. */
  readonly connectTimeoutMs?: number;
};
