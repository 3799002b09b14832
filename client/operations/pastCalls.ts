/** What can be done with a call that was made: looked at, made again, taken back, stopped, copied. */
import * as vscode from 'vscode';
import type { Json } from '../../runtime/model.ts';
import type { OperationAnswer } from '../../server/protocol/operation.ts';
import { batchName } from '../../server/protocol/operation.ts';
import { isRecord } from '../decode.ts';
import { operationOutcome } from '../../server/protocol/lsp.ts';
import type { Catalogue } from '../catalogue.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { ResultDocuments } from '../results/resultDocuments.ts';
import { failedItems, nextPageOf, proposalOf, undoableItems } from '../results/resultPages.ts';
import type { ResultPage } from '../results/resultPages.ts';
import { visibleJson } from '../results/resultText.ts';
import { dateText } from '../results/valueText.ts';
import { labelText } from '../text.ts';
import type { CallBook } from './callBook.ts';
import type { CallSpec, KnownCall } from './calls.ts';
import { asBatchItem, asCommand, asCurl, wholeParams } from './calls.ts';
import type { Operate } from './operate.ts';
import { errorText } from './operate.ts';
import type { OperationRunner } from './runner.ts';

export type PastCallsParts = {
  readonly book: CallBook;
  readonly operate: Operate;
  readonly runner: OperationRunner;
  readonly results: ResultDocuments;
  readonly catalogue: Catalogue;
  readonly server: LanguageServer;
};

export class PastCalls {
  private readonly parts: PastCallsParts;

  constructor(parts: PastCallsParts) {
    this.parts = parts;
  }

  /** Shows what a call answered, while that is kept. */
  async showResult(call: KnownCall): Promise<void> {
    const { book, operate, server } = this.parts;
    const own = book.resultOf(call.requestId);
    if (own !== undefined) return operate.showResult(call, call.requestId, own);
    const outcome = await server.request(operationOutcome, { requestId: call.requestId });
    if (!outcome.ok) return say(errorText(outcome.error));
    if (outcome.value.state === 'running') return say(vscode.l10n.t('It is still running.'));
    if (outcome.value.state !== 'done') {
      return say(vscode.l10n.t('Its result is not kept any more (setting “arsenal.history.resultMinutes”).'));
    }
    const { result } = outcome.value;
    if (!result.ok) return say(errorText(result.error));
    return operate.showResult(call, call.requestId, result.value);
  }

  /** The same again; where something of it was not kept, the form asks for that. */
  async again(call: CallSpec & { readonly isWhole?: boolean }): Promise<void> {
    if (call.isWhole === false) await this.withChanges(call);
    else await this.parts.operate.again(call);
  }

  /** The form, begun with what was given then. */
  async withChanges({ operation, connection, params }: CallSpec): Promise<void> {
    const on = connection === null ? {} : { connection };
    await this.parts.operate.operate({ operation, start: wholeParams(params), ...on });
  }

  /** Takes back the last call of this window that can be; says plainly why where there is none. */
  async undoLast(): Promise<void> {
    const { book, catalogue } = this.parts;
    const last = book.recent.find((call) => canUndo(call) || this.undoableItemsOf(call).length > 0);
    if (last !== undefined) return this.undo(last);
    const severityOf = (operation: string) => catalogue.find(operation)?.severity;
    const changed = book.lastOf((operation) => ['change', 'destroy'].includes(severityOf(operation) ?? ''));
    await say(
      changed === undefined
        ? vscode.l10n.t('Nothing was changed from this window that could be undone.')
        : changed.undo === 'undone'
          ? vscode.l10n.t('{0} was undone already.', this.titleOf(changed))
          : vscode.l10n.t('{0} cannot be undone: what it did lasts.', this.titleOf(changed)),
    );
  }

  /** Takes back what a call did; what others called only when asked: they may count on it. `result` is what it answered, where known. */
  async undo(call: KnownCall, result?: Json): Promise<void> {
    const { book, operate } = this.parts;
    const items = this.undoableItemsOf(call, result);
    if (call.undo === 'undone') return say(vscode.l10n.t('{0} was undone already.', this.titleOf(call)));
    if (call.undo === 'no' && items.length === 0) {
      return say(vscode.l10n.t('{0} cannot be undone: what it did lasts.', this.titleOf(call)));
    }
    const spec = undoing(call, items);
    const answer =
      call.by === ''
        ? await operate.runAgreed(spec, vscode.l10n.t('Undo: {0}', this.titleOf(call)))
        : await operate.again(spec, this.othersCall(call));
    if (answer?.ok === true && isDone(answer.value)) book.markUndo(call.requestId, 'undone');
    else if (answer?.ok === false && answer.error.code === 'undo.nothing') book.markUndo(call.requestId, 'no');
  }

