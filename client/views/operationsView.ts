/** Operations: category → operation; choosing one runs it. */
import * as vscode from 'vscode';
import type { Capability, Severity } from '../../runtime/port.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { Catalogue } from '../catalogue.ts';
import { groupBy } from '../groupBy.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { Sessions } from '../session/sessions.ts';
import { labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { Watches } from '../watches.ts';
import type { Child, TreeElement } from './liveTree.ts';
import { LiveTree } from './liveTree.ts';

export type OperationsData =
  | { readonly is: 'category'; readonly name: string; readonly count: number }
  | { readonly is: 'operation'; readonly entry: CatalogueEntry };

export class OperationsView extends LiveTree<OperationsData> {
  private readonly catalogue: Catalogue;
  private readonly sessions: Sessions;

  constructor(watches: Watches, catalogue: Catalogue, sessions: Sessions, server: LanguageServer) {
    super('arsenal.operations', watches);
    this.catalogue = catalogue;
    this.sessions = sessions;
    this.store.add(catalogue.onDidChange(() => this.refresh()));
    this.store.add(sessions.onDidChange(() => this.refresh()));
    this.store.add(server.onDidChangeState(() => this.refresh()));
  }

  protected override watchOf(): WatchTopic | null {
    return null;
  }

  protected override async childrenOf(
    element: TreeElement<OperationsData> | null,
  ): Promise<readonly Child<OperationsData>[]> {
    const { entries } = this.catalogue;
    if (element === null) {
      const byCategory = groupBy(entries, (entry) => entry.category);
      return [...byCategory].map(([name, own]) => ({ key: name, data: { is: 'category', name, count: own.length } }));
    }
    const { data } = element;
    if (data.is !== 'category') return [];
    return entries
      .filter((entry) => entry.category === data.name)
      .map((entry) => ({ key: entry.name, data: { is: 'operation', entry } }));
  }

  /** What the current connection lacks for it; null when nothing, or when there is no connection yet. */
  private refusal(entry: CatalogueEntry): Refusal | null {
    const { current } = this.sessions;
    if (current === null || current.state.is !== 'ready') return null;
    const lacking = entry.needs.map((need) => current.capabilities.runtime[need]).find((capability) => !capability.can);
    return lacking ?? null;
  }

  protected override itemOf({ data }: TreeElement<OperationsData>): vscode.TreeItem {
    if (data.is === 'category') {
      const item = new vscode.TreeItem(labelText(data.name), vscode.TreeItemCollapsibleState.Collapsed);
      item.description = String(data.count);
      item.iconPath = new vscode.ThemeIcon('folder');
      item.contextValue = ';category;';
      return item;
    }
    return operationItem(data.entry, this.refusal(data.entry));
  }
}

/** Why an operation cannot be run, and what can be done about it. */
type Refusal = Extract<Capability, { readonly can: false }>;

const icons: { readonly [S in Severity]: readonly [icon: string, color: string] } = {
  read: ['eye', 'charts.blue'],
  diagnose: ['search', 'charts.purple'],
  change: ['edit', 'list.warningForeground'],
  destroy: ['flame', 'list.errorForeground'],
};

function operationItem(entry: CatalogueEntry, refusal: Refusal | null): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(entry.title));
  const own = entry.origin.from === 'workspace' ? vscode.l10n.t('your own') : '';
  item.description = labelText([entry.name, own].filter((part) => part !== '').join(' · '));
  const [icon, color] = refusal === null ? icons[entry.severity] : (['circle-slash', 'disabledForeground'] as const);
  item.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.tooltip = tooltip(entry.title, [
    [vscode.l10n.t('What it does'), entry.description],
    [vscode.l10n.t('Not possible here'), refusal === null ? null : `${refusal.why} ${refusal.remedy}`],
    [vscode.l10n.t('Severity'), entry.severity],
    [
      vscode.l10n.t('Also called'),
      entry.aliases.length === 0 ? null : entry.aliases.map(({ name }) => name).join(', '),
    ],
    [vscode.l10n.t('Defined in'), entry.origin.from === 'workspace' ? entry.origin.file : null],
  ]);
  item.contextValue = `;operation;${entry.severity};${entry.origin.from};${refusal === null ? '' : 'unavailable;'}`;
  item.command = {
    command: 'arsenal.runOperation',
    title: vscode.l10n.t('Run'),
    arguments: [{ operation: entry.name }],
  };
  return item;
}
