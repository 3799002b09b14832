import * as vscode from 'vscode';

/** The `when` clause keys of package.json that we set. */
type ContextKeys = {
  'arsenal.connected': boolean;
  /** Whether a workspace folder holds a cluster file. */
  'arsenal.hasClusterFile': boolean;
  'arsenal.server': 'stopped' | 'starting' | 'running' | 'failed';
};

const known = new Map<keyof ContextKeys, unknown>();

/** Sets a context key; a value it already has is not sent again. */
export function setContextKey<K extends keyof ContextKeys>(key: K, value: ContextKeys[K]): void {
  if (known.get(key) === value) return;
  known.set(key, value);
  void vscode.commands.executeCommand('setContext', key, value);
}
