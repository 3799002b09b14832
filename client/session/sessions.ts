/**
 * The connections of this window: those that are open as the server tells them, those on their way, those that failed, each with what
 * it is remembered by. After the server was started anew they are opened again.
 */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { failure } from '../../runtime/errors.ts';
import type { ArsenalError, ConnectionId, Result } from '../../runtime/model.ts';
import { visibleText } from '../../server/protocol/visibleText.ts';
import type { Access, ConnectionInfo } from '../../server/protocol/connection.ts';
import { closeConnection, openConnection, retryConnection, setAccess } from '../../server/protocol/lsp.ts';
import { DisposableStore } from '../disposables.ts';
import type { LanguageServer } from '../languageServer.ts';
import { isConnectionInfo } from '../rows.ts';
import { tellWarnings } from './openWarnings.ts';
import { agentChoice } from '../settings.ts';
import type { LiveRows, Watches } from '../watches.ts';
import type { Credentials } from './credentials.ts';
import { connectionKey, parseSavedConnections, withRecent } from './savedConnections.ts';
import type { SavedConnection } from './savedConnections.ts';

export type SessionEntry =
  | { readonly is: 'open'; readonly key: string; readonly info: ConnectionInfo }
  | { readonly is: 'opening'; readonly key: string; readonly saved: SavedConnection }
  | { readonly is: 'failed'; readonly key: string; readonly saved: SavedConnection; readonly error: ArsenalError };

type Wanted = { readonly saved: SavedConnection; readonly id: ConnectionId; readonly access: Access };

const recentKey = 'arsenal.recentConnections';

