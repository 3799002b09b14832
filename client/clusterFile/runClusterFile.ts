/** Runs a cluster file: a simulated cluster of its nodes, in place of the simulated one that is open. */
import * as vscode from 'vscode';
import type { ArsenalContext } from '../context.ts';
import { errorText } from '../operations/operate.ts';
import { clusterFileOfWorkspace, isClusterFile } from './clusterFiles.ts';

/** Runs the file that `argument` names (its URI), else the one in the active editor, else the workspace's; from its start, if it runs already. */
export async function runClusterFile(context: ArsenalContext, argument: unknown): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t('Trust this workspace first: its cluster file is code that runs.'),
    );
    return;
  }
  const file = await wantedFile(argument);
  if (file === null) {
    const create = vscode.l10n.t('Create Cluster File');
    const chosen = await vscode.window.showInformationMessage(
      vscode.l10n.t('There is no cluster file (arsenal.cluster.ts) in this workspace.'),
      create,
    );
    if (chosen === create) await vscode.commands.executeCommand('arsenal.createClusterFile');
    return;
  }
  // What is on disk is what runs.
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file.toString());
  if (document?.isDirty === true) await document.save();
  for (const { id } of context.sessions.open.filter(({ kind }) => kind === 'simulated')) {
    const closed = await context.sessions.disconnect(id);
    if (!closed.ok) {
      void vscode.window.showErrorMessage(errorText(closed.error));
      return;
    }
  }
  await vscode.commands.executeCommand('arsenal.nodes.focus');
  await context.connectFlow.connect({ kind: 'simulated', clusterFile: file.fsPath });
}

async function wantedFile(argument: unknown): Promise<vscode.Uri | null> {
  if (argument instanceof vscode.Uri) return argument;
  const shown = vscode.window.activeTextEditor?.document.uri;
  return shown !== undefined && isClusterFile(shown) ? shown : clusterFileOfWorkspace();
}
