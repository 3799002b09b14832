/** An operation as a user runs it: choose, fill in, confirm, watch its progress, read its result, take it back. */
import * as vscode from 'vscode';
import type { ArsenalError, ConnectionId, Json, Result } from '../../runtime/model.ts';
import type { Severity } from '../../runtime/port.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { CatalogueEntry, OperationAnswer } from '../../server/protocol/operation.ts';
import { batchName } from '../../server/protocol/operation.ts';
import type { Catalogue } from '../catalogue.ts';
import { isRecord } from '../decode.ts';
import type { Filled, FormValues, OperationForm } from '../form/form.ts';
import { askPick } from '../form/prompts.ts';
import type { ResultDocuments } from '../results/resultDocuments.ts';
import { shownResult } from '../results/descriptionText.ts';
import { renderPlan, renderResult } from '../results/resultText.ts';
import { isProposal, undoableItems } from '../results/resultPages.ts';
import type { Sessions } from '../session/sessions.ts';
import { labelText } from '../text.ts';
import type { CallBook } from './callBook.ts';
import type { CallSpec } from './calls.ts';
import { consentCode } from './calls.ts';
import { askConsent, askPlan, undoWords } from './confirm.ts';
import { operationItems } from './operationItems.ts';
import type { OperationRunner } from './runner.ts';

export type OperateOptions = {
  readonly operation?: string;
  readonly params?: FormValues;
  readonly connection?: ConnectionId;
  /** Begins the form with these; all of them can be changed. */
  readonly start?: FormValues;
};

type Call = {
  readonly operation: CatalogueEntry;
  readonly connection: ConnectionInfo | null;
  readonly params: FormValues;
  /** Why it is asked about in any case, said first in the question; nothing: it is asked about as it is grave. */
  readonly because?: string;
};

/** What is done, in words, and whether the user has seen exactly what. */
type Confirmed = { readonly summary: string; readonly planShown: boolean };

export type OperateParts = {
  readonly runner: OperationRunner;
  readonly catalogue: Catalogue;
  readonly sessions: Sessions;
  readonly form: OperationForm;
  readonly results: ResultDocuments;
  readonly book: CallBook;
  readonly log: vscode.LogOutputChannel;
  /** Makes sure that there is a connection, by asking for one; null when the user does not want one. */
  readonly needConnection: () => Promise<ConnectionInfo | null>;
};

export class Operate {
  private readonly parts: OperateParts;

  constructor(parts: OperateParts) {
    this.parts = parts;
  }

  /** The whole way, from the palette or a context menu. Answers the operation's answer; null when the user turned back. */
  async operate(options: OperateOptions): Promise<Result<OperationAnswer> | null> {
    const operation = await this.operation(options.operation);
    if (operation === null) return null;
    const connection = await this.connection(operation, options.connection);
    if (connection === 'dismissed') return null;
    const preset = options.params ?? {};
    const filled = await this.parts.form.fill(operation, connection?.id ?? null, preset, options.start);
    return filled === null ? null : this.runFilled({ operation, connection, params: filled.values }, filled);
  }

  /**
   * Runs a call without asking for its parameters again; asks before it changes something, as ever; with `because` in any case, and says
   * that first.
   */
  async again(
    { operation: name, connection: id, params }: CallSpec,
    because?: string,
  ): Promise<Result<OperationAnswer> | null> {
    const operation = await this.operation(name);
    if (operation === null) return null;
    const connection = await this.connection(operation, id ?? undefined);
    if (connection === 'dismissed') return null;
    return this.confirmAndRun({ operation, connection, params, ...(because !== undefined && { because }) });
  }

  /** Runs what the user has agreed to already, seen as `summary`, with progress; shows what came of it. */
  async runAgreed(spec: CallSpec, summary: string): Promise<Result<OperationAnswer> | null> {
    const operation = await this.operation(spec.operation);
    if (operation === null) return null;
    const connection = await this.connection(operation, spec.connection ?? undefined);
    if (connection === 'dismissed') return null;
    return this.runConfirmed({ operation, connection, params: spec.params }, { summary, planShown: true });
  }

