/** How much is kept of the calls that are over, as the settings say: a value that is wrong is told once, and the one before holds on. */
import * as vscode from 'vscode';
import type { HistoryLimits } from '../server/protocol/operation.ts';
import { defaultHistoryLimits, readHistoryLimits } from '../server/protocol/operation.ts';
import { warnOfSetting } from './settingWarning.ts';

export class HistorySettings {
  private readonly log: Pick<vscode.LogOutputChannel, 'warn'>;
  private limits: HistoryLimits = defaultHistoryLimits;
  private told = '';

  constructor(log: Pick<vscode.LogOutputChannel, 'warn'>) {
    this.log = log;
  }

  /** What is in force from now on. */
  read(): HistoryLimits {
    const settings = vscode.workspace.getConfiguration('arsenal.history');
    const said = Object.fromEntries(Object.keys(defaultHistoryLimits).map((name) => [name, settings.get(name)]));
    const { limits, problems } = readHistoryLimits(said, this.limits);
    this.limits = limits;
    const [first] = problems.keys();
    const text = [...problems].map(([name, message]) => `arsenal.history.${name} ${message}`).join('; ');
    if (first !== undefined && text !== this.told) {
      this.log.warn(text);
      void warnOfSetting(vscode.l10n.t('A setting is wrong: {0}', text), `arsenal.history.${first}`);
    }
    this.told = text;
    return limits;
  }
}
