/**
 * The one door for editor, REST, CLI, MCP and language features.
 *
 * Local: catalogue, pipeline and runtimes in this process. Remote (a later issue): another Arsenal gateway, to which the
 * *operation* is forwarded, so that its pipeline decides and its audit sees what was meant.
 */
import type { ConnectionId, Result } from '../../runtime/model.ts';
import type { WatchFeed } from '../../runtime/watch.ts';
import type { Caller } from '../core/context.ts';
import type { Access, ArsenalEvent, ConnectionInfo, ConnectSpec } from '../protocol/connection.ts';
import type {
  Availability,
  CatalogueEntry,
  OperationAnswer,
  OperationCall,
  OperationOutcome,
  OperationProgress,
} from '../protocol/operation.ts';
import type { WatchTopic } from '../protocol/watch.ts';

export type { Caller };

export type BackendCallOptions = {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Default: the operation's own, else 30 s. */
  readonly timeoutMs?: number;
  readonly correlationId?: string;
  /** The caller's span (W3C Trace Context). */
  readonly traceparent?: string;
  /** Resolves when the receiver has room. */
  readonly onProgress?: (progress: OperationProgress) => Promise<void> | void;
};

export interface Backend {
  connect(spec: ConnectSpec, options: BackendCallOptions): Promise<Result<ConnectionInfo>>;
  disconnect(connection: ConnectionId, options: BackendCallOptions): Promise<Result<null>>;
  retry(connection: ConnectionId, options: BackendCallOptions): Promise<Result<ConnectionInfo>>;
  setAccess(connection: ConnectionId, access: Access, options: BackendCallOptions): Result<ConnectionInfo>;
  connections(): readonly ConnectionInfo[];

  /** The catalogue, for somebody who reads it: whether nodes have other operations by now is looked up in the background. */
  catalogue(): readonly CatalogueEntry[];
  /** The catalogue as it is, for finding an operation in it: no node is asked for that. */
  registered(): readonly CatalogueEntry[];
  /** Looks now which operations the nodes of a connection have; the catalogue is in step with them afterwards. */
  discover(connection: ConnectionId, options: BackendCallOptions): Promise<Result<null>>;
  availability(connection: ConnectionId): Result<readonly Availability[]>;
  execute(call: OperationCall, options: BackendCallOptions): Promise<Result<OperationAnswer>>;
  outcome(requestId: string, options: BackendCallOptions): Promise<Result<OperationOutcome>>;

  /** A live source of a topic, authorized like a read; shared by all who watch the same; released by `release`. */
  openWatch(
    topic: WatchTopic,
    options: BackendCallOptions,
  ): Promise<Result<{ readonly source: WatchFeed; readonly release: () => void }>>;
  /** The figures of operations since this backend was made, for Prometheus. */
  metricsText(): { readonly type: string; readonly text: string };
  onEvent(listener: (event: ArsenalEvent) => void): { dispose(): void };
  /** Ends every connection and flushes what is to be kept. Never rejects. */
  close(): Promise<void>;
}
