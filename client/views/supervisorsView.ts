/** Supervisors: connection → node → roots of applications → children, as deep as they go. */
import * as vscode from 'vscode';
import { pidText, processId } from '../../runtime/model.ts';
import type { ChildRow, ConnectionId, ProcessRef, SupervisorInfo } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import { groupBy } from '../groupBy.ts';
import type { LanguageServer } from '../languageServer.ts';
import { isChildRow, isSupervisorInfo } from '../rows.ts';
import type { Sessions } from '../session/sessions.ts';
import { refreshIntervalMs } from '../settings.ts';
import { nameText, termText } from '../terms.ts';
import { labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { LiveRows, Watches } from '../watches.ts';
import type { Child, TreeElement } from './liveTree.ts';
import { LiveTree } from './liveTree.ts';
import { moreItem } from './nodesView.ts';
import type { SessionData } from './sessionItems.ts';
import {
  errorNotice,
  notice,
  noticeItem,
  rowNotices,
  sessionChildren,
  sessionItem,
  sessionNotices,
} from './sessionItems.ts';

export type SupervisorsData =
  | SessionData
  | {
      readonly is: 'node';
      readonly connection: ConnectionId;
      readonly node: string;
      readonly roots: readonly SupervisorInfo[];
    }
  | {
      readonly is: 'supervisor';
      readonly connection: ConnectionId;
      readonly pid: ProcessRef;
      readonly info: SupervisorInfo | null;
      /** Absent for a root. */
      readonly child: ChildRow | null;
    }
  | {
      readonly is: 'child';
      readonly connection: ConnectionId;
      readonly supervisor: ProcessRef;
      readonly child: ChildRow;
    }
  | { readonly is: 'more'; readonly of: string; readonly left: number | null };

/** Children in a page: a dynamic supervisor can have any number. */
const pageRows = 100;

export class SupervisorsView extends LiveTree<SupervisorsData> {
  private readonly parts: { readonly sessions: Sessions; readonly server: LanguageServer };
  /** By element: how many children are shown. */
  private readonly shown = new Map<string, number>();

  constructor(watches: Watches, parts: SupervisorsView['parts']) {
    super('arsenal.supervisors', watches);
    this.parts = parts;
    this.store.add(parts.sessions.onDidChange(() => this.refresh()));
    this.store.add(parts.server.onDidChangeState(() => this.refresh()));
  }

  /** Shows twice as many children of that element: of ten thousand the last are seven steps away. */
  showMore(id: string): void {
    this.shown.set(id, (this.shown.get(id) ?? pageRows) * 2);
    const element = this.find(id);
    if (element !== undefined) this.rewatch(element);
  }

  protected override watchOf({ id, data }: TreeElement<SupervisorsData>): WatchTopic | null {
    const minIntervalMs = Math.min(refreshIntervalMs(), 250);
    if (data.is === 'session' && data.entry.is === 'open') {
      const connection = data.entry.info.id;
      return { of: 'runtime', connection, query: { minIntervalMs, of: { rows: 'supervisors', nodes: 'all' } } };
    }
    if (data.is !== 'supervisor') return null;
    const window = { offset: 0, limit: this.shown.get(id) ?? pageRows };
    const of = { rows: 'children' as const, supervisor: data.pid, window };
    return { of: 'runtime', connection: data.connection, query: { minIntervalMs, of } };
  }

  protected override async childrenOf(
    element: TreeElement<SupervisorsData> | null,
  ): Promise<readonly Child<SupervisorsData>[]> {
    if (element === null) return sessionChildren(this.parts.sessions, this.parts.server);
    const { data } = element;
    switch (data.is) {
      case 'session':
        return data.entry.is === 'open' ? this.nodes(element, data.entry.info) : sessionNotices(data.entry);
      case 'node':
        return rootsOf(data.connection, data.roots);
      case 'supervisor':
        return this.children(element, data.connection, data.pid);
      default:
        return [];
    }
  }

  protected override itemOf({ id, data }: TreeElement<SupervisorsData>): vscode.TreeItem {
    switch (data.is) {
      case 'session':
        return sessionItem(data.entry);
      case 'notice':
        return noticeItem(data);
      case 'node': {
        const item = new vscode.TreeItem(labelText(data.node), vscode.TreeItemCollapsibleState.Expanded);
        item.iconPath = new vscode.ThemeIcon('server-environment');
        item.contextValue = ';node;';
        return item;
      }
      case 'supervisor':
        return supervisorItem(data, this.rowsOfId(id));
      case 'child':
        return childItem(data.child);
      case 'more':
        return moreItem(data.left, 'supervisors', data.of);
    }
  }

  protected override rowsChanged(): void {
    const rows = this.allRows.flatMap((live) => [...live.rows().values()].filter(isChildRow));
    const missing = rows.filter((row) => row.state.is === 'restarting').length;
    this.view.badge =
      missing === 0 ? undefined : { value: missing, tooltip: vscode.l10n.t('{0} being restarted', missing) };
    const stale = this.allRows.some((live) => live.status === 'stale') && this.parts.server.state.is !== 'running';
    this.view.message = stale ? vscode.l10n.t('Not live: the language server is starting.') : '';
  }

  private rowsOfId(id: string): LiveRows | null {
    const element = this.find(id);
    return element === undefined ? null : this.rowsKnown(element);
  }

  private async nodes(
    element: TreeElement<SupervisorsData>,
    info: ConnectionInfo,
  ): Promise<readonly Child<SupervisorsData>[]> {
    const notices = sessionNotices({ is: 'open', key: info.id, info });
    const live = await this.rowsOf(element);
    const found = [...(live?.rows().values() ?? [])].filter(isSupervisorInfo);
    const roots = found.filter((row) => row.parent === null);
    const byNode = groupBy(roots, (row) => row.supervisor.node);
    const nodes = [...byNode].sort(([a], [b]) => a.localeCompare(b));
    return [
      ...notices,
      ...(notices.length > 0 ? [] : rowNotices(info, 'supervisors.find', live)),
      ...nodes.map(([node, own]) => ({
        key: node,
        data: { is: 'node', connection: info.id, node, roots: own } as const,
      })),
    ];
  }

  private async children(
    element: TreeElement<SupervisorsData>,
    connection: ConnectionId,
    supervisor: ProcessRef,
  ): Promise<readonly Child<SupervisorsData>[]> {
    const live = await this.rowsOf(element);
    if (live === null) return [];
    if (live.error !== null) return [errorNotice(live.error)];
    const known = this.supervisorsOf(element);
    const rows = [...live.rows()].flatMap(([key, row]) => (isChildRow(row) ? [{ key, row }] : []));
    rows.sort((a, b) => a.row.index - b.row.index);
    const left = live.total - rows.length;
    if (rows.length === 0 && left <= 0) return [notice('none', vscode.l10n.t('No children'), '', 'dash')];
    return [
      ...rows.map(({ key, row }) => ({ key, data: childData(connection, supervisor, row, known) })),
      ...(left > 0 ? [{ key: 'more', data: { is: 'more', of: element.id, left } as const }] : []),
    ];
  }

  /** The supervisors that were found on the connection an element belongs to, by process id. */
  private supervisorsOf(element: TreeElement<SupervisorsData>): (pid: ProcessRef) => SupervisorInfo | null {
    let root = element;
    while (root.parent !== null) root = root.parent;
    const live = this.rowsKnown(root);
    return (pid) => {
      const row = live?.row(processId(pid));
      return isSupervisorInfo(row) ? row : null;
    };
  }
}

/** Applications of OTP and Elixir themselves, which stand below the user's own. */
const systemApplications: ReadonlySet<string> = new Set([
  ...['kernel', 'stdlib', 'sasl', 'os_mon', 'runtime_tools', 'tools', 'crypto', 'ssl', 'inets', 'mnesia', 'observer'],
  ...['elixir', 'logger', 'iex', 'mix', 'ex_unit', 'eex'],
]);

function rootsOf(connection: ConnectionId, roots: readonly SupervisorInfo[]): readonly Child<SupervisorsData>[] {
  const rank = ({ application }: SupervisorInfo) =>
    application !== null && systemApplications.has(application) ? 1 : 0;
  return [...roots]
    .sort(
      (a, b) =>
        rank(a) - rank(b) ||
        (a.application ?? '').localeCompare(b.application ?? '') ||
        a.supervisor.id - b.supervisor.id,
    )
    .map((info) => ({
      key: processId(info.supervisor),
      data: { is: 'supervisor', connection, pid: info.supervisor, info, child: null },
    }));
}

function childData(
  connection: ConnectionId,
  supervisor: ProcessRef,
  child: ChildRow,
  known: (pid: ProcessRef) => SupervisorInfo | null,
): SupervisorsData {
  const { state } = child;
  return child.supervisor !== null && state.is === 'running'
    ? { is: 'supervisor', connection, pid: state.pid, info: known(state.pid), child }
    : { is: 'child', connection, supervisor, child };
}

function supervisorItem(data: Extract<SupervisorsData, { is: 'supervisor' }>, live: LiveRows | null): vscode.TreeItem {
  const { info, child, pid } = data;
  const name = supervisorName(info, child, pid);
  const item = new vscode.TreeItem(labelText(name), vscode.TreeItemCollapsibleState.Collapsed);
  const kind = info?.kind ?? child?.supervisor ?? 'supervisor';
  const application = info?.application ?? null;
  const badge = info?.flags?.strategy ?? null;
  const parts = [
    ...(badge === null ? [] : [badge]),
    ...(live === null || live.status === 'waiting' ? [] : [vscode.l10n.t('{0} children', live.total)]),
    ...(application === null || application === name ? [] : [application]),
  ];
  item.description = labelText(parts.join(' · '));
  item.iconPath = new vscode.ThemeIcon(
    kind === 'supervisor' ? 'type-hierarchy' : 'type-hierarchy-sub',
    new vscode.ThemeColor('symbolIcon.classForeground'),
  );
  item.tooltip = tooltip(name, [
    [vscode.l10n.t('Kind'), kind],
    [vscode.l10n.t('Strategy'), badge],
    [
      vscode.l10n.t('Restarts'),
      info?.flags == null
        ? null
        : vscode.l10n.t('at most {0} in {1} s', info.flags.intensity, info.flags.periodSeconds),
    ],
    [vscode.l10n.t('Module'), info?.module ?? null],
    [vscode.l10n.t('Application'), application],
    [vscode.l10n.t('Process'), pidText(pid)],
    [vscode.l10n.t('Node'), pid.node],
    [vscode.l10n.t('Recognised by'), info?.evidence ?? null],
  ]);
  item.contextValue = `;supervisor;${kind};${child === null ? 'root;' : 'child;'}`;
  return item;
}

function supervisorName(info: SupervisorInfo | null, child: ChildRow | null, pid: ProcessRef): string {
  const registered = info?.name?.in === 'local' ? info.name.name : (child?.registeredName ?? null);
  if (registered !== null) return nameText(registered);
  if (info?.application != null) return info.application;
  if (child !== null && !isUndefined(child)) return termText(child.childId);
  return info?.module == null ? pidText(pid) : nameText(info.module);
}

function childItem(child: ChildRow): vscode.TreeItem {
  const { state } = child;
  const name = child.registeredName === null ? null : nameText(child.registeredName);
  const modules = child.modules === 'dynamic' ? [] : child.modules.map(nameText);
  const label =
    name ??
    (isUndefined(child)
      ? (modules[0] ?? (state.is === 'running' ? pidText(state.pid) : '?'))
      : termText(child.childId));
  const item = new vscode.TreeItem(labelText(label));
  const looks = {
    running: ['circle-filled', 'testing.iconPassed', ''],
    restarting: ['sync~spin', 'list.warningForeground', vscode.l10n.t('restarting')],
    undefined: ['circle-slash', 'disabledForeground', vscode.l10n.t('not started')],
  } as const;
  const [icon, color, word] = looks[state.is];
  item.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  const pid = state.is === 'running' ? pidText(state.pid) : word;
  item.description = labelText([pid, ...modules.filter((module) => module !== label)].join(' · '));
  item.tooltip = tooltip(label, [
    [vscode.l10n.t('State'), state.is],
    [vscode.l10n.t('Process'), state.is === 'running' ? processId(state.pid) : null],
    [vscode.l10n.t('Modules'), modules.length === 0 ? null : modules.join(', ')],
    [vscode.l10n.t('Child id'), termText(child.childId)],
    [vscode.l10n.t('Type'), child.type],
  ]);
  item.contextValue = `;child;${state.is};${state.is === 'running' ? 'process;' : ''}`;
  return item;
}

/** The children of a dynamic supervisor have no ids of their own. */
function isUndefined({ childId }: ChildRow): boolean {
  return childId.t === 'atom' && childId.v === 'undefined';
}
