/** Nodes: connection → node → its figures and its busiest processes. */
import * as vscode from 'vscode';
import type { ConnectionId, NodeRow, NodeStats, ProcessRow } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import { clusterView, readNodeRows } from '../../server/protocol/clusterView.ts';
import type { ClusterView, NodeView } from '../../server/protocol/clusterView.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';
import type { LanguageServer } from '../languageServer.ts';
import { isNodeRow, isProcessRow } from '../rows.ts';
import type { Sessions } from '../session/sessions.ts';
import { refreshIntervalMs } from '../settings.ts';
import { nameText } from '../terms.ts';
import { timeText } from '../results/valueText.ts';
import { bytesText, durationText, labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { Watches } from '../watches.ts';
import type { Child, TreeElement } from './liveTree.ts';
import { LiveTree } from './liveTree.ts';
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

export type NodesData =
  | SessionData
  | {
      readonly is: 'node';
      readonly connection: ConnectionId;
      readonly row: NodeRow;
      /** What is wrong with it, in a word and in sentences; null when nothing is. */
      readonly trouble: Trouble | null;
    }
  | { readonly is: 'figure'; readonly name: string; readonly value: string; readonly icon: string }
  | {
      readonly is: 'processes';
      readonly connection: ConnectionId;
      readonly node: string;
      readonly count: number | null;
    }
  | { readonly is: 'process'; readonly connection: ConnectionId; readonly row: ProcessRow }
  | { readonly is: 'more'; readonly of: string; readonly left: number | null };

type Trouble = { readonly word: string; readonly reasons: readonly string[] };

/** A node that comes or goes is to be seen within a second, whatever figures are refreshed. */
const nodesAtMostMs = 500;
/** Processes in a page. */
const pageRows = 50;
/** The table is for more. */
const mostRows = 1_000;
/** Where nothing of ours may live on a node, all its processes are asked for each look at them. */
const processesAtLeastMs = 2_000;
/** What their items and tooltips show. */
const processKeys = ['registered_name', 'initial_call', 'status', 'memory', 'message_queue_len'] as const;

export class NodesView extends LiveTree<NodesData> {
  private readonly parts: {
    readonly sessions: Sessions;
    readonly server: LanguageServer;
  };
  /** By the element of a node's processes: how many are shown. */
  private readonly shown = new Map<string, number>();

  constructor(watches: Watches, parts: NodesView['parts']) {
    super('arsenal.nodes', watches);
    this.parts = parts;
    this.store.add(parts.sessions.onDidChange(() => this.refresh()));
    this.store.add(parts.server.onDidChangeState(() => this.refresh()));
  }

  /** Shows twice as many processes of that element. */
  showMore(id: string): void {
    this.shown.set(id, Math.min(this.limitOf(id) * 2, mostRows));
    const element = this.find(id);
    if (element !== undefined) this.rewatch(element);
  }

  protected override watchOf({ id, data }: TreeElement<NodesData>): WatchTopic | null {
    if (data.is === 'processes') {
      const top = { n: this.limitOf(id), by: 'message_queue_len', direction: 'descending' } as const;
      const query = { nodes: [data.node], keys: processKeys, top, pageRows: mostRows };
      const minIntervalMs = Math.max(refreshIntervalMs(), processesAtLeastMs);
      return { of: 'runtime', connection: data.connection, query: { minIntervalMs, of: { rows: 'top', query } } };
    }
    if (data.is !== 'session' || data.entry.is !== 'open') return null;
    const connection = data.entry.info.id;
    return {
      of: 'runtime',
      connection,
      query: { minIntervalMs: Math.min(refreshIntervalMs(), nodesAtMostMs), of: { rows: 'nodes' } },
    };
  }

  protected override async childrenOf(element: TreeElement<NodesData> | null): Promise<readonly Child<NodesData>[]> {
    if (element === null) return sessionChildren(this.parts.sessions, this.parts.server);
    const { data } = element;
    switch (data.is) {
      case 'session':
        return data.entry.is === 'open' ? this.nodes(element, data.entry.info) : sessionNotices(data.entry);
      case 'node':
        return [...troubles(data), ...figures(data.connection, data.row)];
      case 'processes':
        return this.processes(element, data);
      default:
        return [];
    }
  }

  protected override itemOf({ data }: TreeElement<NodesData>): vscode.TreeItem {
    switch (data.is) {
      case 'session':
        return sessionItem(data.entry);
      case 'notice':
        return noticeItem(data);
      case 'node':
        return nodeItem(data.row, data.trouble, this.parts.sessions.find(data.connection)?.kind === 'local-cluster');
      case 'figure': {
        const item = new vscode.TreeItem(data.name);
        item.description = labelText(data.value);
        item.iconPath = new vscode.ThemeIcon(data.icon);
        item.contextValue = ';figure;';
        return item;
      }
      case 'processes': {
        const item = new vscode.TreeItem(vscode.l10n.t('Processes'), vscode.TreeItemCollapsibleState.Collapsed);
        item.description = data.count === null ? '' : data.count.toLocaleString();
        item.iconPath = new vscode.ThemeIcon('list-tree');
        item.contextValue = ';processes;';
        return item;
      }
      case 'process':
        return processItem(data.row);
      case 'more':
        return moreItem(data.left, 'nodes', data.of);
    }
  }

  protected override rowsChanged(): void {
    const rows = this.allRows.flatMap((live) => [...live.rows().values()].filter(isNodeRow));
    const failed = this.parts.sessions.entries.filter((entry) => entry.is === 'failed').length;
    const unhealthy = rows.filter((row) => row.status === 'down' || row.status === 'unreachable').length + failed;
    this.view.badge =
      unhealthy === 0 ? undefined : { value: unhealthy, tooltip: vscode.l10n.t('{0} not healthy', unhealthy) };
    const stale = this.allRows.some((live) => live.status === 'stale') && this.parts.server.state.is !== 'running';
    this.view.message = stale ? vscode.l10n.t('Not live: the language server is starting.') : '';
  }

  private async nodes(element: TreeElement<NodesData>, info: ConnectionInfo): Promise<readonly Child<NodesData>[]> {
    const notices = sessionNotices({ is: 'open', key: info.id, info });
    const live = await this.rowsOf(element);
    // As the graph shows them.
    const view = clusterView(readNodeRows(live?.rows() ?? []).nodes);
    return [
      ...notices,
      ...(notices.length > 0 ? [] : rowNotices(info, 'cluster.nodes', live)),
      ...view.nodes.map((node) => ({
        key: node.row.node,
        data: { is: 'node', connection: info.id, row: node.row, trouble: troubleOf(view, node) } as const,
      })),
    ];
  }

  private async processes(
    element: TreeElement<NodesData>,
    { connection, count }: Extract<NodesData, { is: 'processes' }>,
  ): Promise<readonly Child<NodesData>[]> {
    const live = await this.rowsOf(element);
    if (live === null) return [];
    if (live.error !== null) return [errorNotice(live.error)];
    const rows = [...live.rows().values()].filter(isProcessRow).sort(byQueueThenPid);
    const limit = this.limitOf(element.id);
    // Not every runtime counts what it does not show.
    const left = Math.max(live.total, count ?? 0) - rows.length;
    return [
      ...rows.map((row) => ({ key: row.pid, data: { is: 'process', connection, row } as const })),
      ...(rows.length < limit || left <= 0 || limit >= mostRows
        ? []
        : [{ key: 'more', data: { is: 'more', of: element.id, left } as const }]),
    ];
  }

  private limitOf(id: string): number {
    return this.shown.get(id) ?? pageRows;
  }
}

/** What is wrong with a node that is up: a partition keeps it from others, or what the graph calls degraded. */
function troubleOf({ islands }: ClusterView, { row, reasons }: NodeView): Trouble | null {
  if (row.status !== 'up') return null;
  const isInPart = islands.some(({ members }) => members.includes(row.node));
  const others = islands.filter(({ members }) => !members.includes(row.node)).flatMap(({ members }) => members);
  if (isInPart && others.length > 0) {
    const cutOff = vscode.l10n.t('It is cut off from {0}.', others.join(', '));
    return { word: vscode.l10n.t('cut off'), reasons: [cutOff, ...reasons] };
  }
  return reasons.length === 0 ? null : { word: vscode.l10n.t('degraded'), reasons };
}

function troubles({ trouble }: Extract<NodesData, { is: 'node' }>): readonly Child<NodesData>[] {
  return (trouble?.reasons ?? []).map((reason, at) =>
    notice(`trouble:${at}`, reason, '', 'warning', { color: 'list.warningForeground' }),
  );
}

function byQueueThenPid(a: ProcessRow, b: ProcessRow): number {
  const byQueue = (b.messageQueueLen ?? 0) - (a.messageQueueLen ?? 0);
  return byQueue === 0 ? a.display.localeCompare(b.display, 'en', { numeric: true }) : byQueue;
}

/** `N more…`, which shows another page when it is chosen. */
export function moreItem(left: number | null, view: string, of: string): vscode.TreeItem {
  const item = new vscode.TreeItem(
    left === null ? vscode.l10n.t('More…') : vscode.l10n.t('{0} more…', left.toLocaleString()),
  );
  item.iconPath = new vscode.ThemeIcon('ellipsis');
  item.command = { command: 'arsenal.showMore', title: vscode.l10n.t('Show More'), arguments: [{ view, of }] };
  item.contextValue = ';more;';
  return item;
}

/** `isOurs`: of a cluster that we have started, so that what it prints is in a file of ours. */
function nodeItem(row: NodeRow, trouble: Trouble | null, isOurs: boolean): vscode.TreeItem {
  const item = new vscode.TreeItem(
    labelText(row.node),
    row.stats === null ? vscode.TreeItemCollapsibleState.None : vscode.TreeItemCollapsibleState.Collapsed,
  );
  const looks = {
    up: trouble === null ? ['pass-filled', 'testing.iconPassed'] : ['warning', 'list.warningForeground'],
    down: ['error', 'testing.iconFailed'],
    unreachable: ['question', 'list.warningForeground'],
    connecting: ['loading~spin', undefined],
  } as const;
  const [icon, color] = looks[row.status];
  item.iconPath =
    color === undefined ? new vscode.ThemeIcon(icon) : new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.description = nodeDescription(row, trouble);
  item.tooltip = tooltip(row.node, [
    [vscode.l10n.t('Status'), row.status],
    [vscode.l10n.t('Trouble'), trouble?.reasons.join(' ') ?? null],
    [vscode.l10n.t('Since'), new Date(row.since).toLocaleString()],
    [vscode.l10n.t('OTP release'), row.otpRelease],
    [
      vscode.l10n.t('Looked at'),
      row.reach.via === 'relay' ? vscode.l10n.t('through {0}', row.reach.relay) : row.reach.via,
    ],
    [vscode.l10n.t('Connected to'), row.sees === null ? null : row.sees.join(', ') || vscode.l10n.t('nobody')],
    [vscode.l10n.t('Observed by'), observerText(row)],
    [vscode.l10n.t('Incarnation'), row.creation.toString(16)],
  ]);
  item.contextValue = `;node;${row.status};${row.hidden ? 'hidden;' : ''}${isOurs ? 'ours;' : ''}`;
  return item;
}

/** What looks on the node for us, and why nothing better does. */
function observerText({ observer, observerWhy = '' }: NodeRow): string {
  const what = {
    agent: vscode.l10n.t('an agent, loaded there'),
    interpreted: vscode.l10n.t('an agent, interpreted there'),
    agentless: vscode.l10n.t('nothing of ours there'),
    builtin: vscode.l10n.t('the simulation itself'),
  }[observer];
  return observerWhy === '' ? what : `${what} (${observerWhy})`;
}

function nodeDescription(row: NodeRow, trouble: Trouble | null): string {
  if (row.status === 'down') return vscode.l10n.t('down since {0}', timeText(row.since));
  if (row.status === 'unreachable') return vscode.l10n.t('not reachable from here');
  if (row.stats === null) return row.hidden ? vscode.l10n.t('hidden') : '';
  const { processCount, memoryBytes } = row.stats;
  const parts = [
    ...(trouble === null ? [] : [trouble.word]),
    vscode.l10n.t('{0} processes', processCount.toLocaleString()),
    ...(memoryBytes === null ? [] : [bytesText(memoryBytes)]),
    ...(row.hidden ? [vscode.l10n.t('hidden')] : []),
    ...(row.reach.via === 'relay' ? [vscode.l10n.t('through {0}', labelText(row.reach.relay))] : []),
    ...(row.observer === 'interpreted' ? [vscode.l10n.t('agent interpreted')] : []),
    ...(row.observer === 'agentless' ? [vscode.l10n.t('no agent')] : []),
  ];
  return parts.join(' · ');
}

function figures(connection: ConnectionId, row: NodeRow): readonly Child<NodesData>[] {
  if (row.stats === null) return [];
  const figure = (key: string, name: string, value: string | null, icon: string): Child<NodesData>[] =>
    value === null ? [] : [{ key, data: { is: 'figure', name, value, icon } }];
  const { stats } = row;
  return [
    { key: 'processes', data: { is: 'processes', connection, node: row.node, count: stats.processCount } },
    ...figure(
      'memory',
      vscode.l10n.t('Memory'),
      stats.memoryBytes === null ? null : bytesText(stats.memoryBytes),
      'pulse',
    ),
    ...figure('run_queue', vscode.l10n.t('Run queue'), runQueue(stats), 'dashboard'),
    ...figure(
      'uptime',
      vscode.l10n.t('Uptime'),
      stats.uptimeMs === null ? null : durationText(stats.uptimeMs),
      'history',
    ),
    ...figure('atoms', vscode.l10n.t('Atoms'), stats.atomCount?.toLocaleString() ?? null, 'symbol-constant'),
    ...figure('otp', vscode.l10n.t('OTP release'), row.otpRelease, 'tag'),
  ];
}

function runQueue(stats: NodeStats): string {
  return vscode.l10n.t('{0} waiting, {1} schedulers', stats.runQueue, stats.schedulersOnline);
}

function processItem(row: ProcessRow): vscode.TreeItem {
  const name = row.registeredName == null ? null : nameText(row.registeredName);
  const item = new vscode.TreeItem(labelText(name ?? row.initialCall ?? row.display));
  const queue = row.messageQueueLen ?? 0;
  item.description = labelText(
    [row.display, ...(queue > 0 ? [vscode.l10n.t('{0} messages waiting', queue.toLocaleString())] : [])].join(' · '),
  );
  item.iconPath = new vscode.ThemeIcon('symbol-event');
  item.tooltip = tooltip(name ?? row.display, [
    [vscode.l10n.t('Process'), row.display],
    [vscode.l10n.t('Initial call'), row.initialCall ?? null],
    [vscode.l10n.t('Status'), row.status ?? null],
    [vscode.l10n.t('Memory'), row.memory === undefined ? null : bytesText(row.memory)],
    [vscode.l10n.t('Id'), row.pid],
  ]);
  item.contextValue = ';process;';
  return item;
}
