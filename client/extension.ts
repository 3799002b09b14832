/** Where the editor comes in. Activation wires up and registers; nothing is started before somebody looks. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import * as vscode from 'vscode';
import { apiOf } from './api.ts';
import type { ArsenalApi } from './api.ts';
import { registerCommands } from './commands/commands.ts';
import { ArsenalContext } from './context.ts';

let context: ArsenalContext | undefined;

/** Answers the API of the extension; see {@link ArsenalApi}. */
export async function activate(extension: vscode.ExtensionContext): Promise<ArsenalApi> {
  const startedAt = performance.now();
  const made = new ArsenalContext(extension);
  context = made;
  for (const registration of registerCommands(made)) made.store.add(registration);
  const activationMs = performance.now() - startedAt;
  void wakeForOwnOperations(made);
  // Whoever runs `npm start` wants to see Arsenal, not where it can be found.
  if (process.env['ARSENAL_SHOW_VIEW'] === '1') void vscode.commands.executeCommand('workbench.view.extension.arsenal');
  return apiOf(made, () => activationMs);
}

export async function deactivate(): Promise<void> {
  await context?.stop();
  context = undefined;
}

/** A workspace with operations of its own has them registered, and their errors shown, before a view is opened. */
async function wakeForOwnOperations(made: ArsenalContext): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  const found = await vscode.workspace.findFiles('**/arsenal/operations/**/*.{ts,js,mts,mjs}', '**/node_modules/**', 1);
  if (found.length > 0) await made.server.start();
}
