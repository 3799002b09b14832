/** The settings of package.json, read and checked: a value from a settings file is data from outside. Each applies at once. */
import * as vscode from 'vscode';
import { agentChoices } from '../runtime/model.ts';
import type { AgentChoice, Json } from '../runtime/model.ts';
import type { PolicySettings } from '../server/protocol/operation.ts';
import { policySetting } from '../server/protocol/operation.ts';
import { parseConnectOnStart } from './session/savedConnections.ts';
import type { SavedConnection } from './session/savedConnections.ts';

export type TermSyntax = 'elixir' | 'erlang';

/** How Erlang terms are shown. */
export function termSyntax(): TermSyntax {
  return vscode.workspace.getConfiguration('arsenal').get('terms.syntax') === 'erlang' ? 'erlang' : 'elixir';
}

/** How often figures of a view that is open are taken, in milliseconds. */
export function refreshIntervalMs(): number {
  const value = vscode.workspace.getConfiguration('arsenal').get('views.refreshIntervalMs');
  return typeof value === 'number' && value >= 100 && value <= 60_000 ? value : 1_000;
}

/**
 * What the user lays down, as it stands there: the server reads and checks it. Only the user's own settings count, whatever else there
 * is: a folder, or a container that was made from one, cannot grant itself anything.
 */
export function policySettings(): PolicySettings {
  const settings = vscode.workspace.getConfiguration('arsenal');
  const ownValue = (name: string): Json | undefined => settings.inspect<Json>(name)?.globalValue;
  const roles = ownValue(policySetting.roles);
  const rateLimits = ownValue(policySetting.rateLimits);
  const trustedOperations = ownValue(policySetting.trustedOperations);
  return {
    ...(roles !== undefined && { roles }),
    ...(rateLimits !== undefined && { rateLimits }),
    ...(trustedOperations !== undefined && { trustedOperations }),
  };
}

/** What may be kept on the nodes of a connection that is made now (docs/agent.md). */
export function agentChoice(): AgentChoice {
  const value = vscode.workspace.getConfiguration('arsenal').get('connect.agent');
  return agentChoices.find((choice) => choice === value) ?? 'load';
}

/** What to connect to when a view of ours is first opened; null for nothing, and for a value that says nothing we understand. */
export function connectOnStart(): SavedConnection | null {
  // The project of a local cluster, where the setting names none.
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
  return parseConnectOnStart(vscode.workspace.getConfiguration('arsenal').get('connect.onStart'), folder);
}