export class Sessions implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Something about the connections, or which one is current, has changed. */
  readonly onDidChange = this.changed.event;
  private readonly store = new DisposableStore();
  private readonly attempts = new Map<string, Exclude<SessionEntry, { is: 'open' }>>();
  /** What the user has open, by key; it outlives the server, which is told again after it was started anew. */
  private readonly wanted = new Map<string, Wanted>();
  /** Opened, but perhaps not yet in the watch's rows. */
  private readonly fresh = new Map<ConnectionId, ConnectionInfo>();
  private chosen: ConnectionId | null = null;
  private readonly rows: LiveRows;
  private readonly server: LanguageServer;
  private readonly credentials: Credentials;
  private readonly globalState: vscode.Memento;

  constructor(server: LanguageServer, watches: Watches, credentials: Credentials, globalState: vscode.Memento) {
    this.server = server;
    this.credentials = credentials;
    this.globalState = globalState;
    this.rows = this.store.add(watches.open({ of: 'connections' }));
    this.store.add(
      this.rows.onDidChange(() => {
        for (const id of this.fresh.keys()) if (this.rows.row(id) !== undefined) this.fresh.delete(id);
        this.changed.fire();
      }),
    );
    this.store.add(this.changed);
  }

  /** Open ones first, in the order they were opened. */
  get entries(): readonly SessionEntry[] {
    const open = this.open.map((info) => ({ is: 'open' as const, key: info.id, info }));
    return [...open, ...this.attempts.values()];
  }

  get open(): readonly ConnectionInfo[] {
    const told = new Map([...this.rows.rows()].flatMap(([, row]) => (isConnectionInfo(row) ? [[row.id, row]] : [])));
    for (const [id, info] of this.fresh) if (!told.has(id)) told.set(id, info);
    return [...told.values()].filter((info) => info.state.is !== 'closed');
  }

  find(id: ConnectionId): ConnectionInfo | undefined {
    return this.open.find((info) => info.id === id);
  }

  /** The connection that is meant when none is named: the one chosen last, else the only one. */
  get current(): ConnectionInfo | null {
    const { open } = this;
    return open.find((info) => info.id === this.chosen) ?? open.at(-1) ?? null;
  }

  choose(id: ConnectionId): void {
    this.chosen = id;
    this.changed.fire();
  }

  get recent(): readonly SavedConnection[] {
    return parseSavedConnections(this.globalState.get(recentKey));
  }

  /** Opens a connection; the same one twice at the same time is refused. The failed attempt stays visible until tried again. */
  async connect(saved: SavedConnection, token?: vscode.CancellationToken): Promise<Result<ConnectionInfo>> {
    const key = connectionKey(saved);
    const already = this.find(this.wanted.get(key)?.id ?? '');
    if (already !== undefined) {
      this.choose(already.id);
      return { ok: true, value: already };
    }
    return this.attempt(key, saved, token);
  }

  private async attempt(
    key: string,
    saved: SavedConnection,
    token?: vscode.CancellationToken,
  ): Promise<Result<ConnectionInfo>> {
    if (this.attempts.get(key)?.is === 'opening') {
      return failure(
        'conflict',
        'connect.under_way',
        vscode.l10n.t('This connection is being opened already.'),
        vscode.l10n.t('Wait for it, or cancel it.'),
      );
    }
    this.attempts.set(key, { is: 'opening', key, saved });
    this.changed.fire();
    const answer = await this.openNow(saved, token);
    this.attempts.delete(key);
    if (answer.ok) {
      this.wanted.set(key, { saved, id: answer.value.id, access: answer.value.access });
      if (this.rows.row(answer.value.id) === undefined) this.fresh.set(answer.value.id, answer.value);
      this.chosen = answer.value.id;
      void tellWarnings(answer.value);
      await this.globalState.update(recentKey, withRecent(this.recent, saved));
    } else if (answer.error.class !== 'cancelled' && !(answer.error.code === 'server.gone' && this.wanted.has(key))) {
      this.attempts.set(key, { is: 'failed', key, saved, error: answer.error });
    }
    this.changed.fire();
    return answer;
  }

  async disconnect(id: ConnectionId): Promise<Result<null>> {
    const answer = await this.server.request(closeConnection, { connection: id });
    if (answer.ok) {
      this.fresh.delete(id);
      for (const [key, wanted] of this.wanted) if (wanted.id === id) this.wanted.delete(key);
      this.changed.fire();
    }
    return answer;
  }

  async retry(id: ConnectionId): Promise<Result<ConnectionInfo>> {
    return this.server.request(retryConnection, { connection: id });
  }

  async setAccess(id: ConnectionId, access: Access): Promise<Result<ConnectionInfo>> {
    const answer = await this.server.request(setAccess, { connection: id, access });
    if (answer.ok) {
      for (const [key, wanted] of this.wanted) if (wanted.id === id) this.wanted.set(key, { ...wanted, access });
    }
    return answer;
  }

  /** Takes a failed attempt off the trees. */
  forgetFailed(key: string): void {
    if (this.attempts.get(key)?.is === 'failed') this.attempts.delete(key);
    this.changed.fire();
  }

  /** The server is new and knows nothing of what was open: opens it again, and gives back the access the user had agreed to. */
  async reopenAll(): Promise<void> {
    const before = [...this.wanted];
    this.fresh.clear();
    await Promise.all(
      // What the rows say is of the server before.
      before.map(async ([key, { saved, access }]) => {
        const opened = await this.attempt(key, saved);
        if (opened.ok && access !== opened.value.access) await this.setAccess(opened.value.id, access);
      }),
    );
  }

  dispose(): void {
    this.store.dispose();
  }

  private async openNow(saved: SavedConnection, token?: vscode.CancellationToken): Promise<Result<ConnectionInfo>> {
    const spec = await this.credentials.connectSpec(saved, agentChoice());
    if (spec === null) {
      return failure(
        'authentication',
        'connect.no_cookie',
        vscode.l10n.t('There is no cookie kept for {0}.', connectionLabel(saved)),
        vscode.l10n.t('Connect to it again and give its cookie.'),
      );
    }
    return this.server.request(openConnection, spec, token);
  }
}

/** What to call a connection that is not open. */
export function connectionLabel(saved: SavedConnection): string {
  if (saved.kind === 'simulated') {
    return saved.clusterFile === undefined
      ? vscode.l10n.t('Simulated cluster')
      : vscode.l10n.t('Simulated {0}', visibleText(path.basename(saved.clusterFile)));
  }
  if (saved.kind === 'beam') return visibleText(saved.node);
  return saved.project === undefined
    ? vscode.l10n.t('Local cluster')
    : vscode.l10n.t('Local cluster {0}', visibleText(path.basename(saved.project)));
}