  /** Stops a call that goes on: one of this window as its notification would, another by asking the server. */
  async cancel(requestId: string): Promise<void> {
    const { book, runner } = this.parts;
    const own = book.running.find((call) => call.requestId === requestId);
    if (own !== undefined) {
      own.cancel();
      return;
    }
    const params = { requestId };
    const answer = await runner.run({ operation: 'cancel_operation', params, connection: null, severity: 'read' });
    if (!answer.ok) void say(errorText(answer.error));
    await book.refresh();
  }

  /** Does what a plan or a proposal says; asks before. */
  async apply(page: ResultPage): Promise<void> {
    const proposal = proposalOf(page);
    if (proposal !== null) await this.parts.operate.again(proposal);
  }

  async nextPage(page: ResultPage): Promise<void> {
    const next = nextPageOf(page);
    if (next !== null) await this.parts.operate.again(next);
  }

  /**
   * A batch of those items of a batch that failed without effect, or were not run. What somebody called from this window was agreed to
   * here; what others called is asked about as ever.
   */
  async retryFailed(page: ResultPage): Promise<void> {
    const { book, operate } = this.parts;
    const items = failedItems(page);
    if (page.is !== 'result' || items.length === 0) return;
    const call = { ...page.call, params: { ...page.call.params, items } };
    if (book.find(page.requestId)?.by !== '') await operate.again(call);
    else await operate.runAgreed(call, vscode.l10n.t('{0} again that failed', items.length));
  }

  async showAsJson(page: ResultPage): Promise<void> {
    if (page.is !== 'result') return;
    const { call, result } = page;
    const text = visibleJson(result);
    await this.parts.results.show({ name: call.operation, language: 'json', text, page: { is: 'text' } });
  }

  async copy(call: CallSpec, as: 'command' | 'curl' | 'batchItem'): Promise<void> {
    const text = { command: asCommand, curl: asCurl, batchItem: asBatchItem }[as](call);
    await vscode.env.clipboard.writeText(text);
    void vscode.window.setStatusBarMessage(vscode.l10n.t('$(copy) Copied'), 2_000);
  }

  /** Of a call that is too long ago to be known here. */
  sayForgotten(): Promise<void> {
    return say(
      vscode.l10n.t('This call is not known here any more. “Arsenal: Operation History” has what was called.'),
    );
  }

  private undoableItemsOf({ operation, requestId, undo }: KnownCall, result?: Json): readonly string[] {
    return undo === 'undone' ? [] : undoableItems(operation, result ?? this.parts.book.resultOf(requestId));
  }

  private othersCall({ operation, by, startedAt }: KnownCall): string {
    const [title, who, when] = [this.titleOf({ operation }), labelText(by), dateText(startedAt)];
    return vscode.l10n.t('{0} was called by {1} on {2}, not from this window: they may count on it.', title, who, when);
  }

  private titleOf({ operation }: Pick<CallSpec, 'operation'>): string {
    return labelText(this.parts.catalogue.find(operation)?.title ?? operation);
  }
}

/** One call that takes back another, or the items of a batch: the last first, one after the other. */
function undoing({ requestId, connection }: KnownCall, items: readonly string[]): CallSpec {
  const one = (id: string): { readonly [key: string]: Json } => ({ requestId: id });
  if (items.length === 0) return { operation: 'undo_operation', connection, params: one(requestId) };
  const batch = items.map((id) => ({ operation: 'undo_operation', params: one(id) }));
  return { operation: batchName, connection, params: { items: batch, mode: 'independent', concurrency: 1 } };
}

function canUndo({ undo }: KnownCall): boolean {
  return undo === 'yes' || undo === 'partly';
}

/** Whether all of it is undone: a batch says so of its items. */
function isDone(answer: OperationAnswer): boolean {
  if (answer.mode !== 'run') return false;
  return !isRecord(answer.result) || answer.result['outcome'] === undefined || answer.result['outcome'] === 'done';
}

/** Says it, and does not wait until it was read. */
function say(text: string): Promise<void> {
  void vscode.window.showInformationMessage(text);
  return Promise.resolve();
}
