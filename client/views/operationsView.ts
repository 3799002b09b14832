/** Operations: what goes on and what was called, the user's own, and the catalogue by category; choosing an operation runs it. */
import * as vscode from 'vscode';
import type { Severity } from '../../runtime/port.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { Catalogue } from '../catalogue.ts';
import { groupBy } from '../groupBy.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { CallBook, RunningCall } from '../operations/callBook.ts';
import type { CallSpec, KnownCall } from '../operations/calls.ts';
import { subjectOf } from '../operations/calls.ts';
import type { Refusal } from '../operations/operationItems.ts';
import { refusalOf } from '../operations/operationItems.ts';
import type { Sessions } from '../session/sessions.ts';
import { labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { Watches } from '../watches.ts';
import type { BrokenModule } from './brokenModules.ts';
import { brokenModules } from './brokenModules.ts';
import { callItem, runningItem } from './callItems.ts';
import type { Child, TreeElement } from './liveTree.ts';
import { LiveTree } from './liveTree.ts';
import type { Notice } from './sessionItems.ts';
import { notice, noticeItem } from './sessionItems.ts';

export type OperationsData =
  | { readonly is: 'group'; readonly of: 'running' | 'recent' | 'own'; readonly count: number }
  | { readonly is: 'category'; readonly name: string; readonly count: number }
  | { readonly is: 'operation'; readonly entry: CatalogueEntry }
  | { readonly is: 'broken'; readonly module: BrokenModule }
  | { readonly is: 'running'; readonly call: RunningCall }
  | { readonly is: 'call'; readonly call: KnownCall }
  | Notice;

export type OperationsParts = {
  readonly catalogue: Catalogue;
  readonly sessions: Sessions;
  readonly server: LanguageServer;
  readonly book: CallBook;
};

export class OperationsView extends LiveTree<OperationsData> {
  private readonly parts: OperationsParts;

  constructor(watches: Watches, parts: OperationsParts) {
    super('arsenal.operations', watches);
    this.parts = parts;
    const { catalogue, sessions, server, book } = parts;
    this.store.add(catalogue.onDidChange(() => this.refresh()));
    this.store.add(sessions.onDidChange(() => this.refresh()));
    this.store.add(book.onDidChange(() => this.refresh()));
    this.store.add(vscode.languages.onDidChangeDiagnostics(() => this.refresh()));
    this.store.add(
      server.onDidChangeState(({ is }) => {
        if (is === 'running' && this.view.visible) void book.refresh();
        this.refresh();
      }),
    );
  }

  protected override watchOf(): WatchTopic | null {
    return null;
  }

  protected override visibilityChanged(visible: boolean): void {
    if (visible) void this.parts.book.refresh();
  }

  protected override rowsChanged(): void {
    const { length } = this.parts.book.running;
    this.view.badge = length === 0 ? undefined : { value: length, tooltip: vscode.l10n.t('{0} running', length) };
  }

  override renew(): void {
    void this.parts.book.refresh();
    super.renew();
  }

  protected override childrenOf(element: TreeElement<OperationsData> | null): readonly Child<OperationsData>[] {
    if (element === null) return this.roots();
    const { data } = element;
    if (data.is === 'group') return this.group(data.of);
    if (data.is !== 'category') return [];
    return operations(builtin(this.parts.catalogue).filter((entry) => entry.category === data.name));
  }

  /** Nothing before the catalogue is there: the welcome then says what is awaited. */
  private roots(): readonly Child<OperationsData>[] {
    const { book, catalogue } = this.parts;
    if (catalogue.entries.length === 0) return [];
    const group = (of: 'running' | 'recent' | 'own', count: number): Child<OperationsData> => ({
      key: `:${of}`,
      data: { is: 'group', of, count },
    });
    const { running, recent } = book;
    return [
      ...(running.length === 0 ? [] : [group('running', running.length)]),
      group('recent', recent.length),
      group('own', own(catalogue).length + brokenModules().length),
      ...[...groupBy(builtin(catalogue), (entry) => entry.category)].map(([name, { length }]) => ({
        key: name,
        data: { is: 'category', name, count: length } as const,
      })),
    ];
  }

  private group(of: 'running' | 'recent' | 'own'): readonly Child<OperationsData>[] {
    const { book, catalogue } = this.parts;
    switch (of) {
      case 'running':
        return book.running.map((call) => ({ key: call.requestId, data: { is: 'running', call } }));
      case 'recent': {
        const calls = book.recent.map((call) => ({ key: call.requestId, data: { is: 'call', call } as const }));
        return calls.length > 0
          ? calls
          : [
              notice('none', vscode.l10n.t('Nothing was called yet. Run an operation…'), '', 'play', {
                command: { command: 'arsenal.runOperation', title: vscode.l10n.t('Run') },
              }),
            ];
      }
      case 'own': {
        const broken = brokenModules().map((module) => ({
          key: `broken:${module.uri.toString()}:${module.range.start.line}:${module.range.start.character}`,
          data: { is: 'broken', module } as const,
        }));
        const children = [...broken, ...operations(own(catalogue))];
        if (children.length > 0) return children;
        return (vscode.workspace.workspaceFolders ?? []).length === 0
          ? [notice('none', vscode.l10n.t('Open a folder to write an operation of your own'), '', 'folder-opened')]
          : [
              notice('none', vscode.l10n.t('Write an operation of your own…'), '', 'new-file', {
                command: { command: 'arsenal.scaffoldOperation', title: vscode.l10n.t('New Operation') },
              }),
            ];
      }
    }
  }

  protected override itemOf({ data }: TreeElement<OperationsData>): vscode.TreeItem {
    const { book, catalogue, sessions } = this.parts;
    const titleOf = (name: string) => catalogue.find(name)?.title ?? name;
    const aboutOf = (call: CallSpec) => {
      const { requestId } = call.params;
      const other = typeof requestId === 'string' ? book.find(requestId) : undefined;
      return other === undefined ? subjectOf(call) : `${titleOf(other.operation)} ${subjectOf(other)}`.trim();
    };
    const whereOf = (id: string | null) => (id === null ? '' : (sessions.find(id)?.label ?? id));
    switch (data.is) {
      case 'group':
        return groupItem(data);
      case 'category': {
        const item = new vscode.TreeItem(labelText(data.name), vscode.TreeItemCollapsibleState.Collapsed);
        item.description = String(data.count);
        item.iconPath = new vscode.ThemeIcon('folder');
        item.contextValue = ';category;';
        return item;
      }
      case 'operation':
        return operationItem(data.entry, refusalOf(data.entry, sessions.current));
      case 'broken':
        return brokenItem(data.module);
      case 'running':
        return runningItem(data.call, titleOf(data.call.operation), aboutOf(data.call), whereOf(data.call.connection));
      case 'call':
        return callItem(data.call, titleOf(data.call.operation), aboutOf(data.call), whereOf(data.call.connection));
      case 'notice':
        return noticeItem(data);
    }
  }
}

function builtin({ entries }: Catalogue): readonly CatalogueEntry[] {
  return entries.filter(({ origin }) => origin.from === 'builtin');
}

function own({ entries }: Catalogue): readonly CatalogueEntry[] {
  return entries.filter(({ origin }) => origin.from !== 'builtin');
}

function operations(entries: readonly CatalogueEntry[]): readonly Child<OperationsData>[] {
  return entries.map((entry) => ({ key: entry.name, data: { is: 'operation', entry } }));
}

function groupItem({ of, count }: Extract<OperationsData, { is: 'group' }>): vscode.TreeItem {
  const { Expanded, Collapsed } = vscode.TreeItemCollapsibleState;
  const { label, icon, state } = {
    running: { label: vscode.l10n.t('Running'), icon: 'sync', state: Expanded },
    recent: { label: vscode.l10n.t('Recent Calls'), icon: 'history', state: Collapsed },
    own: { label: vscode.l10n.t('Your Own'), icon: 'account', state: Collapsed },
  }[of];
  const item = new vscode.TreeItem(label, state);
  item.description = count === 0 ? '' : String(count);
  item.iconPath = new vscode.ThemeIcon(icon);
  item.contextValue = `;group;${of};`;
  return item;
}

function brokenItem({ uri, message, range }: BrokenModule): vscode.TreeItem {
  const { line, character } = range.start;
  const file = vscode.workspace.asRelativePath(uri);
  // The place first: it is what a narrow side bar has room for.
  const item = new vscode.TreeItem(labelText(`${baseName(uri)}:${line + 1}:${character + 1}`));
  item.description = labelText(message, 300);
  item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed'));
  item.tooltip = tooltip(message, [
    [vscode.l10n.t('In'), `${file}, ${vscode.l10n.t('line {0}, column {1}', line + 1, character + 1)}`],
    [vscode.l10n.t('Meanwhile'), vscode.l10n.t('the last version that was sound is kept, if there was one')],
  ]);
  item.accessibilityInformation = {
    label: vscode.l10n.t(
      '{0}, line {1}, column {2}: {3}',
      baseName(uri),
      line + 1,
      character + 1,
      labelText(message, 300),
    ),
  };
  item.contextValue = ';broken;';
  item.command = {
    command: 'vscode.open',
    title: vscode.l10n.t('Open'),
    arguments: [uri, { selection: new vscode.Range(range.start, range.start) }],
  };
  return item;
}

const icons: { readonly [S in Severity]: readonly [icon: string, color: string] } = {
  read: ['eye', 'charts.blue'],
  diagnose: ['search', 'charts.purple'],
  change: ['edit', 'list.warningForeground'],
  destroy: ['flame', 'list.errorForeground'],
};

function baseName(uri: vscode.Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}

/** Where an operation of the user's own is from: its file, or its node. */
function originOf({ origin }: CatalogueEntry): string {
  switch (origin.from) {
    case 'builtin':
      return '';
    case 'workspace':
      return vscode.workspace.asRelativePath(origin.file);
    case 'node':
      return origin.node;
  }
}

function operationItem(entry: CatalogueEntry, refusal: Refusal | null): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(entry.title));
  const origin = originOf(entry);
  const not = refusal === null ? '' : vscode.l10n.t('not here');
  const from = entry.origin.from === 'workspace' ? baseName(vscode.Uri.file(entry.origin.file)) : origin;
  item.description = labelText([not, from, entry.name].filter((part) => part !== '').join(' · '));
  const [icon, color] = refusal === null ? icons[entry.severity] : (['circle-slash', 'disabledForeground'] as const);
  item.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.tooltip = tooltip(entry.title, [
    [vscode.l10n.t('What it does'), entry.description],
    [vscode.l10n.t('Not possible here'), refusal === null ? null : `${refusal.why} ${refusal.remedy}`],
    [vscode.l10n.t('Severity'), entry.severity],
    [vscode.l10n.t('Least role'), entry.role],
    [
      vscode.l10n.t('Also called'),
      entry.aliases.length === 0 ? null : entry.aliases.map(({ name }) => name).join(', '),
    ],
    [vscode.l10n.t('Defined in'), origin === '' ? null : origin],
  ]);
  item.contextValue = `;operation;${entry.severity};${entry.origin.from};${refusal === null ? '' : 'unavailable;'}`;
  item.command = {
    command: 'arsenal.runOperation',
    title: vscode.l10n.t('Run'),
    arguments: [{ operation: entry.name }],
  };
  return item;
}
