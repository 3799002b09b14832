import * as vscode from 'vscode';
import type { Result } from '../../runtime/model.ts';
import type { OperationOutcome } from '../../server/protocol/operation.ts';
import type { PendingWrite } from '../session/pendingWrites.ts';
import { labelText } from '../text.ts';

/** What became of a write whose answer was lost, in words. */
export function settledText(
  write: PendingWrite,
  outcome: Result<OperationOutcome>,
): { readonly text: string; readonly isWarning: boolean } {
  const what = labelText(write.summary);
  if (!outcome.ok) {
    return {
      text: vscode.l10n.t(
        '{0}: what became of it cannot be found out. {1}',
        what,
        labelText(outcome.error.message, 300),
      ),
      isWarning: true,
    };
  }
  const { value } = outcome;
  switch (value.state) {
    case 'never_seen':
      return {
        text: vscode.l10n.t('{0}: was not begun before the server ended. Nothing has changed.', what),
        isWarning: false,
      };
    case 'running':
      return { text: vscode.l10n.t('{0}: is still running.', what), isWarning: false };
    case 'done':
      return value.result.ok
        ? { text: vscode.l10n.t('{0}: was done before the server ended.', what), isWarning: false }
        : {
            text: vscode.l10n.t('{0}: failed. {1}', what, labelText(value.result.error.message, 300)),
            isWarning: true,
          };
    case 'interrupted': {
      const found = {
        applied: vscode.l10n.t('{0}: was interrupted after it had taken effect.', what),
        none: vscode.l10n.t('{0}: was interrupted before it took effect.', what),
        unknown: vscode.l10n.t(
          '{0}: was interrupted; whether it took effect is not known. Look before you repeat it.',
          what,
        ),
      }[value.effect];
      return { text: found, isWarning: value.effect === 'unknown' };
    }
  }
}
