/** What went wrong as a connection was opened, and did not keep it from opening: an application that could not be started, say. */
import * as vscode from 'vscode';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import { labelText } from '../text.ts';

/** A message holds that much of a reason; the node's tooltip and list_applications have more of it. */
const mostChars = 400;

/** Tells of it once, in one message; its action shows the nodes, which say the rest. */
export async function tellWarnings({ state }: ConnectionInfo): Promise<void> {
  const [first, ...more] = state.is === 'ready' ? (state.warnings ?? []) : [];
  if (first === undefined) return;
  const shown = labelText(first, mostChars);
  const text = more.length === 0 ? shown : vscode.l10n.t('{0} ({1} more)', shown, more.length);
  const showNodes = vscode.l10n.t('Show Nodes');
  const chosen = await vscode.window.showWarningMessage(text, showNodes);
  if (chosen === showNodes) await vscode.commands.executeCommand('arsenal.nodes.focus');
}
