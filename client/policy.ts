/** Tells the user what is wrong with the policy in the settings, where each mistake stands, and until when it widens nothing. */
import * as vscode from 'vscode';
import { policyProblems } from '../server/protocol/lsp.ts';
import { policySetting } from '../server/protocol/operation.ts';
import type { PolicyProblem } from '../server/protocol/operation.ts';
import type { LanguageServer } from './languageServer.ts';
import { warnOfSetting } from './settingWarning.ts';

const mostShown = 5;

/** Shows a warning for what the server finds wrong, with the way to the setting. */
export function tellPolicyProblems(server: Pick<LanguageServer, 'onNotification'>): vscode.Disposable {
  return server.onNotification(policyProblems, ({ problems }) => {
    const [first] = problems;
    if (first === undefined) return;
    const message = vscode.l10n.t(
      'The policy in your settings is wrong, and read as narrowly as it can be meant: {0}',
      problems.slice(0, mostShown).map(problemText).join('; '),
    );
    void warnOfSetting(message, placeOf(first).setting);
  });
}

/** One mistake as a user finds it: the setting, the place in it, what is wrong. */
function problemText(problem: PolicyProblem): string {
  const { setting, inside } = placeOf(problem);
  return `${setting}${inside} ${problem.message}`;
}

function placeOf({ pointer }: PolicyProblem): { readonly setting: string; readonly inside: string } {
  const [, part = '', ...inside] = pointer.split('/');
  const named = Object.entries(policySetting).find(([name]) => name === part)?.[1] ?? 'policy';
  return { setting: `arsenal.${named}`, inside: inside.map((each) => `/${each}`).join('') };
}
