/** A second item at the left while a simulated cluster is looked at: how its time passes, and a menu to pause, step or hurry it. */
import * as vscode from 'vscode';
import { event } from '../server/protocol/lsp.ts';
import { isRecord } from './decode.ts';
import { askPick } from './form/prompts.ts';
import type { LanguageServer } from './languageServer.ts';
import type { CallBook } from './operations/callBook.ts';
import { errorText } from './operations/operate.ts';
import type { OperationRunner } from './operations/runner.ts';
import type { Sessions } from './session/sessions.ts';

type Time = {
  readonly mode: 'live' | 'deterministic';
  readonly paused: boolean;
  readonly speed: number | null;
  readonly nowMs: number;
};
type Act = { readonly operation: string; readonly params: { readonly [key: string]: number } };

const changesTime = new Set(['pause_time', 'resume_time', 'step_time']);

export class TimeItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly listening: readonly vscode.Disposable[];
  private readonly runner: OperationRunner;
  private readonly book: CallBook;
  private readonly sessions: Sessions;
  /** Of whose time the item tells. */
  private shown: string | null = null;

  constructor(server: LanguageServer, sessions: Sessions, runner: OperationRunner, book: CallBook) {
    this.runner = runner;
    this.book = book;
    this.sessions = sessions;
    this.item = vscode.window.createStatusBarItem('arsenal.time', vscode.StatusBarAlignment.Left, 49);
    this.item.name = vscode.l10n.t('Arsenal: Time of the Simulated Cluster');
    this.item.command = 'arsenal.controlTime';
    this.listening = [
      sessions.onDidChange(() => void this.look()),
      server.onNotification(event, ({ what, connection }) => {
        if (what.is !== 'operation_finished' || !changesTime.has(what.operation)) return;
        if (connection === null || connection === this.shown) void this.read();
      }),
    ];
    void this.look();
  }

  /** What it says now; null while it is hidden. */
  get text(): string | null {
    return this.shown === null ? null : this.item.text;
  }

  dispose(): void {
    for (const each of this.listening) each.dispose();
    this.item.dispose();
  }

  /** Asks what is to be done with time, and does it. */
  async control(): Promise<void> {
    const { current } = this.sessions;
    if (current?.kind !== 'simulated') {
      void vscode.window.showInformationMessage(
        vscode.l10n.t('Only the time of a simulated cluster can be controlled. Connect to one first.'),
      );
      return;
    }
    const time = await this.timeOf(current.id);
    const act = (label: string, operation: string, params: Act['params'] = {}) => ({
      label,
      value: { operation, params },
    });
    const isPaused = time?.paused === true;
    const asked = await askPick<Act>(
      {
        title: vscode.l10n.t('Time of {0}', current.label),
        placeholder: time === null ? '' : words(time),
        step: 1,
        steps: 1,
        back: false,
      },
      [
        isPaused
          ? act(vscode.l10n.t('$(play) Resume'), 'resume_time')
          : act(vscode.l10n.t('$(debug-pause) Pause'), 'pause_time'),
        act(vscode.l10n.t('$(debug-step-over) Step to the Next Thing That Happens'), 'step_time'),
        act(vscode.l10n.t('$(debug-step-into) Step 1 Second'), 'step_time', { ms: 1000 }),
        act(vscode.l10n.t('$(debug-step-into) Step 1 Minute'), 'step_time', { ms: 60_000 }),
        ...(time?.mode === 'deterministic'
          ? []
          : [0.1, 1, 4, 20, 100].map((speed) =>
              act(vscode.l10n.t('$(dashboard) Run at {0}×', speed), 'resume_time', { speed }),
            )),
      ],
    );
    if (asked.is !== 'answered') return;
    const { operation, params } = asked.value;
    const spec = { operation, params, connection: current.id };
    const booking = this.book.begin(spec);
    const done = await this.runner.run({ ...spec, requestId: booking.requestId });
    booking.end(done);
    if (!done.ok) void vscode.window.showErrorMessage(errorText(done.error));
  }

  private async look(): Promise<void> {
    const { current } = this.sessions;
    const id = current?.kind === 'simulated' && current.state.is === 'ready' ? current.id : null;
    if (id === this.shown) return;
    this.shown = id;
    if (id === null) this.item.hide();
    else await this.read();
  }

  private async read(): Promise<void> {
    const id = this.shown;
    const time = id === null ? null : await this.timeOf(id);
    // Another connection may be looked at by now.
    if (id !== this.shown) return;
    if (time === null) {
      this.item.hide();
      return;
    }
    this.item.text = shortText(time);
    this.item.tooltip = words(time);
    this.item.accessibilityInformation = { label: words(time), role: 'button' };
    this.item.backgroundColor = time.paused ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.show();
  }

  private async timeOf(connection: string): Promise<Time | null> {
    const answer = await this.runner.run({ operation: 'get_time', params: {}, connection, severity: 'read' });
    return answer.ok && answer.value.mode === 'run' && isTime(answer.value.result) ? answer.value.result : null;
  }
}

function isTime(value: unknown): value is Time {
  if (!isRecord(value)) return false;
  const { mode, paused, speed, nowMs } = value;
  return (
    (mode === 'live' || mode === 'deterministic') &&
    typeof paused === 'boolean' &&
    (speed === null || typeof speed === 'number') &&
    typeof nowMs === 'number'
  );
}

function shortText({ mode, paused, speed, nowMs }: Time): string {
  if (paused) return vscode.l10n.t('$(debug-pause) time paused at {0} s', (nowMs / 1000).toFixed(1));
  return mode === 'deterministic' ? vscode.l10n.t('$(beaker) time on demand') : `$(watch) ${speed ?? 1}×`;
}

function words({ mode, paused, speed, nowMs }: Time): string {
  const seconds = (nowMs / 1000).toFixed(1);
  if (paused) return vscode.l10n.t('Time stands still at {0} s', seconds);
  if (mode === 'deterministic') return vscode.l10n.t('Time passes only while a call waits; it is {0} s', seconds);
  return speed === null || speed === 1
    ? vscode.l10n.t('Time passes as on the wall')
    : vscode.l10n.t('Time passes {0} times as fast as on the wall', speed);
}
