/**
 * The language server: the backend's door as requests and notifications of the Language Server Protocol.
 *
 * One life: `initialize` starts the backend for the home it is given, `initialized` looks for the user's own operations, `shutdown`
 * ends every connection. That the client has gone is noticed by the caller of {@link serveLanguage} (see main.ts).
 */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  DidChangeWatchedFilesNotification,
  ResponseError,
  TextDocuments,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import type { ClientCapabilities, Connection, InitializeParams, InitializeResult } from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { failure } from '../../runtime/errors.ts';
import { ok } from '../../runtime/model.ts';
import type { ArsenalError, Result } from '../../runtime/model.ts';
import type { BackendCallOptions } from '../backend/backend.ts';
import type { BackendLog, LocalBackend } from '../backend/localBackend.ts';
import {
  arsenalFailureCode,
  closeConnection,
  configureHistory,
  configurePolicy,
  event,
  executeOperation,
  listConnections,
  openConnection,
  operationOutcome,
  protocolVersion,
  readAvailability,
  readCatalogue,
  readNodeLog,
  readTree,
  retryConnection,
  clusterScaffoldActionKind,
  scaffoldActionKind,
  scaffoldCluster,
  scaffoldOperation,
  setAccess,
} from '../protocol/lsp.ts';
import type { ArsenalInitializationOptions, ArsenalServerCapabilities } from '../protocol/lsp.ts';
import { decodeWatchTopic } from '../protocol/watch.ts';
import type { WorkspaceOperations, WorkspaceOptions } from '../workspace/workspaceOperations.ts';
import {
  connectSpecSchema,
  decode,
  executeSchema,
  historySchema,
  initializationSchema,
  malformed,
  nodeLogSchema,
  onConnectionSchema,
  outcomeSchema,
  policySettingsSchema,
  readTreeSchema,
  scaffoldClusterSchema,
  scaffoldSchema,
  setAccessSchema,
} from './messages.ts';
import { ClusterFiles } from './clusterFiles.ts';
import { offerClusterScaffold, resolveClusterScaffold, scaffoldClusterFile } from './clusterScaffold.ts';
import type { ClusterScaffoldOptions } from './clusterScaffold.ts';
import { PolicyOfUser } from './policySettings.ts';
import { sendProgressOf } from './progress.ts';
import { editorCaller, serveRequest } from './requests.ts';
import { offerScaffold, resolveScaffold, scaffoldFiles } from './scaffold.ts';
import type { ScaffoldOptions } from './scaffold.ts';
import { snapshotOf, serveWatches } from './watches.ts';

/** What the server is made of; handed in, so that it can be tested without runtimes and files. */
export type LanguageServerParts = {
  /** Where state is kept when the client does not say. */
  readonly defaultHome: string;
  readonly clusterScaffold: ClusterScaffoldOptions;
  readonly startBackend: (home: string, log: BackendLog) => Promise<Result<LocalBackend>>;
  readonly startWorkspace: (options: Omit<WorkspaceOptions, 'workerFile' | 'operationApiFile'>) => WorkspaceOperations;
};

type Started = {
  readonly backend: LocalBackend;
  readonly workspace: WorkspaceOperations | null;
  /** Null where the workspace is not trusted. */
  readonly clusterFiles: ClusterFiles | null;
  readonly policy: PolicyOfUser;
  /** Of the workspace, as they are now. */
  readonly folders: Set<string>;
  close(): Promise<void>;
};

const features: ArsenalServerCapabilities['features'] = ['connections', 'watch', 'operations', 'scaffold'];
const notStarted = failure(
  'unavailable',
  'server.not_started',
  'The language server is not initialized.',
  'Send initialize first.',
);

/**
 * Serves the protocol on `connection` until it is closed. The answer's `close` ends connections and workers; it never rejects and
 * can be called more than once.
 */
