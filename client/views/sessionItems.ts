/** The first level of every tree of systems: the connections, in every state one can be in, each with its next step. */
import * as vscode from 'vscode';
import type { ArsenalError } from '../../runtime/model.ts';
import type { Capability, MethodName } from '../../runtime/port.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { SessionEntry, Sessions } from '../session/sessions.ts';
import { connectionLabel } from '../session/sessions.ts';
import { timeText } from '../results/valueText.ts';
import { labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';
import type { LiveRows } from '../watches.ts';
import type { Child } from './liveTree.ts';

/** Something to say in a tree: what is the matter, and what can be done about it. */
export type Notice = {
  readonly is: 'notice';
  readonly label: string;
  readonly detail: string;
  readonly icon: string;
  readonly color?: string;
  readonly command?: vscode.Command;
};
export type SessionData = { readonly is: 'session'; readonly entry: SessionEntry } | Notice;

export function sessionChildren(sessions: Sessions, server: LanguageServer): readonly Child<SessionData>[] {
  const { state } = server;
  if (state.is === 'failed') {
    return [
      {
        key: 'server',
        data: {
          is: 'notice',
          label: vscode.l10n.t('The language server has stopped'),
          detail: vscode.l10n.t('{0} Click to restart it.', state.why),
          icon: 'error',
          color: 'testing.iconFailed',
          command: { command: 'arsenal.restartServer', title: vscode.l10n.t('Restart') },
        },
      },
    ];
  }
  return sessions.entries.map((entry) => ({ key: `connection:${entry.key}`, data: { is: 'session', entry } }));
}

export function sessionItem(entry: SessionEntry): vscode.TreeItem {
  switch (entry.is) {
    case 'open':
      return openItem(entry.info);
    case 'opening': {
      // Unfolded like what it becomes: an item that could not be unfolded before would stay folded then.
      const item = new vscode.TreeItem(
        labelText(connectionLabel(entry.saved)),
        vscode.TreeItemCollapsibleState.Expanded,
      );
      item.iconPath = new vscode.ThemeIcon('loading~spin');
      item.contextValue = ';connection;opening;';
      return item;
    }
    case 'failed': {
      const item = new vscode.TreeItem(
        labelText(connectionLabel(entry.saved)),
        vscode.TreeItemCollapsibleState.Expanded,
      );
      item.description = causeWords(entry.error.code);
      item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed'));
      item.tooltip = errorTooltip(entry.error);
      item.contextValue = `;connection;failed;${entry.saved.kind};`;
      return item;
    }
  }
}

/** A cause in a word or two, for where a sentence would be cut off: `connect.bad_cookie` is `bad cookie`. */
export function causeWords(code: string): string {
  return labelText((code.split('.').at(-1) ?? code).replaceAll('_', ' '));
}

function openItem(info: ConnectionInfo): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(info.label), vscode.TreeItemCollapsibleState.Expanded);
  const { state, kind, access } = info;
  const looks = {
    connecting: ['loading~spin', undefined, vscode.l10n.t('connecting…')],
    ready: ['vm-running', 'testing.iconPassed', ''],
    degraded: ['warning', 'list.warningForeground', vscode.l10n.t('in part')],
    lost: ['debug-disconnect', 'testing.iconFailed', vscode.l10n.t('lost')],
    closed: ['circle-slash', undefined, vscode.l10n.t('closed')],
  } as const;
  const [icon, color, word] = looks[state.is];
  item.iconPath =
    color === undefined ? new vscode.ThemeIcon(icon) : new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.description = [word, accessWord(info)].filter((part) => part !== '').join(' · ');
  item.tooltip = tooltip(info.label, [
    [vscode.l10n.t('Kind'), kind],
    [vscode.l10n.t('State'), state.is],
    [vscode.l10n.t('Changes'), access],
    [vscode.l10n.t('Id'), info.id],
  ]);
  item.contextValue = `;connection;open;${kind};${state.is};${access};`;
  return item;
}

/** What a real system lets be changed; one of our own is always changeable, which needs no words. */
export function accessWord(info: ConnectionInfo): string {
  if (info.kind === 'simulated' || info.kind === 'local-cluster') return '';
  return info.access === 'full' ? vscode.l10n.t('changes allowed') : vscode.l10n.t('read-only');
}

