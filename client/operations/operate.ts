/** An operation as a user runs it: choose, fill in, confirm, watch its progress, read its result. */
import * as vscode from 'vscode';
import type { ArsenalError, ConnectionId, Json, Result } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { CatalogueEntry, OperationAnswer, PlanSummary } from '../../server/protocol/operation.ts';
import type { Catalogue } from '../catalogue.ts';
import type { FormValues, OperationForm } from '../form/form.ts';
import { askPick } from '../form/prompts.ts';
import type { ResultDocuments } from '../results/resultDocuments.ts';
import { renderResult } from '../results/resultText.ts';
import type { Sessions } from '../session/sessions.ts';
import { labelText } from '../text.ts';
import type { OperationRunner } from './runner.ts';

export type OperateOptions = {
  readonly operation?: string;
  readonly params?: FormValues;
  readonly connection?: ConnectionId;
};

type Call = {
  readonly operation: CatalogueEntry;
  readonly connection: ConnectionInfo | null;
  readonly params: FormValues;
};

/** What is done, in words, and whether the user has seen exactly what. */
type Confirmed = { readonly summary: string; readonly planShown: boolean };

export class Operate {
  private readonly parts: {
    readonly runner: OperationRunner;
    readonly catalogue: Catalogue;
    readonly sessions: Sessions;
    readonly form: OperationForm;
    readonly results: ResultDocuments;
    readonly log: vscode.LogOutputChannel;
    /** Makes sure that there is a connection, by asking for one; null when the user does not want one. */
    readonly needConnection: () => Promise<ConnectionInfo | null>;
  };

  constructor(parts: Operate['parts']) {
    this.parts = parts;
  }

  /** The whole way, from the palette or a context menu. Answers the operation's answer; null when the user turned back. */
  async operate(options: OperateOptions): Promise<Result<OperationAnswer> | null> {
    const operation = await this.operation(options.operation);
    if (operation === null) return null;
    const connection = await this.connection(operation, options.connection);
    if (connection === 'dismissed') return null;
    const params = await this.parts.form.fill(operation, connection?.id ?? null, options.params ?? {});
    if (params === null) return null;
    return this.confirmAndRun({ operation, connection, params });
  }

  private async confirmAndRun(call: Call): Promise<Result<OperationAnswer> | null> {
    const confirmed = await this.confirm(call);
    if (confirmed === null) return null;
    return confirmed.ok ? this.runConfirmed(call, confirmed.value) : this.failed(call, confirmed.error);
  }

  private async runConfirmed(call: Call, confirmed: Confirmed): Promise<Result<OperationAnswer> | null> {
    const answer = await this.runWithProgress(call, confirmed.summary);
    if (answer.ok) {
      if (answer.value.mode === 'run') await this.show(call.operation, answer.value.result);
      return answer;
    }
    if (answer.error.code === 'connection.confirm_writes' && call.connection !== null) {
      if (!(await this.consent(call.connection))) return answer;
      // Who has seen the plan is not asked twice.
      return confirmed.planShown ? this.runConfirmed(call, confirmed) : this.confirmAndRun(call);
    }
    return this.failed(call, answer.error);
  }

  private async operation(name: string | undefined): Promise<CatalogueEntry | null> {
    const { catalogue } = this.parts;
    await catalogue.ready(10_000);
    if (name !== undefined) {
      const found = catalogue.find(name);
      if (found === undefined) {
        void vscode.window.showErrorMessage(
          vscode.l10n.t(
            'There is no operation {0}. Run “Arsenal: Run Operation…” to see those there are.',
            labelText(name),
          ),
        );
      }
      return found ?? null;
    }
    const asked = await askPick(
      {
        title: vscode.l10n.t('Run Operation'),
        placeholder: vscode.l10n.t('Which operation?'),
        step: 1,
        steps: 1,
        back: false,
      },
      operationItems(catalogue.entries),
    );
    return asked.is === 'answered' ? asked.value : null;
  }

  private async connection(
    operation: CatalogueEntry,
    wanted: ConnectionId | undefined,
  ): Promise<ConnectionInfo | null | 'dismissed'> {
    const { sessions } = this.parts;
    if (operation.needs.length === 0) return wanted === undefined ? sessions.current : (sessions.find(wanted) ?? null);
    if (wanted !== undefined) {
      const found = sessions.find(wanted);
      if (found !== undefined) return found;
    }
    const { open } = sessions;
    if (open.length > 1) {
      const asked = await askPick(
        { title: operation.title, placeholder: vscode.l10n.t('On which system?'), step: 1, steps: 1, back: false },
        open.map((info) => ({ label: labelText(info.label), description: labelText(info.id), value: info })),
      );
      return asked.is === 'answered' ? asked.value : 'dismissed';
    }
    return open[0] ?? (await this.parts.needConnection()) ?? 'dismissed';
  }