export function serveLanguage(connection: Connection, parts: LanguageServerParts): { close(): Promise<void> } {
  let started: Started | null = null;
  let client: ClientCapabilities = {};
  const close = async () => {
    const ending = started;
    started = null;
    await ending?.close();
  };

  connection.onInitialize(async (params) => {
    client = params.capabilities;
    const options = initializationOptions(params);
    if (!options.ok) return initializeError(options.error);
    const made = await parts.startBackend(options.value.home ?? parts.defaultHome, logTo(connection));
    if (!made.ok) return initializeError(made.error);
    const backend = made.value;
    // The client decides what is trusted; without its word the workspace's modules are not loaded.
    const workspace = options.value.trusted
      ? parts.startWorkspace(workspaceOptions(connection, backend, params))
      : null;
    const folders = new Set(foldersOf(params));
    const clusterFiles = options.value.trusted
      ? new ClusterFiles({
          backend,
          folders: () => folders,
          publishDiagnostics: (uri, diagnostics) => void connection.sendDiagnostics({ uri, diagnostics }),
        })
      : null;
    if (options.value.history !== undefined) backend.state.store.configure(options.value.history);
    const policy = new PolicyOfUser(connection, backend);
    policy.obey(options.value.policy ?? {});
    const watches = serveWatches(connection, backend);
    const events = backend.onEvent((published) => void connection.sendNotification(event, published));
    started = {
      backend,
      workspace,
      clusterFiles,
      policy,
      folders,
      close: async () => {
        events.dispose();
        watches.close();
        await workspace?.close();
        await backend.close();
      },
    };
    return initializeResult();
  });

  connection.onInitialized(() => {
    started?.workspace?.start();
    started?.policy.tell();
    const { workspace } = client;
    if (workspace?.didChangeWatchedFiles?.dynamicRegistration === true) {
      void connection.client.register(DidChangeWatchedFilesNotification.type, {
        watchers: [{ globPattern: '**/arsenal/**/*.{ts,js,mts,mjs}' }],
      });
    }
    if (workspace?.workspaceFolders !== true) return;
    connection.workspace.onDidChangeWorkspaceFolders((changed) => {
      const added = changed.added.flatMap(folderPath);
      const removed = changed.removed.flatMap(folderPath);
      for (const folder of added) started?.folders.add(folder);
      for (const folder of removed) started?.folders.delete(folder);
      started?.workspace?.changeFolders(added, removed);
    });
  });
  connection.onShutdown(close);

  const documents = new TextDocuments(TextDocument);
  documents.onDidSave(({ document }) => {
    for (const file of pathOf(document.uri)) {
      started?.workspace?.fileChanged(file);
      const saving: BackendCallOptions = { caller: editorCaller(), signal: new AbortController().signal };
      void started?.clusterFiles?.saved(file, saving);
    }
  });
  documents.listen(connection);
  connection.onDidChangeWatchedFiles(({ changes }) => {
    for (const file of changes.flatMap((change) => pathOf(change.uri))) started?.workspace?.fileChanged(file);
  });
  const scaffolding: ScaffoldOptions = {
    typesFolder: parts.clusterScaffold.typesFolder,
    isTaken: (name) => started?.backend.registry.find(name) != null,
  };
  connection.onCodeAction((params) => {
    const document = documents.get(params.textDocument.uri);
    const folders = [...(started?.folders ?? [])];
    return [...offerClusterScaffold(params, document, folders), ...offerScaffold(params, document, folders)];
  });
  connection.onCodeActionResolve((action) =>
    resolveClusterScaffold(resolveScaffold(action, scaffolding), parts.clusterScaffold),
  );

  serveRequests(connection, () => started, scaffolding, parts.clusterScaffold);
  connection.listen();
  return { close };
}

function serveRequests(
  connection: Connection,
  current: () => Started | null,
  scaffolding: ScaffoldOptions,
  clusterScaffold: ClusterScaffoldOptions,
): void {
  const caller = editorCaller();
  const optionsOf = (signal: AbortSignal): BackendCallOptions => ({ caller, signal });
  /** Serves on the backend, once there is one. */
  const onBackend =
    <R>(
      serve: (backend: LocalBackend, params: unknown, options: BackendCallOptions) => Promise<Result<R>> | Result<R>,
    ) =>
    (params: unknown, signal: AbortSignal) => {
      const started = current();
      return started === null ? notStarted : serve(started.backend, params, optionsOf(signal));
    };

  serveRequest(
    connection,
    openConnection,
    onBackend((backend, params, options) => {
      const spec = decode(connectSpecSchema, params);
      return spec.ok ? (current()?.clusterFiles ?? backend).connect(spec.value, options) : spec;
    }),
  );
  serveRequest(
    connection,
    closeConnection,
    onBackend((backend, params, options) => {
      const of = decode(onConnectionSchema, params);
      return of.ok ? backend.disconnect(of.value.connection, options) : of;
    }),
  );
  serveRequest(
    connection,
    retryConnection,
    onBackend((backend, params, options) => {
      const of = decode(onConnectionSchema, params);
      return of.ok ? backend.retry(of.value.connection, options) : of;
    }),
  );
  serveRequest(
    connection,
    readNodeLog,
    onBackend((backend, params, options) => {
      const of = decode(nodeLogSchema, params);
      return of.ok ? backend.nodeLog(of.value.connection, of.value.node, of.value.from, options) : of;
    }),
  );
  serveRequest(
    connection,
    listConnections,
    onBackend((backend) => ok(backend.connections())),
  );
  serveRequest(
    connection,
    setAccess,
    onBackend((backend, params, options) => {
      const wanted = decode(setAccessSchema, params);
      return wanted.ok ? backend.setAccess(wanted.value.connection, wanted.value.access, options) : wanted;
    }),
  );
  serveRequest(
    connection,
    readTree,
    onBackend(async (backend, params, options) => {
      const wanted = decode(readTreeSchema, params);
      if (!wanted.ok) return wanted;
      const topic = decodeWatchTopic(wanted.value.topic);
      return topic === null ? malformed('/topic', 'is no topic') : snapshotOf(backend, topic, options);
    }),
  );
  serveRequest(
    connection,
    readCatalogue,
    onBackend((backend) => ok(backend.catalogue())),
  );
  serveRequest(
    connection,
    readAvailability,
    onBackend((backend, params) => {
      const of = decode(onConnectionSchema, params);
      return of.ok ? backend.availability(of.value.connection) : of;
    }),
  );
  serveRequest(
    connection,
    executeOperation,
    onBackend(async (backend, params, options) => {
      const call = decode(executeSchema, params);
      if (!call.ok) return call;
      const { wantsProgress, workDoneToken, traceparent, ...rest } = call.value;
      const progress = sendProgressOf(connection, rest.requestId, wantsProgress === true, workDoneToken);
      progress.begin(rest.operation);
      const answer = await backend.execute(rest, {
        ...options,
        ...(traceparent !== undefined && { traceparent }),
        onProgress: (part) => progress.report(part),
      });
      progress.end();
      return answer;
    }),
  );
  // A notification has no answer: what is not well-formed changes nothing.
  connection.onNotification(configureHistory.method, (params: unknown) => {
    const limits = decode(historySchema, params);
    if (limits.ok) current()?.backend.state.store.configure(limits.value);
  });
  connection.onNotification(configurePolicy.method, (params: unknown) => {
    const settings = decode(policySettingsSchema, params);
    if (!settings.ok) return;
    current()?.policy.obey(settings.value);
    current()?.policy.tell();
  });
  serveRequest(
    connection,
    operationOutcome,
    onBackend((backend, params, options) => {
      const of = decode(outcomeSchema, params);
      return of.ok ? backend.outcome(of.value.requestId, options) : of;
    }),
  );
  serveRequest(connection, scaffoldOperation, (params) => {
    const wanted = decode(scaffoldSchema, params);
    return wanted.ok ? scaffoldFiles(wanted.value, scaffolding) : wanted;
  });
  serveRequest(connection, scaffoldCluster, (params) => {
    const wanted = decode(scaffoldClusterSchema, params);
    return wanted.ok ? scaffoldClusterFile(wanted.value, clusterScaffold) : wanted;
  });
}

