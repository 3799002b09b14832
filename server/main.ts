/**
 * The language server's process, `--node-ipc` or `--stdio`.
 *
 * The connection is made before anything else can print: on `--stdio` every byte on stdout is the protocol's (the library redirects
 * `console`). The process ends with its client: on `exit`, when stdin closes, when the IPC channel closes, or when the process that
 * `initialize` names is gone; sandboxes and the simulated cluster's worker end with it.
 */
import path from 'node:path';
import process from 'node:process';
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { createBackend } from './backend/localBackend.ts';
import { stateHome } from './cli/home.ts';
import { serveLanguage } from './language/languageServer.ts';
import { startWorkspaceOperations } from './workspace/workspaceOperations.ts';

const connection = createConnection(ProposedFeatures.all);
/** Beside this bundle lie the others. */
const beside = (name: string) => path.join(__dirname, name);

const server = serveLanguage(connection, {
  defaultHome: stateHome(undefined, process.env),
  clusterScaffold: { typesFolder: beside('types'), examplesFolder: beside('examples') },
  startBackend: (home, log) =>
    createBackend({
      home,
      simulatedWorkerFile: beside('simulatedWorker.js'),
      sandboxChildFile: beside('sandboxChild.js'),
      log,
    }),
  startWorkspace: ({ registry, ...rest }) =>
    startWorkspaceOperations({
      registry,
      workerFile: beside('operationWorker.js'),
      operationApiFile: beside('operation.js'),
      ...rest,
    }),
});

// Only IPC has this event. The library watches the client's process too, but only every three seconds.
process.once('disconnect', () => {
  void server.close().finally(() => process.exit(0));
});
