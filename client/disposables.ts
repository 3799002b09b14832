import type * as vscode from 'vscode';

/**
 * Ends together what was begun together. There are two scopes: the extension's life and one server's life. What is added after the
 * end is ended at once, so that nothing started by a late answer leaks.
 */
export class DisposableStore implements vscode.Disposable {
  private readonly held = new Set<vscode.Disposable>();
  private ended = false;

  /** Holds `disposable` until the store ends, and answers it. */
  add<T extends vscode.Disposable>(disposable: T): T {
    if (this.ended) disposable.dispose();
    else this.held.add(disposable);
    return disposable;
  }

  /** Ends `disposable` now. */
  remove(disposable: vscode.Disposable): void {
    if (this.held.delete(disposable)) disposable.dispose();
  }

  dispose(): void {
    this.ended = true;
    for (const disposable of [...this.held].reverse()) disposable.dispose();
    this.held.clear();
  }
}
