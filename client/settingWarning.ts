/** A warning of what stands in a setting, with the way to it. */
import * as vscode from 'vscode';

/** Shows the warning; `setting` is its whole name, as `arsenal.policy.roles`. */
export async function warnOfSetting(message: string, setting: string): Promise<void> {
  const open = vscode.l10n.t('Open Settings');
  const chosen = await vscode.window.showWarningMessage(message, open);
  if (chosen === open) await vscode.commands.executeCommand('workbench.action.openSettings', `@id:${setting}`);
}