/** What is below a session that has no rows to show yet, or any more. Empty when there is nothing to say. */
export function sessionNotices(entry: SessionEntry): readonly Child<Notice>[] {
  if (entry.is === 'failed') return failedNotices(entry);
  if (entry.is === 'opening' || entry.info.state.is === 'connecting') {
    return [notice('connecting', vscode.l10n.t('Connecting…'), '', 'loading~spin')];
  }
  const { state, id } = entry.info;
  if (state.is !== 'lost') return [];
  const when =
    state.retryAt === null
      ? vscode.l10n.t('Click to try again.')
      : vscode.l10n.t('Tried again at {0}. Click to try now.', timeText(state.retryAt));
  return [
    notice(
      'lost',
      vscode.l10n.t('Reconnecting: {0}', state.error.message),
      `${state.error.remedy} ${when}`,
      'debug-disconnect',
      {
        color: 'testing.iconFailed',
        command: { command: 'arsenal.retryConnection', title: vscode.l10n.t('Retry'), arguments: [{ connection: id }] },
      },
    ),
  ];
}

function failedNotices(entry: Extract<SessionEntry, { is: 'failed' }>): readonly Child<Notice>[] {
  const { error, key } = entry;
  const retry = { command: 'arsenal.retryConnection', title: vscode.l10n.t('Retry'), arguments: [{ failed: key }] };
  const again = { command: 'arsenal.connect', title: vscode.l10n.t('Connect'), arguments: [{ failed: key }] };
  return [
    notice('cause', error.message, error.remedy, 'error', { color: 'testing.iconFailed' }),
    notice('remedy', error.remedy, error.message, 'lightbulb'),
    notice('retry', vscode.l10n.t('Try again'), '', 'refresh', { command: retry }),
    ...(entry.saved.kind !== 'beam'
      ? []
      : [notice('again', vscode.l10n.t('Change node name or cookie…'), '', 'edit', { command: again })]),
  ];
}

/** What keeps rows from being shown: a capability that is missing, a watch that has ended, rows that do not come. */
export function rowNotices(info: ConnectionInfo, needs: MethodName, rows: LiveRows | null): readonly Child<Notice>[] {
  const capability: Capability = info.capabilities.runtime[needs];
  if (!capability.can && info.state.is !== 'connecting' && info.state.is !== 'lost') {
    return [
      notice('unsupported', sentence(capability.why), capability.remedy, 'info'),
      notice('instead', capability.remedy, capability.why, 'lightbulb'),
    ];
  }
  if (rows === null) return [];
  if (rows.error !== null) return [errorNotice(rows.error)];
  if (rows.status === 'waiting')
    return [notice('waiting', vscode.l10n.t('Waiting for the first figures…'), '', 'loading~spin')];
  return [];
}

/** Why something cannot be done is said as the end of a sentence. */
function sentence(why: string): string {
  return why.charAt(0).toUpperCase() + why.slice(1);
}

export function errorNotice(error: ArsenalError): Child<Notice> {
  return notice('error', error.message, error.remedy, 'warning', {
    color: 'list.warningForeground',
    command: { command: 'arsenal.refresh', title: vscode.l10n.t('Refresh') },
  });
}

export function notice(
  key: string,
  label: string,
  detail: string,
  icon: string,
  more: Pick<Notice, 'color' | 'command'> = {},
): Child<Notice> {
  return { key: `notice:${key}`, data: { is: 'notice', label, detail, icon, ...more } };
}

export function noticeItem(data: Notice): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(data.label, 300));
  item.iconPath =
    data.color === undefined
      ? new vscode.ThemeIcon(data.icon)
      : new vscode.ThemeIcon(data.icon, new vscode.ThemeColor(data.color));
  item.tooltip = tooltip(data.label, data.detail === '' ? [] : [[vscode.l10n.t('Note'), data.detail]]);
  item.contextValue = ';notice;';
  if (data.command !== undefined) item.command = data.command;
  return item;
}

function errorTooltip(error: ArsenalError): vscode.MarkdownString {
  return tooltip(error.message, [
    [vscode.l10n.t('What to do'), error.remedy],
    [vscode.l10n.t('Code'), error.code],
  ]);
}
