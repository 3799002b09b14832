/** What `activate` answers: for tests in the editor, and for other extensions. Stable within a major version. */
import type { ArsenalContext } from './context.ts';
import type { ConnectionId, Json, Result } from '../runtime/model.ts';
import type { ConnectionInfo } from '../server/protocol/connection.ts';
import type { OperationAnswer, OperationProgress } from '../server/protocol/operation.ts';
import type { ServerState } from './languageServer.ts';
import type { SavedConnection } from './session/savedConnections.ts';
import type { SessionEntry } from './session/sessions.ts';
import type { SettledWrite } from './operations/runner.ts';
import type { TreeDump } from './views/liveTree.ts';
import type * as vscode from 'vscode';

export type ViewName = 'nodes' | 'supervisors' | 'sandboxes' | 'operations';

export type ArsenalApi = {
  /** How things stand: the server, the connections, the status bar's text, how long activation took. */
  state(): {
    readonly server: ServerState;
    readonly serverProcessId: number | null;
    readonly sessions: readonly SessionEntry[];
    readonly operations: readonly string[];
    readonly statusText: string;
    /** How the time of the simulated cluster passes; null where there is none. */
    readonly timeText: string | null;
    readonly activationMs: number;
  };
  /** Starts the server and connects as the settings say, as opening a view does. */
  wake(): Promise<void>;
  /** Connects without asking; a cookie comes from a file, the default places, or the secret storage. */
  connect(saved: SavedConnection): Promise<Result<ConnectionInfo>>;
  disconnect(connection: ConnectionId): Promise<Result<null>>;
  /** Runs an operation without asking, as the local user; on the current connection unless one is named. */
  runOperation(
    name: string,
    params: { readonly [key: string]: Json },
    options?: { readonly connection?: ConnectionId },
  ): Promise<Result<OperationAnswer>>;
  /** A tree as it is now, `depth` levels deep. Reads what is not expanded, and lets it go again. */
  treeSnapshot(view: ViewName, depth?: number): Promise<readonly TreeDump[]>;
  /** Expands an element that a snapshot has shown, as a click does. */
  expand(view: ViewName, id: string): Promise<void>;
  onDidChangeTree(view: ViewName, listener: () => void): vscode.Disposable;
  /** A write whose answer was lost with the server, and what became of it. */
  onDidSettle(listener: (settled: SettledWrite) => void): vscode.Disposable;
};

export function apiOf(context: ArsenalContext, activationMs: () => number): ArsenalApi {
  const { trees, sessions, server, runner, catalogue } = context;
  return {
    state: () => ({
      server: server.state,
      serverProcessId: server.processId,
      sessions: sessions.entries,
      operations: catalogue.entries.map(({ name }) => name),
      statusText: context.status.text,
      timeText: context.time.text,
      activationMs: activationMs(),
    }),
    wake: () => context.wake(),
    connect: (saved) => sessions.connect(saved),
    disconnect: (connection) => sessions.disconnect(connection),
    runOperation: async (operation, params, options) => {
      const spec = { operation, params, connection: options?.connection ?? sessions.current?.id ?? null };
      const booking = context.book.begin(spec);
      const { requestId, token } = booking;
      const onProgress = (progress: OperationProgress) => booking.progress(progress);
      const answer = await runner.run({ ...spec, requestId, token, onProgress });
      booking.end(answer);
      return answer;
    },
    treeSnapshot: (view, depth) => trees[view].dump(depth),
    expand: async (view, id) => {
      await trees[view].expand(id);
    },
    onDidChangeTree: (view, listener) => trees[view].onDidChangeTreeData(listener),
    onDidSettle: (listener) => runner.onDidSettle(listener),
  };
}