  /**
   * Asks before something is changed: `destroy` always, with what the plan names; `change` except on a simulated cluster. Answers the
   * words for what is done, null when the user turned back, and the failure when it cannot even be planned.
   */
  private async confirm({ operation, connection, params }: Call): Promise<Result<Confirmed> | null> {
    const { severity, title } = operation;
    const asks = severity === 'destroy' || (severity === 'change' && connection?.kind !== 'simulated');
    const unasked = { ok: true, value: { summary: title, planShown: false } } as const;
    if (!asks) return unasked;
    const planned = await this.parts.runner.run({
      operation: operation.name,
      connection: connection?.id ?? null,
      params,
      mode: 'dry_run',
    });
    if (!planned.ok) {
      // Consent is asked for by the run itself.
      return planned.error.code === 'connection.confirm_writes' ? unasked : planned;
    }
    if (planned.value.mode !== 'dry_run') return unasked;
    const { plan } = planned.value;
    const yes = labelText(title);
    const chosen = await vscode.window.showWarningMessage(
      labelText(plan.summary, 300),
      { modal: true, detail: planDetail(plan, connection) },
      yes,
    );
    return chosen === yes ? { ok: true, value: { summary: plan.summary, planShown: true } } : null;
  }

  private async runWithProgress(call: Call, summary: string): Promise<Result<OperationAnswer>> {
    return vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: labelText(call.operation.title), cancellable: true },
      async (bar, token) => {
        let shown = 0;
        return this.parts.runner.run({
          operation: call.operation.name,
          connection: call.connection?.id ?? null,
          params: call.params,
          summary,
          token,
          onProgress: (progress) => {
            if (progress.is !== 'progress') return;
            const percent = progress.fraction === null ? shown : Math.round(progress.fraction * 100);
            bar.report({ message: labelText(progress.message), increment: Math.max(0, percent - shown) });
            shown = Math.max(shown, percent);
          },
        });
      },
    );
  }

  /** Asks once whether a connection may be changed; answers whether it may now. */
  async consent(connection: ConnectionInfo): Promise<boolean> {
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
    if (chosen !== allow) return false;
    const set = await this.parts.sessions.setAccess(connection.id, 'full');
    if (!set.ok) void this.showError(set.error);
    return set.ok;
  }

  private async failed(call: Call, error: ArsenalError): Promise<Result<OperationAnswer> | null> {
    if (error.class === 'cancelled' && error.effect === 'none') return { ok: false, error };
    const again = await this.showError(error);
    return again ? this.confirmAndRun(call) : { ok: false, error };
  }

  /** Shows an error with its remedy; answers whether the user wants it tried again, which is offered only when nothing has happened. */
  async showError(error: ArsenalError): Promise<boolean> {
    const retry = vscode.l10n.t('Retry');
    const showLog = vscode.l10n.t('Show Log');
    this.parts.log.error(`${error.code} (${error.class}, effect ${error.effect}): ${error.message}`);
    const repeats = error.effect === 'none' && ['unavailable', 'timeout', 'rate_limited'].includes(error.class);
    const chosen = await vscode.window.showErrorMessage(errorText(error), ...(repeats ? [retry] : []), showLog);
    if (chosen === showLog) this.parts.log.show(true);
    return chosen === retry;
  }

  private async show(operation: CatalogueEntry, result: Json): Promise<void> {
    const rendered = renderResult(operation.title, result);
    if (rendered.summary === null) {
      await this.parts.results.show(operation.name, rendered);
      return;
    }
    const open = vscode.l10n.t('Open');
    void vscode.window
      .showInformationMessage(`${labelText(operation.title)}: ${rendered.summary}`, open)
      .then((chosen) => (chosen === open ? this.parts.results.show(operation.name, rendered) : undefined));
  }
}

/** An error in one line: what happened, what is known of the world if not "nothing", and what to do. */
export function errorText(error: ArsenalError): string {
  const effect = {
    none: '',
    applied: vscode.l10n.t(' It has taken effect.'),
    partial: vscode.l10n.t(' It has taken effect in part.'),
    unknown: vscode.l10n.t(' Whether it has taken effect is not known.'),
  }[error.effect];
  return labelText(`${error.message}${effect} ${error.remedy}`, 600);
}

function operationItems(entries: readonly CatalogueEntry[]) {
  const items: (vscode.QuickPickItem & { value?: CatalogueEntry })[] = [];
  let category: string | null = null;
  for (const entry of entries) {
    if (entry.category !== category) {
      category = entry.category;
      items.push({ label: labelText(category), kind: vscode.QuickPickItemKind.Separator });
    }
    items.push({
      label: labelText(entry.title),
      description: labelText([entry.name, ...entry.aliases.map(({ name }) => name)].join(', ')),
      detail: labelText(entry.description, 300),
      value: entry,
    });
  }
  return items;
}

/** Which nodes and processes a plan touches, for the modal that asks. */
function planDetail(plan: PlanSummary, connection: ConnectionInfo | null): string {
  const undo = {
    yes: vscode.l10n.t('This can be undone.'),
    partly: vscode.l10n.t('This can be undone only in part.'),
    no: vscode.l10n.t('This cannot be undone.'),
  }[plan.undo];
  const touches = plan.touches
    .slice(0, 20)
    .map(({ node, pid, what }) => labelText([node, pid, what].filter(Boolean).join(' · '), 300));
  const further = plan.touches.length - touches.length;
  return [
    ...(connection === null ? [] : [labelText(connection.label)]),
    ...touches,
    ...(further > 0 ? [vscode.l10n.t('and {0} more', further)] : []),
    undo,
  ].join('\n');
}
