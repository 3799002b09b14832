/** One item at the left: which system is looked at, how it is, and whether it may be changed. */
import * as vscode from 'vscode';
import type { ConnectionInfo } from '../server/protocol/connection.ts';
import type { LanguageServer } from './languageServer.ts';
import { connectionLabel } from './session/sessions.ts';
import type { SessionEntry, Sessions } from './session/sessions.ts';
import { labelText } from './text.ts';
import { tooltip } from './tooltip.ts';
import { causeWords } from './views/sessionItems.ts';

export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly listening: readonly vscode.Disposable[];
  private readonly server: LanguageServer;
  private readonly sessions: Sessions;

  constructor(server: LanguageServer, sessions: Sessions) {
    this.server = server;
    this.sessions = sessions;
    this.item = vscode.window.createStatusBarItem('arsenal.status', vscode.StatusBarAlignment.Left, 50);
    this.item.name = 'Arsenal';
    this.item.command = 'arsenal.showMenu';
    this.listening = [server.onDidChangeState(() => this.show()), sessions.onDidChange(() => this.show())];
    this.show();
    this.item.show();
  }

  /** What it says now. */
  get text(): string {
    return this.item.text;
  }

  dispose(): void {
    for (const each of this.listening) each.dispose();
    this.item.dispose();
  }

  private show(): void {
    const { state } = this.server;
    const { current, entries } = this.sessions;
    this.item.backgroundColor = undefined;
    this.item.tooltip = vscode.l10n.t('Arsenal: click for what can be done');
    if (state.is === 'failed') {
      this.item.text = vscode.l10n.t('$(error) Arsenal stopped');
      this.item.backgroundColor = new vscode.ThemeColor('statusBarItem.errorBackground');
    } else if (current !== null) {
      this.showConnection(current);
    } else if (entries.some((entry) => entry.is === 'opening') || state.is === 'starting') {
      this.item.text = vscode.l10n.t('$(loading~spin) Arsenal');
    } else {
      const failed = entries.find((entry) => entry.is === 'failed');
      if (failed !== undefined) {
        this.showFailed(failed);
        return;
      }
      this.item.text = vscode.l10n.t('$(debug-disconnect) Arsenal');
    }
  }

  private showFailed({ saved, error }: Extract<SessionEntry, { is: 'failed' }>): void {
    const label = connectionLabel(saved);
    this.item.text = `$(error) ${labelText(label, 40)}: ${causeWords(error.code)}`;
    this.item.tooltip = tooltip(label, [
      [vscode.l10n.t('Why'), error.message],
      [vscode.l10n.t('What to do'), error.remedy],
    ]);
  }

  private showConnection(info: ConnectionInfo): void {
    const icon = {
      connecting: 'loading~spin',
      ready: 'plug',
      degraded: 'warning',
      lost: 'debug-disconnect',
      closed: 'circle-slash',
    }[info.state.is];
    // A real system that may be changed is marked as such, wherever one looks.
    const writable = info.kind !== 'simulated' && info.access === 'full';
    this.item.text = `$(${icon}) ${labelText(info.label, 40)}${writable ? vscode.l10n.t(' $(unlock) changes allowed') : ''}`;
    if (writable) this.item.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
    if (info.state.is === 'lost') this.item.backgroundColor = new vscode.ThemeColor('statusBarItem.errorBackground');
    const error = info.state.is === 'lost' ? info.state.error : null;
    this.item.tooltip = tooltip(info.label, [
      [vscode.l10n.t('State'), info.state.is],
      [vscode.l10n.t('Changes'), info.access],
      [vscode.l10n.t('Why'), error?.message ?? null],
      [vscode.l10n.t('What to do'), error?.remedy ?? null],
    ]);
  }
}
