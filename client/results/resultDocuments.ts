/** Results as read-only documents, `arsenal-result:`, with what can be done from each above its first line. */
import * as vscode from 'vscode';
import { DisposableStore } from '../disposables.ts';
import type { CallBook } from '../operations/callBook.ts';
import type { ResultPage } from './resultPages.ts';
import { failedItems, nextPageOf, proposalOf, undoableItems } from './resultPages.ts';

export const resultScheme = 'arsenal-result';
/** By this path package.json tells pages apart, and says how they are shown: no minimap over tables, no guides within them. */
const folder = '/arsenal-result';
/** Texts of results stay while there is a chance that their tab is looked at again. */
const mostKept = 30;

export type ResultDocument = {
  /** Of the tab. */
  readonly name: string;
  readonly text: string;
  readonly language?: 'txt' | 'json';
  readonly page: ResultPage;
};

export class ResultDocuments implements vscode.Disposable, vscode.TextDocumentContentProvider, vscode.CodeLensProvider {
  private readonly kept = new Map<string, ResultDocument>();
  private readonly store = new DisposableStore();
  private readonly lensesChanged = this.store.add(new vscode.EventEmitter<void>());
  readonly onDidChangeCodeLenses = this.lensesChanged.event;
  private readonly book: CallBook;
  private count = 0;
  private showing: Promise<unknown> = Promise.resolve();

  constructor(book: CallBook) {
    this.book = book;
    this.store.add(vscode.workspace.registerTextDocumentContentProvider(resultScheme, this));
    this.store.add(vscode.languages.registerCodeLensProvider({ scheme: resultScheme }, this));
    this.store.add(book.onDidChange(() => this.lensesChanged.fire()));
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.kept.get(uri.path)?.text ?? vscode.l10n.t('This result is no longer kept. Run the operation again.');
  }

  /** What a document shows; undefined for what is none of ours, or no longer kept. */
  pageOf(uri: vscode.Uri): ResultPage | undefined {
    return uri.scheme === resultScheme ? this.kept.get(uri.path)?.page : undefined;
  }

  /** Opens `document` in place of the last one that was only looked at; a result that is open already, as on a double click, once. */
  show(document: ResultDocument): Promise<vscode.TextDocument> {
    // One after the other: an editor whose tab is taken by the next one meanwhile tells the user that it could not be opened.
    const shown = this.showing.then(() => this.open(document));
    this.showing = shown.catch(() => undefined);
    return shown;
  }

  private async open(document: ResultDocument): Promise<vscode.TextDocument> {
    const path = this.pathOf(document) ?? `${folder}/${document.name} ${++this.count}.${document.language ?? 'txt'}`;
    this.kept.set(path, document);
    const [oldest] = this.kept.keys();
    if (this.kept.size > mostKept && oldest !== undefined) this.kept.delete(oldest);
    const opened = await vscode.workspace.openTextDocument(vscode.Uri.from({ scheme: resultScheme, path }));
    await vscode.window.showTextDocument(opened, { preview: true });
    return opened;
  }

  /** Where the same result stands already. */
  private pathOf({ page, text }: ResultDocument): string | undefined {
    if (page.is !== 'result') return undefined;
    const isSame = (kept: ResultDocument) =>
      kept.page.is === 'result' && kept.page.requestId === page.requestId && kept.text === text;
    return [...this.kept].find(([, kept]) => isSame(kept))?.[0];
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const page = this.pageOf(document.uri);
    if (page === undefined) return [];
    const top = new vscode.Range(0, 0, 0, 0);
    return this.actionsOf(page).map(
      ([title, command]) =>
        new vscode.CodeLens(top, { title, command, ...(command !== '' && { arguments: [document.uri] }) }),
    );
  }

  dispose(): void {
    this.store.dispose();
  }

  private actionsOf(page: ResultPage): readonly (readonly [title: string, command: string])[] {
    if (page.is === 'text') return [];
    if (page.is === 'plan') return [[vscode.l10n.t('$(play) Run It'), 'arsenal.applyPlan']];
    const failed = failedItems(page).length;
    return [
      ...(proposalOf(page) === null ? [] : [[vscode.l10n.t('$(check) Apply'), 'arsenal.applyPlan'] as const]),
      ...(failed === 0
        ? []
        : [[vscode.l10n.t('$(debug-rerun) Run {0} Again That Failed', failed), 'arsenal.retryFailed'] as const]),
      ...this.undoAction(page),
      ...(nextPageOf(page) === null ? [] : [[vscode.l10n.t('$(arrow-down) Next Page'), 'arsenal.nextPage'] as const]),
      [vscode.l10n.t('$(refresh) Run Again'), 'arsenal.runAgain'],
      [vscode.l10n.t('$(edit) Change Parameters'), 'arsenal.runAgainWithChanges'],
      [vscode.l10n.t('$(json) As JSON'), 'arsenal.showAsJson'],
    ];
  }

  private undoAction({ requestId, call, result }: Extract<ResultPage, { is: 'result' }>) {
    const undo = this.book.find(requestId)?.undo;
    if (undo === 'undone') return [[vscode.l10n.t('$(check) Undone'), ''] as const];
    const title = undo === 'partly' ? vscode.l10n.t('$(discard) Undo, in Part') : vscode.l10n.t('$(discard) Undo');
    const can = undo === 'yes' || undo === 'partly' || undoableItems(call.operation, result).length > 0;
    return can ? [[title, 'arsenal.undoCall'] as const] : [];
  }
}
