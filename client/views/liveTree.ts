/**
 * What the trees share: elements that keep their identity over refreshes, watches that live only while somebody looks, and refreshes
 * of what has changed and nothing else.
 */
import * as vscode from 'vscode';
import type { ArsenalError } from '../../runtime/model.ts';
import { DisposableStore } from '../disposables.ts';
import type { LiveRows, Watches } from '../watches.ts';
import type { WatchTopic } from '../../server/protocol/watch.ts';

/** One element of a tree. The same object for the same id as long as the tree lives, as the editor wants it. */
export class TreeElement<D> {
  readonly id: string;
  readonly parent: TreeElement<D> | null;
  data: D;

  constructor(id: string, parent: TreeElement<D> | null, data: D) {
    this.id = id;
    this.parent = parent;
    this.data = data;
  }
}

/** An element to be: `key` is unique among its siblings. */
export type Child<D> = { readonly key: string; readonly data: D };

/** A tree as data, for tests and bug reports. */
export type TreeDump = {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly icon: string;
  readonly contextValue: string;
  readonly children: readonly TreeDump[];
};

/** Changes that come together are shown together. */
const refreshDelayMs = 30;
/** How long the first rows of what is expanded are waited for before "waiting" is shown. */
const firstRowsMs = 4_000;
/** The least time between two questions for rows that have ended. */
const askAgainMs = 1_000;
const mostElements = 20_000;

export abstract class LiveTree<D> implements vscode.TreeDataProvider<TreeElement<D>>, vscode.Disposable {
  readonly view: vscode.TreeView<TreeElement<D>>;
  protected readonly store = new DisposableStore();
  private readonly treeChanged = new vscode.EventEmitter<TreeElement<D> | undefined>();
  readonly onDidChangeTreeData = this.treeChanged.event;
  private readonly elements = new Map<string, TreeElement<D>>();
  /** By the element they belong to. */
  private readonly watched = new Map<TreeElement<D>, LiveRows>();
  /** Whose children the editor has asked for; a dump only passes by. */
  private readonly wanted = new Set<TreeElement<D>>();
  private readonly askedAt = new WeakMap<TreeElement<D>, number>();
  private readonly askingAgain = new WeakSet<TreeElement<D>>();
  private readonly due = new Set<TreeElement<D> | undefined>();
  private timer: NodeJS.Timeout | undefined;
  private readonly watches: Watches;

