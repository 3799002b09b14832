/** The questions before something is changed: what would be done, to whom, where, and whether it can be taken back. */
import * as vscode from 'vscode';
import { parseProcessId, pidText } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { PlanSummary } from '../../server/protocol/operation.ts';
import { labelText } from '../text.ts';

const mostLines = 20;

/** The words for how far a plan can be undone. */
export function undoWords(undo: PlanSummary['undo']): string {
  return {
    yes: vscode.l10n.t('This can be undone.'),
    partly: vscode.l10n.t('This can be undone only in part.'),
    no: vscode.l10n.t('This cannot be undone.'),
  }[undo];
}

/**
 * Asks whether `plan` is to be done, with the connection, all that it touches, and whether it can be undone. `yes` names what the answers
 * do; the one chosen is answered, null when the user turned back. `because` says first why it is asked.
 */
export async function askPlan<Yes extends string>(
  plan: PlanSummary,
  connection: ConnectionInfo | null,
  yes: readonly Yes[],
  because?: string,
): Promise<Yes | null> {
  const touches = plan.touches.map(({ node, pid, what }) => {
    const process = pid === undefined ? null : parseProcessId(pid);
    // Its id names its node, which stands before it, too.
    const who = process === null || process.node !== node ? pid : pidText(process);
    return [node, who, what].filter(Boolean).join(' · ');
  });
  return ask(plan.summary, connection, touches, plan.undo, yes, because);
}

/** The same of something that was not planned as a whole: `lines` say what it touches. */
export async function ask<Yes extends string>(
  summary: string,
  connection: ConnectionInfo | null,
  lines: readonly string[],
  undo: PlanSummary['undo'],
  yes: readonly Yes[],
  because?: string,
): Promise<Yes | null> {
  const shown = lines.slice(0, mostLines).map((line) => labelText(line, 300));
  const further = lines.length - shown.length;
  const detail = [
    ...(because === undefined ? [] : [because]),
    ...(connection === null ? [] : [vscode.l10n.t('On {0}', labelText(connection.label))]),
    ...shown,
    ...(further > 0 ? [vscode.l10n.t('and {0} more', further)] : []),
    undoWords(undo),
  ].join('\n');
  return (await vscode.window.showWarningMessage(labelText(summary, 300), { modal: true, detail }, ...yes)) ?? null;
}

/** Asks once whether a connection may be changed at all. */
export async function askConsent(connection: ConnectionInfo): Promise<boolean> {
  const allow = vscode.l10n.t('Allow Changes');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Allow changes on {0}?', labelText(connection.label)),
    {
      modal: true,
      detail: vscode.l10n.t(
        'This is a real system and so far it is only looked at. Your consent holds for this connection, from this editor, until it is closed or made read-only again.',
      ),
    },
    allow,
  );
  return chosen === allow;
}
