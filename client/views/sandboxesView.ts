/** Sandboxes: connection → its sandboxes, or why there can be none. */
import * as vscode from 'vscode';
import type { ConnectionId, SandboxInfo } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { LanguageServer } from '../languageServer.ts';
import { isSandboxInfo } from '../rows.ts';
import type { Sessions } from '../session/sessions.ts';
import { refreshIntervalMs } from '../settings.ts';
import { bytesText, labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { Watches } from '../watches.ts';
import type { Child, TreeElement } from './liveTree.ts';
import { LiveTree } from './liveTree.ts';
import type { SessionData } from './sessionItems.ts';
import { notice, noticeItem, rowNotices, sessionChildren, sessionItem, sessionNotices } from './sessionItems.ts';

export type SandboxesData =
  SessionData | { readonly is: 'sandbox'; readonly connection: ConnectionId; readonly sandbox: SandboxInfo };

export class SandboxesView extends LiveTree<SandboxesData> {
  private readonly parts: { readonly sessions: Sessions; readonly server: LanguageServer };

  constructor(watches: Watches, parts: SandboxesView['parts']) {
    super('arsenal.sandboxes', watches);
    this.parts = parts;
    this.store.add(parts.sessions.onDidChange(() => this.refresh()));
    this.store.add(parts.server.onDidChangeState(() => this.refresh()));
  }

  protected override watchOf({ data }: TreeElement<SandboxesData>): WatchTopic | null {
    if (data.is !== 'session' || data.entry.is !== 'open') return null;
    // Where there can be none, asking for them would only fail.
    if (!data.entry.info.capabilities.runtime['sandboxes.list'].can) return null;
    const connection = data.entry.info.id;
    return { of: 'runtime', connection, query: { minIntervalMs: refreshIntervalMs(), of: { rows: 'sandboxes' } } };
  }

  protected override async childrenOf(
    element: TreeElement<SandboxesData> | null,
  ): Promise<readonly Child<SandboxesData>[]> {
    if (element === null) return sessionChildren(this.parts.sessions, this.parts.server);
    const { data } = element;
    if (data.is !== 'session') return [];
    return data.entry.is === 'open' ? this.sandboxes(element, data.entry.info) : sessionNotices(data.entry);
  }

  protected override itemOf({ data }: TreeElement<SandboxesData>): vscode.TreeItem {
    if (data.is === 'session') return sessionItem(data.entry);
    return data.is === 'notice' ? noticeItem(data) : sandboxItem(data.sandbox);
  }

  protected override rowsChanged(): void {
    const rows = this.allRows.flatMap((live) => [...live.rows().values()].filter(isSandboxInfo));
    const failed = rows.filter((row) => row.state === 'failed').length;
    this.view.badge = failed === 0 ? undefined : { value: failed, tooltip: vscode.l10n.t('{0} failed', failed) };
  }

  private async sandboxes(
    element: TreeElement<SandboxesData>,
    info: ConnectionInfo,
  ): Promise<readonly Child<SandboxesData>[]> {
    const notices = sessionNotices({ is: 'open', key: info.id, info });
    if (notices.length > 0) return notices;
    const live = await this.rowsOf(element);
    const problems = rowNotices(info, 'sandboxes.list', live);
    if (problems.length > 0) return problems;
    const rows = [...(live?.rows().values() ?? [])].filter(isSandboxInfo).sort((a, b) => a.startedAt - b.startedAt);
    if (rows.length > 0)
      return rows.map((sandbox) => ({ key: sandbox.id, data: { is: 'sandbox', connection: info.id, sandbox } }));
    const command = {
      command: 'arsenal.createSandbox',
      title: vscode.l10n.t('Create Sandbox'),
      arguments: [{ connection: info.id }],
    };
    return [notice('create', vscode.l10n.t('No sandboxes yet. Create one…'), '', 'add', { command })];
  }
}

function sandboxItem(sandbox: SandboxInfo): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(sandbox.name));
  const looks = {
    starting: ['loading~spin', undefined],
    running: ['package', 'testing.iconPassed'],
    stopped: ['circle-slash', 'disabledForeground'],
    failed: ['error', 'testing.iconFailed'],
  } as const;
  const [icon, color] = looks[sandbox.state];
  item.iconPath =
    color === undefined ? new vscode.ThemeIcon(icon) : new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.description = labelText(
    [sandbox.state, ...(sandbox.memoryBytes === null ? [] : [bytesText(sandbox.memoryBytes)])].join(' · '),
  );
  item.tooltip = tooltip(sandbox.name, [
    [vscode.l10n.t('State'), sandbox.state],
    [vscode.l10n.t('Why it ended'), sandbox.ended],
    [vscode.l10n.t('Source'), sandbox.source],
    [vscode.l10n.t('OS process'), sandbox.osPid === null ? null : String(sandbox.osPid)],
    [vscode.l10n.t('Started'), new Date(sandbox.startedAt).toLocaleString()],
    [vscode.l10n.t('Files'), sandbox.isolation.files],
    [vscode.l10n.t('Network'), sandbox.isolation.network],
    [vscode.l10n.t('Memory limit'), `${bytesText(sandbox.limits.memoryBytes)}, ${sandbox.isolation.memory}`],
    [vscode.l10n.t('Id'), sandbox.id],
  ]);
  item.contextValue = `;sandbox;${sandbox.state};`;
  return item;
}
