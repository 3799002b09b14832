/** Calls in the tree of operations: those that go on, with their progress, and those that are over, with their end. */
import * as vscode from 'vscode';
import type { RunningCall } from '../operations/callBook.ts';
import type { KnownCall } from '../operations/calls.ts';
import { dateText, spanText, timeText } from '../results/valueText.ts';
import { labelText } from '../text.ts';
import { tooltip } from '../tooltip.ts';

/** `about`: whom the call is about, `where`: on which system. */
export function runningItem(call: RunningCall, title: string, about: string, where: string): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(title));
  const percent = call.fraction === null ? '' : `${Math.round(call.fraction * 100)} %`;
  item.description = labelText([percent, call.message, about, where].filter((part) => part !== '').join(' · '));
  item.iconPath = new vscode.ThemeIcon('loading~spin');
  item.tooltip = tooltip(title, [
    [vscode.l10n.t('Begun'), dateText(call.startedAt)],
    [vscode.l10n.t('Said last'), call.message === '' ? null : call.message],
    [vscode.l10n.t('On'), where],
    [vscode.l10n.t('Parameters'), JSON.stringify(call.params)],
    [vscode.l10n.t('Request id'), call.requestId],
  ]);
  item.accessibilityInformation = { label: vscode.l10n.t('{0}, running, {1} {2}', title, percent, call.message) };
  item.contextValue = ';running;';
  return item;
}

export function callItem(call: KnownCall, title: string, about: string, where: string): vscode.TreeItem {
  const item = new vscode.TreeItem(labelText(title));
  const [icon, color, word] = lookOf(call);
  const duration = call.durationMs === null ? '' : spanText(call.durationMs);
  const time = timeText(call.startedAt);
  const undone = call.undo === 'undone' ? vscode.l10n.t('undone') : '';
  const why = call.error?.code ?? '';
  const parts = [why, undone, about, time, duration, call.by].filter((part) => part !== '');
  item.description = labelText(parts.join(' · '));
  item.iconPath =
    color === undefined ? new vscode.ThemeIcon(icon) : new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  item.tooltip = tooltip(title, [
    [vscode.l10n.t('Outcome'), word],
    [vscode.l10n.t('Error'), call.error === null ? null : `${call.error.code} ${call.error.message}`],
    [vscode.l10n.t('What to do'), call.error?.remedy === '' ? null : (call.error?.remedy ?? null)],
    [vscode.l10n.t('Begun'), dateText(call.startedAt)],
    [vscode.l10n.t('Took'), duration === '' ? null : duration],
    [vscode.l10n.t('By'), call.by === '' ? vscode.l10n.t('this window') : call.by],
    [vscode.l10n.t('On'), where],
    [vscode.l10n.t('Parameters'), JSON.stringify(call.params)],
    [vscode.l10n.t('Undo'), undoWord(call)],
    [vscode.l10n.t('Request id'), call.requestId],
  ]);
  item.accessibilityInformation = { label: [title, word, ...parts].join(', ') };
  const canUndo = call.undo === 'yes' || call.undo === 'partly' || (call.undo === 'unknown' && call.outcome === 'ok');
  item.contextValue = `;call;${call.outcome};${canUndo ? 'undoable;' : ''}`;
  item.command = {
    command: 'arsenal.showCallResult',
    title: vscode.l10n.t('Show Result'),
    arguments: [{ requestId: call.requestId }],
  };
  return item;
}

function lookOf({ outcome, undo }: KnownCall): readonly [icon: string, color: string | undefined, word: string] {
  if (undo === 'undone') return ['discard', undefined, vscode.l10n.t('undone')];
  return (
    {
      running: ['sync', 'charts.blue', vscode.l10n.t('running elsewhere')],
      ok: ['pass', 'testing.iconPassed', vscode.l10n.t('succeeded')],
      failed: ['error', 'testing.iconFailed', vscode.l10n.t('failed')],
      interrupted: ['warning', 'list.warningForeground', vscode.l10n.t('interrupted: its process ended before it did')],
    } as const
  )[outcome];
}

function undoWord({ undo }: KnownCall): string | null {
  return {
    yes: vscode.l10n.t('possible'),
    partly: vscode.l10n.t('possible in part'),
    no: null,
    undone: vscode.l10n.t('undone'),
    unknown: null,
  }[undo];
}
