/** The operations there are, live: builtin ones and the user's own. */
import type * as vscode from 'vscode';
import type { CatalogueEntry } from '../server/protocol/operation.ts';
import { isCatalogueEntry } from './rows.ts';
import type { LiveRows, Watches } from './watches.ts';

export class Catalogue implements vscode.Disposable {
  private readonly live: LiveRows;
  readonly onDidChange: vscode.Event<void>;

  constructor(watches: Watches) {
    this.live = watches.open({ of: 'catalogue' });
    this.onDidChange = this.live.onDidChange;
  }

  /** By category and name. */
  get entries(): readonly CatalogueEntry[] {
    return [...this.live.rows()]
      .flatMap(([, row]) => (isCatalogueEntry(row) ? [row] : []))
      .sort((a, b) => a.category.localeCompare(b.category) || a.name.localeCompare(b.name));
  }

  /** The operation called `name`, or of which that is an alias. */
  find(name: string): CatalogueEntry | undefined {
    const { entries } = this;
    return (
      entries.find((entry) => entry.name === name) ??
      entries.find((entry) => entry.aliases.some((alias) => alias.name === name))
    );
  }

  /** Resolves when the catalogue is there, or after `timeoutMs`; answers whether it is. */
  async ready(timeoutMs: number): Promise<boolean> {
    return this.live.ready(timeoutMs);
  }

  dispose(): void {
    this.live.dispose();
  }
}