function initializationOptions(params: InitializeParams): Result<ArsenalInitializationOptions> {
  // An editor that knows nothing of ours gets the standard features with the defaults.
  if (params.initializationOptions === undefined || params.initializationOptions === null) {
    return ok({ trusted: false, protocolVersion });
  }
  const options = decode(initializationSchema, params.initializationOptions);
  if (!options.ok) return options;
  const { major } = options.value.protocolVersion;
  if (major === protocolVersion.major) return options;
  return failure(
    'unsupported',
    'protocol.version',
    `The client speaks protocol version ${major}, this server ${protocolVersion.major}.`,
    'Install a client and a server of the same release.',
  );
}

/**
 * How often we look ourselves: some clients cannot tell of changed files, and those that can do not when the system has run out of
 * watches (inotify's limits, network drives). A look is a stat for each module.
 */
const pollMs = 2_000;

function workspaceOptions(
  connection: Connection,
  backend: LocalBackend,
  params: InitializeParams,
): Omit<WorkspaceOptions, 'workerFile' | 'operationApiFile'> {
  const log = logTo(connection);
  return {
    registry: backend.registry,
    folders: foldersOf(params),
    publishDiagnostics: (uri, diagnostics) => void connection.sendDiagnostics({ uri, diagnostics }),
    onBroken: (file, { line, column }, error) => {
      backend.publish({ is: 'operation_broken', file, line, column, error });
    },
    log,
    pollMs,
  };
}

/** The backend's log in the client's output channel, without what only we need to see. */
function logTo(connection: Connection): BackendLog {
  return (level, message, details) => {
    const line = details === undefined ? message : `${message} ${JSON.stringify(details)}`;
    if (level === 'error') connection.console.error(line);
    else if (level === 'warn') connection.console.warn(line);
    else if (level === 'info') connection.console.info(line);
    else connection.console.debug(line);
  };
}

function initializeError(error: ArsenalError): ResponseError<{ retry: boolean }> {
  return new ResponseError(arsenalFailureCode, error.message, { retry: false, arsenal: error });
}

function initializeResult(): InitializeResult {
  const arsenal: ArsenalServerCapabilities = { protocolVersion, features, processId: process.pid };
  return {
    serverInfo: { name: 'arsenal' },
    capabilities: {
      textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: { includeText: false } },
      codeActionProvider: { codeActionKinds: [scaffoldActionKind, clusterScaffoldActionKind], resolveProvider: true },
      workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      experimental: { arsenal },
    },
  };
}

function foldersOf(params: InitializeParams): readonly string[] {
  return (params.workspaceFolders ?? []).flatMap(folderPath);
}

function folderPath(folder: { readonly uri: string }): readonly string[] {
  return pathOf(folder.uri);
}

/** The path of a `file:` URI; none for what lies elsewhere (untitled, virtual workspaces) or is no URI. */
function pathOf(uri: string): readonly string[] {
  if (!uri.startsWith('file:')) return [];
  try {
    return [fileURLToPath(uri)];
  } catch {
    return [];
  }
}
