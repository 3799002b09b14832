/**
 * Every custom message between client and language server.
 *
 * Naming rule: `arsenal/<noun>/<verb>`; nothing of ours in `$/` or `textDocument/`. Each constant says its direction. The server
 * advertises {@link ArsenalServerCapabilities} under `capabilities.experimental.arsenal`; a client refuses another major.
 */
import { NotificationType, RequestType } from 'vscode-jsonrpc';
import type { ArsenalError, ConnectionId } from '../../runtime/model.ts';
import type { WatchFrame } from '../../runtime/watch.ts';
import type { Access, ArsenalEvent, ConnectionInfo, ConnectSpec, LocalLog, LocalLogFrom } from './connection.ts';
import type {
  Availability,
  CatalogueEntry,
  HistoryLimits,
  PolicyProblem,
  PolicySettings,
  OperationAnswer,
  OperationCall,
  OperationOutcome,
  OperationProgress,
} from './operation.ts';
import type { WatchDown, WatchTopic, WatchUp } from './watch.ts';

export const protocolVersion = { major: 1, minor: 0 } as const;
export type ArsenalServerCapabilities = {
  readonly protocolVersion: { readonly major: number; readonly minor: number };
  readonly features: readonly ('connections' | 'watch' | 'operations' | 'scaffold')[];
  /** The server's own, for logs and bug reports. */
  readonly processId: number;
};

/** Of the client to the server when it starts. */
export type ArsenalInitializationOptions = {
  /** Where state is kept: audit log, history, leases. Absent: where the command line keeps it. */
  readonly home?: string;
  /** Whether the workspace is trusted; its own operation modules are loaded only then. */
  readonly trusted: boolean;
  /** How much is kept of calls; the defaults when absent. */
  readonly history?: HistoryLimits;
  /** What the user lays down; what is wrong with it is told by {@link policyProblems}. */
  readonly policy?: PolicySettings;
  readonly protocolVersion: { readonly major: number; readonly minor: number };
};

/** How every request of ours fails: a ResponseError whose `data` is this; its code is {@link arsenalFailureCode}. */
export type FailureData = { readonly arsenal: ArsenalError };
/** JSON-RPC code (server-defined range, JSON-RPC 2.0 §5.1) of a failure that carries {@link FailureData}. */
export const arsenalFailureCode = -32050;

/** client → server: connect to a system; answers once it is ready or fails with the cause. Cancellable. */
export const openConnection = new RequestType<ConnectSpec, ConnectionInfo, FailureData>('arsenal/connection/open');
/** client → server: close a connection and give back what it holds. */
export const closeConnection = new RequestType<{ readonly connection: ConnectionId }, null, FailureData>(
  'arsenal/connection/close',
);
/** client → server: try a lost connection again now. */
export const retryConnection = new RequestType<{ readonly connection: ConnectionId }, ConnectionInfo, FailureData>(
  'arsenal/connection/retry',
);
/** client → server: the connections there are. They are also a watch topic. */
export const listConnections = new RequestType<null, readonly ConnectionInfo[], FailureData>('arsenal/connection/list');
/** client → server: the user's consent to writes on a connection, or its withdrawal. */
export const setAccess = new RequestType<
  { readonly connection: ConnectionId; readonly access: Access },
  ConnectionInfo,
  FailureData
>('arsenal/connection/access');

export type NodeLogParams = {
  readonly connection: ConnectionId;
  /** null: what building the project printed. */
  readonly node: string | null;
  readonly from: LocalLogFrom;
};
/** client → server: what a node of a local cluster printed, and the file with the rest. */
export const readNodeLog = new RequestType<NodeLogParams, LocalLog, FailureData>('arsenal/node/log');

/** client → server: a topic as it is now, once. */
export const readTree = new RequestType<
  { readonly topic: WatchTopic },
  Extract<WatchFrame, { readonly is: 'snapshot' }>,
  FailureData
>('arsenal/tree/read');
/** client → server: open, acknowledge, resync, show, hide, close a watch. */
export const watchUp = new NotificationType<WatchUp>('arsenal/watch/up');
/** server → client: frames of the watches. */
export const watchDown = new NotificationType<WatchDown>('arsenal/watch/down');

