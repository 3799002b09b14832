/** Gives the cluster graph what it needs of the window, and does what its page asks for. */
import * as vscode from 'vscode';
import type { ConnectionInfo } from '../server/protocol/connection.ts';
import type { ShownConnection, WebviewAction } from '../server/protocol/webview.ts';
import { registerClusterPanel } from './clusterPanel.ts';
import type { ClusterPanels } from './clusterPanel.ts';
import type { ArsenalContext } from './context.ts';

/** Makes the panel available in this window. */
export function registerClusterGraph(context: ArsenalContext, extensionUri: vscode.Uri): ClusterPanels {
  const { sessions, watches, log } = context;
  return registerClusterPanel({
    extensionUri,
    connection: () => (sessions.current === null ? null : shown(sessions.current)),
    onDidChangeConnection: sessions.onDidChange,
    openWatch: (topic) => watches.open(topic),
    act: (action, connection) => void act(action, connection),
    log,
  });
}

function shown(info: ConnectionInfo): ShownConnection {
  const { id, label, kind, access, state, capabilities } = info;
  const can = capabilities.runtime;
  return {
    id,
    label,
    kind,
    access,
    state:
      state.is === 'lost'
        ? {
            is: 'lost',
            since: state.since,
            retryAt: state.retryAt,
            message: state.error.message,
            remedy: state.error.remedy,
          }
        : { is: state.is },
    offers: [
      ...(can['processes.scan'].can ? (['showProcesses'] as const) : []),
      ...(can['faults.crashNode'].can ? (['crashNode'] as const) : []),
      ...(can['faults.startNode'].can ? (['restartNode'] as const) : []),
    ],
  };
}

async function act(action: WebviewAction, connection: ShownConnection | null): Promise<void> {
  const on = connection === null ? {} : { connection: connection.id };
  switch (action.run) {
    case 'connect':
      await vscode.commands.executeCommand('arsenal.connect');
      return;
    case 'retry':
      await vscode.commands.executeCommand('arsenal.retryConnection', on);
      return;
    case 'showLog':
      await vscode.commands.executeCommand('arsenal.showLog');
      return;
    case 'showProcesses':
      await vscode.commands.executeCommand('arsenal.listProcesses', { ...on, params: { node: action.node } });
      return;
    case 'crashNode':
      await vscode.commands.executeCommand('arsenal.crashNode', { ...on, params: { node: action.node } });
      return;
    case 'restartNode':
      await vscode.commands.executeCommand('arsenal.restartNode', { ...on, params: { node: action.node } });
      return;
  }
}
