/** Results as read-only documents, `arsenal-result:`. */
import * as vscode from 'vscode';
import type { ResultText } from './resultText.ts';

const scheme = 'arsenal-result';
/** Texts of results stay while there is a chance that their tab is looked at again. */
const mostKept = 30;

export class ResultDocuments implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly registration: vscode.Disposable;
  private count = 0;

  constructor() {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? vscode.l10n.t('This result is no longer kept. Run the operation again.');
  }

  /** Opens a document with the result of `operation` beside what is edited, without taking the focus of a form. */
  async show(operation: string, result: ResultText): Promise<vscode.TextDocument> {
    const path = `/${operation} ${++this.count}.${result.language === 'json' ? 'json' : 'txt'}`;
    this.texts.set(path, result.text);
    const [oldest] = this.texts.keys();
    if (this.texts.size > mostKept && oldest !== undefined) this.texts.delete(oldest);
    const document = await vscode.workspace.openTextDocument(vscode.Uri.from({ scheme, path }));
    await vscode.window.showTextDocument(document, { preview: true });
    return document;
  }

  dispose(): void {
    this.registration.dispose();
  }
}