/** client → server: the catalogue. Also a watch topic. */
export const readCatalogue = new RequestType<null, readonly CatalogueEntry[], FailureData>('arsenal/catalogue/read');
/** client → server: which operations can run on a connection, with why not. */
export const readAvailability = new RequestType<
  { readonly connection: ConnectionId },
  readonly Availability[],
  FailureData
>('arsenal/catalogue/availability');

export type ExecuteParams = OperationCall & {
  /** Progress of this call comes as {@link operationProgress} under the same requestId. */
  readonly wantsProgress: boolean;
  /** The caller's span (W3C Trace Context): the call becomes a part of its trace, as with REST. */
  readonly traceparent?: string;
};
/** client → server: run, plan or validate an operation. Cancellable; a cancelled write's error says its effect. */
export const executeOperation = new RequestType<ExecuteParams, OperationAnswer, FailureData>(
  'arsenal/operation/execute',
);
/** server → client: progress and rows of a running call. */
export const operationProgress = new NotificationType<{
  readonly requestId: string;
  readonly progress: OperationProgress;
}>('arsenal/operation/progress');
/** client → server: what became of a call, after any crash. */
export const operationOutcome = new RequestType<{ readonly requestId: string }, OperationOutcome, FailureData>(
  'arsenal/operation/outcome',
);

/** client → server: how much is kept of calls, from now on. */
export const configureHistory = new NotificationType<HistoryLimits>('arsenal/history/configure');

/** client → server: what the user lays down of roles, rates and trust, from now on. */
export const configurePolicy = new NotificationType<PolicySettings>('arsenal/policy/configure');
/** server → client: what is wrong with it, and widens nothing; empty when it was wrong and is not any more. */
export const policyProblems = new NotificationType<{ readonly problems: readonly PolicyProblem[] }>(
  'arsenal/policy/problems',
);

/** server → client: something happened. */
export const event = new NotificationType<ArsenalEvent>('arsenal/event/published');

export type ScaffoldParams = {
  /** snake_case */
  readonly name: string;
  readonly workspaceFolder: string;
  /** `ts` unless said: a module of the workspace. The others run on the nodes that have them. */
  readonly language?: OperationLanguage;
};
export const operationLanguages = ['ts', 'elixir', 'erlang'] as const;
export type OperationLanguage = (typeof operationLanguages)[number];
export type ScaffoldAnswer = {
  readonly files: readonly { readonly uri: string; readonly text: string }[];
  /** What is left for the user to do, in sentences. */
  readonly notes: readonly string[];
};
/** client → server: the files of a new operation of the user's own; the client writes them. */
export const scaffoldOperation = new RequestType<ScaffoldParams, ScaffoldAnswer, FailureData>(
  'arsenal/operation/scaffold',
);
/** Kind of the code action that scaffolds an operation. */
export const scaffoldActionKind = 'source.arsenal.scaffoldOperation';

/** Names of the file that a simulated cluster runs by itself, in a folder that has one: the first of them that is there. */
export const clusterFileNames: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'json'].map(
  (extension) => `arsenal.cluster.${extension}`,
);

/** What a new cluster file can begin with. */
export const clusterExamples = ['empty', 'leader', 'cache', 'queue'] as const;
export type ClusterExample = (typeof clusterExamples)[number];
export type ClusterScaffoldParams = {
  readonly workspaceFolder: string;
  /** Of `NAME.cluster.ts`; `arsenal` unless said, which is the one that is run by itself. */
  readonly name?: string;
  /** `empty` unless said. */
  readonly example?: ClusterExample;
  /** `ts` unless said; a `json` file describes nodes, network and faults around the demo. */
  readonly language?: 'ts' | 'json';
};
/** client → server: the files of a new cluster file; the client writes them. */
export const scaffoldCluster = new RequestType<ClusterScaffoldParams, ScaffoldAnswer, FailureData>(
  'arsenal/cluster/scaffold',
);
/** Kind of the code action that fills an empty cluster file. */
export const clusterScaffoldActionKind = 'source.arsenal.scaffoldCluster';
