/** The user's cluster files in the editor: known by name, offered to be run where they are open, and looked for in the folders. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { clusterFileNames } from '../../server/protocol/lsp.ts';
import type { ArsenalContext } from '../context.ts';
import { setContextKey } from '../contextKeys.ts';

const clusterFileName = /^[\w-]+\.cluster\.(ts|mts|js|mjs|json)$/;

/** Whether that is a cluster file on this machine, by its name. */
export function isClusterFile(uri: vscode.Uri): boolean {
  return uri.scheme === 'file' && clusterFileName.test(path.basename(uri.fsPath));
}

/**
 * The cluster file of the first workspace folder that has one, the one the server would run; null when none has. Its few names are looked
 * at in the folder itself: a search would walk all that lies below.
 */
export async function clusterFileOfWorkspace(): Promise<vscode.Uri | null> {
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    if (uri.scheme !== 'file') continue;
    const files = clusterFileNames.map((name) => vscode.Uri.joinPath(uri, name));
    const there = await Promise.all(files.map(isFile));
    const first = files.find((_, at) => there[at] === true);
    if (first !== undefined) return first;
  }
  return null;
}

async function isFile(uri: vscode.Uri): Promise<boolean> {
  try {
    return ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.File) !== 0;
  } catch {
    return false;
  }
}

/** "Run this cluster" above every cluster file, the context key that says whether there is one, and a server that knows its code actions. */
export function watchClusterFiles(context: Pick<ArsenalContext, 'server'>): vscode.Disposable {
  const look = async () => setContextKey('arsenal.hasClusterFile', (await clusterFileOfWorkspace()) !== null);
  const wakeFor = (document: vscode.TextDocument) => {
    if (vscode.workspace.isTrusted && isClusterFile(document.uri)) void context.server.start();
  };
  const watcher = vscode.workspace.createFileSystemWatcher(`**/{${clusterFileNames.join(',')}}`, false, true, false);
  void look();
  for (const document of vscode.workspace.textDocuments) wakeFor(document);
  return vscode.Disposable.from(
    watcher,
    watcher.onDidCreate(() => void look()),
    watcher.onDidDelete(() => void look()),
    vscode.workspace.onDidChangeWorkspaceFolders(() => void look()),
    vscode.workspace.onDidOpenTextDocument(wakeFor),
    vscode.languages.registerCodeLensProvider(
      { scheme: 'file', pattern: '**/*.cluster.{ts,mts,js,mjs,json}' },
      { provideCodeLenses: ({ uri }) => (isClusterFile(uri) && vscode.workspace.isTrusted ? [runLens(uri)] : []) },
    ),
  );
}

function runLens(uri: vscode.Uri): vscode.CodeLens {
  return new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), {
    command: 'arsenal.runClusterFile',
    title: vscode.l10n.t('$(play) Run This Cluster'),
    arguments: [uri],
  });
}