  constructor(viewId: string, watches: Watches) {
    this.watches = watches;
    this.view = this.store.add(
      vscode.window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: true, canSelectMany: true }),
    );
    this.store.add(this.treeChanged);
    this.store.add(
      this.view.onDidChangeVisibility(({ visible }) => {
        for (const rows of this.watched.values()) rows.setVisible(visible);
        this.visibilityChanged(visible);
      }),
    );
    this.store.add(this.view.onDidCollapseElement(({ element }) => this.unwatchBelow(element)));
    this.store.add(
      this.view.onDidExpandElement(({ element }) => {
        // The editor shows what it had; ours was let go when the element was collapsed.
        if (this.watchOf(element) !== null && !this.watched.has(element)) this.refresh(element);
      }),
    );
  }

  /** The children of `element`, or of the tree. */
  protected abstract childrenOf(element: TreeElement<D> | null): Promise<readonly Child<D>[]> | readonly Child<D>[];
  protected abstract itemOf(element: TreeElement<D>): vscode.TreeItem;
  /** What is watched while `element` is expanded. */
  protected abstract watchOf(element: TreeElement<D>): WatchTopic | null;
  protected visibilityChanged(_visible: boolean): void {}
  /** Called after rows have changed, before they are shown: for the badge and the message. */
  protected rowsChanged(): void {}

  getTreeItem(element: TreeElement<D>): vscode.TreeItem {
    const item = this.itemOf(element);
    item.id = element.id;
    return item;
  }

  getParent(element: TreeElement<D>): TreeElement<D> | null {
    return element.parent;
  }

  async getChildren(element?: TreeElement<D>): Promise<TreeElement<D>[]> {
    if (element !== undefined) this.wanted.add(element);
    return this.keptChildren(element);
  }

  private async keptChildren(element: TreeElement<D> | undefined): Promise<TreeElement<D>[]> {
    const parent = element ?? null;
    const children = await this.childrenOf(parent);
    return children.map(({ key, data }) => this.keep(parent, key, data));
  }

  /** Shows `element` anew, or the whole tree; changes that come together are shown together. */
  refresh(element?: TreeElement<D>): void {
    this.due.add(element);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const due = [...this.due];
      this.due.clear();
      this.rowsChanged();
      if (due.includes(undefined)) this.treeChanged.fire(undefined);
      else for (const each of due) if (!hasAncestorIn(each, due)) this.treeChanged.fire(each);
    }, refreshDelayMs);
  }

  /** Asks anew for everything that has ended, and shows the tree anew. */
  renew(): void {
    for (const [element, rows] of this.watched) if (rows.status === 'ended') this.unwatch(element);
    this.refresh();
  }

  /** The rows that belong to `element`; begins to watch them, and waits a moment for the first. */
  protected async rowsOf(element: TreeElement<D>): Promise<LiveRows | null> {
    const topic = this.watchOf(element);
    if (topic === null) return null;
    if (this.mayBeBack(element)) this.unwatch(element);
    const rows = this.watched.get(element) ?? this.watch(element, topic);
    await rows.ready(firstRowsMs);
    return rows;
  }

  /** The rows that are being watched for `element` already. */
  protected rowsKnown(element: TreeElement<D>): LiveRows | null {
    return this.watched.get(element) ?? null;
  }

  /** Every watch of this tree. */
  protected get allRows(): readonly LiveRows[] {
    return [...this.watched.values()];
  }

  /** Lets go of what is watched for `element`, so that it is asked for anew, under another topic. */
  protected rewatch(element: TreeElement<D>): void {
    this.unwatch(element);
    this.refresh(element);
  }

  /** The element of that id, if the tree has shown it. */
  find(id: string): TreeElement<D> | undefined {
    return this.elements.get(id);
  }

  /** Expands the element of that id, if the tree has shown it, without taking the focus. */
  async expand(id: string): Promise<void> {
    const element = this.elements.get(id);
    if (element !== undefined) await this.view.reveal(element, { expand: true, select: false, focus: false });
  }

  /** The tree as data, `depth` levels deep. What is looked at only for this is let go again. */
  async dump(depth = 6): Promise<readonly TreeDump[]> {
    const dumped = await this.dumpBelow(undefined, depth);
    for (const element of [...this.watched.keys()]) if (!this.wanted.has(element)) this.unwatch(element);
    return dumped;
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const rows of this.watched.values()) rows.dispose();
    this.watched.clear();
    this.store.dispose();
  }

  /** Whether what ended for `element` is worth another question: its source was away, and some time has passed. */
  private mayBeBack(element: TreeElement<D>): boolean {
    const rows = this.watched.get(element);
    if (rows?.status !== 'ended' || (rows.error !== null && !isOfAway(rows.error))) return false;
    const waitedMs = Date.now() - (this.askedAt.get(element) ?? 0);
    if (waitedMs >= askAgainMs) return true;
    if (!this.askingAgain.has(element)) {
      this.askingAgain.add(element);
      setTimeout(() => {
        this.askingAgain.delete(element);
        this.refresh(element);
      }, askAgainMs - waitedMs);
    }
    return false;
  }

  private watch(element: TreeElement<D>, topic: WatchTopic): LiveRows {
    const rows = this.watches.open(topic);
    rows.setVisible(this.view.visible);
    rows.onDidChange(() => this.refresh(element));
    this.watched.set(element, rows);
    this.askedAt.set(element, Date.now());
    return rows;
  }

  private unwatch(element: TreeElement<D>): void {
    this.watched.get(element)?.dispose();
    this.watched.delete(element);
  }

  private unwatchBelow(element: TreeElement<D>): void {
    for (const each of [...this.wanted]) {
      if (each === element || hasAncestorIn(each, [element])) this.wanted.delete(each);
    }
    for (const each of [...this.watched.keys()]) {
      if (each === element || hasAncestorIn(each, [element])) this.unwatch(each);
    }
  }

  private keep(parent: TreeElement<D> | null, key: string, data: D): TreeElement<D> {
    const id = parent === null ? key : `${parent.id}/${key}`;
    const known = this.elements.get(id);
    if (known !== undefined) {
      known.data = data;
      return known;
    }
    const made = new TreeElement(id, parent, data);
    this.elements.set(id, made);
    if (this.elements.size > mostElements) this.forgetOldest();
    return made;
  }

  /** Elements come and go with processes; those not watched and long unseen are not kept for ever. */
  private forgetOldest(): void {
    for (const [id, element] of this.elements) {
      if (this.elements.size <= mostElements / 2) return;
      if (this.watched.has(element) || element.parent === null) continue;
      this.elements.delete(id);
      this.wanted.delete(element);
    }
  }

  private async dumpBelow(element: TreeElement<D> | undefined, depth: number): Promise<readonly TreeDump[]> {
    if (depth === 0) return [];
    const children = await this.keptChildren(element);
    return Promise.all(
      children.map(async (child) => {
        const item = this.getTreeItem(child);
        const expandable = (item.collapsibleState ?? 0) !== vscode.TreeItemCollapsibleState.None;
        return {
          id: child.id,
          label: typeof item.label === 'string' ? item.label : (item.label?.label ?? ''),
          description: typeof item.description === 'string' ? item.description : '',
          icon: item.iconPath instanceof vscode.ThemeIcon ? item.iconPath.id : '',
          contextValue: item.contextValue ?? '',
          children: expandable ? await this.dumpBelow(child, depth - 1) : [],
        };
      }),
    );
  }
}

/** A connection that was not there when it was asked for can be opened since, under the same id: a server that is new knows none at first. */
function isOfAway({ class: errorClass, code }: ArsenalError): boolean {
  return errorClass === 'unavailable' || code === 'connection.not_found';
}

function hasAncestorIn<D>(
  element: TreeElement<D> | undefined,
  others: readonly (TreeElement<D> | undefined)[],
): boolean {
  for (let above = element?.parent ?? null; above !== null; above = above.parent)
    if (others.includes(above)) return true;
  return false;
}
