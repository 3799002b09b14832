/** What a local cluster is made of: plain data, the same for editor, command line and owner. */
import type { LocalLauncher, NodeName } from '../model.ts';

export type LocalSpec = {
  /** The project's folder, an absolute path; null for plain Erlang nodes without one. */
  readonly project: string | null;
  /** null: by what stands in the folder, `mix.exs` or `rebar.config`, else plain `erl`. */
  readonly launcher: LocalLauncher | null;
  /** How many nodes; null: as many as run already, else {@link defaultNodeCount}. */
  readonly nodes: number | null;
  /** Names are `BASE1@127.0.0.1`, `BASE2@127.0.0.1` …; null: from the folder's name. */
  readonly baseName: string | null;
  /** Environment added for the nodes; `{n}` in a value becomes the node's number, for ports that must differ. */
  readonly env: { readonly [name: string]: string };
  /** Applications that a plain Erlang node starts. */
  readonly applications: readonly string[];
  /** OTP's `net_ticktime`, in seconds; null: OTP's default, 60. */
  readonly netTicktimeSeconds: number | null;
  /** OTP's `prevent_overlapping_partitions`; null: the release's default, which is true from OTP 25. */
  readonly preventOverlappingPartitions: boolean | null;
};

export const defaultNodeCount = 3;
export const mostLocalNodes = 32;

/** A spec in which everything is as usual. */
export const usualSpec: LocalSpec = {
  project: null,
  launcher: null,
  nodes: null,
  baseName: null,
  env: {},
  applications: [],
  netTicktimeSeconds: null,
  preventOverlappingPartitions: null,
};

export type LocalNodeState = 'starting' | 'up' | 'hung' | 'down';
export type LocalNodeInfo = {
  readonly node: NodeName;
  readonly state: LocalNodeState;
  /** The operating system's process; null while there is none. */
  readonly osPid: number | null;
  /** 0 before it was up for the first time. */
  readonly creation: number;
  /** Where what it prints is kept. */
  readonly logFile: string;
};

/** A fault that is held now, in words. */
export type LocalFaultInfo = { readonly id: string; readonly what: string };

export type LocalClusterInfo = {
  readonly project: string | null;
  readonly launcher: LocalLauncher;
  readonly nodes: readonly LocalNodeInfo[];
  /** Whether it outlives the windows: `arsenal cluster start`. */
  readonly isKept: boolean;
  readonly ownerPid: number;
  /** How many windows look at it. */
  readonly windows: number;
  /** Where EPMD tells the nodes' real ports: for those who manage, past every proxy. */
  readonly epmdPort: number;
  /** Readable by this user only. */
  readonly cookieFile: string;
  readonly otpRelease: string;
  readonly preventsOverlap: boolean;
  readonly netTicktimeSeconds: number;
  readonly faults: readonly LocalFaultInfo[];
};