  private async runFilled(call: Call, { then }: Filled): Promise<Result<OperationAnswer> | null> {
    if (then === 'run') return this.confirmAndRun(call);
    const { operation, connection, params } = call;
    const planned = await this.plan(call);
    if (!planned.ok) return this.failed(call, planned.error);
    if (planned.value.mode !== 'dry_run') return planned;
    const { plan } = planned.value;
    await this.parts.results.show({
      name: vscode.l10n.t('plan of {0}', operation.name),
      text: renderPlan(vscode.l10n.t('{0}: what would be done', operation.title), plan, undoWords(plan.undo)),
      page: { is: 'plan', call: { operation: operation.name, connection: connection?.id ?? null, params } },
    });
    return planned;
  }

  private async confirmAndRun(call: Call): Promise<Result<OperationAnswer> | null> {
    const confirmed = await this.confirm(call);
    if (confirmed === null) return null;
    return confirmed.ok ? this.runConfirmed(call, confirmed.value) : this.failed(call, confirmed.error);
  }

  private async runConfirmed(call: Call, confirmed: Confirmed): Promise<Result<OperationAnswer> | null> {
    const { requestId, answer } = await this.runWithProgress(call, confirmed.summary);
    if (answer.ok) {
      if (answer.value.mode === 'run') await this.show(call, requestId, answer.value);
      return answer;
    }
    if (answer.error.code === consentCode && call.connection !== null) {
      if (!(await this.consent(call.connection))) return answer;
      // Who has seen the plan is not asked twice.
      return confirmed.planShown ? this.runConfirmed(call, confirmed) : this.confirmAndRun(call);
    }
    return this.failed(call, answer.error);
  }

  private async operation(name: string | undefined): Promise<CatalogueEntry | null> {
    const { catalogue, book, sessions } = this.parts;
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
    const recent = book.recent.map(({ operation }) => operation);
    const asked = await askPick<CatalogueEntry>(
      {
        title: vscode.l10n.t('Run Operation'),
        placeholder: vscode.l10n.t('Which operation? Type any part of its title, name, alias or description.'),
        step: 1,
        steps: 1,
        back: false,
      },
      operationItems(catalogue.entries, recent, sessions.current),
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
   * Asks before something is changed: `destroy` always, with what the plan names; `change` except on a simulated cluster; and where there
   * is a reason of its own. Answers the words for what is done, null when the user turned back, and the failure when it cannot even be
   * planned.
   */
  private async confirm(call: Call): Promise<Result<Confirmed> | null> {
    const { operation, connection, because } = call;
    const { severity, title } = operation;
    const asksAbout = (grave: Severity) =>
      grave === 'destroy' || (grave === 'change' && connection?.kind !== 'simulated');
    // What acts by other calls is as grave as they are, which its plan says.
    const acts = actingByOthers.has(operation.name);
    const asks = acts || because !== undefined || (asksAbout(severity) && !onlyProposes(call));
    const unasked = { ok: true, value: { summary: title, planShown: false } } as const;
    if (!asks) return unasked;
    const planned = await this.plan(call);
    if (!planned.ok) {
      // Consent is asked for by the run itself.
      return planned.error.code === consentCode ? unasked : planned;
    }
    if (planned.value.mode !== 'dry_run') return unasked;
    const { plan } = planned.value;
    const isHarmless = acts && because === undefined && !asksAbout(plan.severity);
    if (isHarmless) return { ok: true, value: { summary: plan.summary, planShown: false } };
    const yes = labelText(title);
    const chosen = await askPlan(plan, connection, [yes], because);
    return chosen === yes ? { ok: true, value: { summary: plan.summary, planShown: true } } : null;
  }

  private plan({ operation, connection, params }: Call): Promise<Result<OperationAnswer>> {
    return this.parts.runner.run({
      operation: operation.name,
      connection: connection?.id ?? null,
      params,
      mode: 'dry_run',
    });
  }

  private async runWithProgress(
    { operation, connection, params }: Call,
    summary: string,
  ): Promise<{ readonly requestId: string; readonly answer: Result<OperationAnswer> }> {
    const { book, runner } = this.parts;
    const spec = { operation: operation.name, connection: connection?.id ?? null, params };
    return vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: labelText(operation.title), cancellable: true },
      async (bar, outer) => {
        let shown = 0;
        const booking = book.begin(spec, outer);
        const { requestId, token } = booking;
        const answer = await runner.runAndFollow({
          ...spec,
          requestId,
          summary,
          token,
          onProgress: (progress) => {
            booking.progress(progress);
            if (progress.is !== 'progress') return;
            const percent = progress.fraction === null ? shown : Math.round(progress.fraction * 100);
            bar.report({ message: labelText(progress.message), increment: Math.max(0, percent - shown) });
            shown = Math.max(shown, percent);
          },
        });
        booking.end(answer);
        return { requestId, answer };
      },
    );
  }

