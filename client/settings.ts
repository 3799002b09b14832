/** The settings of package.json, read and checked: a value from a settings file is data from outside. Each applies at once. */
import * as vscode from 'vscode';
import type { SavedConnection } from './session/savedConnections.ts';
import { isRecord } from './decode.ts';

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

/** What to connect to when a view of ours is first opened; null for nothing, and for a value that says nothing we understand. */
export function connectOnStart(): SavedConnection | null {
  return parseConnectOnStart(vscode.workspace.getConfiguration('arsenal').get('connect.onStart'));
}

/** Reads `arsenal.connect.onStart`: `"simulated"`, `"none"`, `{"kind":"simulated",…}` or `{"kind":"beam","node":…,"cookieFile":…}`. */
export function parseConnectOnStart(value: unknown): SavedConnection | null {
  if (value === 'simulated') return { kind: 'simulated' };
  if (!isRecord(value)) return null;
  if (value['kind'] === 'simulated') {
    const { nodes, seed } = value;
    return {
      kind: 'simulated',
      ...(typeof nodes === 'number' && { nodes }),
      ...(typeof seed === 'number' && { seed }),
    };
  }
  const { kind, node, cookieFile, epmdPort, epmdHost, address } = value;
  if (kind !== 'beam' || typeof node !== 'string' || node === '') return null;
  return {
    kind: 'beam',
    node,
    cookie:
      typeof cookieFile === 'string' && cookieFile !== '' ? { from: 'file', path: cookieFile } : { from: 'default' },
    ...((typeof epmdPort === 'number' || typeof epmdHost === 'string') && {
      epmd: {
        ...(typeof epmdHost === 'string' && { host: epmdHost }),
        ...(typeof epmdPort === 'number' && { port: epmdPort }),
      },
    }),
    ...(isRecord(address) &&
      typeof address['host'] === 'string' &&
      typeof address['port'] === 'number' && { address: { host: address['host'], port: address['port'] } }),
  };
}
