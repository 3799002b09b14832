import * as vscode from 'vscode';
import type { Problem } from './fields.ts';

/** What is wrong with what was typed, in words. */
export function problemText(problem: Problem): string {
  switch (problem.is) {
    case 'empty':
      return vscode.l10n.t('This is required.');
    case 'not_a_number':
      return vscode.l10n.t('This has to be a number.');
    case 'not_a_span':
      return vscode.l10n.t('This has to be a span of time, such as 250 (milliseconds), 30s, 5m or 1h.');
    case 'not_an_integer':
      return vscode.l10n.t('This has to be a whole number.');
    case 'not_json':
      return vscode.l10n.t('This has to be JSON, such as ["text", 7] or {"key": true}.');
    case 'pattern':
      return vscode.l10n.t('This does not have the form that is expected.');
    case 'not_a_choice':
      return vscode.l10n.t('This is none of the choices.');
    case 'too_small':
      return vscode.l10n.t('This has to be at least {0}.', problem.limit);
    case 'too_large':
      return vscode.l10n.t('This has to be at most {0}.', problem.limit);
    case 'too_short':
      return vscode.l10n.t('This needs at least {0} characters.', problem.limit);
    case 'too_few':
      return vscode.l10n.t('This needs at least {0} of them.', problem.limit);
    case 'too_many':
      return vscode.l10n.t('This takes at most {0} of them.', problem.limit);
    case 'too_long':
      return vscode.l10n.t('This can have at most {0} characters.', problem.limit);
  }
}