  /** Asks once whether a connection may be changed; answers whether it may now. */
  async consent(connection: ConnectionInfo): Promise<boolean> {
    if (!(await askConsent(connection))) return false;
    const set = await this.parts.sessions.setAccess(connection.id, 'full');
    if (!set.ok) void this.showError(set.error, []);
    return set.ok;
  }

  private async failed(call: Call, error: ArsenalError): Promise<Result<OperationAnswer> | null> {
    if (error.class === 'cancelled' && error.effect === 'none') return { ok: false, error };
    const retry = vscode.l10n.t('Retry');
    const change = vscode.l10n.t('Change Parameters');
    const nothingDone = error.effect === 'none';
    const repeats = nothingDone && ['unavailable', 'timeout', 'rate_limited'].includes(error.class);
    const isTheirs = nothingDone && ['validation', 'not_found', 'conflict'].includes(error.class);
    const hasParams = Object.keys(call.params).length > 0;
    const chosen = await this.showError(error, [
      ...(repeats ? [retry] : []),
      ...(isTheirs && hasParams ? [change] : []),
    ]);
    if (chosen === retry) return this.confirmAndRun(call);
    if (chosen !== change) return { ok: false, error };
    const { operation, connection, params } = call;
    const on = connection === null ? {} : { connection: connection.id };
    return this.operate({ operation: operation.name, start: params, ...on });
  }

  /** Shows an error with its remedy, and what can be done; answers what was chosen of that. */
  async showError(error: ArsenalError, actions: readonly string[]): Promise<string | undefined> {
    const showLog = vscode.l10n.t('Show Log');
    this.parts.log.error(`${error.code} (${error.class}, effect ${error.effect}): ${error.message}`);
    const chosen = await vscode.window.showErrorMessage(errorText(error), ...actions, showLog);
    if (chosen === showLog) this.parts.log.show(true);
    return chosen;
  }

  /** Shows what came of a call: in a message what fits there, else as a page; with the way back where there is one. */
  private async show(
    { operation, connection, params }: Call,
    requestId: string,
    { result, undo }: Extract<OperationAnswer, { mode: 'run' }>,
  ): Promise<void> {
    const call = { operation: operation.name, connection: connection?.id ?? null, params };
    const { summary } = renderResult(operation.title, shownResult(operation.name, result));
    const open = vscode.l10n.t('Open');
    const takeBack = vscode.l10n.t('Undo');
    const canUndo = (undo !== undefined && !isProposal(result)) || undoableItems(operation.name, result).length > 0;
    if (summary === null) await this.showResult(call, requestId, result);
    if (summary === null && !canUndo) return;
    const actions = [...(canUndo ? [takeBack] : []), ...(summary === null ? [] : [open])];
    const said =
      summary ?? (undo === 'partly' ? vscode.l10n.t('done; a part of it can be undone') : vscode.l10n.t('done'));
    void vscode.window.showInformationMessage(`${labelText(operation.title)}: ${said}`, ...actions).then((chosen) => {
      if (chosen === open) return this.showResult(call, requestId, result);
      return chosen === takeBack ? vscode.commands.executeCommand('arsenal.undoCall', { requestId }) : undefined;
    });
  }

  /** A result as a page. */
  async showResult(call: CallSpec, requestId: string, result: Json): Promise<void> {
    const title = this.parts.catalogue.find(call.operation)?.title ?? call.operation;
    const { text } = renderResult(title, shownResult(call.operation, result));
    await this.parts.results.show({ name: call.operation, text, page: { is: 'result', call, requestId, result } });
  }
}

/** They look like reads: what they do is what other calls do. */
const actingByOthers: ReadonlySet<string> = new Set([batchName, 'undo_operation']);

/** Of an operation that does what it proposes only with `apply`: whether it is called without. */
function onlyProposes({ operation, params }: Call): boolean {
  const { properties } = operation.params;
  const apply = isRecord(properties) ? properties['apply'] : undefined;
  if (!isRecord(apply) || apply['type'] !== 'boolean' || apply['default'] !== false) return false;
  return params['apply'] !== true && params['undo'] === undefined;
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
